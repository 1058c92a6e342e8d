//! Chunks of Prometheus as columns: XOR floats, integer and float histograms.

use std::sync::Arc;

use model::histogram::{Buckets, CUSTOM_SCHEMA, CounterResetHint, FloatHistogram, Histogram, Span, is_stale};
use model::sample::NativeHistogram;
use wire::remote::xor::XorReader;

use super::bits::{Bits, Xor};
use crate::query::Columns;

/// Spans and bounds that one chunk may claim.
const LAYOUT_MAX: u64 = 100_000;

/// Why a chunk is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadChunk {
    Malformed,
    Encoding(u8),
}

/// Appends the samples of a chunk.
pub fn read(encoding: u8, data: &[u8], into: &mut Columns) -> Result<(), BadChunk> {
    let before = into.len();
    let expected = match encoding {
        1 => {
            let reader = XorReader::new(data).ok_or(BadChunk::Malformed)?;
            let expected = reader.expected();
            for (t_ms, value) in reader {
                into.t_ms.push(t_ms);
                into.values.push(value);
            }
            expected
        }
        2 | 3 => read_histograms(encoding == 3, data, into).ok_or(BadChunk::Malformed)?,
        other => return Err(BadChunk::Encoding(other)),
    };
    if into.len() - before == expected { Ok(()) } else { Err(BadChunk::Malformed) }
}

struct Layout {
    schema: i8,
    zero_threshold: f64,
    positive: Arc<[Span]>,
    negative: Arc<[Span]>,
    custom: Option<Arc<[f64]>>,
}

fn read_spans(bits: &mut Bits<'_>) -> Option<Arc<[Span]>> {
    let count = bits.unsigned().filter(|&count| count <= LAYOUT_MAX)?;
    let mut spans = Vec::new();
    for _ in 0..count {
        let length = u32::try_from(bits.unsigned()?).ok()?;
        spans.push(Span { offset: i32::try_from(bits.signed()?).ok()?, length });
    }
    let total: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    (total <= LAYOUT_MAX).then(|| spans.into())
}

fn read_layout(bits: &mut Bits<'_>) -> Option<Layout> {
    let zero_threshold = match bits.take(8)? {
        0 => 0.0,
        255 => bits.float()?,
        power => 2f64.powi(power as i32 - 243 - 1),
    };
    let schema = i8::try_from(bits.signed()?).ok()?;
    let (positive, negative) = (read_spans(bits)?, read_spans(bits)?);
    let mut custom = None;
    if schema == CUSTOM_SCHEMA {
        let count = bits.unsigned().filter(|&count| count <= LAYOUT_MAX)?;
        let mut bounds = Vec::new();
        for _ in 0..count {
            bounds.push(match bits.unsigned()? {
                0 => bits.float()?,
                thousandths => (thousandths - 1) as f64 / 1000.0,
            });
        }
        custom = Some(bounds.into());
    }
    Some(Layout { schema, zero_threshold, positive, negative, custom })
}

/// A number that is read whole, then as a difference, then as a difference of differences.
#[derive(Clone, Copy, Default)]
struct Curve {
    value: i64,
    difference: i64,
}

impl Curve {
    fn next(&mut self, raw: i64, sample: u16) -> i64 {
        match sample {
            0 => self.value = raw,
            _ => {
                self.difference = if sample == 1 { raw } else { self.difference.wrapping_add(raw) };
                self.value = self.value.wrapping_add(self.difference);
            }
        }
        self.value
    }
}

