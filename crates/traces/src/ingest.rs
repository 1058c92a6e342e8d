//! An OTLP body -> a checked batch that points into it. Nothing is copied but ids and places; spans are decoded when a block is built.

use bytes::Bytes;
use model::{Compression, Format, Signal, SpanId, TenantId, TraceId};
use wire::otlp::TracesView;
use wire::otlp::trace::{ResourceSpansView, ScopeSpansView, SpanView};
use wire::proto::{View, Writer, range_within};

/// A record of the journal may not unpack to more than this.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// Where a message stands in the body. Bodies are shorter than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    len: u32,
}

impl Place {
    fn of(body: &[u8], part: &[u8]) -> Self {
        let range = range_within(body, part).unwrap_or(0..0);
        Self { start: range.start as u32, len: (range.end - range.start) as u32 }
    }

    fn get(self, body: &[u8]) -> &[u8] {
        &body[self.start as usize..(self.start + self.len) as usize]
    }
}

/// What the spans of one `ScopeSpans` have in common.
#[derive(Clone, Copy, Debug)]
struct Common {
    resource: Option<Place>,
    resource_schema: Place,
    scope: Option<Place>,
    scope_schema: Place,
}

/// A checked request of one tenant.
pub struct Prepared {
    pub(crate) tenant: TenantId,
    body: Bytes,
    commons: Vec<Common>,
    /// Of every span that was taken, in the order of the body.
    pub(crate) ids: Vec<TraceId>,
    spans: Vec<(Place, u32)>,
    /// Spans that were refused, and why the first was.
    pub(crate) rejected: u64,
    pub(crate) reject_message: String,
}

impl Prepared {
    /// Checks a decompressed `ExportTraceServiceRequest`. An error means that nothing of it can be taken.
    pub(crate) fn new(tenant: TenantId, body: Bytes) -> Result<Self, String> {
        if u32::try_from(body.len()).is_err() {
            return Err(format!("request of {} bytes is too large: send less than 4 GiB", body.len()));
        }
        TracesView::new(&body).map_err(|malformed| malformed.to_string())?;
        let mut prepared = Self {
            tenant,
            body: Bytes::new(),
            commons: Vec::new(),
            ids: Vec::new(),
            spans: Vec::new(),
            rejected: 0,
            reject_message: String::new(),
        };
        for resource_spans in TracesView::trusted(&body).resource_spans() {
            for scope_spans in resource_spans.scope_spans.iter() {
                prepared.scope_spans(&body, &resource_spans, &scope_spans);
            }
        }
        prepared.body = body;
        Ok(prepared)
    }

    fn scope_spans(&mut self, body: &[u8], resource: &ResourceSpansView<'_>, scope: &ScopeSpansView<'_>) {
        let common = self.commons.len() as u32;
        self.commons.push(Common {
            resource: resource.resource.bytes().map(|bytes| Place::of(body, bytes)),
            resource_schema: Place::of(body, resource.schema_url.as_bytes()),
            scope: scope.scope.bytes().map(|bytes| Place::of(body, bytes)),
            scope_schema: Place::of(body, scope.schema_url.as_bytes()),
        });
        for span in scope.spans.iter() {
            match check(&span) {
                Ok(id) => {
                    self.ids.push(id);
                    self.spans.push((Place::of(body, span.bytes()), common));
                }
                Err(reason) => {
                    self.rejected += 1;
                    if self.reject_message.is_empty() {
                        self.reject_message = reason;
                    }
                }
            }
        }
    }

    /// Reads what the journal holds: the same result as when it came.
    pub(crate) fn from_record(record: &ports::Record) -> Result<Self, String> {
        let body = match record.compression {
            Compression::None => record.payload.clone(),
            compression => {
                let mut plain = Vec::new();
                wire::compress::decompress(compression, &record.payload, RECORD_BYTES_MAX, &mut plain)
                    .map_err(|error| error.to_string())?;
                plain.into()
            }
        };
        Self::from_body(record.tenant.clone(), record.format, body)
    }

    /// Checks a decompressed body of any format that traces come in.
    pub(crate) fn from_body(tenant: TenantId, format: Format, body: Bytes) -> Result<Self, String> {
        match format {
            Format::OtlpProto => Self::new(tenant, body),
            Format::OtlpJson => {
                let body = wire::otlp::json::request_from_json(Signal::Traces, &body)
                    .map_err(|error| error.to_string())?;
                Self::new(tenant, body.into())
            }
            other => Err(format!("trace store cannot read {other:?}: send OTLP")),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Bytes that this holds in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + self.spans.len() * 28 + self.commons.len() * size_of::<Common>() + 128
    }

    pub(crate) fn span(&self, span: usize) -> SpanView<'_> {
        SpanView::read(self.spans[span].0.get(&self.body))
    }

    /// The `ScopeSpans` that a span came in, as a number below [`commons`](Self::commons).
    pub(crate) fn common_of(&self, span: usize) -> u32 {
        self.spans[span].1
    }

    pub(crate) fn commons(&self) -> usize {
        self.commons.len()
    }

    /// `ResourceSpans` and `ScopeSpans` without spans.
    pub(crate) fn common(&self, common: usize) -> (Vec<u8>, Vec<u8>) {
        let have = &self.commons[common];
        let shell = |message: Option<Place>, schema: Place| {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out);
            if let Some(place) = message {
                writer.always_bytes(1, place.get(&self.body));
            }
            writer.bytes(3, schema.get(&self.body));
            out
        };
        (shell(have.resource, have.resource_schema), shell(have.scope, have.scope_schema))
    }
}

/// The checks that a span must pass; texts are those that clients of Tempo know.
fn check(span: &SpanView<'_>) -> Result<TraceId, String> {
    let id = TraceId::from_bytes(span.trace_id_bytes).ok_or_else(|| {
        format!("trace ids must be 128 bit, received {} bits", span.trace_id_bytes.len() * 8)
    })?;
    let span_id = SpanId::from_bytes(span.span_id_bytes)
        .ok_or_else(|| format!("span ids must be 64 bit, received {} bits", span.span_id_bytes.len() * 8))?;
    if id.is_zero() {
        return Err("trace id is all zeros: a span must belong to a trace".into());
    }
    if span_id.is_zero() {
        return Err(format!("span id is all zeros in trace {id}: a span must have an id"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SpanSpec, request};

    #[test]
    fn bad_spans_are_refused_one_by_one_and_the_rest_is_taken() {
        let good = SpanSpec::new(7, 1, 0);
        let mut zero = good.clone();
        zero.trace_id = TraceId::default();
        let mut no_id = good.clone();
        no_id.span_id = SpanId::default();
        let body = request(&[zero, good, no_id]);
        let prepared = Prepared::new(TenantId::anonymous(), body.into()).unwrap();
        assert_eq!((prepared.len(), prepared.rejected), (1, 2));
        assert_eq!(prepared.reject_message, "trace id is all zeros: a span must belong to a trace");
    }

    #[test]
    fn a_body_that_is_no_request_is_refused_whole() {
        let bad = Prepared::new(TenantId::anonymous(), Bytes::from_static(&[0x0a, 0x7f, 1]));
        assert!(bad.err().unwrap().starts_with("malformed protobuf"));
    }

    #[test]
    fn a_truncated_body_never_panics() {
        let body = request(&[SpanSpec::new(1, 1, 0), SpanSpec::new(1, 2, 1)]);
        for len in 0..body.len() {
            drop(Prepared::new(TenantId::anonymous(), Bytes::copy_from_slice(&body[..len])));
        }
    }
}
