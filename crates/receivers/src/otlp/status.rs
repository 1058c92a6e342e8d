//! What the pipeline's refusal is in OTLP. The message itself (`google.rpc.Status`) is `wire`'s.

use pipeline::Refused;
use wire::otlp::response::{Code, RpcStatus};

use crate::intake::NotTaken;

/// The client may send again exactly when the code is `Unavailable` or a delay says when.
pub fn of(not_taken: &NotTaken) -> RpcStatus {
    let (code, retry_delay) = match not_taken {
        NotTaken::TooLarge { .. } => (Code::ResourceExhausted, None),
        NotTaken::Refused(Refused::Bad(_)) => (Code::InvalidArgument, None),
        NotTaken::Refused(Refused::Limited { retry_after, .. }) => (Code::ResourceExhausted, *retry_after),
        NotTaken::Refused(Refused::Unavailable { retry_after, .. }) => (Code::Unavailable, *retry_after),
    };
    RpcStatus { code, message: not_taken.to_string(), retry_delay }
}

/// The memory budget is used up: come back in a moment.
pub fn memory(over: &limits::OverBudget) -> RpcStatus {
    RpcStatus {
        retry_delay: Some(std::time::Duration::from_secs(1)),
        ..RpcStatus::new(Code::Unavailable, over.to_string())
    }
}

/// For `Retry-After`: whole seconds, at least one.
pub fn retry_after_seconds(status: &RpcStatus) -> Option<u64> {
    status.retry_delay.map(|delay| (delay.as_millis() as u64).div_ceil(1000).max(1))
}
