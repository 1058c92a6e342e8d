//! The OTLP door: [`http`] on 4318 (and under paths of the common port), [`grpc`] on 4317. Both speak of errors in [`status`].
//!
//! What both promise: nothing is acknowledged before it is durable; a request without items succeeds; a bad request is told so for good (400,
//! `INVALID_ARGUMENT`), a full or stopping server asks to come back (429 and 503, `RESOURCE_EXHAUSTED` and `UNAVAILABLE`, with a delay);
//! items refused out of an accepted request are a partial success.

pub mod cors;
pub mod grpc;
pub mod http;
pub mod status;

use wire::otlp::response::PartialSuccess;

use crate::intake::{DoorMetrics, Intake};
use crate::tenant::WithoutTenant;

/// Bounds of the OTLP door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpBounds {
    /// Body of an HTTP request, as sent and after decompression.
    pub http_body_bytes_max: usize,
    /// Message of a gRPC request, as sent and after decompression.
    pub grpc_message_bytes_max: usize,
}

impl Default for OtlpBounds {
    fn default() -> Self {
        Self { http_body_bytes_max: 20 << 20, grpc_message_bytes_max: 64 << 20 }
    }
}

/// What both protocols share.
#[derive(Clone)]
pub struct OtlpDoor {
    pub intake: Intake,
    pub bounds: OtlpBounds,
    pub without_tenant: WithoutTenant,
}

impl OtlpDoor {
    fn metrics(&self, transport: &str) -> DoorMetrics {
        DoorMetrics::new(self.intake.registry(), "otlp", transport)
    }
}

/// What an accepted batch is answered: nothing, or a partial success.
fn partial(accepted: &pipeline::Accepted) -> PartialSuccess {
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    PartialSuccess { rejected, message: accepted.message.clone() }
}

#[cfg(test)]
mod tests;
