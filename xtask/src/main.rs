//! The house keeper. Continuous integration calls only this; what is green here is green there.
//!
//! `tidy` reads the tree as text and needs no build; `check` adds formatting and clippy; `test` is everything, from nothing;
//! `bench`, `fuzz` and `conformance` start the crates of those names with the right profile.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool beside the house, not part of the product"
)]

mod run;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  tidy                 layers, lengths, head comments, leftovers: the rules of the house, in seconds
  check                tidy, formatting, clippy with warnings denied
  test [STEP...]       everything, from nothing; or only the named steps (`cargo xtask test list` names them)
  bench ARGS           benchmarks, also side by side with a peer (`cargo xtask bench --help`)
  fuzz ARGS            throws mutated input at every decoder (`cargo xtask fuzz --help`)
  conformance ARGS     runs cases of the peers, e.g. `cargo xtask conformance promql FOLDER`
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) =
        args.split_first().map_or(("", [].as_slice()), |(first, rest)| (first.as_str(), rest));
    let result = match command {
        "tidy" => tidy::run(&root()),
        "check" => test::check(&root()),
        "test" => test::run(&root(), rest),
        "bench" => run::package(&root(), "bench", "release", rest),
        "fuzz" => run::package(&root(), "fuzz", "release", rest),
        "conformance" => run::package(&root(), "conformance", "dev", rest),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("no command {other:?}\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace, wherever the command is called from.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .canonicalize()
        .expect("the workspace is where it was built")
}
