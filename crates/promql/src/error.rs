//! Errors of the language: Prometheus's text, the span, and what was probably meant, kept apart so that the text stays exact.

use std::fmt;

use crate::span::{Position, Span};

/// One thing wrong with a query. Displays as `1:5: parse error: unexpected "}"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    pub message: String,
    pub span: Span,
    /// Line and column of the span; `None` for an empty query, which has no place.
    pub position: Option<Position>,
    /// A name that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl ParseError {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, position: None, suggestion: None }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}: parse error: {}", self.message),
            None => write!(f, "unknown position: parse error: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

/// All errors found, at least one, in the order in which they were found. Displays as the first, as in Prometheus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseErrors(Vec<ParseError>);

impl ParseErrors {
    /// Sorts nothing: the first found is the one people see.
    pub(crate) fn new(mut errors: Vec<ParseError>, query: &str) -> Self {
        debug_assert!(!errors.is_empty());
        if !query.is_empty() {
            for error in &mut errors {
                error.position = Some(error.span.position(query));
            }
        }
        Self(errors)
    }

    pub fn first(&self) -> &ParseError {
        &self.0[0]
    }

    pub fn all(&self) -> &[ParseError] {
        &self.0
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)
    }
}

impl std::error::Error for ParseErrors {}
