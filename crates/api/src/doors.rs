//! All doors of the common port: which path leads where, who may come in, and how a question travels to its answer.
//!
//! The listener starts before the stores are open: until then everything but health says 503 ([`lifecycle`](crate::lifecycle)). Every API is also served under the
//! prefixes that clients of its peer are configured with.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use axum::routing::MethodRouter;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use hyper::body::Incoming;
use limits::QueryBudget;
use model::TenantId;
use ports::Clock;
use receivers::otlp::http::OtlpHttp;
use receivers::serve::{Auth, Handler};
use receivers::tenant::WithoutTenant;
use receivers::{Intake, body};
use store::LaneStatus;
use telemetry::{BuildInfo, Registry};
use tower_service::Service;

use crate::answer::{Accepts, Answer};
use crate::params::Params;
use crate::queries::QueryPool;
use crate::refusal::{Kind, Refusal};
use crate::{jaeger, lifecycle, loki, prometheus, push, pyroscope, status, tempo, web};

/// The stores of the four signals.
#[derive(Clone)]
pub struct Stores {
    pub logs: Arc<logs::LogStore>,
    pub metrics: Arc<metrics::MetricStore>,
    pub traces: Arc<traces::TraceStore>,
    pub profiles: Arc<profiles::ProfileStore>,
}

impl Stores {
    /// How the spine under each store is.
    pub fn lanes(&self) -> Vec<LaneStatus> {
        vec![
            self.metrics.lane().status(),
            self.logs.lane().status(),
            self.traces.lane().status(),
            self.profiles.lane().status(),
        ]
    }
}

/// What the doors stand on, once everything is open.
pub struct Doors {
    pub stores: Stores,
    pub intake: Intake,
    pub otlp: OtlpHttp,
    pub queries: QueryPool,
    pub clock: Arc<dyn Clock>,
    pub registry: Registry,
    pub without_tenant: WithoutTenant,
    pub build: BuildInfo,
    pub started_at_ms: i64,
    /// Body of a push, as sent and after decompression.
    pub push_bytes_max: usize,
    pub rates: status::IngestRates,
    /// Whether doors that change data are open.
    pub admin_api: bool,
}

/// Form bodies of queries are no place for more.
const FORM_BYTES_MAX: usize = 10 << 20;

/// The handler of the common port.
pub struct Api {
    auth: Auth,
    registry: Registry,
    doors: ArcSwapOption<Open>,
}

struct Open {
    router: Router,
}

impl Api {
    /// Nothing is open yet.
    pub fn new(auth: Auth, registry: Registry) -> Arc<Self> {
        Arc::new(Self { auth, registry, doors: ArcSwapOption::empty() })
    }

    /// Opens the doors. `rest` holds doors of other crates.
    pub fn open(&self, doors: Arc<Doors>, rest: Router) {
        let router = rest.merge(router().with_state(doors)).fallback(web::serve);
        self.doors.store(Some(Arc::new(Open { router })));
    }

    /// Closes them again; what is under way goes on.
    pub fn close(&self) {
        self.doors.store(None);
    }
}

impl Handler for Api {
    type Body = Body;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response {
        if let Err(refused) = self.auth.check(request.headers()) {
            let mut response = Answer::text("Unauthorized\n").with_status(401).into_response(Accepts::Plain);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, refused.challenge);
            return response;
        }
        let doors = self.doors.load_full();
        if let Some(response) = lifecycle::answer(&request, doors.is_some(), &self.registry) {
            return response;
        }
        let Some(doors) = doors else {
            return Answer::text("Service Unavailable").with_status(503).into_response(Accepts::Plain);
        };
        let Ok(response) = doors.router.clone().call(request.map(Body::new)).await;
        response
    }
}

fn router() -> Router<Arc<Doors>> {
    Router::new()
        .merge(prometheus::routes(""))
        .merge(prometheus::routes("/prometheus"))
        .merge(loki::routes("/loki"))
        .merge(tempo::routes("/tempo"))
        .merge(jaeger::routes("/jaeger"))
        .merge(pyroscope::routes("/pyroscope"))
        .merge(pyroscope::root_routes())
        .merge(status::routes("/oriel/api/v1"))
        .merge(push::otlp_routes("/otlp"))
        .merge(push::otlp_routes("/api/v1/otlp"))
        .merge(push::otlp_routes("/prometheus/api/v1/otlp"))
        .merge(push::otlp_routes("/loki/otlp"))
}

/// A family of APIs: how it says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Prometheus,
    Loki,
    Tempo,
    Jaeger,
    Oriel,
}

