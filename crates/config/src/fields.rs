//! The table of fields: every path of `oriel.yaml` with what it takes, what it does and its default.
//!
//! The one place that a new setting is added to; reading, errors, suggestions and the reference page follow from it.

use std::time::Duration;

use limits::{ByteSize, Span};
use receivers::tenant::WithoutTenant;
use telemetry::logs::LogFormat;

use metrics::config::{NameScheme, TranslationStrategy};
use store::journal::Durability;
use yaml::Node;

use crate::settings::{Bucket, Settings, TlsFiles};
use crate::values::{
    Wrong, address, choice, count, count_or_none, flag, owned, path, retention_rules, secrets, size, span,
    texts, users,
};

pub struct Field {
    /// `server.http`
    pub path: &'static str,
    /// What is written there, for people.
    pub takes: &'static str,
    pub help: &'static str,
    pub set: fn(&mut Settings, &Node) -> Result<(), Wrong>,
    /// The value in the settings, as it would be written.
    pub show: fn(&Settings) -> String,
}

/// Sections with the sentence that opens them on the reference page.
pub const SECTIONS: &[(&str, &str)] = &[
    ("server", "Where Oriel listens, and who may come in."),
    ("data", "Where everything is that must survive."),
    ("limits", "What one request, one query and one tenant may use."),
    ("memory", "What all of them may use together."),
    ("retention", "How long and how much is kept, by signal. `0s` and `0B` keep everything."),
    ("metrics", "What the metrics store takes, and how OTLP becomes series."),
    ("log", "What Oriel says of itself on standard error."),
];

const ADDRESS: &str = "address";
const SIZE: &str = "size";
const DURATION: &str = "duration";
const COUNT: &str = "number";

macro_rules! field {
    ($path:literal, $takes:expr, $help:literal, |$settings:ident, $node:ident| $set:expr, |$shown:ident| $show:expr) => {
        Field {
            path: $path,
            takes: $takes,
            help: $help,
            set: |$settings, $node| {
                $set;
                Ok(())
            },
            show: |$shown| $show,
        }
    };
}

fn bucket(settings: &mut Settings) -> &mut Bucket {
    settings.data.bucket.get_or_insert_default()
}

fn tls(settings: &mut Settings) -> &mut TlsFiles {
    settings.server.tls.get_or_insert_default()
}

fn lines(texts: &[String]) -> String {
    if texts.is_empty() { "none".into() } else { texts.join(", ") }
}

fn shown_span(duration: Duration) -> String {
    Span::ms(duration.as_millis() as u64).to_string()
}

fn shown_size(bytes: usize) -> String {
    ByteSize(bytes as u64).to_string()
}

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const NAME_SCHEMES: &[(&str, NameScheme)] = &[("utf8", NameScheme::Utf8), ("legacy", NameScheme::Legacy)];
const DURABILITIES: &[(&str, Durability)] = &[("fsync", Durability::Fsync), ("os", Durability::Os)];

fn name_of<T: PartialEq>(known: &[(&str, T)], value: T) -> String {
    let found = known.iter().find(|(_, have)| *have == value);
    found.map_or_else(String::new, |(name, _)| (*name).to_owned())
}

