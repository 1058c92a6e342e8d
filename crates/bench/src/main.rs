//! Load generators that speak real protocols, and what they measure: `cargo xtask bench COMMAND`.
//!
//! Every result is one JSON line on standard output, with what was run, on how many cores, and what it took; words go to standard error.
//! `--peer NAME=BINARY` runs a peer on the same load in the same run, one after the other, so that timings are ratios.
//! Server processor time is what the kernel says of the server's process, background work included: a run ends when the server is idle.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring tool beside the house: it lives by the real clock and writes to the terminal"
)]

mod footprint;
mod grpc;
mod ingest;
mod load;
mod lookup;
mod report;
mod restart;
mod subject;

use clap::{Parser, Subcommand};

/// Measures Oriel, and peers on the same load.
#[derive(Parser)]
#[command(name = "bench", version, about, arg_required_else_help = true)]
struct Args {
    /// The oriel to measure; built by `cargo build --release` if it is not there.
    #[arg(long, global = true)]
    binary: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends telemetry as fast as it is taken: processor time an item, rate, memory, disk.
    Ingest(ingest::Args),
    /// Start-up time, idle memory, size of the binary.
    Footprint(footprint::Args),
    /// Time from start to ready after kill -9 with a full journal.
    Restart(restart::Args),
    /// Trace by id over many spans in blocks.
    TraceById(lookup::Args),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let binary = subject::oriel(args.binary)?;
    match args.command {
        Command::Ingest(args) => ingest::run(&binary, &args),
        Command::Footprint(args) => footprint::run(&binary, &args),
        Command::Restart(args) => restart::run(&binary, &args),
        Command::TraceById(args) => lookup::run(&binary, &args),
    }
}
