//! What a server says to an export: partial success, or `google.rpc.Status` with the wait before a retry. In protobuf and JSON, both ways,
//! since exporters read what receivers write.

use std::time::Duration;

use model::Signal;

use crate::proto::json::{JsonError, from_json, to_json};
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Text, View, view};
use crate::proto::{Malformed, Message, Writer, validate};

/// Items that were refused for good; zero with a message is a warning. Clients must not send them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    pub rejected: i64,
    pub message: String,
}

macro_rules! response {
    ($response:ident, $partial:ident, $name:literal, $partial_name:literal, $rejected:literal) => {
        static $partial: Message = Message::new(
            $partial_name,
            &[one(1, $rejected, Kind::Int64), one(2, "error_message", Kind::String)],
        );
        static $response: Message =
            Message::new($name, &[one(1, "partial_success", Kind::Message(&$partial))]);
    };
}

response!(
    LOGS,
    LOGS_PARTIAL,
    "ExportLogsServiceResponse",
    "ExportLogsPartialSuccess",
    "rejected_log_records"
);
response!(
    TRACES,
    TRACES_PARTIAL,
    "ExportTraceServiceResponse",
    "ExportTracePartialSuccess",
    "rejected_spans"
);
response!(
    METRICS,
    METRICS_PARTIAL,
    "ExportMetricsServiceResponse",
    "ExportMetricsPartialSuccess",
    "rejected_data_points"
);
response!(
    PROFILES,
    PROFILES_PARTIAL,
    "ExportProfilesServiceResponse",
    "ExportProfilesPartialSuccess",
    "rejected_profiles"
);

fn schema(signal: Signal) -> &'static Message {
    match signal {
        Signal::Logs => &LOGS,
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Profiles => &PROFILES,
    }
}

view! {
    ResponseView<'a> {
        1 partial_success: One<'a, PartialSuccessView<'a>>,
    }
    PartialSuccessView<'a> {
        1 rejected: i64,
        2 error_message: Text<'a>,
    }
}

impl PartialSuccess {
    /// Whether there is anything to say.
    pub fn is_full(&self) -> bool {
        *self == Self::default()
    }

    /// `Export*ServiceResponse` in protobuf: no bytes at all if everything was taken. The shape is the same for all signals.
    pub fn to_proto(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.is_full() {
            Writer::new(&mut out).message(1, |partial| {
                partial.int(1, self.rejected);
                partial.string(2, &self.message);
            });
        }
        out
    }

    /// The same in JSON: `{}` or `{"partialSuccess":{...}}`, with the signal's own name for the count.
    pub fn to_json(&self, signal: Signal) -> Vec<u8> {
        let mut out = Vec::new();
        to_json(schema(signal), &self.to_proto(), &mut out).expect("we have just written it");
        out
    }

    pub fn from_proto(bytes: &[u8]) -> Result<Self, Malformed> {
        validate(&LOGS, bytes)?;
        let partial = ResponseView::read(bytes).partial_success.or_empty();
        Ok(Self { rejected: partial.rejected, message: partial.error_message.as_str().into() })
    }

    pub fn from_json(signal: Signal, json: &[u8]) -> Result<Self, JsonError> {
        let mut out = Vec::new();
        from_json(schema(signal), json, &mut out)?;
        Ok(Self::from_proto(&out).expect("we have just written it"))
    }
}

/// gRPC status codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    Ok = 0,
    Canceled = 1,
    #[default]
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// A number that is none of ours is unknown.
    pub fn from_number(number: i32) -> Self {
        use Code::*;
        const ALL: [Code; 17] = [
            Ok,
            Canceled,
            Unknown,
            InvalidArgument,
            DeadlineExceeded,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            ResourceExhausted,
            FailedPrecondition,
            Aborted,
            OutOfRange,
            Unimplemented,
            Internal,
            Unavailable,
            DataLoss,
            Unauthenticated,
        ];
        usize::try_from(number).ok().and_then(|place| ALL.get(place).copied()).unwrap_or(Unknown)
    }

    /// The HTTP status that the Collector's OTLP receiver answers for it.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Canceled
            | Self::DeadlineExceeded
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unavailable
            | Self::DataLoss => 503,
            Self::ResourceExhausted => 429,
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::Unimplemented => 404,
            _ => 500,
        }
    }

    /// Whether an OTLP client may send again; `ResourceExhausted` only when the server said when.
    pub const fn is_retryable(self, has_retry_info: bool) -> bool {
        match self {
            Self::Canceled
            | Self::DeadlineExceeded
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unavailable
            | Self::DataLoss => true,
            Self::ResourceExhausted => has_retry_info,
            _ => false,
        }
    }
}

/// `google.rpc.Status`, with the one detail that OTLP speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcStatus {
    pub code: Code,
    pub message: String,
    /// `RetryInfo.retry_delay`.
    pub retry_delay: Option<Duration>,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

static STATUS: Message = Message::new(
    "Status",
    &[
        one(1, "code", Kind::Int32),
        one(2, "message", Kind::String),
        many(3, "details", Kind::Message(&DETAIL)),
    ],
);
static DETAIL: Message =
    Message::new("Any", &[one(1, "type_url", Kind::String), one(2, "value", Kind::Bytes)]);
