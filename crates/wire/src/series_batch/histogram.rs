//! A native histogram as bytes of our own: what heads keep, what a series batch carries.
//!
//! ```text
//! flags u8: 1 float | 2,4 counter reset hint | 8 custom bounds | 16 negative side | 32 zero bucket
//! schema zig-zag | [zero threshold f64, zero count] | count | sum f64 | positive side | [negative side] | [bound count, bounds f64]
//! side   := span count, (offset zig-zag, length varint)*, bucket count, buckets
//! counts of an integer histogram are varints, its buckets zig-zag differences; those of a float histogram are f64
//! ```
//!
//! Every bit of a histogram survives. Reading is bounded by the input's length.

use std::sync::Arc;

use model::histogram::{Buckets, CounterResetHint, FloatHistogram, Histogram, Span};
use model::sample::NativeHistogram;
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

const FLOAT: u8 = 1;
const HINT_SHIFT: u8 = 1;
const CUSTOM: u8 = 8;
const NEGATIVE: u8 = 16;
const ZERO: u8 = 32;

fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn take_f64(input: &mut &[u8]) -> Option<f64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(f64::from_bits(u64::from_le_bytes(*bytes)))
}

fn put_spans(out: &mut Vec<u8>, spans: &[Span]) {
    put_u64(out, spans.len() as u64);
    for span in spans {
        put_i64(out, i64::from(span.offset));
        put_u64(out, u64::from(span.length));
    }
}

/// A length that the rest of the input can hold, each element taking at least `least` bytes.
fn take_len(input: &mut &[u8], least: usize) -> Option<usize> {
    let len = usize::try_from(take_u64(input)?).ok()?;
    (len <= input.len() / least).then_some(len)
}

fn take_spans(input: &mut &[u8]) -> Option<Arc<[Span]>> {
    let len = take_len(input, 2)?;
    let mut spans = Vec::with_capacity(len);
    for _ in 0..len {
        let offset = i32::try_from(take_i64(input)?).ok()?;
        spans.push(Span { offset, length: u32::try_from(take_u64(input)?).ok()? });
    }
    Some(spans.into())
}

/// Appends a histogram.
pub fn put_histogram(out: &mut Vec<u8>, histogram: &NativeHistogram) {
    match histogram {
        NativeHistogram::Integer(integer) => put_integer(out, integer),
        NativeHistogram::Float(float) => put_float(out, float),
    }
}

fn flags(hint: CounterResetHint, custom: bool, negative: bool, zero: bool) -> u8 {
    (hint as u8) << HINT_SHIFT
        | if custom { CUSTOM } else { 0 }
        | if negative { NEGATIVE } else { 0 }
        | if zero { ZERO } else { 0 }
}

fn put_integer(out: &mut Vec<u8>, from: &Histogram) {
    let negative = !from.negative.spans.is_empty() || !from.negative.counts.is_empty();
    let zero = from.zero_threshold.to_bits() != 0 || from.zero_count != 0;
    out.push(flags(from.reset_hint, from.custom_values.is_some(), negative, zero));
    put_i64(out, i64::from(from.schema));
    if zero {
        put_f64(out, from.zero_threshold);
        put_u64(out, from.zero_count);
    }
    put_u64(out, from.count);
    put_f64(out, from.sum);
    let mut put_side = |side: &Buckets<i64>| {
        put_spans(out, &side.spans);
        put_u64(out, side.counts.len() as u64);
        side.counts.iter().for_each(|&count| put_i64(out, count));
    };
    put_side(&from.positive);
    if negative {
        put_side(&from.negative);
    }
    put_bounds(out, from.custom_values.as_deref());
}

