//! Exponential histograms of OTLP as native histograms: the same buckets, numbered one higher, at most schema 8.

use model::histogram::{Buckets, CounterResetHint, Histogram, MAX_SCHEMA, MIN_SCHEMA, STALE_BITS, Span};
use wire::otlp::metrics::{BucketsView, ExponentialHistogramPointView};

/// Width of the zero bucket of senders that tell none.
const ZERO_THRESHOLD: f64 = 1e-128;
/// Empty buckets between two spans that are written as zeros rather than as a gap.
const GAP_MAX: i64 = 2;
/// A side with more buckets than this is not a histogram.
const BUCKETS_MAX: usize = 100_000;

pub fn to_native(
    point: &ExponentialHistogramPointView<'_>,
    reset_hint: CounterResetHint,
) -> Result<Histogram, String> {
    let scale = point.scale.0;
    if scale < i64::from(MIN_SCHEMA) {
        return Err(format!(
            "cannot convert exponential to native histogram. Scale must be >= -4, was {scale}"
        ));
    }
    let down = (scale - i64::from(MAX_SCHEMA)).clamp(0, 62) as u32;
    let threshold = if point.zero_threshold == 0.0 { ZERO_THRESHOLD } else { point.zero_threshold };
    Ok(Histogram {
        reset_hint,
        schema: scale.min(i64::from(MAX_SCHEMA)) as i8,
        zero_threshold: threshold,
        zero_count: point.zero_count,
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        positive: side(point.positive.or_empty(), down)?,
        negative: side(point.negative.or_empty(), down)?,
        custom_values: None,
    })
}

/// The stale marker of a histogram series.
pub fn stale(histogram: Histogram) -> Histogram {
    Histogram {
        sum: f64::from_bits(STALE_BITS),
        count: STALE_BITS,
        zero_count: 0,
        positive: Buckets::default(),
        negative: Buckets::default(),
        ..histogram
    }
}

/// OTLP's bucket `i` is `(base^i, base^(i+1)]`, which Prometheus numbers `i + 1`. Each step of scale down joins two neighbours.
fn side(buckets: BucketsView<'_>, down: u32) -> Result<Buckets<i64>, String> {
    let (mut spans, mut differences): (Vec<Span>, Vec<i64>) = (Vec::new(), Vec::new());
    let (mut last, mut before): (Option<i64>, i64) = (None, 0);
    let mut open: Option<(i64, u64)> = None;
    let mut close = |index: i64, count: u64| -> Result<(), String> {
        if count == 0 {
            return Ok(());
        }
        let gap = last.map_or(i64::MAX, |last| index - last - 1);
        if last.is_some() && gap <= GAP_MAX {
            for _ in 0..gap {
                differences.push(-before);
                before = 0;
            }
            if let Some(span) = spans.last_mut() {
                span.length += gap as u32 + 1;
            }
        } else {
            let offset = if last.is_some() { gap } else { index };
            let offset =
                i32::try_from(offset).map_err(|_| format!("bucket index {index} is out of range"))?;
            spans.push(Span { offset, length: 1 });
        }
        let count = i64::try_from(count).map_err(|_| format!("bucket count {count} is out of range"))?;
        differences.push(count - before);
        (before, last) = (count, Some(index));
        Ok(())
    };
    for (place, count) in buckets.bucket_counts.iter().enumerate() {
        if place >= BUCKETS_MAX {
            return Err(format!("exponential histogram has more than {BUCKETS_MAX} buckets"));
        }
        let index = ((buckets.offset.0 + place as i64) >> down) + 1;
        open = match open {
            Some((have, sum)) if have == index => Some((have, sum.saturating_add(count.0))),
            Some((have, sum)) => {
                close(have, sum)?;
                Some((index, count.0))
            }
            None => Some((index, count.0)),
        };
    }
    if let Some((index, sum)) = open {
        close(index, sum)?;
    }
    Ok(Buckets::new(spans, differences))
}
