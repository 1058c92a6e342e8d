//! Each operation against small histograms whose results are known.

use super::*;

fn exponential(schema: i8, offset: i32, counts: &[f64]) -> FloatHistogram {
    let spans = vec![Span { offset, length: counts.len() as u32 }];
    FloatHistogram {
        schema,
        count: counts.iter().sum(),
        sum: 1.0,
        positive: Buckets::new(spans, counts.to_vec()),
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    FloatHistogram { schema: CUSTOM_SCHEMA, custom_values: Some(bounds.into()), ..exponential(0, 0, counts) }
}

#[test]
fn bounds_end_at_the_largest_float() {
    assert_eq!(bound(0, 0, &[]), 1.0);
    assert_eq!(bound(3, 0, &[]), 8.0);
    assert_eq!(bound(-1, 1, &[]), 0.707_106_781_186_547_5);
    assert_eq!(bound(1, -2, &[]), 16.0);
    assert_eq!(bound(1024, 0, &[]), f64::MAX);
    assert_eq!(bound(1025, 0, &[]), f64::INFINITY);
    assert_eq!(bound(-1074, 0, &[]), 5e-324);
    assert_eq!(bound(i32::MIN, 8, &[]), 0.0);
    assert_eq!(bound(i32::MAX, -4, &[]), f64::INFINITY);
    assert_eq!(
        [-1, 0, 1, 2].map(|i| bound(i, CUSTOM_SCHEMA, &[2.0, 4.0])),
        [f64::NEG_INFINITY, 2.0, 4.0, f64::INFINITY]
    );
}

#[test]
fn compact_drops_empty_buckets_and_fills_small_gaps() {
    let mut side = Buckets::new(
        vec![Span { offset: -2, length: 3 }, Span { offset: 0, length: 0 }, Span { offset: 3, length: 2 }],
        vec![0.0, 1.0, 0.0, 2.0, 3.0],
    );
    let mut joined = side.clone();
    side.compact(0);
    assert_eq!(side.iter().collect::<Vec<_>>(), [(-1, 1.0), (4, 2.0), (5, 3.0)]);
    assert_eq!(side.spans.len(), 2);
    assert_eq!(side.iter_reverse().collect::<Vec<_>>(), [(5, 3.0), (4, 2.0), (-1, 1.0)]);
    joined.compact(4);
    assert_eq!((joined.spans.len(), joined.counts.len()), (1, 7));
}

#[test]
fn layouts_compare_without_regard_to_how_spans_are_cut() {
    let span = |offset, length| Span { offset, length };
    let side = |spans: Vec<Span>| Buckets::new(spans, vec![1.0; 4]);
    assert!(side(vec![span(1, 4)]).same_layout(&side(vec![span(1, 2), span(0, 2)])));
    assert!(side(vec![span(1, 4)]).same_layout(&side(vec![span(0, 0), span(1, 4), span(3, 0)])));
    assert!(side(vec![span(1, 2), span(3, 2)]).same_layout(&side(vec![span(1, 2), span(2, 0), span(1, 2)])));
    assert!(!side(vec![span(1, 4)]).same_layout(&side(vec![span(1, 2), span(1, 2)])));
}

#[test]
fn addition_brings_resolutions_together() {
    let mut low = exponential(-1, 1, &[1.0]);
    low.add(&exponential(0, 1, &[2.0, 2.0])).unwrap();
    assert_eq!(low.to_test_notation(), "{{schema:-1 count:5 sum:2 offset:1 buckets:[5]}}");
    let mut high = exponential(0, 1, &[2.0, 2.0]);
    high.add(&exponential(-1, 1, &[1.0])).unwrap();
    assert_eq!(high, low);
    high.subtract(&exponential(-1, 1, &[1.0])).unwrap();
    assert_eq!(high.positive.counts, [4.0]);
}

#[test]
fn addition_brings_zero_buckets_together() {
    let mut narrow = exponential(0, -2, &[1.0, 2.0, 3.0]);
    narrow.zero_threshold = 0.01;
    let wide =
        FloatHistogram { zero_threshold: 0.3, zero_count: 5.0, count: 5.0, ..FloatHistogram::default() };
    narrow.add(&wide).unwrap();
    // 0.3 lies inside the populated bucket (0.25, 0.5], so the threshold becomes 0.5.
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (0.5, 8.0));
    assert_eq!(narrow.positive.iter().collect::<Vec<_>>(), [(0, 3.0)]);
}

