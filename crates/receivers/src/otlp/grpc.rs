//! OTLP/gRPC and the health service: unary calls by hand over HTTP/2.
//!
//! A call is a POST whose body is one message behind five bytes (compressed or not, length), and whose answer ends in trailers. That is all of gRPC
//! that OTLP needs; doing it here keeps the message in the buffer that it came in.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use model::{Compression, Format, Signal};
use wire::otlp::response::{Code, RpcStatus as Status};

use super::{OtlpDoor, partial, status};
use crate::body::{self, BodyError};
use crate::intake::{DoorMetrics, NotTaken, Offer};
use crate::serve::{Auth, Handler};

/// Serves the four export services and `grpc.health.v1.Health/Check`.
pub struct OtlpGrpc {
    door: OtlpDoor,
    auth: Auth,
    metrics: DoorMetrics,
}

/// Bytes before a message: compressed flag, big-endian length.
const PREFIX_LEN: usize = 5;
/// What a client may compress with, told in every answer.
const ACCEPT_ENCODING: &str = "gzip,zstd,snappy,deflate,identity";
const EXPORT_SERVICES: [(&str, Signal); 4] = [
    ("opentelemetry.proto.collector.logs.v1.LogsService", Signal::Logs),
    ("opentelemetry.proto.collector.metrics.v1.MetricsService", Signal::Metrics),
    ("opentelemetry.proto.collector.trace.v1.TraceService", Signal::Traces),
    ("opentelemetry.proto.collector.profiles.v1development.ProfilesService", Signal::Profiles),
];
const HEALTH_SERVICE: &str = "grpc.health.v1.Health";

#[derive(Clone, Copy)]
enum Call {
    Export(Signal),
    HealthCheck,
}

impl OtlpGrpc {
    pub fn new(door: OtlpDoor, auth: Auth) -> Self {
        let metrics = door.metrics("grpc");
        Self { door, auth, metrics }
    }

    async fn call<B>(&self, request: Request<B>) -> Result<Vec<u8>, Status>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        if let Err(refused) = self.auth.check(request.headers()) {
            return Err(Status::new(Code::Unauthenticated, refused.reason));
        }
        let call = route(request.uri().path())?;
        let deadline = timeout_of(request.headers())?;
        let work = async {
            match call {
                Call::Export(signal) => self.export(signal, request).await,
                Call::HealthCheck => self.health(request).await,
            }
        };
        match deadline {
            None => work.await,
            Some(deadline) => tokio::time::timeout(deadline, work)
                .await
                .unwrap_or_else(|_| Err(Status::new(Code::DeadlineExceeded, "context deadline exceeded"))),
        }
    }

    async fn export<B>(&self, signal: Signal, request: Request<B>) -> Result<Vec<u8>, Status>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let tenant = self.door.without_tenant.tenant(&head.headers);
        let tenant = tenant.map_err(|error| Status::new(Code::Unauthenticated, error.to_string()))?;
        let limit = self.door.bounds.grpc_message_bytes_max;
        let mut held = self.read(body).await?;
        let message = message(&head.headers, held.bytes, limit)?;
        held.bytes = message.bytes;
        if held.bytes.is_empty() {
            return Ok(Vec::new());
        }
        let offer = Offer {
            tenant,
            signal,
            format: Format::OtlpProto,
            compression: message.compression,
            held,
            body_bytes_max: limit,
        };
        let answer = self.door.intake.offer(offer).await;
        self.metrics.count(signal, &answer);
        match answer {
            Ok(accepted) => Ok(partial(&accepted).to_proto()),
            Err(NotTaken::TooLarge { limit }) => {
                let text = format!("grpc: received message after decompression larger than max {limit}");
                Err(Status::new(Code::ResourceExhausted, text))
            }
            Err(not_taken) => Err(status::of(&not_taken)),
        }
    }

    async fn read<B>(&self, body: B) -> Result<body::Held, Status>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let limit = self.door.bounds.grpc_message_bytes_max;
        let read = body::read(body, limit.saturating_add(PREFIX_LEN), self.door.intake.guard()).await;
        read.map_err(|error| match error {
            BodyError::TooLarge { .. } => too_large(limit + 1, limit),
            BodyError::Memory(over) => status::memory(&over),
            BodyError::Broken(reason) => {
                Status::new(Code::Internal, format!("could not read the request: {reason}"))
            }
        })
    }

    /// The server as a whole (no service named) and every service that is here are serving, or nobody could have asked.
    async fn health<B>(&self, request: Request<B>) -> Result<Vec<u8>, Status>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let held = self.read(body).await?;
        let message = message(&head.headers, held.bytes, 1024)?;
        let mut input: &[u8] = &message.bytes;
        let mut service: &[u8] = b"";
        if input.first() == Some(&0x0a) {
            input = &input[1..];
            let bad = || Status::new(Code::Internal, "grpc: error unmarshalling request");
            service = stdx::varint::take_bytes(&mut input).ok_or_else(bad)?;
        }
        let known = service.is_empty()
            || service == HEALTH_SERVICE.as_bytes()
            || EXPORT_SERVICES.iter().any(|(name, _)| name.as_bytes() == service);
        if known { Ok(vec![0x08, 0x01]) } else { Err(Status::new(Code::NotFound, "unknown service")) }
    }
}

