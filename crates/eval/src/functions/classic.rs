//! Classic histograms, one series per bucket with an `le` label: put together from the rows of a frame, then asked for quantiles and fractions.
//!
//! Native histograms of the same name and labels at the same step make both unusable there.

use crate::annotations::{Annotations, MonotonicityFix, Note};
use crate::grid::{Bits, Row};
use model::Labels;
use promql::Span;
use std::collections::HashMap;
use std::sync::Arc;

/// The label with the upper bound of a bucket.
pub const BUCKET_LABEL: &str = "le";
/// Relative differences between neighbouring buckets that are taken for inexact arithmetic.
const SMALL_DELTA: f64 = 1e-12;

/// A bucket with the count of all observations at or below its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CumulativeBucket {
    pub upper: f64,
    pub count: f64,
}

/// The rows that make up one classic histogram.
pub struct Group {
    /// Labels without `le`.
    pub labels: Arc<Labels>,
    /// Upper bound, and place of the row.
    pub members: Vec<(f64, usize)>,
    /// Steps at which a native histogram of the same labels spoils it.
    pub spoiled: Option<Bits>,
}

/// The rows of a frame, told apart.
pub struct Sorted {
    pub groups: Vec<Group>,
    /// Rows with native histograms, and the steps at which a classic one spoils them.
    pub natives: Vec<(usize, Option<Bits>)>,
}

/// Tells classic buckets and native histograms apart, and notes what is wrong with either.
pub fn sort_rows(rows: &[Row], span: Span, notes: &mut Annotations) -> Sorted {
    let mut sorted = Sorted { groups: Vec::new(), natives: Vec::new() };
    let mut by_labels: HashMap<Arc<Labels>, usize> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        if row.histograms.is_some() {
            sorted.natives.push((place, None));
        }
        if !has_floats(row) {
            continue;
        }
        let bound = row.labels.get(BUCKET_LABEL);
        let Some(upper) = parse_bound(bound) else {
            notes.add(Note::BadBucketLabel { name: row.labels.metric_name(), value: bound }, span);
            continue;
        };
        let labels = Arc::new(row.labels.without(|name| name == BUCKET_LABEL));
        let group = *by_labels.entry(Arc::clone(&labels)).or_insert_with(|| {
            sorted.groups.push(Group { labels, members: Vec::new(), spoiled: None });
            sorted.groups.len() - 1
        });
        sorted.groups[group].members.push((upper, place));
    }
    for (place, spoiled) in &mut sorted.natives {
        let Some(group) = by_labels.get(&rows[*place].labels).map(|group| &mut sorted.groups[*group]) else {
            continue;
        };
        *spoiled = spoil(rows, *place, group, span, notes);
    }
    sorted
}

/// Steps at which a row with native histograms and a classic histogram both have samples.
fn spoil(
    rows: &[Row],
    native: usize,
    group: &mut Group,
    span: Span,
    notes: &mut Annotations,
) -> Option<Bits> {
    let row = &rows[native];
    let steps = row.values.len();
    let mut both = Bits::none(steps);
    for step in row.present.iter().filter(|step| row.histogram(*step).is_some()) {
        if group.members.iter().any(|(_, member)| float_at(&rows[*member], step).is_some()) {
            both.set(step);
        }
    }
    if both.is_empty() {
        return None;
    }
    notes.add(Note::MixedClassicNative(row.labels.metric_name()), span);
    group.spoiled.get_or_insert_with(|| Bits::none(steps)).union(&both);
    Some(both)
}

fn has_floats(row: &Row) -> bool {
    match &row.histograms {
        None => !row.is_empty(),
        Some(column) => row.present.iter().any(|step| column[step].is_none()),
    }
}

fn float_at(row: &Row, step: usize) -> Option<f64> {
    row.get(step).and_then(|sample| sample.float())
}

/// A bound as Go's `ParseFloat` reads it.
fn parse_bound(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let named = unsigned.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    if named {
        let known = ["inf", "infinity", "nan"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
        return if known { text.parse().ok() } else { None };
    }
    text.parse().ok()
}

impl Group {
    /// The buckets at `step`, in no order; empty when there are none or they are spoiled.
    pub fn buckets(&self, rows: &[Row], step: usize, buckets: &mut Vec<CumulativeBucket>) {
        buckets.clear();
        if self.spoiled.as_ref().is_some_and(|spoiled| spoiled.get(step)) {
            return;
        }
        buckets.extend(self.members.iter().filter_map(|(upper, place)| {
            float_at(&rows[*place], step).map(|count| CumulativeBucket { upper: *upper, count })
        }));
    }
}

/// Sorts, checks for the +Inf bucket, and merges buckets of equal bounds.
fn prepare(buckets: &mut Vec<CumulativeBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.partial_cmp(&b.upper).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|later, earlier| {
        let same = later.upper == earlier.upper;
        if same {
            earlier.count += later.count;
        }
        same
    });
    true
}

