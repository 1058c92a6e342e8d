//! Why an evaluation ended without a result. Texts are those of Prometheus where it has them: clients show and match them.

use crate::source::SourceError;
use limits::QueryStopped;

/// By what a door answers: 503, 499, 422.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    #[error("query timed out in expression evaluation")]
    TimedOut,
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The bytes that this query or all queries together may hold are used up.
    #[error("query processing would use more memory than allowed: {0}")]
    TooMuchMemory(String),
    #[error("expanding series: {0}")]
    Source(SourceError),
    /// The query asks for what has no answer, for instance a many-to-many match.
    #[error("{0}")]
    Execution(String),
}

impl EvalError {
    pub(crate) fn execution(text: impl Into<String>) -> Self {
        Self::Execution(text.into())
    }
}

impl From<QueryStopped> for EvalError {
    fn from(stopped: QueryStopped) -> Self {
        match stopped {
            QueryStopped::Cancelled => Self::Cancelled,
            QueryStopped::Deadline => Self::TimedOut,
            over @ QueryStopped::OverBudget { .. } => Self::TooMuchMemory(over.to_string()),
        }
    }
}

impl From<SourceError> for EvalError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Stopped(stopped) => stopped.into(),
            other => Self::Source(other),
        }
    }
}
