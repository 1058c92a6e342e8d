//! `deriv`, `predict_linear` and `double_exponential_smoothing`: trends.

use super::Context;
use crate::annotations::Note;
use crate::error::EvalError;
use crate::windows::Window;
use model::histogram::Kahan;

/// At least two floats; says when histograms are passed over.
fn enough(window: &Window<'_>, context: &mut Context<'_>) -> bool {
    let floats = window.times.len();
    if floats > 0 && !window.histograms.is_empty() {
        let name = context.name();
        context.note(Note::HistogramIgnoredInMixedRange(name));
    }
    floats >= 2
}

pub fn derivative(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    // A time close to the samples keeps the sums small, and the result exact.
    enough(window, context).then(|| least_squares(window.times, window.values, window.times[0]).0)
}

pub fn predict(seconds: f64, window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    enough(window, context).then(|| {
        let (slope, intercept) = least_squares(window.times, window.values, window.time_ms);
        slope * seconds + intercept
    })
}

/// Slope per second, and the value at `origin_ms`, of the line that fits best.
fn least_squares(times: &[i64], values: &[f64], origin_ms: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [Kahan::default(); 4];
    for (time, value) in times.iter().zip(values) {
        let x = (time - origin_ms) as f64 / 1000.0;
        sum_x.add_value(x);
        sum_y.add_value(*value);
        sum_xy.add_value(x * value);
        sum_xx.add_value(x * x);
    }
    let n = values.len() as f64;
    let (sum_x, sum_y, sum_xy, sum_xx) = (sum_x.total(), sum_y.total(), sum_xy.total(), sum_xx.total());
    let covariance = sum_xy - sum_x * sum_y / n;
    let variance = sum_xx - sum_x * sum_x / n;
    let slope = covariance / variance;
    (slope, sum_y / n - slope * sum_x / n)
}

/// Holt's linear method: `smoothing` and `trend` weigh new values and new slopes.
pub fn smooth(
    smoothing: f64,
    trend: f64,
    window: &Window<'_>,
    context: &mut Context<'_>,
) -> Result<Option<f64>, EvalError> {
    let outside = |factor: f64| factor <= 0.0 || factor >= 1.0;
    if outside(smoothing) {
        return Err(EvalError::Execution(format!(
            "invalid smoothing factor. Expected: 0 < sf < 1, got: {smoothing:.6}"
        )));
    }
    if outside(trend) {
        return Err(EvalError::Execution(format!(
            "invalid trend factor. Expected: 0 < tf < 1, got: {trend:.6}"
        )));
    }
    if !enough(window, context) {
        return Ok(None);
    }
    let mut before = 0.0;
    let mut level = window.values[0];
    let mut slope = window.values[1] - window.values[0];
    for (place, value) in window.values.iter().enumerate().skip(1) {
        if place > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Ok(Some(level))
}
