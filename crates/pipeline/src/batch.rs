//! What travels through the graph, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Compression, Format, Signal, TenantId};

/// One request's worth of telemetry of one signal of one tenant.
#[derive(Clone, Debug)]
pub struct Batch {
    pub tenant: TenantId,
    pub signal: Signal,
    pub format: Format,
    /// The body, decompressed.
    pub body: Bytes,
    /// The body as it came and how it was compressed, while nobody has changed `body`: the cheapest thing to make durable.
    pub wire: Option<(Compression, Bytes)>,
    pub received_at_ms: i64,
}

/// The batch is durable wherever it had to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Items taken.
    pub items: u64,
    /// Items refused for good; sending them again will not help. Told to the client as a partial success.
    pub rejected: u64,
    /// Why items were refused, or a warning if none were. Empty: nothing to say.
    pub message: String,
}

impl Accepted {
    /// What two consumers of the same batch accept together: an item counts as taken when both took it.
    pub fn merge(&mut self, other: Self) {
        self.items = if *self == Self::default() { other.items } else { self.items.min(other.items) };
        self.rejected = self.rejected.max(other.rejected);
        if self.message.is_empty() {
            self.message = other.message;
        }
    }
}

/// Nothing of the batch was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The batch is bad: never send it again.
    #[error("{0}")]
    Bad(String),
    /// This tenant is over a limit (429): later, after `retry_after`.
    #[error("{reason}")]
    Limited { reason: String, retry_after: Option<Duration> },
    /// Oriel cannot take it now (503): queue full, disk full, memory, shutting down. Send again.
    #[error("{reason}")]
    Unavailable { reason: String, retry_after: Option<Duration> },
}

impl Refused {
    /// What to tell a client when two consumers refuse: whichever asks it to come back, for the other one will repeat itself then.
    pub fn worse(self, other: Self) -> Self {
        let rank = |refused: &Self| match refused {
            Self::Bad(_) => 0,
            Self::Limited { .. } => 1,
            Self::Unavailable { .. } => 2,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }

    /// When to come back, if the client is asked to.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Bad(_) => None,
            Self::Limited { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
        }
    }
}

/// Whatever takes batches.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused>;
}

/// A consumer shared by all that feed it.
pub type Sink = Arc<dyn Consumer>;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Always the same answer.
    pub(crate) struct Fixed(pub(crate) Result<Accepted, Refused>);

    impl Fixed {
        pub(crate) fn sink(answer: Result<Accepted, Refused>) -> Sink {
            Arc::new(Self(answer))
        }
    }

    #[async_trait]
    impl Consumer for Fixed {
        async fn consume(&self, _: Batch) -> Result<Accepted, Refused> {
            self.0.clone()
        }
    }

    pub(crate) fn batch(body: &'static [u8]) -> Batch {
        Batch {
            tenant: TenantId::anonymous(),
            signal: Signal::Logs,
            format: Format::OtlpProto,
            body: Bytes::from_static(body),
            wire: None,
            received_at_ms: 0,
        }
    }
}