/// The quantile, and what had to be fixed to find it. `buckets` is not empty; it is used up.
pub fn quantile(
    quantile: f64,
    time_ms: i64,
    buckets: &mut Vec<CumulativeBucket>,
) -> (f64, Option<MonotonicityFix>) {
    if quantile.is_nan() {
        return (f64::NAN, None);
    }
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let fix = make_monotonic(buckets, time_ms);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, fix);
    }
    let mut rank = quantile * observations;
    let place = buckets[..last]
        .partition_point(|bucket| bucket.count < rank || (bucket.count.is_nan() || rank.is_nan()));
    if place == last {
        return (buckets[last - 1].upper, fix);
    }
    if place == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, fix);
    }
    let (mut start, end, mut count) = (0.0, buckets[place].upper, buckets[place].count);
    if place > 0 {
        start = buckets[place - 1].upper;
        count -= buckets[place - 1].count;
        rank -= buckets[place - 1].count;
    }
    (start + (end - start) * (rank / count), fix)
}

/// Counts that decrease are raised to the one before; differences as small as rounding errors are evened out silently.
fn make_monotonic(buckets: &mut [CumulativeBucket], time_ms: i64) -> Option<MonotonicityFix> {
    let mut fix: Option<MonotonicityFix> = None;
    let mut previous = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        let current = bucket.count;
        if current == previous {
            continue;
        }
        if almost_equal(previous, current, SMALL_DELTA) {
            bucket.count = previous;
            continue;
        }
        if current < previous {
            bucket.count = previous;
            let fix = fix.get_or_insert(MonotonicityFix {
                time_ms,
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
            });
            fix.min_bucket = fix.min_bucket.min(bucket.upper);
            fix.max_bucket = fix.max_bucket.max(bucket.upper);
            fix.max_diff = fix.max_diff.max(previous - current);
            continue;
        }
        previous = current;
    }
    fix
}

/// Equal within a share `epsilon` of their sum.
pub fn almost_equal(a: f64, b: f64, epsilon: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < epsilon * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < epsilon
}

/// The share of observations between `lower` and `upper`. `buckets` is not empty; it is used up.
pub fn fraction(lower: f64, upper: f64, buckets: &mut Vec<CumulativeBucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| rank_of(value, buckets).filter(|rank| *rank <= count).unwrap_or(count);
    (rank(upper) - rank(lower)) / count
}

/// How many observations are at or below `value`; `None` when it is above all bounds.
fn rank_of(value: f64, buckets: &[CumulativeBucket]) -> Option<f64> {
    // A first bound above 0 says that all observations are.
    let mut start = if buckets.first()?.upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    for bucket in buckets {
        if start >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            return Some(match start == f64::NEG_INFINITY {
                true => bucket.count,
                false => rank + (bucket.count - rank) * (value - start) / (bucket.upper - start),
            });
        }
        (start, rank) = (bucket.upper, bucket.count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<CumulativeBucket> {
        pairs.iter().map(|(upper, count)| CumulativeBucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn quantiles_interpolate_linearly() {
        let check =
            |q, pairs: &[(f64, f64)], expect: f64| assert_eq!(quantile(q, 0, &mut buckets(pairs)).0, expect);
        let inf = f64::INFINITY;
        check(0.5, &[(inf, 4.0), (1.0, 2.0), (2.0, 4.0)], 1.0);
        check(0.75, &[(1.0, 2.0), (2.0, 4.0), (inf, 4.0)], 1.5);
        check(1.0, &[(1.0, 2.0), (inf, 4.0)], 1.0);
        check(0.1, &[(-1.0, 2.0), (inf, 4.0)], -1.0);
        assert!(quantile(0.5, 0, &mut buckets(&[(1.0, 2.0)])).0.is_nan());
    }

    #[test]
    fn decreasing_counts_are_fixed_and_told() {
        let (_, fix) = quantile(0.5, 7, &mut buckets(&[(1.0, 3.0), (2.0, 1.0), (f64::INFINITY, 4.0)]));
        assert_eq!(
            fix,
            Some(MonotonicityFix { time_ms: 7, min_bucket: 2.0, max_bucket: 2.0, max_diff: 2.0 })
        );
        let (_, fix) =
            quantile(0.5, 7, &mut buckets(&[(1.0, 3.0), (2.0, 3.0 - 1e-13), (f64::INFINITY, 4.0)]));
        assert_eq!(fix, None);
    }

    #[test]
    fn fractions_count_between_bounds() {
        let all = [(1.0, 2.0), (2.0, 6.0), (f64::INFINITY, 8.0)];
        let check =
            |lower, upper, expect: f64| assert_eq!(fraction(lower, upper, &mut buckets(&all)), expect);
        check(1.0, 2.0, 0.5);
        check(0.0, 1.5, 0.5);
        check(f64::NEG_INFINITY, f64::INFINITY, 1.0);
        check(3.0, f64::INFINITY, 0.25);
    }

    #[test]
    fn bounds_are_read_as_go_reads_them() {
        assert_eq!(parse_bound("+Inf"), Some(f64::INFINITY));
        assert_eq!(parse_bound("-infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_bound("1e-3"), Some(0.001));
        assert_eq!((parse_bound(""), parse_bound("info"), parse_bound("1s")), (None, None, None));
    }
}
