//! Model to protobuf, all four signals. Used where telemetry is born here (generators, conversions, exporters), never to pass a body on.

use model::attributes::EntityRef;
use model::metric::{
    Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, Number, NumberPoint,
    SummaryPoint, Temporality,
};
use model::profile::{
    Function, KeyValueAndUnit, Line, Location, Mapping, Profile, ProfileLink, ProfileSample, Profiles,
    ProfilesDictionary, ValueType,
};
use model::span::{SpanEvent, SpanLink, Status};
use model::{AnyValue, KeyValue, LogRecord, Metric, Resource, ResourceGroup, Scope, Span, SpanId, TraceId};

use crate::proto::Writer;

/// Writes the fields of a message.
pub trait Encode {
    fn encode(&self, writer: &mut Writer<'_>);
}

/// `Export{Logs,Trace,Metrics}ServiceRequest` (and `LogsData`, `TracesData`, `MetricsData`: they are alike).
pub fn encode_request<T: Encode>(resources: &[ResourceGroup<T>]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_all(&mut Writer::new(&mut out), 1, resources);
    out
}

/// `ExportProfilesServiceRequest` (and `ProfilesData`).
pub fn encode_profiles(profiles: &Profiles) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    encode_all(&mut writer, 1, &profiles.resources);
    if profiles.dictionary != ProfilesDictionary::default() {
        writer.message(2, |nested| profiles.dictionary.encode(nested));
    }
    out
}

/// One message's bytes.
pub fn encode<T: Encode>(message: &T) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut Writer::new(&mut out));
    out
}

fn encode_all<T: Encode>(writer: &mut Writer<'_>, number: u32, messages: &[T]) {
    for message in messages {
        writer.message(number, |nested| message.encode(nested));
    }
}

fn strings(writer: &mut Writer<'_>, number: u32, strings: &[String]) {
    strings.iter().for_each(|text| writer.always_bytes(number, text.as_bytes()));
}

fn indices(writer: &mut Writer<'_>, number: u32, indices: &[i32]) {
    writer.packed_varint(number, indices.iter().map(|index| i64::from(*index) as u64));
}

fn trace_id(writer: &mut Writer<'_>, number: u32, id: TraceId) {
    if !id.is_zero() {
        writer.always_bytes(number, &id.0);
    }
}

fn span_id(writer: &mut Writer<'_>, number: u32, id: SpanId) {
    if !id.is_zero() {
        writer.always_bytes(number, &id.0);
    }
}

fn optional(writer: &mut Writer<'_>, number: u32, value: Option<f64>) {
    if let Some(value) = value {
        writer.always_double(number, value);
    }
}

fn number(writer: &mut Writer<'_>, as_double: u32, as_int: u32, value: Option<Number>) {
    match value {
        Some(Number::Double(value)) => writer.always_double(as_double, value),
        Some(Number::Int(value)) => writer.always_fixed64(as_int, value as u64),
        None => (),
    }
}

impl Encode for AnyValue {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Empty => (),
            Self::String(text) => writer.always_bytes(1, text.as_bytes()),
            Self::Bool(value) => writer.always_varint(2, u64::from(*value)),
            Self::Int(value) => writer.always_varint(3, *value as u64),
            Self::Double(value) => writer.always_double(4, *value),
            Self::Array(values) => writer.message(5, |array| encode_all(array, 1, values)),
            Self::Map(entries) => writer.message(6, |list| encode_all(list, 1, entries)),
            Self::Bytes(bytes) => writer.always_bytes(7, bytes),
            Self::StringIndex(index) => writer.always_varint(8, i64::from(*index) as u64),
        }
    }
}

impl Encode for KeyValue {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(1, &self.key);
        if self.value != AnyValue::Empty {
            writer.message(2, |value| self.value.encode(value));
        }
        writer.int(3, i64::from(self.key_strindex));
    }
}

impl Encode for Resource {
    fn encode(&self, writer: &mut Writer<'_>) {
        encode_all(writer, 1, &self.attributes);
        writer.varint(2, u64::from(self.dropped_attributes_count));
        encode_all(writer, 3, &self.entity_refs);
    }
}

impl Encode for EntityRef {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(1, &self.schema_url);
        writer.string(2, &self.kind);
        strings(writer, 3, &self.id_keys);
        strings(writer, 4, &self.description_keys);
    }
}

impl Encode for Scope {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(1, &self.name);
        writer.string(2, &self.version);
        encode_all(writer, 3, &self.attributes);
        writer.varint(4, u64::from(self.dropped_attributes_count));
    }
}

