//! Telemetry made of the bytes that proptest rolls: shrinking the bytes shrinks the telemetry.

use model::attributes::EntityRef;
use model::metric::*;
use model::profile::*;
use model::span::{SpanEvent, SpanKind, SpanLink, Status, StatusCode};
use model::{
    AnyValue, KeyValue, LogRecord, Metric, Resource, ResourceGroup, Scope, ScopeGroup, Span, SpanId, TraceId,
};

pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn many<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % 4).map(|_| make(self)).collect()
    }

    pub fn number(&mut self) -> u64 {
        match self.byte() % 6 {
            0 => 0,
            1 => u64::from(self.byte()),
            2 => 1_700_000_000_000_000_000 + u64::from(self.byte()),
            3 => u64::MAX,
            4 => 1 << (self.byte() % 64),
            _ => i64::MIN as u64,
        }
    }

    pub fn index(&mut self) -> i32 {
        self.number() as i32
    }

    /// Never a NaN, so that equality is equality.
    pub fn double(&mut self) -> f64 {
        const SOME: [f64; 8] = [0.0, -0.0, 0.1, 637.704, 1e300, f64::INFINITY, f64::NEG_INFINITY, 5e-324];
        SOME[usize::from(self.byte() % 8)]
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() % 2 == 1).then(|| make(self))
    }

    pub fn text(&mut self) -> String {
        const SOME: [&str; 6] =
            ["", "a", "service.name", "größe \"x\"\\", "line\nbreak\u{7}\u{1F600}", "0123456789"];
        let text = SOME[usize::from(self.byte() % 6)];
        if self.byte() == 255 { text.repeat(50) } else { text.into() }
    }

    pub fn bytes(&mut self) -> Vec<u8> {
        self.many(Self::byte)
    }

    pub fn trace_id(&mut self) -> TraceId {
        TraceId([self.byte(); 16])
    }

    pub fn span_id(&mut self) -> SpanId {
        SpanId([self.byte(); 8])
    }

    pub fn value(&mut self, depth: u32) -> AnyValue {
        match self.byte() % 9 {
            0 => AnyValue::Empty,
            1 => AnyValue::Bool(self.byte() % 2 == 1),
            2 => AnyValue::Int(self.number() as i64),
            3 => AnyValue::Double(self.double()),
            4 => AnyValue::Bytes(self.bytes()),
            5 if depth > 0 => AnyValue::Array(self.many(|dice| dice.value(depth - 1))),
            6 if depth > 0 => AnyValue::Map(self.many(|dice| dice.key_value(depth - 1))),
            7 => AnyValue::StringIndex(self.index()),
            _ => AnyValue::String(self.text()),
        }
    }

    fn key_value(&mut self, depth: u32) -> KeyValue {
        KeyValue { key: self.text(), value: self.value(depth), key_strindex: self.index() }
    }

    pub fn attributes(&mut self) -> Vec<KeyValue> {
        self.many(|dice| dice.key_value(3))
    }

    fn count(&mut self) -> u32 {
        self.number() as u32
    }

    pub fn resources<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<ResourceGroup<T>> {
        self.many(|dice| ResourceGroup {
            resource: Resource {
                attributes: dice.attributes(),
                dropped_attributes_count: dice.count(),
                entity_refs: dice.many(|dice| EntityRef {
                    schema_url: dice.text(),
                    kind: dice.text(),
                    id_keys: dice.many(Self::text),
                    description_keys: dice.many(Self::text),
                }),
            },
            schema_url: dice.text(),
            scopes: dice.many(|dice| ScopeGroup {
                scope: Scope {
                    name: dice.text(),
                    version: dice.text(),
                    attributes: dice.attributes(),
                    dropped_attributes_count: dice.count(),
                },
                schema_url: dice.text(),
                items: dice.many(&mut item),
            }),
        })
    }

    pub fn log_record(&mut self) -> LogRecord {
        LogRecord {
            time_unix_nano: self.number(),
            observed_time_unix_nano: self.number(),
            severity_number: self.index(),
            severity_text: self.text(),
            body: self.value(4),
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            flags: self.count(),
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            event_name: self.text(),
        }
    }

    pub fn span(&mut self) -> Span {
        Span {
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            parent_span_id: self.span_id(),
            trace_state: self.text(),
            flags: self.count(),
            name: self.text(),
            kind: SpanKind::from_number(i32::from(self.byte() % 6)),
            start_time_unix_nano: self.number(),
            end_time_unix_nano: self.number(),
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            events: self.many(|dice| SpanEvent {
                time_unix_nano: dice.number(),
                name: dice.text(),
                attributes: dice.attributes(),
                dropped_attributes_count: dice.count(),
            }),
            dropped_events_count: self.count(),
            links: self.many(|dice| SpanLink {
                trace_id: dice.trace_id(),
                span_id: dice.span_id(),
                trace_state: dice.text(),
                attributes: dice.attributes(),
                dropped_attributes_count: dice.count(),
                flags: dice.count(),
            }),
            dropped_links_count: self.count(),
            status: Status {
                message: self.text(),
                code: StatusCode::from_number(i32::from(self.byte() % 3)),
            },
        }
    }

    fn value_of_point(&mut self) -> Option<Number> {
        match self.byte() % 3 {
            0 => None,
            1 => Some(Number::Int(self.number() as i64)),
            _ => Some(Number::Double(self.double())),
        }
    }

    fn exemplar(&mut self) -> Exemplar {
        Exemplar {
            filtered_attributes: self.attributes(),
            time_unix_nano: self.number(),
            value: self.value_of_point(),
            span_id: self.span_id(),
            trace_id: self.trace_id(),
        }
    }

    fn number_point(&mut self) -> NumberPoint {
        NumberPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            value: self.value_of_point(),
            exemplars: self.many(Self::exemplar),
            flags: self.count(),
        }
    }

    fn histogram_point(&mut self) -> HistogramPoint {
        HistogramPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            count: self.number(),
            sum: self.maybe(Self::double),
            bucket_counts: self.many(Self::number),
            explicit_bounds: self.many(Self::double),
            exemplars: self.many(Self::exemplar),
            flags: self.count(),
            min: self.maybe(Self::double),
            max: self.maybe(Self::double),
        }
    }

    fn buckets(&mut self) -> ExponentialBuckets {
        ExponentialBuckets { offset: self.index(), bucket_counts: self.many(Self::number) }
    }

    fn exponential_point(&mut self) -> ExponentialHistogramPoint {
        ExponentialHistogramPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            count: self.number(),
            sum: self.maybe(Self::double),
            scale: self.index(),
            zero_count: self.number(),
            zero_threshold: self.double(),
            positive: self.buckets(),
            negative: self.buckets(),
            exemplars: self.many(Self::exemplar),
            flags: self.count(),
            min: self.maybe(Self::double),
            max: self.maybe(Self::double),
        }
    }

    pub fn metric(&mut self) -> Metric {
        let temporality = Temporality::from_number(i32::from(self.byte() % 3));
        let data = match self.byte() % 6 {
            0 => MetricData::Empty,
            1 => MetricData::Gauge(self.many(Self::number_point)),
            2 => MetricData::Sum {
                points: self.many(Self::number_point),
                temporality,
                is_monotonic: self.byte() % 2 == 1,
            },
            3 => MetricData::Histogram { points: self.many(Self::histogram_point), temporality },
            4 => MetricData::ExponentialHistogram { points: self.many(Self::exponential_point), temporality },
            _ => MetricData::Summary(self.many(|dice| SummaryPoint {
                attributes: dice.attributes(),
                start_time_unix_nano: dice.number(),
                time_unix_nano: dice.number(),
                count: dice.number(),
                sum: dice.double(),
                quantile_values: dice.many(|dice| (dice.double(), dice.double())),
                flags: dice.count(),
            })),
        };
        Metric {
            name: self.text(),
            description: self.text(),
            unit: self.text(),
            metadata: self.attributes(),
            data,
        }
    }

    fn value_type(&mut self) -> ValueType {
        ValueType { type_strindex: self.index(), unit_strindex: self.index() }
    }

    fn profile(&mut self) -> Profile {
        Profile {
            sample_type: self.value_type(),
            samples: self.many(|dice| ProfileSample {
                stack_index: dice.index(),
                attribute_indices: dice.many(Self::index),
                link_index: dice.index(),
                values: dice.many(|dice| dice.number() as i64),
                timestamps_unix_nano: dice.many(Self::number),
            }),
            time_unix_nano: self.number(),
            duration_nano: self.number(),
            period_type: self.value_type(),
            period: self.number() as i64,
            profile_id: [self.byte(); 16],
            dropped_attributes_count: self.count(),
            original_payload_format: self.text(),
            original_payload: self.bytes(),
            attribute_indices: self.many(Self::index),
        }
    }

    pub fn profiles(&mut self) -> Profiles {
        Profiles {
            resources: self.resources(Self::profile),
            dictionary: ProfilesDictionary {
                mappings: self.many(|dice| Mapping {
                    memory_start: dice.number(),
                    memory_limit: dice.number(),
                    file_offset: dice.number(),
                    filename_strindex: dice.index(),
                    attribute_indices: dice.many(Self::index),
                }),
                locations: self.many(|dice| Location {
                    mapping_index: dice.index(),
                    address: dice.number(),
                    lines: dice.many(|dice| Line {
                        function_index: dice.index(),
                        line: dice.number() as i64,
                        column: dice.number() as i64,
                    }),
                    attribute_indices: dice.many(Self::index),
                }),
                functions: self.many(|dice| Function {
                    name_strindex: dice.index(),
                    system_name_strindex: dice.index(),
                    filename_strindex: dice.index(),
                    start_line: dice.number() as i64,
                }),
                links: self.many(|dice| ProfileLink { trace_id: dice.trace_id(), span_id: dice.span_id() }),
                strings: self.many(Self::text),
                attributes: self.many(|dice| KeyValueAndUnit {
                    key_strindex: dice.index(),
                    value: dice.value(2),
                    unit_strindex: dice.index(),
                }),
                stacks: self.many(|dice| dice.many(Self::index)),
            },
        }
    }
}
