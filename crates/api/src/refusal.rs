//! Why a query was not answered, in one form that each family of APIs dresses its own way.

use limits::QueryStopped;
use store::ContainerError;

/// By what the client would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The question is wrong.
    Bad,
    /// The question is right but cannot be evaluated.
    Execution,
    /// The credentials or the tenant are wrong or missing.
    Unauthorized,
    NotFound,
    /// The body is too large.
    TooLarge,
    /// The body's type or encoding is not one that this door reads.
    Unsupported,
    /// Over a rate or a bound of this tenant: later.
    TooMany,
    Canceled,
    Timeout,
    /// Not ready, or too busy: later.
    Unavailable,
    Internal,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub kind: Kind,
    pub message: String,
    pub retry_after_seconds: Option<u64>,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_seconds: None }
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(Kind::Bad, message)
    }
}

impl From<QueryStopped> for Refusal {
    fn from(stopped: QueryStopped) -> Self {
        let kind = match stopped {
            QueryStopped::Cancelled => Kind::Canceled,
            QueryStopped::Deadline => Kind::Timeout,
            QueryStopped::OverBudget { .. } => Kind::Execution,
        };
        Self::new(kind, stopped.to_string())
    }
}

impl From<ContainerError> for Refusal {
    fn from(error: ContainerError) -> Self {
        Self::new(Kind::Internal, error.to_string())
    }
}

impl From<logs::QueryError> for Refusal {
    fn from(error: logs::QueryError) -> Self {
        match error {
            logs::QueryError::Bad(message) => Self::bad(message),
            logs::QueryError::Stopped(stopped) => stopped.into(),
            logs::QueryError::Block(error) => error.into(),
        }
    }
}

impl From<profiles::QueryError> for Refusal {
    fn from(error: profiles::QueryError) -> Self {
        match error {
            profiles::QueryError::Stopped(stopped) => stopped.into(),
            profiles::QueryError::Block(error) => error.into(),
        }
    }
}

impl From<traces::QueryError> for Refusal {
    fn from(error: traces::QueryError) -> Self {
        match error {
            traces::QueryError::Bad(message) => Self::bad(message),
            traces::QueryError::Stopped(stopped) => stopped.into(),
            traces::QueryError::Block(error) => error.into(),
        }
    }
}