impl Family {
    pub fn refuse(self, refusal: &Refusal) -> Answer {
        let mut answer = match self {
            Self::Prometheus => prometheus::envelope::refusal(refusal),
            Self::Loki | Self::Tempo => {
                Answer::text(format!("{}\n", refusal.message)).with_status(plain_status(refusal.kind))
            }
            Self::Jaeger => jaeger::refusal(refusal),
            Self::Oriel => status::refusal(refusal),
        };
        answer.retry_after_seconds = refusal.retry_after_seconds;
        answer
    }
}

/// The status code of a refusal where the family has no other idea.
pub fn plain_status(kind: Kind) -> u16 {
    match kind {
        Kind::Bad | Kind::Execution => 400,
        Kind::Unauthorized => 401,
        Kind::NotFound => 404,
        Kind::TooLarge => 413,
        Kind::Unsupported => 415,
        Kind::TooMany => 429,
        Kind::Canceled => 499,
        Kind::Timeout => 504,
        Kind::Unavailable => 503,
        Kind::Internal => 500,
    }
}

/// What a door's function is asked.
pub struct Ask {
    pub tenant: TenantId,
    pub params: Params,
    path: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub now_ms: i64,
    pub budget: QueryBudget,
}

impl Ask {
    /// A segment of the path by its name in the route.
    pub fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value)
    }

    pub fn accepts(&self, media_type: &str) -> bool {
        let accept = self.headers.get_all(header::ACCEPT).iter();
        accept.filter_map(|value| value.to_str().ok()).any(|value| value.contains(media_type))
    }

    pub fn now_ns(&self) -> i64 {
        self.now_ms.saturating_mul(1_000_000)
    }
}

/// A door's function: blocking is fine.
pub type Question = fn(&Doors, &Ask) -> Result<Answer, Refusal>;

/// GET and POST (a form) to one question.
pub fn question(family: Family, ask: Question) -> MethodRouter<Arc<Doors>> {
    let handler = move |State(doors): State<Arc<Doors>>, path: RawPathParams, request: Request<Body>| async move {
        put(doors, family, ask, pairs(&path), request).await
    };
    axum::routing::get(handler).post(handler)
}

/// The same by POST and PUT only: it changes something.
pub fn change(family: Family, ask: Question) -> MethodRouter<Arc<Doors>> {
    let handler = move |State(doors): State<Arc<Doors>>, path: RawPathParams, request: Request<Body>| async move {
        put(doors, family, ask, pairs(&path), request).await
    };
    axum::routing::post(handler).put(handler)
}

fn pairs(path: &RawPathParams) -> Vec<(String, String)> {
    path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

async fn put(
    doors: Arc<Doors>,
    family: Family,
    ask: Question,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Response {
    let accept = Accepts::of(request.headers());
    let answered = match read(&doors, path, request).await {
        Err(refusal) => Err(refusal),
        Ok((parts, timeout)) => {
            let queries = doors.clone();
            let work = move |budget: &QueryBudget| {
                let (tenant, params, path, headers) = parts;
                let asked = Ask {
                    tenant,
                    params,
                    path,
                    headers,
                    now_ms: doors.clock.now_ms(),
                    budget: budget.clone(),
                };
                Ok(ask(&doors, &asked)?.into_response(accept))
            };
            queries.queries.run(timeout, work).await
        }
    };
    answered.unwrap_or_else(|refusal| family.refuse(&refusal).into_response(accept))
}

type Parts = (TenantId, Params, Vec<(String, String)>, HeaderMap);

async fn read(
    doors: &Doors,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Result<(Parts, Option<Duration>), Refusal> {
    let (head, body) = request.into_parts();
    let tenant = tenant(doors, &head.headers)?;
    let content_type = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let form =
        if head.method == Method::POST && content_type.starts_with(b"application/x-www-form-urlencoded") {
            let read = body::read(body, FORM_BYTES_MAX, doors.intake.guard()).await;
            read.map_err(|error| push::body_refusal(&error))?.bytes
        } else {
            Bytes::new()
        };
    let params = Params::new(head.uri.query(), &form);
    let timeout = match params.get("timeout") {
        None => None,
        Some(text) => {
            let bad = || {
                Refusal::bad(format!(
                    "invalid parameter \"timeout\": cannot parse {text:?} to a valid duration"
                ))
            };
            let ms = crate::times::prometheus_step_ms(text).ok_or_else(bad)?;
            Some(Duration::from_millis(ms.max(0).unsigned_abs()))
        }
    };
    Ok(((tenant, params, path, head.headers), timeout))
}

pub fn tenant(doors: &Doors, headers: &HeaderMap) -> Result<TenantId, Refusal> {
    let tenant = doors.without_tenant.tenant(headers);
    tenant.map_err(|error| Refusal::new(Kind::Unauthorized, error.to_string()))
}