impl<T: Encode> Encode for ResourceGroup<T> {
    fn encode(&self, writer: &mut Writer<'_>) {
        if self.resource != Resource::default() {
            writer.message(1, |resource| self.resource.encode(resource));
        }
        for group in &self.scopes {
            writer.message(2, |nested| {
                if group.scope != Scope::default() {
                    nested.message(1, |scope| group.scope.encode(scope));
                }
                encode_all(nested, 2, &group.items);
                nested.string(3, &group.schema_url);
            });
        }
        writer.string(3, &self.schema_url);
    }
}

impl Encode for LogRecord {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(1, self.time_unix_nano);
        writer.int(2, i64::from(self.severity_number));
        writer.string(3, &self.severity_text);
        if self.body != AnyValue::Empty {
            writer.message(5, |body| self.body.encode(body));
        }
        encode_all(writer, 6, &self.attributes);
        writer.varint(7, u64::from(self.dropped_attributes_count));
        writer.fixed32(8, self.flags);
        trace_id(writer, 9, self.trace_id);
        span_id(writer, 10, self.span_id);
        writer.fixed64(11, self.observed_time_unix_nano);
        writer.string(12, &self.event_name);
    }
}

impl Encode for Span {
    fn encode(&self, writer: &mut Writer<'_>) {
        trace_id(writer, 1, self.trace_id);
        span_id(writer, 2, self.span_id);
        writer.string(3, &self.trace_state);
        span_id(writer, 4, self.parent_span_id);
        writer.string(5, &self.name);
        writer.int(6, self.kind as i64);
        writer.fixed64(7, self.start_time_unix_nano);
        writer.fixed64(8, self.end_time_unix_nano);
        encode_all(writer, 9, &self.attributes);
        writer.varint(10, u64::from(self.dropped_attributes_count));
        encode_all(writer, 11, &self.events);
        writer.varint(12, u64::from(self.dropped_events_count));
        encode_all(writer, 13, &self.links);
        writer.varint(14, u64::from(self.dropped_links_count));
        if self.status != Status::default() {
            writer.message(15, |status| {
                status.string(2, &self.status.message);
                status.int(3, self.status.code as i64);
            });
        }
        writer.fixed32(16, self.flags);
    }
}

impl Encode for SpanEvent {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(1, self.time_unix_nano);
        writer.string(2, &self.name);
        encode_all(writer, 3, &self.attributes);
        writer.varint(4, u64::from(self.dropped_attributes_count));
    }
}

impl Encode for SpanLink {
    fn encode(&self, writer: &mut Writer<'_>) {
        trace_id(writer, 1, self.trace_id);
        span_id(writer, 2, self.span_id);
        writer.string(3, &self.trace_state);
        encode_all(writer, 4, &self.attributes);
        writer.varint(5, u64::from(self.dropped_attributes_count));
        writer.fixed32(6, self.flags);
    }
}

impl Encode for Metric {
    fn encode(&self, writer: &mut Writer<'_>) {
        fn points<T: Encode>(writer: &mut Writer<'_>, points: &[T], temporality: Temporality) {
            encode_all(writer, 1, points);
            writer.int(2, temporality as i64);
        }
        writer.string(1, &self.name);
        writer.string(2, &self.description);
        writer.string(3, &self.unit);
        match &self.data {
            MetricData::Empty => (),
            MetricData::Gauge(points) => writer.message(5, |gauge| encode_all(gauge, 1, points)),
            MetricData::Sum { points: data, temporality, is_monotonic } => writer.message(7, |sum| {
                points(sum, data, *temporality);
                sum.bool(3, *is_monotonic);
            }),
            MetricData::Histogram { points: data, temporality } => {
                writer.message(9, |histogram| points(histogram, data, *temporality));
            }
            MetricData::ExponentialHistogram { points: data, temporality } => {
                writer.message(10, |histogram| points(histogram, data, *temporality));
            }
            MetricData::Summary(points) => writer.message(11, |summary| encode_all(summary, 1, points)),
        }
        encode_all(writer, 12, &self.metadata);
    }
}

impl Encode for NumberPoint {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(2, self.start_time_unix_nano);
        writer.fixed64(3, self.time_unix_nano);
        number(writer, 4, 6, self.value);
        encode_all(writer, 5, &self.exemplars);
        encode_all(writer, 7, &self.attributes);
        writer.varint(8, u64::from(self.flags));
    }
}

impl Encode for HistogramPoint {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(2, self.start_time_unix_nano);
        writer.fixed64(3, self.time_unix_nano);
        writer.fixed64(4, self.count);
        optional(writer, 5, self.sum);
        writer.packed_fixed64(6, self.bucket_counts.iter().copied());
        writer.packed_double(7, &self.explicit_bounds);
        encode_all(writer, 8, &self.exemplars);
        encode_all(writer, 9, &self.attributes);
        writer.varint(10, u64::from(self.flags));
        optional(writer, 11, self.min);
        optional(writer, 12, self.max);
    }
}

