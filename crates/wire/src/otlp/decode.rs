//! Views to model, all four signals: for slow paths and tests, where something must be owned.

use model::attributes::EntityRef;
use model::metric::{
    Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, Number, NumberPoint,
    SummaryPoint, Temporality,
};
use model::profile::{
    Function, KeyValueAndUnit, Line, Location, Mapping, Profile, ProfileLink, ProfileSample, Profiles,
    ProfilesDictionary, ValueType,
};
use model::span::{SpanEvent, SpanKind, SpanLink, Status, StatusCode};
use model::{
    AnyValue, KeyValue, LogRecord, Metric, Resource, ResourceGroup, Scope, ScopeGroup, Span, SpanId, TraceId,
};

use super::common::{AnyValueView, Attributes, EntityRefView, KeyValueView, ResourceView, ScopeView};
use super::logs::{LogRecordView, LogsView};
use super::metrics::{self, MetricsView, NumberView};
use super::profiles::{self, ProfilesView};
use super::trace::{EventView, LinkView, ResourceSpansView, SpanView, StatusView, TracesView};
use crate::proto::view::{Element, Many, One, Packed, Text, View};

fn all<'a, V: View<'a>, T: From<V>>(views: Many<'a, V>) -> Vec<T> {
    views.iter().map(T::from).collect()
}

fn one<'a, V: View<'a>, T: From<V> + Default>(view: One<'a, V>) -> T {
    view.get().map(T::from).unwrap_or_default()
}

fn attributes(views: Attributes<'_>) -> Vec<KeyValue> {
    all(views)
}

fn strings(texts: Many<'_, Text<'_>>) -> Vec<String> {
    texts.iter().map(|text| text.as_str().to_owned()).collect()
}

fn numbers<T: Element, N: From<T>>(packed: Packed<'_, T>) -> Vec<N> {
    packed.iter().map(N::from).collect()
}

fn indices(packed: Packed<'_, crate::proto::view::Signed>) -> Vec<i32> {
    packed.iter().map(|index| index.0 as i32).collect()
}

impl From<AnyValueView<'_>> for AnyValue {
    fn from(view: AnyValueView<'_>) -> Self {
        match view {
            AnyValueView::Empty => Self::Empty,
            AnyValueView::String(text) => Self::String(text.as_str().into()),
            AnyValueView::Bool(value) => Self::Bool(value),
            AnyValueView::Int(value) => Self::Int(value),
            AnyValueView::Double(value) => Self::Double(value),
            AnyValueView::Array(array) => Self::Array(all(array.values)),
            AnyValueView::KeyValueList(list) => Self::Map(all(list.values)),
            AnyValueView::Bytes(bytes) => Self::Bytes(bytes.into()),
            AnyValueView::StringIndex(index) => Self::StringIndex(index),
        }
    }
}

impl From<KeyValueView<'_>> for KeyValue {
    fn from(view: KeyValueView<'_>) -> Self {
        Self { key: view.key.as_str().into(), value: view.value().into(), key_strindex: view.key_strindex }
    }
}

impl From<ResourceView<'_>> for Resource {
    fn from(view: ResourceView<'_>) -> Self {
        Self {
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
            entity_refs: all(view.entity_refs),
        }
    }
}

impl From<EntityRefView<'_>> for EntityRef {
    fn from(view: EntityRefView<'_>) -> Self {
        Self {
            schema_url: view.schema_url.as_str().into(),
            kind: view.kind.as_str().into(),
            id_keys: strings(view.id_keys),
            description_keys: strings(view.description_keys),
        }
    }
}

impl From<ScopeView<'_>> for Scope {
    fn from(view: ScopeView<'_>) -> Self {
        Self {
            name: view.name.as_str().into(),
            version: view.version.as_str().into(),
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
        }
    }
}