#[test]
fn custom_bounds_are_reduced_to_the_common_ones() {
    let mut a = custom(&[1.0, 2.0, 4.0], &[1.0, 1.0, 1.0, 1.0]);
    let merged = a.add(&custom(&[2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    assert!(merged.bounds_reconciled);
    assert_eq!(a.bounds(), [2.0, 4.0]);
    assert_eq!(a.positive.counts, [3.0, 6.0, 5.0]);
    assert_eq!(a.add(&exponential(0, 0, &[1.0])), Err(HistogramError::IncompatibleSchema));
}

#[test]
fn contradicting_reset_hints_collide() {
    let with = |hint| FloatHistogram { reset_hint: hint, ..exponential(0, 0, &[1.0]) };
    let sum = |a, b| {
        let mut sum = with(a);
        let merged = sum.add(&with(b)).unwrap();
        (sum.reset_hint, merged.reset_collision)
    };
    use CounterResetHint::*;
    assert_eq!(sum(Reset, NotReset), (Unknown, true));
    assert_eq!(sum(Reset, Unknown), (Unknown, false));
    assert_eq!(sum(Unknown, Gauge), (Gauge, false));
    assert_eq!(sum(NotReset, NotReset), (NotReset, false));
}

#[test]
fn kahan_sums_keep_what_plain_sums_lose() {
    let big = exponential(0, 0, &[1e100]);
    let mut sum = exponential(0, 0, &[1.0]).to_kahan();
    sum.add(&big).unwrap();
    sum.subtract(&big).unwrap();
    assert_eq!(sum.total().positive.counts, [1.0]);
}

#[test]
fn resets_are_seen_in_any_bucket() {
    let check = |now: &FloatHistogram, before: &FloatHistogram, expect| {
        assert_eq!(now.is_reset_since(before), expect)
    };
    let before = exponential(1, 0, &[1.0, 2.0, 3.0]);
    check(&exponential(1, 0, &[1.0, 2.0, 4.0]), &before, false);
    check(&exponential(1, 0, &[0.0, 2.0, 5.0]), &before, true);
    check(&exponential(1, 1, &[3.0, 6.0]), &before, true);
    check(&exponential(0, 0, &[1.0, 5.0]), &before, false);
    check(&exponential(2, 0, &[1.0, 9.0]), &before, true);
    check(&custom(&[1.0, 2.0], &[5.0, 5.0]), &before, true);
    let bounds = custom(&[1.0, 2.0], &[1.0, 2.0]);
    check(&custom(&[2.0, 4.0], &[3.0, 1.0]), &bounds, false);
    check(&custom(&[2.0, 4.0], &[2.0, 9.0]), &bounds, true);
    let hinted = FloatHistogram { reset_hint: CounterResetHint::NotReset, ..exponential(1, 0, &[0.0]) };
    check(&hinted, &before, false);
}

#[test]
fn validation_names_what_is_wrong() {
    let check = |histogram: &FloatHistogram, expect: &str| {
        assert_eq!(histogram.validate().map_err(|e| e.to_string()).err().unwrap_or_default(), expect);
    };
    check(&exponential(0, 0, &[1.0]), "");
    check(
        &exponential(0, 0, &[1.0, -2.0]),
        "observation count is  -1: histogram's observation count is negative",
    );
    check(
        &custom(&[2.0, 1.0], &[1.0]),
        "custom buckets: previous bound is 2.000000 and current is 1.000000: histogram custom bounds must be in strictly increasing order",
    );
    check(
        &FloatHistogram { schema: 9, ..Default::default() },
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9",
    );
    let integer = Histogram {
        count: 4,
        positive: Buckets::new(vec![Span { offset: 0, length: 2 }], vec![1, 1]),
        ..Histogram::default()
    };
    assert_eq!(
        integer.validate().unwrap_err().to_string(),
        "3 observations found in buckets, but the Count field is 4: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    );
    assert_eq!(integer.to_float().positive.counts, [1.0, 2.0]);
}

#[test]
fn hostile_spans_do_not_panic() {
    let hostile = FloatHistogram {
        positive: Buckets::new(
            vec![Span { offset: i32::MAX, length: u32::MAX }, Span { offset: i32::MIN, length: 7 }],
            vec![1.0, 2.0],
        ),
        count: 3.0,
        ..FloatHistogram::default()
    };
    let mut sum = hostile.clone();
    sum.compact(usize::MAX);
    sum.add(&exponential(-4, -9, &[1.0, 0.0])).unwrap();
    assert!(hostile.all_buckets().count() + hostile.all_buckets_reverse().count() <= 4);
    let _ = (hostile.is_reset_since(&sum), hostile.to_string());
}

#[test]
fn trimming_interpolates_in_the_bucket_that_is_cut() {
    let mut histogram = custom(&[2.0, 4.0], &[1.0, 2.0, 1.0]);
    histogram.trim_upper(3.0);
    assert_eq!(
        histogram.to_test_notation(),
        "{{schema:-53 count:2 sum:3.5 custom_values:[2 4] buckets:[1 1]}}"
    );
    let mut histogram = exponential(0, 1, &[2.0, 2.0]);
    histogram.trim_lower(2.0);
    assert_eq!(histogram.positive.iter().collect::<Vec<_>>(), [(2, 2.0)]);
}