impl Encode for ExponentialHistogramPoint {
    fn encode(&self, writer: &mut Writer<'_>) {
        encode_all(writer, 1, &self.attributes);
        writer.fixed64(2, self.start_time_unix_nano);
        writer.fixed64(3, self.time_unix_nano);
        writer.fixed64(4, self.count);
        optional(writer, 5, self.sum);
        writer.sint(6, i64::from(self.scale));
        writer.fixed64(7, self.zero_count);
        for (number, buckets) in [(8, &self.positive), (9, &self.negative)] {
            if *buckets != ExponentialBuckets::default() {
                writer.message(number, |nested| {
                    nested.sint(1, i64::from(buckets.offset));
                    nested.packed_varint(2, buckets.bucket_counts.iter().copied());
                });
            }
        }
        writer.varint(10, u64::from(self.flags));
        encode_all(writer, 11, &self.exemplars);
        optional(writer, 12, self.min);
        optional(writer, 13, self.max);
        writer.double(14, self.zero_threshold);
    }
}

impl Encode for SummaryPoint {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(2, self.start_time_unix_nano);
        writer.fixed64(3, self.time_unix_nano);
        writer.fixed64(4, self.count);
        writer.double(5, self.sum);
        for (quantile, value) in &self.quantile_values {
            writer.message(6, |nested| {
                nested.double(1, *quantile);
                nested.double(2, *value);
            });
        }
        encode_all(writer, 7, &self.attributes);
        writer.varint(8, u64::from(self.flags));
    }
}

impl Encode for Exemplar {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.fixed64(2, self.time_unix_nano);
        number(writer, 3, 6, self.value);
        span_id(writer, 4, self.span_id);
        trace_id(writer, 5, self.trace_id);
        encode_all(writer, 7, &self.filtered_attributes);
    }
}

impl Encode for ProfilesDictionary {
    fn encode(&self, writer: &mut Writer<'_>) {
        encode_all(writer, 1, &self.mappings);
        encode_all(writer, 2, &self.locations);
        encode_all(writer, 3, &self.functions);
        encode_all(writer, 4, &self.links);
        strings(writer, 5, &self.strings);
        encode_all(writer, 6, &self.attributes);
        for stack in &self.stacks {
            writer.message(7, |nested| indices(nested, 1, stack));
        }
    }
}

impl Encode for ValueType {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.type_strindex));
        writer.int(2, i64::from(self.unit_strindex));
    }
}

impl Encode for Profile {
    fn encode(&self, writer: &mut Writer<'_>) {
        for (number, kind) in [(1, self.sample_type), (5, self.period_type)] {
            if kind != ValueType::default() {
                writer.message(number, |nested| kind.encode(nested));
            }
        }
        encode_all(writer, 2, &self.samples);
        writer.fixed64(3, self.time_unix_nano);
        writer.varint(4, self.duration_nano);
        writer.int(6, self.period);
        if self.profile_id != [0; 16] {
            writer.always_bytes(7, &self.profile_id);
        }
        writer.varint(8, u64::from(self.dropped_attributes_count));
        writer.string(9, &self.original_payload_format);
        writer.bytes(10, &self.original_payload);
        indices(writer, 11, &self.attribute_indices);
    }
}

impl Encode for ProfileSample {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.stack_index));
        indices(writer, 2, &self.attribute_indices);
        writer.int(3, i64::from(self.link_index));
        writer.packed_varint(4, self.values.iter().map(|value| *value as u64));
        writer.packed_fixed64(5, self.timestamps_unix_nano.iter().copied());
    }
}

impl Encode for Mapping {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.varint(1, self.memory_start);
        writer.varint(2, self.memory_limit);
        writer.varint(3, self.file_offset);
        writer.int(4, i64::from(self.filename_strindex));
        indices(writer, 5, &self.attribute_indices);
    }
}

impl Encode for Location {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.mapping_index));
        writer.varint(2, self.address);
        encode_all(writer, 3, &self.lines);
        indices(writer, 4, &self.attribute_indices);
    }
}

impl Encode for Line {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.function_index));
        writer.int(2, self.line);
        writer.int(3, self.column);
    }
}

impl Encode for Function {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.name_strindex));
        writer.int(2, i64::from(self.system_name_strindex));
        writer.int(3, i64::from(self.filename_strindex));
        writer.int(4, self.start_line);
    }
}

impl Encode for ProfileLink {
    fn encode(&self, writer: &mut Writer<'_>) {
        trace_id(writer, 1, self.trace_id);
        span_id(writer, 2, self.span_id);
    }
}

impl Encode for KeyValueAndUnit {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.int(1, i64::from(self.key_strindex));
        if self.value != AnyValue::Empty {
            writer.message(2, |value| self.value.encode(value));
        }
        writer.int(3, i64::from(self.unit_strindex));
    }
}