static RETRY: Message = Message::new("RetryInfo", &[one(1, "retry_delay", Kind::Message(&DURATION))]);
static DURATION: Message =
    Message::new("Duration", &[one(1, "seconds", Kind::Int64), one(2, "nanos", Kind::Int32)]);

view! {
    StatusView<'a> {
        1 code: i32,
        2 message: Text<'a>,
        3 details: Many<'a, DetailView<'a>>,
    }
    DetailView<'a> {
        1 type_url: Text<'a>,
        2 value: &'a [u8],
    }
    RetryInfoView<'a> {
        1 retry_delay: One<'a, DurationView<'a>>,
    }
    DurationView<'a> {
        1 seconds: i64,
        2 nanos: i32,
    }
}

impl RpcStatus {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_delay: None }
    }

    pub fn to_proto(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.int(1, self.code as i64);
        writer.string(2, &self.message);
        if let Some(delay) = self.retry_delay {
            let mut info = Vec::new();
            Writer::new(&mut info).message(1, |duration| {
                duration.varint(1, delay.as_secs());
                duration.varint(2, u64::from(delay.subsec_nanos()));
            });
            writer.message(3, |any| {
                any.string(1, RETRY_INFO);
                any.bytes(2, &info);
            });
        }
        out
    }

    /// Protobuf's JSON: `details` hold the message's own fields beside `@type`, and durations are `"1.5s"`.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = serde_json::json!({ "code": self.code as i32, "message": self.message });
        if let Some(delay) = self.retry_delay {
            let delay = format!("{}s", delay.as_secs_f64());
            out["details"] = serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
        }
        out.to_string().into_bytes()
    }

    pub fn from_proto(bytes: &[u8]) -> Result<Self, Malformed> {
        validate(&STATUS, bytes)?;
        let view = StatusView::read(bytes);
        let retry = view.details.iter().find(|detail| detail.type_url == *RETRY_INFO);
        let retry_delay = match retry {
            Some(detail) => {
                validate(&RETRY, detail.value)?;
                let delay = RetryInfoView::read(detail.value).retry_delay.or_empty();
                let seconds = u64::try_from(delay.seconds).unwrap_or_default();
                let nanos = u32::try_from(delay.nanos).unwrap_or_default().min(999_999_999);
                Some(Duration::new(seconds, nanos))
            }
            None => None,
        };
        Ok(Self { code: Code::from_number(view.code), message: view.message.as_str().into(), retry_delay })
    }

    /// Reads what `to_json` and the field's servers write; details that are not `RetryInfo` do not matter to a client.
    pub fn from_json(json: &[u8]) -> Result<Self, JsonError> {
        let mut out = Vec::new();
        from_json(&JSON_STATUS, json, &mut out)?;
        let view = JsonStatusView::read(&out);
        let retry = view.details.iter().find(|detail| detail.kind == *RETRY_INFO);
        let retry_delay = retry
            .and_then(|detail| detail.retry_delay.as_str().strip_suffix('s')?.parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Self { code: Code::from_number(view.code), message: view.message.as_str().into(), retry_delay })
    }
}

/// The JSON form of a status read as if it were a message, so that the one JSON reader does for it too.
static JSON_STATUS: Message = Message::new(
    "Status",
    &[
        one(1, "code", Kind::Int32),
        one(2, "message", Kind::String),
        many(3, "details", Kind::Message(&JSON_DETAIL)),
    ],
);
static JSON_DETAIL: Message =
    Message::new("Any", &[one(1, "@type", Kind::String), one(2, "retry_delay", Kind::String)]);

view! {
    JsonStatusView<'a> {
        1 code: i32,
        2 message: Text<'a>,
        3 details: Many<'a, JsonDetailView<'a>>,
    }
    JsonDetailView<'a> {
        1 kind: Text<'a>,
        2 retry_delay: Text<'a>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_partial_success_in_both_forms() {
        assert!(PartialSuccess::default().to_proto().is_empty());
        assert_eq!(PartialSuccess::default().to_json(Signal::Logs), b"{}");
        let partial = PartialSuccess { rejected: 3, message: "too old".into() };
        assert_eq!(PartialSuccess::from_proto(&partial.to_proto()), Ok(partial.clone()));
        let json = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(String::from_utf8(partial.to_json(Signal::Traces)).unwrap(), json);
        assert_eq!(PartialSuccess::from_json(Signal::Traces, json.as_bytes()), Ok(partial.clone()));
        assert_ne!(PartialSuccess::from_json(Signal::Logs, json.as_bytes()), Ok(partial));
    }

    #[test]
    fn status_carries_code_message_and_delay() {
        for retry_delay in [None, Some(Duration::from_secs(30)), Some(Duration::from_millis(1500))] {
            let status =
                RpcStatus { code: Code::ResourceExhausted, message: "slow \"down\"".into(), retry_delay };
            assert_eq!(RpcStatus::from_proto(&status.to_proto()), Ok(status.clone()));
            assert_eq!(RpcStatus::from_json(&status.to_json()), Ok(status));
        }
        let json = RpcStatus::new(Code::InvalidArgument, "bad").to_json();
        assert_eq!(json, br#"{"code":3,"message":"bad"}"#);
        assert_eq!(Code::Unimplemented.http_status(), 404);
        assert_eq!(Code::from_number(99), Code::Unknown);
    }
}
