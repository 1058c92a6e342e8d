//! Bodies by format, and the native histogram message that both remote writes share.

use std::sync::Arc;

use model::Format;
use model::histogram::{
    Buckets, CUSTOM_SCHEMA, CounterResetHint, FloatHistogram, Histogram, MAX_SCHEMA, Span,
};
use model::sample::NativeHistogram;
use stdx::varint::unzigzag;
use wire::proto::{Fault, Reader, Value};
use wire::series_batch::histogram::put_histogram;

use super::Parsed;
use crate::config::Config;

/// Highest schema that may come in; above [`MAX_SCHEMA`] the resolution is lowered.
const RESERVED_SCHEMA_MAX: i64 = 52;

/// Scans a body. The error refuses it as a whole.
pub fn scan<'a>(format: Format, body: &'a [u8], _config: &Config) -> Result<Parsed<'a>, String> {
    if body.len() > u32::MAX as usize / 2 {
        return Err(format!("body of {} bytes is larger than the metrics store takes at once", body.len()));
    }
    match format {
        Format::RemoteWrite1 => super::remote_write1::scan(body).map_err(|fault| fault.to_string()),
        Format::SeriesBatch => super::series_batch::scan(body).map_err(|bad| bad.to_string()),
        other => Err(format!("the metrics store cannot read {other:?}")),
    }
}

/// `prometheus.Histogram` as it is read, before it is known whether its counts are integers.
#[derive(Default)]
struct Message {
    integer: bool,
    count: u64,
    count_float: f64,
    sum: f64,
    schema: i64,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative_spans: Vec<Span>,
    negative_deltas: Vec<i64>,
    negative_counts: Vec<f64>,
    positive_spans: Vec<Span>,
    positive_deltas: Vec<i64>,
    positive_counts: Vec<f64>,
    reset_hint: u64,
    t_ms: i64,
    custom_values: Vec<f64>,
    start_ms: i64,
}

fn packed_sint(value: Value<'_>, out: &mut Vec<i64>) -> Result<(), Fault> {
    match value {
        Value::Varint(one) => out.push(unzigzag(one)),
        Value::Bytes(many) => {
            let mut reader = Reader::new(many);
            while !reader.is_empty() {
                out.push(unzigzag(reader.varint()?));
            }
        }
        _ => return Err(Fault::WireType),
    }
    Ok(())
}

fn packed_double(value: Value<'_>, out: &mut Vec<f64>) -> Result<(), Fault> {
    match value {
        Value::Fixed64(one) => out.push(f64::from_bits(one)),
        Value::Bytes(many) => {
            let mut reader = Reader::new(many);
            while !reader.is_empty() {
                out.push(f64::from_bits(reader.fixed64()?));
            }
        }
        _ => return Err(Fault::WireType),
    }
    Ok(())
}

fn read_span(message: &[u8]) -> Result<Span, Fault> {
    let mut span = Span::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Varint(offset)) => span.offset = unzigzag(offset) as i32,
            (2, Value::Varint(length)) => span.length = length as u32,
            _ => {}
        }
    }
    Ok(span)
}

fn read_message(bytes: &[u8]) -> Result<Message, Fault> {
    let mut message = Message::default();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Varint(count)) => (message.count, message.integer) = (count, true),
            (2, Value::Fixed64(bits)) => message.count_float = f64::from_bits(bits),
            (3, Value::Fixed64(bits)) => message.sum = f64::from_bits(bits),
            (4, Value::Varint(schema)) => message.schema = unzigzag(schema),
            (5, Value::Fixed64(bits)) => message.zero_threshold = f64::from_bits(bits),
            (6, Value::Varint(count)) => message.zero_count = count,
            (7, Value::Fixed64(bits)) => message.zero_count_float = f64::from_bits(bits),
            (8, Value::Bytes(span)) => message.negative_spans.push(read_span(span)?),
            (9, value) => packed_sint(value, &mut message.negative_deltas)?,
            (10, value) => packed_double(value, &mut message.negative_counts)?,
            (11, Value::Bytes(span)) => message.positive_spans.push(read_span(span)?),
            (12, value) => packed_sint(value, &mut message.positive_deltas)?,
            (13, value) => packed_double(value, &mut message.positive_counts)?,
            (14, Value::Varint(hint)) => message.reset_hint = hint,
            (15, Value::Varint(t)) => message.t_ms = t as i64,
            (16, value) => packed_double(value, &mut message.custom_values)?,
            (17, Value::Varint(start)) => message.start_ms = start as i64,
            _ => {}
        }
    }
    Ok(message)
}

impl Message {
    fn into_native(self) -> Result<NativeHistogram, String> {
        if self.schema > RESERVED_SCHEMA_MAX || self.schema < i64::from(i8::MIN) {
            return Err(model::histogram::HistogramError::InvalidSchema(self.schema as i32).to_string());
        }
        let schema = self.schema as i8;
        let custom = (schema == CUSTOM_SCHEMA || !self.custom_values.is_empty())
            .then(|| Arc::from(self.custom_values.as_slice()));
        let reset_hint = u8::try_from(self.reset_hint)
            .ok()
            .and_then(CounterResetHint::from_number)
            .ok_or_else(|| format!("histogram has an unknown reset hint {}", self.reset_hint))?;
        if self.integer {
            let mut integer = Histogram {
                reset_hint,
                schema,
                zero_threshold: self.zero_threshold,
                zero_count: self.zero_count,
                count: self.count,
                sum: self.sum,
                positive: Buckets::new(self.positive_spans, self.positive_deltas),
                negative: Buckets::new(self.negative_spans, self.negative_deltas),
                custom_values: custom,
            };
            if schema > MAX_SCHEMA {
                integer.reduce_resolution(MAX_SCHEMA).map_err(|error| error.to_string())?;
            }
            return checked(NativeHistogram::Integer(Arc::new(integer)));
        }
        let mut float = FloatHistogram {
            reset_hint,
            schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count_float,
            count: self.count_float,
            sum: self.sum,
            positive: Buckets::new(self.positive_spans, self.positive_counts),
            negative: Buckets::new(self.negative_spans, self.negative_counts),
            custom_values: custom,
        };
        if schema > MAX_SCHEMA {
            float.reduce_resolution(MAX_SCHEMA).map_err(|error| error.to_string())?;
        }
        checked(NativeHistogram::Float(Arc::new(float)))
    }
}

/// The histogram, if its parts fit each other.
pub fn checked(histogram: NativeHistogram) -> Result<NativeHistogram, String> {
    let valid = match &histogram {
        NativeHistogram::Integer(integer) => integer.validate(),
        NativeHistogram::Float(float) => float.validate(),
    };
    valid.map_err(|error| error.to_string())?;
    Ok(histogram)
}

/// Reads a histogram message and adds it to the row begun last; one that contradicts itself is refused alone.
pub fn scan_histogram(parsed: &mut Parsed<'_>, bytes: &[u8]) -> Result<(), Fault> {
    let message = read_message(bytes)?;
    let (t_ms, start_ms) = (message.t_ms, message.start_ms);
    match message.into_native() {
        Ok(histogram) => {
            let mut packed = Vec::with_capacity(bytes.len());
            put_histogram(&mut packed, &histogram);
            parsed.push_histogram(t_ms, start_ms, &packed);
        }
        Err(reason) => {
            let row = parsed.rows.last().map(|row| parsed.labels(row).to_vec()).unwrap_or_default();
            let labels = crate::series::labels::parse(&row).unwrap_or_default();
            parsed.verdict.reject(1, || format!("{reason} for series {}", super::verdict::show(&labels)));
        }
    }
    Ok(())
}
