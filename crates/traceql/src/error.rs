//! Why a text is no TraceQL query, and where.

/// Displays as Tempo shows it: `parse error at line 1, col 5: ...`; errors of types have no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("parse error at line {line}, col {column}: {message}")]
    Syntax { line: u32, column: u32, message: String },
    #[error("{0}")]
    Types(String),
    /// Understood, but not evaluated by this build.
    #[error("{0}")]
    Unsupported(String),
}

impl ParseError {
    /// At byte `place` of `text`. Columns count characters from 1.
    pub(crate) fn at(text: &str, place: usize, message: impl Into<String>) -> Self {
        let before = text.get(..place).unwrap_or(text);
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
        Self::Syntax { line, column, message: message.into() }
    }
}
