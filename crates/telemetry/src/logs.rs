//! Structured logs on standard error; standard output belongs to the ready line and to command output.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Words for a person.
    #[default]
    Text,
    /// One JSON object a line, for a collector.
    Json,
}

/// Starts logging for this process. `filter` is a level (`info`) or directives (`info,store=debug`).
/// An error names the part of `filter` that does not parse. Calling it twice keeps the first.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("bad log filter {filter:?}: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start happens in tests that run several servers in one process; the first one's choice stands.
    drop(started);
    Ok(())
}
