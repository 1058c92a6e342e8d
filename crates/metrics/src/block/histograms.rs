//! Native histograms of one column: the first of a layout whole, those after it as changes.
//!
//! ```text
//! histogram := 0 | length | packed whole (wire::series_batch::histogram)
//!            | 1 | zero count, count: zig-zag differences | sum | positive buckets | negative buckets
//! ```
//!
//! Kind 1 has everything else in common with the one before: schema, spans, bounds, zero width, reset hint. Buckets of integer histograms are
//! zig-zag differences; floats (sum, and all counts of float histograms) are the exclusive-or with the one before, bytes reversed, as varint.

use std::sync::Arc;

use model::histogram::{Buckets, FloatHistogram, Histogram};
use model::sample::NativeHistogram;
use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};
use wire::series_batch::histogram::{put_histogram, take_histogram};

const WHOLE: u8 = 0;
const CHANGED: u8 = 1;

fn put_xor(out: &mut Vec<u8>, value: f64, before: f64) {
    put_u64(out, (value.to_bits() ^ before.to_bits()).swap_bytes());
}

fn take_xor(input: &mut &[u8], before: f64) -> Option<f64> {
    Some(f64::from_bits(take_u64(input)?.swap_bytes() ^ before.to_bits()))
}

fn same_spans<C>(a: &Buckets<C>, b: &Buckets<C>) -> bool {
    a.spans == b.spans && a.counts.len() == b.counts.len()
}

fn same_bounds(a: &Option<Arc<[f64]>>, b: &Option<Arc<[f64]>>) -> bool {
    let bits = |bounds: &Option<Arc<[f64]>>| {
        bounds.as_ref().map(|bounds| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>())
    };
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => true,
        _ => bits(a) == bits(b),
    }
}

fn same_layout<'a>(a: &'a NativeHistogram, b: &'a NativeHistogram) -> bool {
    match (a, b) {
        (NativeHistogram::Integer(a), NativeHistogram::Integer(b)) => {
            (a.reset_hint, a.schema, a.zero_threshold.to_bits())
                == (b.reset_hint, b.schema, b.zero_threshold.to_bits())
                && same_spans(&a.positive, &b.positive)
                && same_spans(&a.negative, &b.negative)
                && same_bounds(&a.custom_values, &b.custom_values)
        }
        (NativeHistogram::Float(a), NativeHistogram::Float(b)) => {
            (a.reset_hint, a.schema, a.zero_threshold.to_bits())
                == (b.reset_hint, b.schema, b.zero_threshold.to_bits())
                && same_spans(&a.positive, &b.positive)
                && same_spans(&a.negative, &b.negative)
                && same_bounds(&a.custom_values, &b.custom_values)
        }
        _ => false,
    }
}

/// Appends a column.
pub fn put(histograms: &[NativeHistogram], out: &mut Vec<u8>) {
    let mut before: Option<&NativeHistogram> = None;
    let mut packed = Vec::new();
    for histogram in histograms {
        match before.filter(|before| same_layout(before, histogram)) {
            Some(before) => {
                out.push(CHANGED);
                put_changed(out, histogram, before);
            }
            None => {
                out.push(WHOLE);
                packed.clear();
                put_histogram(&mut packed, histogram);
                put_bytes(out, &packed);
            }
        }
        before = Some(histogram);
    }
}

fn put_changed(out: &mut Vec<u8>, histogram: &NativeHistogram, before: &NativeHistogram) {
    match (histogram, before) {
        (NativeHistogram::Integer(new), NativeHistogram::Integer(old)) => {
            put_i64(out, new.zero_count.wrapping_sub(old.zero_count) as i64);
            put_i64(out, new.count.wrapping_sub(old.count) as i64);
            put_xor(out, new.sum, old.sum);
            for (new, old) in [(&new.positive, &old.positive), (&new.negative, &old.negative)] {
                for (new, old) in new.counts.iter().zip(&old.counts) {
                    put_i64(out, new.wrapping_sub(*old));
                }
            }
        }
        (NativeHistogram::Float(new), NativeHistogram::Float(old)) => {
            put_xor(out, new.zero_count, old.zero_count);
            put_xor(out, new.count, old.count);
            put_xor(out, new.sum, old.sum);
            for (new, old) in [(&new.positive, &old.positive), (&new.negative, &old.negative)] {
                for (new, old) in new.counts.iter().zip(&old.counts) {
                    put_xor(out, *new, *old);
                }
            }
        }
        _ => unreachable!("only histograms of one layout are written as a change"),
    }
}