fn bucket_count(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

fn read_histograms(float: bool, data: &[u8], into: &mut Columns) -> Option<usize> {
    let (header, rest) = data.split_first_chunk::<3>()?;
    let count = u16::from_be_bytes([header[0], header[1]]);
    let hint = if header[2] >> 6 == 3 { CounterResetHint::Gauge } else { CounterResetHint::Unknown };
    if count == 0 {
        return Some(0);
    }
    let mut bits = Bits::new(rest);
    let layout = read_layout(&mut bits)?;
    let mut time = Curve::default();
    let mut integer = IntegerState::new(&layout);
    let mut floats = FloatState::new(&layout);
    for sample in 0..count {
        let raw = if sample == 1 { bits.unsigned()? as i64 } else { bits.signed()? };
        let t_ms = time.next(raw, sample);
        let histogram = if float {
            NativeHistogram::Float(Arc::new(floats.next(&mut bits, sample, &layout, hint)?))
        } else {
            NativeHistogram::Integer(Arc::new(integer.next(&mut bits, sample, &layout, hint)?))
        };
        into.histograms.push((into.t_ms.len() as u32, histogram));
        into.t_ms.push(t_ms);
        into.values.push(0.0);
    }
    Some(usize::from(count))
}

struct IntegerState {
    count: Curve,
    zero_count: Curve,
    sum: Xor,
    buckets: Vec<Curve>,
}

impl IntegerState {
    fn new(layout: &Layout) -> Self {
        let buckets = bucket_count(&layout.positive) + bucket_count(&layout.negative);
        let (count, zero_count, sum) = Default::default();
        Self { count, zero_count, sum, buckets: vec![Curve::default(); buckets] }
    }

    fn next(
        &mut self,
        bits: &mut Bits<'_>,
        sample: u16,
        layout: &Layout,
        hint: CounterResetHint,
    ) -> Option<Histogram> {
        let raw =
            |bits: &mut Bits<'_>| if sample == 0 { bits.unsigned().map(|v| v as i64) } else { bits.signed() };
        let count = raw(bits)?;
        let zero_count = raw(bits)?;
        let (count, zero_count) = (self.count.next(count, sample), self.zero_count.next(zero_count, sample));
        let sum = if sample == 0 {
            self.sum = Xor::of(bits.float()?);
            f64::from_bits(self.sum.bits)
        } else {
            self.sum.next(bits)?
        };
        if is_stale(sum) {
            return Some(Histogram { sum, ..Histogram::default() });
        }
        let mut counts = Vec::with_capacity(self.buckets.len());
        for bucket in &mut self.buckets {
            counts.push(bucket.next(bits.signed()?, sample));
        }
        let negative = counts.split_off(bucket_count(&layout.positive));
        Some(Histogram {
            reset_hint: hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: zero_count as u64,
            count: count as u64,
            sum,
            positive: Buckets { spans: layout.positive.clone(), counts },
            negative: Buckets { spans: layout.negative.clone(), counts: negative },
            custom_values: layout.custom.clone(),
        })
    }
}

struct FloatState {
    count: Xor,
    zero_count: Xor,
    sum: Xor,
    buckets: Vec<Xor>,
}

impl FloatState {
    fn new(layout: &Layout) -> Self {
        let buckets = bucket_count(&layout.positive) + bucket_count(&layout.negative);
        let (count, zero_count, sum) = Default::default();
        Self { count, zero_count, sum, buckets: vec![Xor::default(); buckets] }
    }

    fn next(
        &mut self,
        bits: &mut Bits<'_>,
        sample: u16,
        layout: &Layout,
        hint: CounterResetHint,
    ) -> Option<FloatHistogram> {
        let next = |value: &mut Xor, bits: &mut Bits<'_>| {
            if sample > 0 {
                return value.next(bits);
            }
            *value = Xor::of(bits.float()?);
            Some(f64::from_bits(value.bits))
        };
        let count = next(&mut self.count, bits)?;
        let zero_count = next(&mut self.zero_count, bits)?;
        let sum = next(&mut self.sum, bits)?;
        if is_stale(sum) {
            return Some(FloatHistogram { sum, ..FloatHistogram::default() });
        }
        let mut counts = Vec::with_capacity(self.buckets.len());
        for bucket in &mut self.buckets {
            counts.push(next(bucket, bits)?);
        }
        let negative = counts.split_off(bucket_count(&layout.positive));
        Some(FloatHistogram {
            reset_hint: hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count,
            count,
            sum,
            positive: Buckets { spans: layout.positive.clone(), counts },
            negative: Buckets { spans: layout.negative.clone(), counts: negative },
            custom_values: layout.custom.clone(),
        })
    }
}