pub static FIELDS: &[Field] = &[
    field!(
        "server.http",
        ADDRESS,
        "The user interface and all query APIs. Port 0 picks a free one. Flag: `--http`.",
        |s, n| s.server.http = address(n)?,
        |s| s.server.http.clone()
    ),
    field!(
        "server.otlp_grpc",
        ADDRESS,
        "OTLP over gRPC. Flag: `--otlp-grpc`.",
        |s, n| s.server.otlp_grpc = address(n)?,
        |s| s.server.otlp_grpc.clone()
    ),
    field!(
        "server.otlp_http",
        ADDRESS,
        "OTLP over HTTP. Flag: `--otlp-http`.",
        |s, n| s.server.otlp_http = address(n)?,
        |s| s.server.otlp_http.clone()
    ),
    field!(
        "server.tls.cert_file",
        "file",
        "Certificate chain in PEM. With it, all three addresses speak TLS only.",
        |s, n| tls(s).cert_file = path(n)?,
        |_s| "none".into()
    ),
    field!("server.tls.key_file", "file", "Private key in PEM.", |s, n| tls(s).key_file = path(n)?, |_s| {
        "none".into()
    }),
    field!(
        "server.tls.client_ca_file",
        "file",
        "Clients must show a certificate that one of these authorities has signed.",
        |s, n| tls(s).client_ca_file = Some(path(n)?),
        |_s| "none".into()
    ),
    field!(
        "server.auth.users",
        "map of name to secret",
        "Users of basic authentication: `ann: { file: /etc/oriel/ann }`.",
        |s, n| s.server.users = users(n)?,
        |_s| "none".into()
    ),
    field!(
        "server.auth.tokens",
        "list of secrets",
        "Tokens of bearer authentication: `- { env: ORIEL_TOKEN }`.",
        |s, n| s.server.tokens = secrets(n)?,
        |_s| "none".into()
    ),
    field!(
        "server.cors.allowed_origins",
        "list",
        "Origins whose browsers may send OTLP over HTTP; `*` in one stands for anything.",
        |s, n| s.server.cors.allowed_origins = texts(n)?,
        |s| lines(&s.server.cors.allowed_origins)
    ),
    field!(
        "server.cors.allowed_headers",
        "list",
        "Headers that such requests may have, beyond the usual ones.",
        |s, n| s.server.cors.allowed_headers = texts(n)?,
        |s| lines(&s.server.cors.allowed_headers)
    ),
    field!(
        "server.cors.exposed_headers",
        "list",
        "Headers of answers that pages may read.",
        |s, n| s.server.cors.exposed_headers = texts(n)?,
        |s| lines(&s.server.cors.exposed_headers)
    ),
    field!(
        "server.cors.max_age",
        DURATION,
        "How long a browser may remember the answer.",
        |s, n| s.server.cors.max_age = Some(span(n)?.duration()),
        |_s| "none".into()
    ),
    field!(
        "server.tenant_required",
        "true or false",
        "Refuse requests without `X-Scope-OrgID` instead of taking them as `anonymous`.",
        |s, n| s.server.without_tenant =
            if flag(n)? { WithoutTenant::Refuse } else { WithoutTenant::Anonymous },
        |s| (s.server.without_tenant == WithoutTenant::Refuse).to_string()
    ),
    field!(
        "server.admin_api",
        "true or false",
        "Open the doors that change data: `/api/v1/admin/tsdb/delete_series`.",
        |s, n| s.server.admin_api = flag(n)?,
        |s| s.server.admin_api.to_string()
    ),
    field!(
        "server.connections_max",
        COUNT,
        "Open connections per address; more wait.",
        |s, n| s.server.bounds.connections_max = count(n)?,
        |s| s.server.bounds.connections_max.to_string()
    ),
    field!(
        "server.header_timeout",
        DURATION,
        "A connection that sends no request for so long is closed.",
        |s, n| s.server.bounds.header_timeout = span(n)?.duration(),
        |s| shown_span(s.server.bounds.header_timeout)
    ),
    field!(
        "server.drain_timeout",
        DURATION,
        "At the end, requests that are under way have so long to finish.",
        |s, n| s.server.drain_timeout = span(n)?,
        |s| s.server.drain_timeout.to_string()
    ),
    field!(
        "data.dir",
        "directory",
        "Made if it is not there. Flag: `--data`.",
        |s, n| s.data.dir = path(n)?,
        |s| s.data.dir.display().to_string()
    ),
    field!(
        "limits.otlp_http_body",
        SIZE,
        "Body of an OTLP/HTTP request, as sent and after decompression.",
        |s, n| s.limits.otlp.http_body_bytes_max = size(n)?.len(),
        |s| shown_size(s.limits.otlp.http_body_bytes_max)
    ),
    field!(
        "limits.otlp_grpc_message",
        SIZE,
        "Message of an OTLP/gRPC request, as sent and after decompression.",
        |s, n| s.limits.otlp.grpc_message_bytes_max = size(n)?.len(),
        |s| shown_size(s.limits.otlp.grpc_message_bytes_max)
    ),
    field!(
        "limits.push_body",
        SIZE,
        "Body of a push in another format (remote write, Loki, Pyroscope).",
        |s, n| s.limits.push_body = size(n)?,
        |s| s.limits.push_body.to_string()
    ),
    field!(
        "limits.queue_batches",
        COUNT,
        "Batches that may wait or be worked on, per signal.",
        |s, n| s.limits.queue_batches = count(n)?,
        |s| s.limits.queue_batches.to_string()
    ),
    field!(
        "limits.queue_bytes",
        SIZE,
        "Bytes of those batches.",
        |s, n| s.limits.queue_bytes = size(n)?,
        |s| s.limits.queue_bytes.to_string()
    ),
    field!(
        "limits.tenant_rate",
        SIZE,
        "Bytes a second that one tenant may send; `0B` for any rate.",
        |s, n| s.limits.tenant_rate = size(n)?,
        |s| s.limits.tenant_rate.to_string()
    ),
    field!(
        "limits.tenant_burst",
        SIZE,
        "Bytes that it may send at once.",
        |s, n| s.limits.tenant_burst = size(n)?,
        |s| s.limits.tenant_burst.to_string()
    ),
    field!(
        "limits.query_concurrency",
        COUNT,
        "Queries that run at one time.",
        |s, n| s.limits.queries.concurrency = count(n)?,
        |s| s.limits.queries.concurrency.to_string()
    ),
    field!(
        "limits.query_waiting",
        COUNT,
        "Queries that may wait for their turn; more are refused.",
        |s, n| s.limits.queries.waiting_max = count(n)?,
        |s| s.limits.queries.waiting_max.to_string()
    ),
    field!(
        "limits.query_timeout",
        DURATION,
        "From the arrival of a query to its answer.",
        |s, n| s.limits.queries.timeout = span(n)?.duration(),
        |s| shown_span(s.limits.queries.timeout)
    ),
    field!(
        "limits.query_bytes",
        SIZE,
        "Bytes that one query may read.",
        |s, n| s.limits.queries.bytes_max = size(n)?.0,
        |s| ByteSize(s.limits.queries.bytes_max).to_string()
    ),
    field!(
        "memory.budget",
        SIZE,
        "Requests under way and fresh data that is not in files yet; beyond it, senders are told to come back.",
        |s, n| s.memory.budget = size(n)?,
        |s| s.memory.budget.to_string()
    ),
    field!(
        "retention.metrics.age",
        DURATION,
        "Metrics older than this go.",
        |s, n| s.retention.metrics.age = span(n)?,
        |s| s.retention.metrics.age.to_string()
    ),
    field!(
        "retention.metrics.size",
        SIZE,
        "The oldest metrics go when their files take more.",
        |s, n| s.retention.metrics.size = size(n)?,
        |s| s.retention.metrics.size.to_string()
    ),
    field!(
        "retention.logs.age",
        DURATION,
        "Logs older than this go.",
        |s, n| s.retention.logs.age = span(n)?,
        |s| s.retention.logs.age.to_string()
    ),
    field!(
        "retention.logs.size",
        SIZE,
        "The oldest logs go when their files take more.",
        |s, n| s.retention.logs.size = size(n)?,
        |s| s.retention.logs.size.to_string()
    ),
    field!(
        "retention.traces.age",
        DURATION,
        "Traces older than this go.",
        |s, n| s.retention.traces.age = span(n)?,
        |s| s.retention.traces.age.to_string()
    ),
    field!(
        "retention.traces.size",
        SIZE,
        "The oldest traces go when their files take more.",
        |s, n| s.retention.traces.size = size(n)?,
        |s| s.retention.traces.size.to_string()
    ),
    field!(
        "retention.profiles.age",
        DURATION,
        "Profiles older than this go.",
        |s, n| s.retention.profiles.age = span(n)?,
        |s| s.retention.profiles.age.to_string()
    ),
    field!(
        "retention.profiles.size",
        SIZE,
        "The oldest profiles go when their files take more.",
        |s, n| s.retention.profiles.size = size(n)?,
        |s| s.retention.profiles.size.to_string()
    ),
    field!(
        "metrics.out_of_order_time_window",
        DURATION,
        "How far before the latest sample of its series a sample may be. `0s`: not at all.",
        |s, n| s.metrics.out_of_order_time_window = span(n)?,
        |s| s.metrics.out_of_order_time_window.to_string()
    ),
    field!(
        "metrics.future_bound",
        DURATION,
        "How far after its receipt a sample may be.",
        |s, n| s.metrics.future_bound = span(n)?,
        |s| s.metrics.future_bound.to_string()
    ),
    field!(
        "metrics.name_validation_scheme",
        "utf8 or legacy",
        "Which names of metrics and labels are legal.",
        |s, n| s.metrics.names = choice(n, NAME_SCHEMES)?,
        |s| name_of(NAME_SCHEMES, s.metrics.names)
    ),
    field!(
        "metrics.max_active_series",
        COUNT,
        "Active series of one tenant; further new ones are refused. `0`: no limit.",
        |s, n| s.metrics.limits.max_active_series = count_or_none(n)?,
        |s| s.metrics.limits.max_active_series.to_string()
    ),
    field!(
        "metrics.max_label_names_per_series",
        COUNT,
        "Labels of one series.",
        |s, n| s.metrics.limits.max_label_names_per_series = count(n)?,
        |s| s.metrics.limits.max_label_names_per_series.to_string()
    ),
    field!(
        "metrics.max_label_name_length",
        COUNT,
        "Bytes of a label's name.",
        |s, n| s.metrics.limits.max_label_name_length = count(n)?,
        |s| s.metrics.limits.max_label_name_length.to_string()
    ),
    field!(
        "metrics.max_label_value_length",
        COUNT,
        "Bytes of a label's value.",
        |s, n| s.metrics.limits.max_label_value_length = count(n)?,
        |s| s.metrics.limits.max_label_value_length.to_string()
    ),
    field!(
        "metrics.memory_soft_limit",
        SIZE,
        "Heads and index above this: new series are refused, known ones go on. `0B`: no line.",
        |s, n| s.metrics.memory_soft_limit = size(n)?,
        |s| s.metrics.memory_soft_limit.to_string()
    ),
    field!(
        "metrics.memory_hard_limit",
        SIZE,
        "Heads and index above this: all metrics are refused until heads are cut. `0B`: no line.",
        |s, n| s.metrics.memory_hard_limit = size(n)?,
        |s| s.metrics.memory_hard_limit.to_string()
    ),
    field!(
        "metrics.retention_rules",
        "list of rules",
        "Series kept for a shorter time than the rest: `- { match: '{env=\"test\"}', time: 7d }`. The shortest of those that match holds.",
        |s, n| s.metrics.retention_rules = retention_rules(n)?,
        |_s| "none".into()
    ),
    field!(
        "metrics.otlp.translation_strategy",
        "strategy",
        "How names become Prometheus names: `UnderscoreEscapingWithSuffixes`, `NoUTF8EscapingWithSuffixes`, `UnderscoreEscapingWithoutSuffixes` or `NoTranslation`.",
        |s, n| s.metrics.otlp.translation_strategy = choice(n, &TranslationStrategy::NAMES)?,
        |s| name_of(&TranslationStrategy::NAMES, s.metrics.otlp.translation_strategy)
    ),
    field!(
        "metrics.otlp.promote_resource_attributes",
        "list",
        "Resource attributes that become labels of every series.",
        |s, n| s.metrics.otlp.promote_resource_attributes = texts(n)?,
        |s| lines(&s.metrics.otlp.promote_resource_attributes)
    ),
    field!(
        "metrics.otlp.promote_all_resource_attributes",
        "true or false",
        "All resource attributes become labels.",
        |s, n| s.metrics.otlp.promote_all_resource_attributes = flag(n)?,
        |s| s.metrics.otlp.promote_all_resource_attributes.to_string()
    ),
    field!(
        "metrics.otlp.keep_identifying_resource_attributes",
        "true or false",
        "`service.name`, `service.namespace` and `service.instance.id` stay on `target_info`.",
        |s, n| s.metrics.otlp.keep_identifying_resource_attributes = flag(n)?,
        |s| s.metrics.otlp.keep_identifying_resource_attributes.to_string()
    ),
    field!(
        "metrics.otlp.convert_histograms_to_nhcb",
        "true or false",
        "Explicit histograms become native ones with custom buckets.",
        |s, n| s.metrics.otlp.convert_histograms_to_nhcb = flag(n)?,
        |s| s.metrics.otlp.convert_histograms_to_nhcb.to_string()
    ),
    field!(
        "metrics.otlp.promote_scope_metadata",
        "true or false",
        "Name, version, schema and attributes of the scope become labels.",
        |s, n| s.metrics.otlp.promote_scope_metadata = flag(n)?,
        |s| s.metrics.otlp.promote_scope_metadata.to_string()
    ),
    field!(
        "metrics.otlp.label_name_underscore_sanitization",
        "true or false",
        "Names that begin with one underscore get the prefix `key`.",
        |s, n| s.metrics.otlp.label_name_underscore_sanitization = flag(n)?,
        |s| s.metrics.otlp.label_name_underscore_sanitization.to_string()
    ),
    field!(
        "metrics.otlp.label_name_preserve_multiple_underscores",
        "true or false",
        "Several underscores in a row stay.",
        |s, n| s.metrics.otlp.label_name_preserve_multiple_underscores = flag(n)?,
        |s| s.metrics.otlp.label_name_preserve_multiple_underscores.to_string()
    ),
    field!(
        "metrics.otlp.ignore_resource_attributes",
        "list",
        "Those that do not, when all are promoted.",
        |s, n| s.metrics.otlp.ignore_resource_attributes = texts(n)?,
        |s| lines(&s.metrics.otlp.ignore_resource_attributes)
    ),
    field!(
        "log.level",
        "filter",
        "`error`, `warn`, `info`, `debug`, or directives like `info,store=debug`. Flag: `--log-level`.",
        |s, n| s.log.level = owned(n)?,
        |s| s.log.level.clone()
    ),
    field!(
        "log.format",
        "text or json",
        "Words for people, or one JSON object a line.",
        |s, n| s.log.format = choice(n, LOG_FORMATS)?,
        |s| name_of(LOG_FORMATS, s.log.format)
    ),
    field!(
        "data.durability",
        "fsync or os",
        "When a batch counts as durable: after `fsync` (the default, and what acknowledgement means), or when the operating system has it (for comparison only: a power loss loses acknowledged data).",
        |s, n| s.data.durability = choice(n, DURABILITIES)?,
        |s| name_of(DURABILITIES, s.data.durability)
    ),
    field!(
        "data.bucket.url",
        "URL",
        "Blocks and catalog go to this bucket or folder in one: `s3://`, `gs://` or `az://`. The journal stays in the directory. Credentials come from the environment (`AWS_ACCESS_KEY_ID`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY`, ...). One process at a time may have a folder.",
        |s, n| bucket(s).url = owned(n)?,
        |_s| "none".into()
    ),
    field!(
        "data.bucket.endpoint",
        "URL",
        "Where the bucket is, if not at the provider's usual place: MinIO, Ceph, SeaweedFS. `http://` is taken as it is written.",
        |s, n| bucket(s).endpoint = Some(owned(n)?),
        |_s| "none".into()
    ),
    field!(
        "data.bucket.region",
        "text",
        "Region of an S3 bucket.",
        |s, n| bucket(s).region = Some(owned(n)?),
        |_s| "none".into()
    ),
];