/// The grouping is the same in all signals; only the names of the fields differ.
macro_rules! groups {
    ($view:ty, $item:ty, $scopes:ident, $items:ident) => {
        impl From<$view> for ResourceGroup<$item> {
            fn from(view: $view) -> Self {
                let scopes = view.$scopes.iter().map(|scope| ScopeGroup {
                    scope: one(scope.scope),
                    schema_url: scope.schema_url.as_str().into(),
                    items: all(scope.$items),
                });
                Self {
                    resource: one(view.resource),
                    schema_url: view.schema_url.as_str().into(),
                    scopes: scopes.collect(),
                }
            }
        }
    };
}

groups!(super::logs::ResourceLogsView<'_>, LogRecord, scope_logs, log_records);
groups!(ResourceSpansView<'_>, Span, scope_spans, spans);
groups!(metrics::ResourceMetricsView<'_>, Metric, scope_metrics, metrics);
groups!(profiles::ResourceProfilesView<'_>, Profile, scope_profiles, profiles);

impl From<LogsView<'_>> for Vec<ResourceGroup<LogRecord>> {
    fn from(view: LogsView<'_>) -> Self {
        view.resource_logs().map(ResourceGroup::from).collect()
    }
}

impl From<TracesView<'_>> for Vec<ResourceGroup<Span>> {
    fn from(view: TracesView<'_>) -> Self {
        view.resource_spans().map(ResourceGroup::from).collect()
    }
}

impl From<MetricsView<'_>> for Vec<ResourceGroup<Metric>> {
    fn from(view: MetricsView<'_>) -> Self {
        view.resource_metrics().map(ResourceGroup::from).collect()
    }
}

impl From<ProfilesView<'_>> for Profiles {
    fn from(view: ProfilesView<'_>) -> Self {
        Self {
            resources: view.resource_profiles().map(ResourceGroup::from).collect(),
            dictionary: view.dictionary().into(),
        }
    }
}

impl From<LogRecordView<'_>> for LogRecord {
    fn from(view: LogRecordView<'_>) -> Self {
        Self {
            time_unix_nano: view.time_unix_nano,
            observed_time_unix_nano: view.observed_time_unix_nano,
            severity_number: view.severity_number,
            severity_text: view.severity_text.as_str().into(),
            body: view.body().into(),
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
            flags: view.flags,
            trace_id: view.trace_id(),
            span_id: view.span_id(),
            event_name: view.event_name.as_str().into(),
        }
    }
}

impl From<SpanView<'_>> for Span {
    fn from(view: SpanView<'_>) -> Self {
        Self {
            trace_id: view.trace_id(),
            span_id: view.span_id(),
            parent_span_id: view.parent_span_id(),
            trace_state: view.trace_state.as_str().into(),
            flags: view.flags,
            name: view.name.as_str().into(),
            kind: SpanKind::from_number(view.kind),
            start_time_unix_nano: view.start_time_unix_nano,
            end_time_unix_nano: view.end_time_unix_nano,
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
            events: all(view.events),
            dropped_events_count: view.dropped_events_count,
            links: all(view.links),
            dropped_links_count: view.dropped_links_count,
            status: view.status().into(),
        }
    }
}

impl From<StatusView<'_>> for Status {
    fn from(view: StatusView<'_>) -> Self {
        Self { message: view.message.as_str().into(), code: StatusCode::from_number(view.code) }
    }
}

impl From<EventView<'_>> for SpanEvent {
    fn from(view: EventView<'_>) -> Self {
        Self {
            time_unix_nano: view.time_unix_nano,
            name: view.name.as_str().into(),
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
        }
    }
}

impl From<LinkView<'_>> for SpanLink {
    fn from(view: LinkView<'_>) -> Self {
        Self {
            trace_id: view.trace_id(),
            span_id: view.span_id(),
            trace_state: view.trace_state.as_str().into(),
            attributes: attributes(view.attributes),
            dropped_attributes_count: view.dropped_attributes_count,
            flags: view.flags,
        }
    }
}

impl From<metrics::MetricView<'_>> for Metric {
    fn from(view: metrics::MetricView<'_>) -> Self {
        Self {
            name: view.name.as_str().into(),
            description: view.description.as_str().into(),
            unit: view.unit.as_str().into(),
            metadata: attributes(view.metadata),
            data: view.data().into(),
        }
    }
}

