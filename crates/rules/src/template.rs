//! Templates of alert labels and annotations: Go's text/template with Prometheus's functions.
//!
//! `lex -> parse` when a rule file is checked; `run` when an alert fires, with `functions` and Go's builtins. What is not
//! there is refused with a message: methods on values, complex numbers, custom delimiters. Output, steps and nesting are
//! bounded, so that a template cannot hold up the evaluation of rules.

mod builtin;
mod compare;
mod format;
mod functions;
mod lex;
mod parse;
mod run;
mod value;

use std::collections::BTreeMap;

use parse::Body;
pub use value::Value;

/// Bytes that one template may write.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Actions that one expansion may take, turns of loops included.
pub const MAX_STEPS: usize = 1_000_000;
/// Actions and parentheses inside one another, and templates that call templates.
pub const MAX_NESTING: usize = 64;

/// `template: NAME:LINE: what is wrong`, in Go's words where they are known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("template: {name}:{line}: {message}")]
    Parse { name: String, line: usize, message: String },
    #[error(
        "error executing template {name}: template: {name}:{line}: executing \"{name}\" at <{at}>: {message}"
    )]
    Run { name: String, line: usize, at: String, message: String },
}

/// A series of a query's answer, as `query` hands it to a template.
#[derive(Clone, PartialEq, Debug)]
pub struct QuerySample {
    /// The metric name is `__name__`.
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// What an alert knows.
#[derive(Clone, Debug, Default)]
pub struct AlertData {
    pub labels: BTreeMap<String, String>,
    pub external_labels: BTreeMap<String, String>,
    pub external_url: String,
    pub value: AlertValue,
}

/// `$value`: a number, or a native histogram as text.
#[derive(Clone, Debug)]
pub enum AlertValue {
    Number(f64),
    Text(String),
}

impl Default for AlertValue {
    fn default() -> Self {
        Self::Number(0.0)
    }
}

/// What the functions of a template may ask.
pub struct Environment<'a> {
    /// The time of evaluation, in milliseconds.
    pub now_ms: i64,
    /// Answers `query "..."` at that time.
    pub query: &'a dyn Fn(&str) -> Result<Vec<QuerySample>, String>,
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    body: Body,
    defined: BTreeMap<String, Body>,
}

/// Variables that every template of an alert has.
const VARIABLES: [&str; 4] = ["labels", "externalLabels", "externalURL", "value"];

impl Template {
    /// A label or annotation of `alert`.
    pub fn of_alert(alert: &str, text: &str) -> Result<Self, TemplateError> {
        Self::parse(&format!("__alert_{alert}"), text)
    }

    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let parsed = lex::lex(text).and_then(|tokens| parse::parse(tokens, &VARIABLES));
        match parsed {
            Ok((body, defined)) => Ok(Self { name: name.to_owned(), body, defined }),
            Err(problem) => Err(TemplateError::Parse {
                name: name.to_owned(),
                line: problem.line,
                message: problem.message,
            }),
        }
    }

    /// The text for one alert.
    pub fn expand(&self, data: &AlertData, environment: &Environment<'_>) -> Result<String, TemplateError> {
        run::run(self, data, environment)
    }
}

/// What is wrong at a line of the template.
#[derive(Debug)]
struct Problem {
    line: usize,
    message: String,
}

impl Problem {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

#[cfg(test)]
mod tests;
