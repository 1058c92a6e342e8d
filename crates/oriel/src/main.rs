//! The binary. `main` parses the command line and hands over; starting and stopping a server is a list in [`serve`].

mod arguments;
mod data_dir;
mod demo;
mod rule_commands;
mod serve;
mod tsdb;

use std::process::ExitCode;

use clap::Parser;
use telemetry::BuildInfo;

use crate::arguments::{Arguments, CheckWhat, Command, TestWhat};

const BUILD: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("ORIEL_REVISION"),
    branch: env!("ORIEL_BRANCH"),
    rustc: env!("ORIEL_RUSTC"),
    target: env!("ORIEL_TARGET"),
};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(flags) => flags.settings().and_then(serve::run),
        Command::Check { what: CheckWhat::Config { file } } => arguments::check_config(&file),
        Command::Check { what: CheckWhat::Rules(flags) } => return rule_commands::check(&flags),
        Command::Test { what: TestWhat::Rules(flags) } => return rule_commands::test(&flags),
        Command::Promql { what } => rule_commands::promql(what),
        Command::Demo(flags) => demo::run(*flags),
        Command::Tsdb { what } => tsdb::run(what),
        Command::Version => arguments::print_version(&BUILD),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => arguments::report(&error),
    }
}