impl From<metrics::MetricData<'_>> for MetricData {
    fn from(data: metrics::MetricData<'_>) -> Self {
        let temporality = Temporality::from_number;
        match data {
            metrics::MetricData::Empty => Self::Empty,
            metrics::MetricData::Gauge(gauge) => Self::Gauge(all(gauge.data_points)),
            metrics::MetricData::Sum(sum) => Self::Sum {
                points: all(sum.data_points),
                temporality: temporality(sum.aggregation_temporality),
                is_monotonic: sum.is_monotonic,
            },
            metrics::MetricData::Histogram(histogram) => Self::Histogram {
                points: all(histogram.data_points),
                temporality: temporality(histogram.aggregation_temporality),
            },
            metrics::MetricData::ExponentialHistogram(histogram) => Self::ExponentialHistogram {
                points: all(histogram.data_points),
                temporality: temporality(histogram.aggregation_temporality),
            },
            metrics::MetricData::Summary(summary) => Self::Summary(all(summary.data_points)),
        }
    }
}

impl From<NumberView> for Number {
    fn from(view: NumberView) -> Self {
        match view {
            NumberView::Int(value) => Self::Int(value),
            NumberView::Double(value) => Self::Double(value),
        }
    }
}

impl From<metrics::NumberPointView<'_>> for NumberPoint {
    fn from(view: metrics::NumberPointView<'_>) -> Self {
        Self {
            attributes: attributes(view.attributes),
            start_time_unix_nano: view.start_time_unix_nano,
            time_unix_nano: view.time_unix_nano,
            value: view.value().map(Number::from),
            exemplars: all(view.exemplars),
            flags: view.flags,
        }
    }
}

impl From<metrics::HistogramPointView<'_>> for HistogramPoint {
    fn from(view: metrics::HistogramPointView<'_>) -> Self {
        Self {
            attributes: attributes(view.attributes),
            start_time_unix_nano: view.start_time_unix_nano,
            time_unix_nano: view.time_unix_nano,
            count: view.count,
            sum: view.sum,
            bucket_counts: numbers(view.bucket_counts),
            explicit_bounds: numbers(view.explicit_bounds),
            exemplars: all(view.exemplars),
            flags: view.flags,
            min: view.min,
            max: view.max,
        }
    }
}

impl From<metrics::ExponentialHistogramPointView<'_>> for ExponentialHistogramPoint {
    fn from(view: metrics::ExponentialHistogramPointView<'_>) -> Self {
        Self {
            attributes: attributes(view.attributes),
            start_time_unix_nano: view.start_time_unix_nano,
            time_unix_nano: view.time_unix_nano,
            count: view.count,
            sum: view.sum,
            scale: view.scale.0 as i32,
            zero_count: view.zero_count,
            zero_threshold: view.zero_threshold,
            positive: one(view.positive),
            negative: one(view.negative),
            exemplars: all(view.exemplars),
            flags: view.flags,
            min: view.min,
            max: view.max,
        }
    }
}

impl From<metrics::BucketsView<'_>> for ExponentialBuckets {
    fn from(view: metrics::BucketsView<'_>) -> Self {
        Self { offset: view.offset.0 as i32, bucket_counts: numbers(view.bucket_counts) }
    }
}

impl From<metrics::SummaryPointView<'_>> for SummaryPoint {
    fn from(view: metrics::SummaryPointView<'_>) -> Self {
        Self {
            attributes: attributes(view.attributes),
            start_time_unix_nano: view.start_time_unix_nano,
            time_unix_nano: view.time_unix_nano,
            count: view.count,
            sum: view.sum,
            quantile_values: view.quantile_values.iter().map(|at| (at.quantile, at.value)).collect(),
            flags: view.flags,
        }
    }
}