impl Handler for OtlpGrpc {
    type Body = GrpcBody;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<GrpcBody> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let is_grpc = content_type
            .strip_prefix(b"application/grpc")
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')));
        if request.method() != Method::POST || !is_grpc {
            let status =
                if is_grpc { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::UNSUPPORTED_MEDIA_TYPE };
            let mut answer = Response::new(GrpcBody::default());
            *answer.status_mut() = status;
            return answer;
        }
        if content_type.starts_with(b"application/grpc+") && content_type != b"application/grpc+proto" {
            let mut answer = Response::new(GrpcBody::default());
            *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return answer;
        }
        match self.call(request).await {
            Ok(message) => reply(&message),
            Err(status) => refusal(&status),
        }
    }
}

/// `/package.Service/Method`; texts as grpc-go's.
fn route(path: &str) -> Result<Call, Status> {
    let unimplemented = |text: String| Err(Status::new(Code::Unimplemented, text));
    let Some((service, method)) = path.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else {
        return unimplemented(format!("malformed method name: {path:?}"));
    };
    let (call, known_method) = match EXPORT_SERVICES.iter().find(|(name, _)| *name == service) {
        Some((_, signal)) => (Call::Export(*signal), "Export"),
        None if service == HEALTH_SERVICE => (Call::HealthCheck, "Check"),
        None => return unimplemented(format!("unknown service {service}")),
    };
    if method == known_method {
        Ok(call)
    } else {
        unimplemented(format!("unknown method {method} for service {service}"))
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let bad = || Status::new(Code::Internal, format!("malformed grpc-timeout: {text:?}"));
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let amount: u64 = digits.parse().map_err(|_| bad())?;
    match unit {
        "H" => Ok(Some(Duration::from_secs(amount * 3600))),
        "M" => Ok(Some(Duration::from_secs(amount * 60))),
        "S" => Ok(Some(Duration::from_secs(amount))),
        "m" => Ok(Some(Duration::from_millis(amount))),
        "u" => Ok(Some(Duration::from_micros(amount))),
        "n" => Ok(Some(Duration::from_nanos(amount))),
        _ => Err(bad()),
    }
}

struct Message {
    compression: Compression,
    bytes: Bytes,
}

/// Takes the one message out of a body, without copying it.
fn message(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Message, Status> {
    let internal = |text: &str| Status::new(Code::Internal, text);
    let Some((prefix, rest)) = body.split_at_checked(PREFIX_LEN) else {
        return Err(internal("unexpected EOF: the request ends before its message"));
    };
    let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if len > limit {
        return Err(too_large(len, limit));
    }
    if rest.len() < len {
        return Err(internal("unexpected EOF: the request ends within its message"));
    }
    if rest.len() > len {
        return Err(internal("the request holds more than one message, but the method takes one"));
    }
    let compression = match prefix[0] {
        0 => Compression::None,
        1 => encoding(headers)?,
        other => return Err(internal(&format!("grpc: received unexpected payload format {other}"))),
    };
    Ok(Message { compression, bytes: body.slice(PREFIX_LEN..) })
}

fn encoding(headers: &HeaderMap) -> Result<Compression, Status> {
    let name = headers.get("grpc-encoding").map_or("", |value| value.to_str().unwrap_or("?"));
    match wire::compress::grpc_compression(name) {
        Some(Compression::None) => {
            Err(Status::new(Code::Internal, "grpc: compressed flag set with identity or empty encoding"))
        }
        Some(compression) => Ok(compression),
        None => Err(Status::new(
            Code::Unimplemented,
            format!("grpc: Decompressor is not installed for grpc-encoding {name:?}"),
        )),
    }
}

fn too_large(len: usize, limit: usize) -> Status {
    Status::new(
        Code::ResourceExhausted,
        format!("grpc: received message larger than max ({len} vs. {limit})"),
    )
}

fn head() -> Response<GrpcBody> {
    let mut answer = Response::new(GrpcBody::default());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPT_ENCODING));
    answer
}

