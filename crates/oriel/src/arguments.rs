//! The command line. Flags win over the configuration file; neither is needed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use config::Settings;
use telemetry::BuildInfo;

const AFTER_HELP: &str = "\
Examples:
  oriel serve                                   everything on loopback, data in ./data
  oriel serve --data /var/lib/oriel --config /etc/oriel/oriel.yaml
  oriel serve --http 0.0.0.0:9090 --otlp-grpc 0.0.0.0:4317 --otlp-http 0.0.0.0:4318
  oriel demo                                    the same with a shop's telemetry in it, to look around
  oriel check config /etc/oriel/oriel.yaml      says what is wrong, by line, and ends

Send telemetry with any OTLP exporter to the OTLP addresses (gRPC 4317, HTTP 4318). Read it back at http://127.0.0.1:9090:
Prometheus API at /api/v1, Loki at /loki/api/v1, Tempo at /tempo/api, Jaeger at /jaeger/api.";

/// One window on metrics, logs, traces and profiles: collects, stores, queries and shows them, in one process.
#[derive(Debug, Parser)]
#[command(name = "oriel", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until it is told to stop (SIGTERM or Ctrl-C), then finish what is under way
    Serve(ServeFlags),
    /// Run the server with a demo shop that feeds it, or only the shop for another OTLP endpoint
    Demo(Box<crate::demo::DemoFlags>),
    /// Look at something without running it
    Check {
        #[command(subcommand)]
        what: CheckWhat,
    },
    /// Look at metrics at rest, move them in from Prometheus and out to it; no server may be running on the data
    Tsdb {
        #[command(subcommand)]
        what: crate::tsdb::TsdbCommand,
    },
    /// Run promtool's unit tests
    Test {
        #[command(subcommand)]
        what: TestWhat,
    },
    /// Format and change PromQL queries
    Promql {
        #[command(subcommand)]
        what: PromqlWhat,
    },
    /// Say what this binary is
    Version,
}

#[derive(Debug, Subcommand)]
pub enum CheckWhat {
    /// Read a configuration file and say what is wrong with it, by line
    Config { file: PathBuf },
    /// Read rule files and say what is wrong with them, as `promtool check rules` does
    Rules(crate::rule_commands::CheckRules),
}

#[derive(Debug, Subcommand)]
pub enum TestWhat {
    /// Run unit-test files of rules, as `promtool test rules` does
    Rules(crate::rule_commands::TestRules),
}

#[derive(Debug, Subcommand)]
pub enum PromqlWhat {
    /// Print a query in the canonical layout
    Format { query: String },
    /// Change the matchers of every selector of a query
    LabelMatchers {
        #[command(subcommand)]
        change: MatcherChange,
    },
}

#[derive(Debug, Subcommand)]
pub enum MatcherChange {
    /// Give every selector a matcher
    Set {
        query: String,
        name: String,
        value: String,
        /// =, !=, =~ or !~
        #[arg(short = 't', long = "type", default_value = "=", allow_hyphen_values = true)]
        op: String,
    },
    /// Take the matchers of a label from every selector
    Delete { query: String, name: String },
}

#[derive(Debug, Default, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeFlags {
    /// Configuration file (oriel.yaml); without one, defaults
    #[arg(long, value_name = "FILE", env = "ORIEL_CONFIG")]
    config: Option<PathBuf>,
    /// Directory for everything that must survive; made if it is not there [default: data]
    #[arg(long, value_name = "DIR", env = "ORIEL_DATA")]
    data: Option<PathBuf>,
    /// Address of the user interface and all query APIs; port 0 picks a free one [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Address of OTLP over gRPC [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR")]
    otlp_grpc: Option<String>,
    /// Address of OTLP over HTTP [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR")]
    otlp_http: Option<String>,
    /// What to log to standard error: error, warn, info, debug, or directives like info,store=debug [default: info]
    #[arg(long, value_name = "FILTER", env = "ORIEL_LOG")]
    log_level: Option<String>,
}

impl ServeFlags {
    /// Whether somebody said where data goes.
    pub fn has_data(&self) -> bool {
        self.data.is_some() || self.config.is_some()
    }

    /// The configuration file, and flags over it.
    pub fn settings(self) -> anyhow::Result<Settings> {
        let mut settings = match &self.config {
            Some(file) => read_config(file)?,
            None => Settings::default(),
        };
        let set = |to: &mut String, flag: Option<String>| *to = flag.unwrap_or_else(|| std::mem::take(to));
        set(&mut settings.server.http, self.http);
        set(&mut settings.server.otlp_grpc, self.otlp_grpc);
        set(&mut settings.server.otlp_http, self.otlp_http);
        set(&mut settings.log.level, self.log_level);
        if let Some(dir) = self.data {
            settings.data.dir = dir;
        }
        Ok(settings)
    }
}

pub fn read_config(file: &std::path::Path) -> anyhow::Result<Settings> {
    let text = config::secrets::file_text(&ports::RealDisk, file)?;
    let settings = config::read::settings(&file.display().to_string(), &text)?;
    Ok(Settings { file: Some(file.to_owned()), ..settings })
}

pub fn check_config(file: &std::path::Path) -> anyhow::Result<()> {
    read_config(file)?;
    say(&format!("{} is fine", file.display()))
}

pub fn print_version(build: &BuildInfo) -> anyhow::Result<()> {
    let BuildInfo { version, revision, rustc, target, .. } = build;
    say(&format!("oriel {version} (revision {revision}, rustc {rustc}, {target})"))
}

/// One line on standard output, flushed: whoever waits for it reads it now.
pub fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// What went wrong, from the outside in, on standard error.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let mut line = format!("oriel: {error}");
    for cause in error.chain().skip(1) {
        line.push_str(&format!(": {cause}"));
    }
    let _ = writeln!(std::io::stderr().lock(), "{line}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_flags_win() {
        Arguments::command().debug_assert();
        let parsed = Arguments::try_parse_from(["oriel", "serve", "--data", "/d", "--http", ":0"]).unwrap();
        let Command::Serve(flags) = parsed.command else { panic!("serve is a command") };
        let settings = flags.settings().unwrap();
        assert_eq!((settings.data.dir, settings.server.http), ("/d".into(), ":0".into()));
        assert_eq!(settings.server.otlp_grpc, "127.0.0.1:4317");
    }
}