impl From<metrics::ExemplarView<'_>> for Exemplar {
    fn from(view: metrics::ExemplarView<'_>) -> Self {
        Self {
            filtered_attributes: attributes(view.filtered_attributes),
            time_unix_nano: view.time_unix_nano,
            value: view.value().map(Number::from),
            span_id: view.span_id(),
            trace_id: view.trace_id(),
        }
    }
}

impl From<profiles::DictionaryView<'_>> for ProfilesDictionary {
    fn from(view: profiles::DictionaryView<'_>) -> Self {
        Self {
            mappings: all(view.mapping_table),
            locations: all(view.location_table),
            functions: all(view.function_table),
            links: all(view.link_table),
            strings: strings(view.string_table),
            attributes: all(view.attribute_table),
            stacks: view.stack_table.iter().map(|stack| indices(stack.location_indices)).collect(),
        }
    }
}

impl From<profiles::ProfileView<'_>> for Profile {
    fn from(view: profiles::ProfileView<'_>) -> Self {
        Self {
            sample_type: one(view.sample_type),
            samples: all(view.samples),
            time_unix_nano: view.time_unix_nano,
            duration_nano: view.duration_nano,
            period_type: one(view.period_type),
            period: view.period,
            profile_id: view.profile_id.try_into().unwrap_or_default(),
            dropped_attributes_count: view.dropped_attributes_count,
            original_payload_format: view.original_payload_format.as_str().into(),
            original_payload: view.original_payload.into(),
            attribute_indices: indices(view.attribute_indices),
        }
    }
}

impl From<profiles::ValueTypeView<'_>> for ValueType {
    fn from(view: profiles::ValueTypeView<'_>) -> Self {
        Self { type_strindex: view.type_strindex, unit_strindex: view.unit_strindex }
    }
}

impl From<profiles::SampleView<'_>> for ProfileSample {
    fn from(view: profiles::SampleView<'_>) -> Self {
        Self {
            stack_index: view.stack_index,
            attribute_indices: indices(view.attribute_indices),
            link_index: view.link_index,
            values: numbers(view.values),
            timestamps_unix_nano: numbers(view.timestamps_unix_nano),
        }
    }
}

impl From<profiles::MappingView<'_>> for Mapping {
    fn from(view: profiles::MappingView<'_>) -> Self {
        Self {
            memory_start: view.memory_start,
            memory_limit: view.memory_limit,
            file_offset: view.file_offset,
            filename_strindex: view.filename_strindex,
            attribute_indices: indices(view.attribute_indices),
        }
    }
}

impl From<profiles::LocationView<'_>> for Location {
    fn from(view: profiles::LocationView<'_>) -> Self {
        Self {
            mapping_index: view.mapping_index,
            address: view.address,
            lines: all(view.lines),
            attribute_indices: indices(view.attribute_indices),
        }
    }
}

impl From<profiles::LineView<'_>> for Line {
    fn from(view: profiles::LineView<'_>) -> Self {
        Self { function_index: view.function_index, line: view.line, column: view.column }
    }
}

impl From<profiles::FunctionView<'_>> for Function {
    fn from(view: profiles::FunctionView<'_>) -> Self {
        Self {
            name_strindex: view.name_strindex,
            system_name_strindex: view.system_name_strindex,
            filename_strindex: view.filename_strindex,
            start_line: view.start_line,
        }
    }
}

impl From<profiles::LinkView<'_>> for ProfileLink {
    fn from(view: profiles::LinkView<'_>) -> Self {
        Self {
            trace_id: TraceId::from_bytes(view.trace_id_bytes).unwrap_or_default(),
            span_id: SpanId::from_bytes(view.span_id_bytes).unwrap_or_default(),
        }
    }
}

impl From<profiles::KeyValueAndUnitView<'_>> for KeyValueAndUnit {
    fn from(view: profiles::KeyValueAndUnitView<'_>) -> Self {
        Self {
            key_strindex: view.key_strindex,
            value: view.value.get().map(AnyValue::from).unwrap_or_default(),
            unit_strindex: view.unit_strindex,
        }
    }
}