fn reply(message: &[u8]) -> Response<GrpcBody> {
    let mut framed = Vec::with_capacity(PREFIX_LEN + message.len());
    framed.push(0);
    framed.extend(u32::try_from(message.len()).expect("answers are short").to_be_bytes());
    framed.extend(message);
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut answer = head();
    *answer.body_mut() = GrpcBody { data: Some(framed.into()), trailers: Some(trailers) };
    answer
}

/// "Trailers only": a refusal has no message.
fn refusal(status: &Status) -> Response<GrpcBody> {
    let mut answer = head();
    let headers = answer.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(status.code as i32));
    headers.insert("grpc-message", percent_encoded(&status.message));
    if status.retry_delay.is_some() {
        let details = STANDARD_NO_PAD.encode(status.to_proto());
        headers.insert(
            "grpc-status-details-bin",
            HeaderValue::try_from(details).expect("base64 is visible ASCII"),
        );
    }
    answer
}

/// Printable ASCII stays, all else and `%` becomes `%XX`.
fn percent_encoded(message: &str) -> HeaderValue {
    const MESSAGE_BYTES_MAX: usize = 4096;
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes().take(MESSAGE_BYTES_MAX) {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::try_from(out).expect("only visible ASCII and spaces are left")
}

/// At most one chunk of data, then trailers.
#[derive(Default)]
pub struct GrpcBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for GrpcBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_or_named() {
        assert!(matches!(
            route("/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
            Ok(Call::Export(Signal::Traces))
        ));
        let refused = |path: &str| route(path).err().map(|status| status.message).unwrap();
        assert_eq!(refused("/a.B/C"), "unknown service a.B");
        assert_eq!(
            refused("/grpc.health.v1.Health/Watch"),
            "unknown method Watch for service grpc.health.v1.Health"
        );
        assert_eq!(refused("x"), "malformed method name: \"x\"");
    }

    #[test]
    fn timeouts_are_read() {
        let check = |text: &str, want: Option<Duration>| {
            let headers = HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(timeout_of(&headers).ok().flatten(), want, "{text}");
        };
        check("5S", Some(Duration::from_secs(5)));
        check("99999999n", Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "S", "5", "999999999S", "-1S", "5x"] {
            check(bad, None);
        }
    }

    #[test]
    fn messages_are_framed_exactly() {
        let check = |body: &'static [u8], encoding: &str, want: Result<&[u8], &str>| {
            let headers =
                HeaderMap::from_iter([("grpc-encoding".parse().unwrap(), encoding.parse().unwrap())]);
            let got = message(&headers, Bytes::from_static(body), 4);
            assert_eq!(
                got.as_ref().map(|message| &*message.bytes).map_err(|status| status.message.as_str()),
                want
            );
        };
        check(b"\0\0\0\0\x02hi", "", Ok(b"hi"));
        check(b"\x01\0\0\0\x02hi", "gzip", Ok(b"hi"));
        check(b"\0\0\0\0\0", "", Ok(b""));
        check(b"\0\0\0", "", Err("unexpected EOF: the request ends before its message"));
        check(b"\0\0\0\0\x03hi", "", Err("unexpected EOF: the request ends within its message"));
        check(
            b"\0\0\0\0\x01hi",
            "",
            Err("the request holds more than one message, but the method takes one"),
        );
        check(b"\0\xff\0\0\0hi", "", Err("grpc: received message larger than max (4278190080 vs. 4)"));
        check(b"\x01\0\0\0\x02hi", "br", Err("grpc: Decompressor is not installed for grpc-encoding \"br\""));
        check(b"\x01\0\0\0\x02hi", "", Err("grpc: compressed flag set with identity or empty encoding"));
        check(b"\x02\0\0\0\x02hi", "", Err("grpc: received unexpected payload format 2"));
    }

    #[test]
    fn messages_of_refusals_are_percent_encoded() {
        assert_eq!(percent_encoded("50% ü\n"), "50%25 %C3%BC%0A");
    }
}