fn put_float(out: &mut Vec<u8>, from: &FloatHistogram) {
    let negative = !from.negative.spans.is_empty() || !from.negative.counts.is_empty();
    let zero = from.zero_threshold.to_bits() != 0 || from.zero_count.to_bits() != 0;
    out.push(FLOAT | flags(from.reset_hint, from.custom_values.is_some(), negative, zero));
    put_i64(out, i64::from(from.schema));
    if zero {
        put_f64(out, from.zero_threshold);
        put_f64(out, from.zero_count);
    }
    put_f64(out, from.count);
    put_f64(out, from.sum);
    let mut put_side = |side: &Buckets<f64>| {
        put_spans(out, &side.spans);
        put_u64(out, side.counts.len() as u64);
        side.counts.iter().for_each(|&count| put_f64(out, count));
    };
    put_side(&from.positive);
    if negative {
        put_side(&from.negative);
    }
    put_bounds(out, from.custom_values.as_deref());
}

fn put_bounds(out: &mut Vec<u8>, bounds: Option<&[f64]>) {
    if let Some(bounds) = bounds {
        put_u64(out, bounds.len() as u64);
        bounds.iter().for_each(|&bound| put_f64(out, bound));
    }
}

/// Takes a histogram off the front of `input`.
pub fn take_histogram(input: &mut &[u8]) -> Option<NativeHistogram> {
    let (&flags, rest) = input.split_first()?;
    *input = rest;
    let reset_hint = CounterResetHint::from_number(flags >> HINT_SHIFT & 3)?;
    let schema = i8::try_from(take_i64(input)?).ok()?;
    if flags & FLOAT != 0 {
        take_float(input, flags, reset_hint, schema).map(|float| NativeHistogram::Float(Arc::new(float)))
    } else {
        take_integer(input, flags, reset_hint, schema)
            .map(|integer| NativeHistogram::Integer(Arc::new(integer)))
    }
}

fn take_integer(input: &mut &[u8], flags: u8, reset_hint: CounterResetHint, schema: i8) -> Option<Histogram> {
    let zero = flags & ZERO != 0;
    let (zero_threshold, zero_count) = if zero { (take_f64(input)?, take_u64(input)?) } else { (0.0, 0) };
    let (count, sum) = (take_u64(input)?, take_f64(input)?);
    let side = |input: &mut &[u8]| {
        let spans = take_spans(input)?;
        let len = take_len(input, 1)?;
        let counts = (0..len).map(|_| take_i64(input)).collect::<Option<Vec<_>>>()?;
        Some(Buckets { spans, counts })
    };
    let positive = side(input)?;
    let negative = if flags & NEGATIVE != 0 { side(input)? } else { Buckets::default() };
    let custom_values = take_bounds(input, flags)?;
    Some(Histogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        custom_values,
    })
}

fn take_float(
    input: &mut &[u8],
    flags: u8,
    reset_hint: CounterResetHint,
    schema: i8,
) -> Option<FloatHistogram> {
    let zero = flags & ZERO != 0;
    let (zero_threshold, zero_count) = if zero { (take_f64(input)?, take_f64(input)?) } else { (0.0, 0.0) };
    let (count, sum) = (take_f64(input)?, take_f64(input)?);
    let side = |input: &mut &[u8]| {
        let spans = take_spans(input)?;
        let len = take_len(input, 8)?;
        let counts = (0..len).map(|_| take_f64(input)).collect::<Option<Vec<_>>>()?;
        Some(Buckets { spans, counts })
    };
    let positive = side(input)?;
    let negative = if flags & NEGATIVE != 0 { side(input)? } else { Buckets::default() };
    let custom_values = take_bounds(input, flags)?;
    Some(FloatHistogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        custom_values,
    })
}

fn take_bounds(input: &mut &[u8], flags: u8) -> Option<Option<Arc<[f64]>>> {
    if flags & CUSTOM == 0 {
        return Some(None);
    }
    let len = take_len(input, 8)?;
    let bounds = (0..len).map(|_| take_f64(input)).collect::<Option<Vec<_>>>()?;
    Some(Some(bounds.into()))
}
