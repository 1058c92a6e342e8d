//! From a request body to a [`Batch`]: one walk over the bytes, limits applied, origins looked up by their raw bytes.
//!
//! Live, a body is first proved against its schema and entries over a limit are refused one by one; the journal then gets a body without them
//! ([`strip`]), so that replay, which checks nothing, brings back exactly what was accepted. Not here: protobuf itself (`wire`).

mod loki;
mod origins;
mod otlp;
mod strip;

use bytes::Bytes;
use model::{Format, TenantId};
use wire::proto::Fault;

use crate::batch::{Batch, Group, RecordKind, Row};
use crate::checks::{Checks, Refusals};
pub(crate) use origins::Origins;

/// A body with what became of its entries.
pub(crate) struct Parsed {
    pub(crate) batch: Batch,
    pub(crate) refusals: Refusals,
}

/// Parses `body`. Without `checks`, everything that parses is taken.
pub(crate) fn parse(
    tenant: &TenantId,
    format: Format,
    body: Bytes,
    received_at_ms: i64,
    origins: &Origins,
    checks: Option<&Checks<'_>>,
) -> Result<Parsed, String> {
    if u32::try_from(body.len()).is_err() {
        return Err(format!("log request of {} bytes is too large: send less at once", body.len()));
    }
    let kind = match format {
        Format::OtlpProto => RecordKind::Otlp,
        Format::LokiProto => RecordKind::Loki,
        other => return Err(format!("log store cannot read {other:?}: convert to OTLP or Loki protobuf")),
    };
    let batch = Batch {
        tenant: tenant.clone(),
        kind,
        body: body.clone(),
        rendered: Vec::new(),
        groups: Vec::new(),
        rows: Vec::new(),
    };
    let mut walk = Walk {
        body: &body,
        batch,
        refusals: Refusals::default(),
        received_ns: received_at_ms.saturating_mul(1_000_000),
        origins,
        checks,
    };
    match kind {
        RecordKind::Otlp => {
            if checks.is_some() {
                wire::otlp::logs::validate(&body).map_err(|error| error.to_string())?;
            }
            walk.otlp();
        }
        RecordKind::Loki => {
            if checks.is_some() {
                wire::loki::validate_push(&body).map_err(|error| error.to_string())?;
            }
            walk.loki().map_err(|fault: Fault| format!("malformed push request: {fault}"))?;
        }
    }
    Ok(Parsed { batch: walk.batch, refusals: walk.refusals })
}

/// The body without the entries that were refused.
pub(crate) fn strip(batch: &Batch) -> Bytes {
    strip::strip(batch)
}

struct Walk<'a> {
    body: &'a [u8],
    batch: Batch,
    refusals: Refusals,
    received_ns: i64,
    origins: &'a Origins,
    checks: Option<&'a Checks<'a>>,
}

impl Walk<'_> {
    /// Ends the group of rows from `start` on.
    fn close_group(&mut self, origin: std::sync::Arc<crate::origin::Origin>, start: usize) {
        let rows = &self.batch.rows[start..];
        let (min_ns, max_ns) = rows
            .iter()
            .fold((i64::MAX, i64::MIN), |(low, high), row: &Row| (low.min(row.ts_ns), high.max(row.ts_ns)));
        if !rows.is_empty() {
            let (start, end) = (start as u32, self.batch.rows.len() as u32);
            self.batch.groups.push(Group { origin, start, end, min_ns, max_ns });
        }
    }
}
