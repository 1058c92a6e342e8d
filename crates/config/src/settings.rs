//! Every setting of a server, with its default. What a field means and how it is written is in [`fields`](crate::fields).

use std::path::PathBuf;

use api::queries::QueryBounds;
use limits::{ByteSize, Span};
use metrics::config::{NameScheme, OtlpConfig, RetentionRule, TenantLimits};
use model::Signal;
use receivers::otlp::OtlpBounds;
use receivers::otlp::cors::Cors;
use receivers::serve::ServeBounds;
use receivers::tenant::WithoutTenant;
use store::journal::Durability;
use telemetry::logs::LogFormat;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The file that they were read from; what may change while the server runs is read from it again.
    pub file: Option<PathBuf>,
    pub server: Server,
    pub data: Data,
    pub limits: Limits,
    pub memory: Memory,
    pub retention: Retention,
    pub metrics: Metrics,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub http: String,
    pub otlp_grpc: String,
    pub otlp_http: String,
    pub tls: Option<TlsFiles>,
    pub users: Vec<(String, SecretSource)>,
    pub tokens: Vec<SecretSource>,
    pub cors: Cors,
    pub without_tenant: WithoutTenant,
    pub bounds: ServeBounds,
    pub drain_timeout: Span,
    /// Doors that change data are open.
    pub admin_api: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            http: "127.0.0.1:9090".into(),
            otlp_grpc: "127.0.0.1:4317".into(),
            otlp_http: "127.0.0.1:4318".into(),
            tls: None,
            users: Vec::new(),
            tokens: Vec::new(),
            cors: Cors::default(),
            without_tenant: WithoutTenant::Anonymous,
            bounds: ServeBounds::default(),
            drain_timeout: Span::secs(30),
            admin_api: false,
        }
    }
}

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    pub client_ca_file: Option<PathBuf>,
}

/// Where a secret comes from; never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Env(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    pub dir: PathBuf,
    pub durability: Durability,
    /// Where files go instead of the directory; the journal stays there.
    pub bucket: Option<Bucket>,
}

/// A bucket or a folder in one. Credentials come from the environment, as the providers' own tools have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub url: String,
    pub endpoint: Option<String>,
    pub region: Option<String>,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "data".into(), durability: Durability::Fsync, bucket: None }
    }
}

/// What is kept of each signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    pub metrics: Keep,
    pub logs: Keep,
    pub traces: Keep,
    pub profiles: Keep,
}

/// Zero: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    pub age: Span,
    pub size: ByteSize,
}

impl Retention {
    pub fn of(&self, signal: Signal) -> Keep {
        match signal {
            Signal::Metrics => self.metrics,
            Signal::Logs => self.logs,
            Signal::Traces => self.traces,
            Signal::Profiles => self.profiles,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    pub otlp: OtlpBounds,
    pub push_body: ByteSize,
    pub queries: QueryBounds,
    /// Zero: no limit.
    pub tenant_rate: ByteSize,
    pub tenant_burst: ByteSize,
    pub queue_batches: usize,
    pub queue_bytes: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        let queue = pipeline::QueueBounds::default();
        Self {
            otlp: OtlpBounds::default(),
            push_body: ByteSize::mib(20),
            queries: QueryBounds::default(),
            tenant_rate: ByteSize(0),
            tenant_burst: ByteSize::mib(32),
            queue_batches: queue.batches_max,
            queue_bytes: ByteSize(queue.bytes_max as u64),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    pub budget: ByteSize,
}

impl Default for Memory {
    fn default() -> Self {
        Self { budget: ByteSize::mib(384) }
    }
}

/// What the metrics store takes, and how OTLP becomes series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    pub out_of_order_time_window: Span,
    pub future_bound: Span,
    pub names: NameScheme,
    pub limits: TenantLimits,
    /// Zero: no line.
    pub memory_soft_limit: ByteSize,
    pub memory_hard_limit: ByteSize,
    pub retention_rules: Vec<RetentionRule>,
    pub otlp: OtlpConfig,
}

impl Default for Metrics {
    fn default() -> Self {
        let span = |duration: std::time::Duration| Span::ms(duration.as_millis() as u64);
        Self {
            out_of_order_time_window: span(metrics::Config::OUT_OF_ORDER_WINDOW),
            future_bound: span(metrics::Config::FUTURE_BOUND),
            names: NameScheme::default(),
            limits: TenantLimits::default(),
            memory_soft_limit: ByteSize(0),
            memory_hard_limit: ByteSize(0),
            retention_rules: Vec::new(),
            otlp: OtlpConfig::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}
