//! `{"status", "data", "errorType", "error", "warnings", "infos"}`: what every answer is wrapped in.

use serde_json::json;

use crate::answer::Answer;
use crate::json;
use crate::refusal::{Kind, Refusal};

/// What accompanies an answer without being part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

impl Remarks {
    /// The text that Prometheus has for a listing cut short.
    pub fn truncated(truncated: bool) -> Self {
        let warnings = if truncated { vec!["results truncated due to limit".to_owned()] } else { Vec::new() };
        Self { warnings, infos: Vec::new() }
    }
}

/// A success; `data` writes its JSON.
pub fn success(remarks: &Remarks, data: impl FnOnce(&mut Vec<u8>)) -> Answer {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(br#"{"status":"success","data":"#);
    data(&mut out);
    for (name, texts) in [("warnings", &remarks.warnings), ("infos", &remarks.infos)] {
        if !texts.is_empty() {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            json::strings(&mut out, texts.iter().map(String::as_str));
        }
    }
    out.push(b'}');
    Answer::json(out)
}

pub fn refusal(refusal: &Refusal) -> Answer {
    let (error_type, status) = match refusal.kind {
        Kind::Bad => ("bad_data", 400),
        Kind::Execution => ("execution", 422),
        Kind::Unauthorized => ("unauthorized", 401),
        Kind::NotFound => ("not_found", 404),
        Kind::TooLarge => ("bad_data", 413),
        Kind::Unsupported => ("bad_data", 415),
        Kind::TooMany => ("too_many_requests", 429),
        Kind::Canceled => ("canceled", 499),
        Kind::Timeout => ("timeout", 503),
        Kind::Unavailable => ("unavailable", 503),
        Kind::Internal => ("internal", 500),
    };
    let body = json!({ "status": "error", "errorType": error_type, "error": refusal.message });
    Answer::json(body.to_string()).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_wrapped() {
        let text = |answer: Answer| String::from_utf8(answer.body).unwrap();
        let plain = success(&Remarks::default(), |out| out.extend(b"[]"));
        assert_eq!(text(plain), r#"{"status":"success","data":[]}"#);
        let cut = success(&Remarks::truncated(true), |out| out.extend(b"[]"));
        assert_eq!(
            text(cut),
            r#"{"status":"success","data":[],"warnings":["results truncated due to limit"]}"#
        );
        let refused = refusal(&Refusal::bad("no \"such\" thing"));
        assert_eq!(refused.status, 400);
        let parsed: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(parsed, json!({"status": "error", "errorType": "bad_data", "error": "no \"such\" thing"}));
    }
}
