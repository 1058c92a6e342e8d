//! Native histograms of remote write: one message for both versions, to and from the model.

use std::sync::Arc;

use model::histogram::{Buckets, CounterResetHint, FloatHistogram, Histogram, Span};
use model::sample::NativeHistogram;

use crate::proto::schema::{FieldSchema, Kind, many, one, optional};
use crate::proto::view::{Double, Many, Packed, Zigzag, view};
use crate::proto::{Message, Writer};

const RESET_HINTS: &[(&str, i32)] = &[("UNKNOWN", 0), ("YES", 1), ("NO", 2), ("GAUGE", 3)];

const FIELDS: &[FieldSchema] = &[
    optional(1, "count_int", Kind::Uint64),
    optional(2, "count_float", Kind::Double),
    one(3, "sum", Kind::Double),
    one(4, "schema", Kind::Sint32),
    one(5, "zero_threshold", Kind::Double),
    optional(6, "zero_count_int", Kind::Uint64),
    optional(7, "zero_count_float", Kind::Double),
    many(8, "negative_spans", Kind::Message(&BUCKET_SPAN)),
    many(9, "negative_deltas", Kind::Sint64),
    many(10, "negative_counts", Kind::Double),
    many(11, "positive_spans", Kind::Message(&BUCKET_SPAN)),
    many(12, "positive_deltas", Kind::Sint64),
    many(13, "positive_counts", Kind::Double),
    one(14, "reset_hint", Kind::Enum(RESET_HINTS)),
    one(15, "timestamp", Kind::Int64),
    many(16, "custom_values", Kind::Double),
    // Version 2 only; absent from version 1's messages.
    one(17, "start_timestamp", Kind::Int64),
];

pub(super) static HISTOGRAM: Message = Message::item("Histogram", FIELDS);
static BUCKET_SPAN: Message =
    Message::new("BucketSpan", &[one(1, "offset", Kind::Sint32), one(2, "length", Kind::Uint32)]);

view! {
    BucketSpanView<'a> {
        1 offset: Zigzag,
        2 length: u32,
    }
    HistogramView<'a> {
        1 count_int: Option<u64>,
        2 count_float: Option<f64>,
        3 sum: f64,
        4 schema: Zigzag,
        5 zero_threshold: f64,
        6 zero_count_int: u64,
        7 zero_count_float: f64,
        8 negative_spans: Many<'a, BucketSpanView<'a>>,
        9 negative_deltas: Packed<'a, Zigzag>,
        10 negative_counts: Packed<'a, Double>,
        11 positive_spans: Many<'a, BucketSpanView<'a>>,
        12 positive_deltas: Packed<'a, Zigzag>,
        13 positive_counts: Packed<'a, Double>,
        14 reset_hint: i32,
        15 timestamp_ms: i64,
        16 custom_values: Packed<'a, Double>,
        /// 0: unknown.
        17 start_timestamp_ms: i64,
    }
}

/// The schema number is none that a histogram can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("histogram with unknown schema {0}, which is not one of -53 (custom buckets) and -4 to 8")]
pub struct UnknownSchema(pub i64);

impl HistogramView<'_> {
    pub fn is_float(&self) -> bool {
        self.count_float.is_some()
    }

    /// The histogram as the model has it. What the numbers are worth is for the model's `validate`.
    pub fn to_model(&self) -> Result<NativeHistogram, UnknownSchema> {
        let schema = i8::try_from(self.schema.0).map_err(|_| UnknownSchema(self.schema.0))?;
        let hint =
            u8::try_from(self.reset_hint).ok().and_then(CounterResetHint::from_number).unwrap_or_default();
        let custom: Vec<f64> = self.custom_values.iter().map(|bound| bound.0).collect();
        let custom_values = (!custom.is_empty()).then(|| Arc::from(custom));
        if self.is_float() {
            return Ok(NativeHistogram::Float(Arc::new(FloatHistogram {
                reset_hint: hint,
                schema,
                zero_threshold: self.zero_threshold,
                zero_count: self.zero_count_float,
                count: self.count_float.unwrap_or_default(),
                sum: self.sum,
                positive: buckets(self.positive_spans, self.positive_counts.iter().map(|count| count.0)),
                negative: buckets(self.negative_spans, self.negative_counts.iter().map(|count| count.0)),
                custom_values,
            })));
        }
        Ok(NativeHistogram::Integer(Arc::new(Histogram {
            reset_hint: hint,
            schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count_int,
            count: self.count_int.unwrap_or_default(),
            sum: self.sum,
            positive: buckets(self.positive_spans, self.positive_deltas.iter().map(|delta| delta.0)),
            negative: buckets(self.negative_spans, self.negative_deltas.iter().map(|delta| delta.0)),
            custom_values,
        })))
    }
}

fn buckets<C: Copy>(spans: Many<'_, BucketSpanView<'_>>, counts: impl Iterator<Item = C>) -> Buckets<C> {
    let spans: Vec<Span> =
        spans.iter().map(|span| Span { offset: span.offset.0 as i32, length: span.length }).collect();
    Buckets::new(spans, counts.collect())
}

/// Writes the fields of a histogram message. `start_timestamp_ms` only exists in version 2; 0 leaves it out.
pub(super) fn write(
    writer: &mut Writer<'_>,
    histogram: &NativeHistogram,
    timestamp_ms: i64,
    start_timestamp_ms: i64,
) {
    let (schema, hint, custom) = match histogram {
        NativeHistogram::Integer(histogram) => {
            writer.always_varint(1, histogram.count);
            writer.double(3, histogram.sum);
            writer.double(5, histogram.zero_threshold);
            writer.always_varint(6, histogram.zero_count);
            let zigzag = |deltas: &Vec<i64>| {
                deltas.iter().map(|delta| stdx::varint::zigzag(*delta)).collect::<Vec<_>>()
            };
            spans(writer, 8, &histogram.negative.spans);
            writer.packed_varint(9, zigzag(&histogram.negative.counts).into_iter());
            spans(writer, 11, &histogram.positive.spans);
            writer.packed_varint(12, zigzag(&histogram.positive.counts).into_iter());
            (histogram.schema, histogram.reset_hint, &histogram.custom_values)
        }
        NativeHistogram::Float(histogram) => {
            writer.always_double(2, histogram.count);
            writer.double(3, histogram.sum);
            writer.double(5, histogram.zero_threshold);
            writer.always_double(7, histogram.zero_count);
            spans(writer, 8, &histogram.negative.spans);
            writer.packed_double(10, &histogram.negative.counts);
            spans(writer, 11, &histogram.positive.spans);
            writer.packed_double(13, &histogram.positive.counts);
            (histogram.schema, histogram.reset_hint, &histogram.custom_values)
        }
    };
    writer.sint(4, i64::from(schema));
    writer.varint(14, hint as u64);
    writer.int(15, timestamp_ms);
    writer.packed_double(16, custom.as_deref().unwrap_or_default());
    writer.int(17, start_timestamp_ms);
}

fn spans(writer: &mut Writer<'_>, number: u32, spans: &[Span]) {
    for span in spans {
        writer.message(number, |nested| {
            nested.sint(1, i64::from(span.offset));
            nested.varint(2, u64::from(span.length));
        });
    }
}