/// Reads `count` histograms.
pub fn read(mut input: &[u8], count: usize) -> Option<Vec<NativeHistogram>> {
    let mut all: Vec<NativeHistogram> = Vec::with_capacity(count.min(input.len()));
    for _ in 0..count {
        let (&kind, rest) = input.split_first()?;
        input = rest;
        let histogram = match kind {
            WHOLE => {
                let mut packed = take_bytes(&mut input)?;
                take_histogram(&mut packed).filter(|_| packed.is_empty())?
            }
            CHANGED => take_changed(&mut input, all.last()?)?,
            _ => return None,
        };
        all.push(histogram);
    }
    input.is_empty().then_some(all)
}

fn take_changed(input: &mut &[u8], before: &NativeHistogram) -> Option<NativeHistogram> {
    match before {
        NativeHistogram::Integer(old) => {
            let mut new = Histogram::clone(old);
            new.zero_count = new.zero_count.wrapping_add(take_i64(input)? as u64);
            new.count = new.count.wrapping_add(take_i64(input)? as u64);
            new.sum = take_xor(input, new.sum)?;
            for count in new.positive.counts.iter_mut().chain(&mut new.negative.counts) {
                *count = count.wrapping_add(take_i64(input)?);
            }
            Some(NativeHistogram::Integer(Arc::new(new)))
        }
        NativeHistogram::Float(old) => {
            let mut new = FloatHistogram::clone(old);
            new.zero_count = take_xor(input, new.zero_count)?;
            new.count = take_xor(input, new.count)?;
            new.sum = take_xor(input, new.sum)?;
            for count in new.positive.counts.iter_mut().chain(&mut new.negative.counts) {
                *count = take_xor(input, *count)?;
            }
            Some(NativeHistogram::Float(Arc::new(new)))
        }
    }
}

#[cfg(test)]
mod tests {
    use model::histogram::{CounterResetHint, Span};
    use proptest::prelude::*;

    use super::*;

    fn packed(histogram: &NativeHistogram) -> Vec<u8> {
        let mut out = Vec::new();
        put_histogram(&mut out, histogram);
        out
    }

    fn any_histogram() -> impl Strategy<Value = NativeHistogram> {
        let spans = prop::collection::vec((any::<i8>(), 0u32..3), 0..2);
        let parts = (0u8..4, -4i8..9, any::<u64>(), any::<u64>(), any::<u64>(), spans);
        (parts, prop::collection::vec(any::<i64>(), 0..4), any::<bool>(), prop::option::of(any::<u64>()))
            .prop_map(|((hint, schema, zero, count, sum, spans), counts, float, bound)| {
                let spans: Vec<Span> = spans
                    .into_iter()
                    .map(|(offset, length)| Span { offset: offset.into(), length })
                    .collect();
                let reset_hint = CounterResetHint::from_number(hint).unwrap();
                let custom_values = bound.map(|bits| Arc::from([f64::from_bits(bits)]));
                if float {
                    let counts = counts.iter().map(|&bits| f64::from_bits(bits as u64)).collect();
                    let (zero_count, count) = (f64::from_bits(zero), f64::from_bits(count));
                    NativeHistogram::Float(Arc::new(FloatHistogram {
                        reset_hint,
                        schema,
                        zero_count,
                        count,
                        sum: f64::from_bits(sum),
                        positive: Buckets::new(spans, counts),
                        custom_values,
                        ..FloatHistogram::default()
                    }))
                } else {
                    NativeHistogram::Integer(Arc::new(Histogram {
                        reset_hint,
                        schema,
                        zero_count: zero,
                        count,
                        sum: f64::from_bits(sum),
                        positive: Buckets::new(spans, counts),
                        custom_values,
                        ..Histogram::default()
                    }))
                }
            })
    }

    proptest! {
        #[test]
        fn every_histogram_comes_back(distinct in prop::collection::vec(any_histogram(), 1..4), picks in prop::collection::vec(0usize..4, 0..12)) {
            let histograms: Vec<_> = picks.iter().map(|pick| distinct[pick % distinct.len()].clone()).collect();
            let mut out = Vec::new();
            put(&histograms, &mut out);
            let back = read(&out, histograms.len()).unwrap();
            let want: Vec<_> = histograms.iter().map(packed).collect();
            prop_assert_eq!(back.iter().map(packed).collect::<Vec<_>>(), want);
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 0usize..5) {
            let _ = read(&bytes, count);
        }
    }
}
