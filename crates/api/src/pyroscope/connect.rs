//! Errors of the Connect protocol: JSON, whatever the request was.

use serde_json::json;

use crate::answer::Answer;
use crate::refusal::{Kind, Refusal};

pub fn refuse(refusal: &Refusal) -> Answer {
    let (code, status) = match refusal.kind {
        Kind::Bad | Kind::TooLarge | Kind::Execution => ("invalid_argument", 400),
        Kind::Unauthorized => ("unauthenticated", 401),
        Kind::Unsupported => ("unknown", 415),
        Kind::TooMany => ("resource_exhausted", 429),
        Kind::NotFound => ("unimplemented", 404),
        Kind::Timeout => ("deadline_exceeded", 504),
        Kind::Canceled => ("canceled", 499),
        Kind::Unavailable => ("unavailable", 503),
        Kind::Internal => ("internal", 500),
    };
    let body = json!({ "code": code, "message": refusal.message });
    let mut answer = Answer::json(body.to_string()).with_status(status);
    answer.retry_after_seconds = refusal.retry_after_seconds;
    answer
}
