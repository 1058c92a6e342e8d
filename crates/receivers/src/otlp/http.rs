//! OTLP/HTTP: protobuf and JSON bodies, answers in the encoding of the request.
//!
//! Status codes, headers and texts are those of the Collector's receiver, because exporters and their users' runbooks know them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use model::{Compression, Format, Signal};
use wire::otlp::response::{Code, PartialSuccess, RpcStatus as Status};

use super::cors::Cors;
use super::{OtlpDoor, partial, status};
use crate::body::{self, BodyError};
use crate::intake::{DoorMetrics, Offer};
use crate::serve::{Auth, Handler};

/// Serves `/v1/{traces,metrics,logs}` and `/v1development/profiles`.
pub struct OtlpHttp {
    door: OtlpDoor,
    auth: Auth,
    cors: Cors,
    metrics: DoorMetrics,
}

/// Which of the two encodings a request chose; its answer uses the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Proto,
    Json,
}

impl Encoding {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Proto => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// An answer before it has headers of CORS.
type Answer = Response<Full<Bytes>>;

impl OtlpHttp {
    pub fn new(door: OtlpDoor, auth: Auth, cors: Cors) -> Self {
        let metrics = door.metrics("http");
        Self { door, auth, cors, metrics }
    }

    /// The signal whose path ends so: `/v1/logs`, also under a prefix.
    pub fn signal_of(path: &str) -> Option<Signal> {
        match path {
            "/v1/logs" => Some(Signal::Logs),
            "/v1/metrics" => Some(Signal::Metrics),
            "/v1/traces" => Some(Signal::Traces),
            "/v1development/profiles" => Some(Signal::Profiles),
            _ => None,
        }
    }

    /// One export request; the path has been looked at already, and so has authentication.
    pub async fn export<B>(&self, signal: Signal, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        if request.method() != Method::POST {
            let mut answer =
                text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed, supported: [POST]");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        let Some(encoding) = encoding_of(request.headers()) else {
            let supported =
                "415 unsupported media type, supported: [application/json, application/x-protobuf]";
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, supported);
        };
        match self.accept(signal, encoding, request).await {
            Ok(answer) => answer,
            Err((http_status, status)) => refusal(encoding, http_status, &status),
        }
    }

    async fn accept<B>(
        &self,
        signal: Signal,
        encoding: Encoding,
        request: Request<B>,
    ) -> Result<Answer, (u16, Status)>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let bad = |message: String| (400, Status::new(Code::InvalidArgument, message));
        let tenant = self.door.without_tenant.tenant(&head.headers);
        let tenant = tenant.map_err(|error| (401, Status::new(Code::Unauthenticated, error.to_string())))?;
        let compression = content_encoding(&head.headers).map_err(bad)?;
        let limit = self.door.bounds.http_body_bytes_max;
        let held =
            body::read(body, limit, self.door.intake.guard()).await.map_err(|error| body_refusal(&error))?;
        if held.bytes.is_empty() {
            return Ok(success(encoding, signal, &PartialSuccess::default()));
        }
        let format = if encoding == Encoding::Json { Format::OtlpJson } else { Format::OtlpProto };
        let offer = Offer { tenant, signal, format, compression, held, body_bytes_max: limit };
        let answer = self.door.intake.offer(offer).await;
        self.metrics.count(signal, &answer);
        match answer {
            Ok(accepted) => Ok(success(encoding, signal, &partial(&accepted))),
            Err(crate::intake::NotTaken::TooLarge { .. }) => Err(too_large()),
            Err(not_taken) => {
                let status = status::of(&not_taken);
                Err((status.code.http_status(), status))
            }
        }
    }

    fn unauthorized(&self, headers: &HeaderMap) -> Option<Answer> {
        let refused = self.auth.check(headers).err()?;
        let status = Status::new(Code::Unauthenticated, refused.reason);
        let encoding = encoding_of(headers).unwrap_or(Encoding::Json);
        let mut answer = refusal(encoding, 401, &status);
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, refused.challenge);
        Some(answer)
    }
}

impl Handler for OtlpHttp {
    type Body = Full<Bytes>;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        if let Some(headers) = self.cors.preflight(request.method(), request.headers()) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            *answer.headers_mut() = headers;
            return answer;
        }
        let asked = self
            .cors
            .allowed_origins
            .is_empty()
            .then(HeaderMap::new)
            .unwrap_or_else(|| request.headers().clone());
        let mut answer = match (self.unauthorized(request.headers()), Self::signal_of(request.uri().path())) {
            (Some(refused), _) => refused,
            (None, Some(signal)) => self.export(signal, request).await,
            (None, None) => text(StatusCode::NOT_FOUND, "404 page not found"),
        };
        self.cors.decorate(&asked, answer.headers_mut());
        answer
    }
}

/// Parameters (`; charset=utf-8`) are allowed and do not matter.
fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Proto)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

/// How the body is compressed. Error texts as the Collector's.
pub(crate) fn content_encoding(headers: &HeaderMap) -> Result<Compression, String> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Compression::None) };
    let name = value.to_str().unwrap_or("?").trim();
    wire::compress::http_compression(name).ok_or_else(|| format!("unsupported Content-Encoding: {name}"))
}

fn too_large() -> (u16, Status) {
    (413, Status::new(Code::ResourceExhausted, "http: request body too large"))
}

fn body_refusal(error: &BodyError) -> (u16, Status) {
    match error {
        BodyError::TooLarge { .. } => too_large(),
        BodyError::Memory(over) => (503, status::memory(over)),
        BodyError::Broken(_) => (400, Status::new(Code::InvalidArgument, error.to_string())),
    }
}

fn success(encoding: Encoding, signal: Signal, partial: &PartialSuccess) -> Answer {
    let body = match encoding {
        Encoding::Proto => partial.to_proto(),
        Encoding::Json => partial.to_json(signal),
    };
    answer(StatusCode::OK, encoding.content_type(), body)
}

fn refusal(encoding: Encoding, http_status: u16, status: &Status) -> Answer {
    let body = match encoding {
        Encoding::Proto => status.to_proto(),
        Encoding::Json => status.to_json(),
    };
    let http_status = StatusCode::from_u16(http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = answer(http_status, encoding.content_type(), body);
    if let Some(seconds) = status::retry_after_seconds(status) {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    answer(status, "text/plain", body.into())
}

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
