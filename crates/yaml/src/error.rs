//! Errors of files: what, where, and what was probably meant.

use std::fmt;

/// Line and column, both from 1; the column counts letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Displays as `line 3: field foo not found in type rule group, did you mean "for"?`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct YamlError {
    pub position: Position,
    /// Without the position and the suggestion.
    pub message: String,
    /// A name that was probably meant.
    pub suggestion: Option<String>,
}

impl YamlError {
    pub fn new(position: Position, message: impl Into<String>) -> Self {
        Self { position, message: message.into(), suggestion: None }
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.position.line, self.message)?;
        match &self.suggestion {
            Some(name) => write!(f, ", did you mean \"{name}\"?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for YamlError {}
