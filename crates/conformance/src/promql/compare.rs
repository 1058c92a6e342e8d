//! Results against what a script expects: floats within a relative error, histograms compacted, order only where asked for.

use super::expect::Subject;
use super::script::{Eval, ExpectedSeries, Timing};
use super::sequence::Expected;
use eval::{MatrixSeries, QueryValue, Sample, VectorElement};
use model::Labels;
use model::histogram::{FloatHistogram, is_stale};
use promql::SeriesValue;

/// Relative error of floats.
const EPSILON: f64 = 0.000_001;

pub fn is_ordered(eval: &Eval) -> bool {
    eval.legacy.ordered || eval.expectations.iter().any(|expectation| expectation.subject == Subject::Ordered)
}

pub fn compare(eval: &Eval, value: &QueryValue) -> Result<(), String> {
    match value {
        QueryValue::Scalar { value, .. } => compare_scalar(eval, *value),
        QueryValue::Text { text, .. } => {
            let expected = eval.text.as_deref().unwrap_or_default();
            let found = String::from_utf8_lossy(text);
            if expected == found {
                Ok(())
            } else {
                Err(format!("expected string {expected:?} but got {found:?}"))
            }
        }
        QueryValue::Vector(vector) => compare_vector(eval, vector),
        QueryValue::Matrix(matrix) => compare_matrix(eval, matrix),
    }
}

pub fn compare_scalar(eval: &Eval, found: f64) -> Result<(), String> {
    match eval.scalar {
        Some(expected) if equal(expected, found) => Ok(()),
        Some(expected) => Err(format!("expected scalar {expected} but got {found}")),
        None => Err(format!("expected vector or matrix result, but got scalar {found}")),
    }
}

fn expected_of<'a>(eval: &'a Eval, labels: &Labels) -> Option<&'a ExpectedSeries> {
    eval.series.iter().find(|series| series.labels == *labels)
}

pub fn compare_vector(eval: &Eval, vector: &[VectorElement]) -> Result<(), String> {
    if eval.scalar.is_some() {
        return Err("expected scalar result, but got a vector".to_owned());
    }
    for (place, element) in vector.iter().enumerate() {
        let labels = &element.labels;
        let Some(expected) = expected_of(eval, labels) else {
            return Err(format!("unexpected metric {labels} in result, has value {}", show(&element.sample)));
        };
        if is_ordered(eval) && expected.position != place + 1 {
            return Err(format!(
                "expected {labels} at position {} but was at {}",
                expected.position,
                place + 1
            ));
        }
        let first = expected.values.first().ok_or_else(|| format!("no value expected for {labels}"))?;
        compare_sample(first, &element.sample).map_err(|reason| format!("{labels}: {reason}"))?;
    }
    for expected in &eval.series {
        if !vector.iter().any(|element| *element.labels == expected.labels) {
            return Err(format!("expected metric {} not found", expected.labels));
        }
    }
    Ok(())
}

fn compare_sample(expected: &Expected, found: &Sample) -> Result<(), String> {
    let same = match (&expected.value, found) {
        (SeriesValue::Float(expected), Sample::Float(found)) => equal(*expected, *found),
        (SeriesValue::Histogram(histogram), Sample::Histogram(found)) => {
            equal_histograms(histogram, found, expected.has_hint)
        }
        _ => false,
    };
    if same { Ok(()) } else { Err(format!("expected {} but got {}", show_expected(expected), show(found))) }
}

fn compare_matrix(eval: &Eval, matrix: &[MatrixSeries]) -> Result<(), String> {
    if is_ordered(eval) {
        return Err("expected ordered result, but query returned a matrix".to_owned());
    }
    if eval.scalar.is_some() {
        return Err("expected scalar result, but got a matrix".to_owned());
    }
    check_sorted(matrix)?;
    let (start_ms, end_ms, step_ms) = match (eval.range_vector, eval.timing) {
        (Some(times), _) => times,
        (None, Timing::Range { start_ms, end_ms, step_ms }) => (start_ms, end_ms, step_ms),
        (None, Timing::Instant { at_ms }) => (at_ms, at_ms, 0),
    };
    for series in matrix {
        let labels = &series.labels;
        let Some(expected) = expected_of(eval, labels) else {
            return Err(format!("unexpected metric {labels} in result, has {}", show_series(series)));
        };
        let mut points = Vec::new();
        for (place, value) in expected.values.iter().enumerate() {
            let time_ms = start_ms + step_ms * place as i64;
            if time_ms > end_ms {
                return Err(format!(
                    "expected {} points for {labels}, but the time range cannot return this many",
                    expected.values.len()
                ));
            }
            if !matches!(value.value, SeriesValue::Omitted) {
                points.push((time_ms, value));
            }
        }
        if points.len() != series.points.len() {
            return Err(format!(
                "expected {} points for {labels}, but got {}",
                points.len(),
                show_series(series)
            ));
        }
        for ((expected_ms, expected), (found_ms, found)) in points.into_iter().zip(&series.points) {
            if expected_ms != *found_ms {
                return Err(format!("{labels}: expected a value at {expected_ms}, got one at {found_ms}"));
            }
            compare_sample(expected, found)
                .map_err(|reason| format!("{labels} at {found_ms}: {reason}; has {}", show_series(series)))?;
        }
    }
    for expected in &eval.series {
        if !matrix.iter().any(|series| *series.labels == expected.labels) {
            return Err(format!("expected metric {} not found", expected.labels));
        }
    }
    Ok(())
}

pub fn check_sorted(matrix: &[MatrixSeries]) -> Result<(), String> {
    match matrix.windows(2).find(|pair| pair[0].labels > pair[1].labels) {
        Some(pair) => {
            Err(format!("the result is not sorted: {} stands before {}", pair[0].labels, pair[1].labels))
        }
        None => Ok(()),
    }
}

/// Equal within the relative error. The stale marker equals itself alone, every other NaN any other.
fn equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    eval::almost_equal(a, b, EPSILON)
}

fn equal_histograms(expected: &FloatHistogram, found: &FloatHistogram, compare_hint: bool) -> bool {
    let compacted = |histogram: &FloatHistogram| {
        let mut histogram = histogram.clone();
        histogram.compact(0);
        histogram
    };
    let (expected, found) = (compacted(expected), compacted(found));
    let sides = [(&expected.positive, &found.positive), (&expected.negative, &found.negative)];
    expected.schema == found.schema
        && equal(expected.count, found.count)
        && equal(expected.sum, found.sum)
        && (!expected.uses_custom_buckets() || expected.bounds() == found.bounds())
        && expected.zero_threshold == found.zero_threshold
        && equal(expected.zero_count, found.zero_count)
        && sides.iter().all(|(expected, found)| {
            expected.same_layout(found)
                && expected.counts.len() == found.counts.len()
                && expected.counts.iter().zip(&found.counts).all(|(a, b)| equal(*a, *b))
        })
        && (!compare_hint || expected.reset_hint == found.reset_hint)
}

fn show(sample: &Sample) -> String {
    match sample {
        Sample::Float(value) => value.to_string(),
        Sample::Histogram(histogram) => histogram.to_test_notation(),
    }
}

fn show_expected(value: &Expected) -> String {
    value.sample().map_or_else(|| "no value".to_owned(), |sample| show(&sample))
}

fn show_series(series: &MatrixSeries) -> String {
    let points: Vec<String> =
        series.points.iter().map(|(time, sample)| format!("{} @{time}", show(sample))).collect();
    format!("[{}]", points.join(", "))
}
