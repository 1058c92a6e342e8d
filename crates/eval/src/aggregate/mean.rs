//! Means that neither lose small values nor overflow: a compensated sum, and past the range of floats a running mean.

use model::histogram::{Cell, FloatHistogram, HistogramError, Kahan, KahanHistogram, Merged};

/// The mean of floats.
#[derive(Clone, Copy, Debug)]
pub struct FloatMean {
    /// The sum, or the mean once `running`.
    value: Kahan,
    count: f64,
    running: bool,
}

impl FloatMean {
    pub fn of(first: f64) -> Self {
        Self { value: Kahan::of(first), count: 1.0, running: false }
    }

    /// Goes on from a sum over `count` values.
    pub fn resume(sum: Kahan, count: f64) -> Self {
        Self { value: sum, count, running: false }
    }

    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.running {
            let mut sum = self.value;
            sum.add_value(value);
            if !sum.sum.is_infinite() {
                self.value = sum;
                return;
            }
            self.running = true;
            self.value.divide(self.count - 1.0);
        }
        self.value.multiply((self.count - 1.0) / self.count);
        self.value.add_value(value / self.count);
    }

    pub fn result(self) -> f64 {
        if self.running {
            self.value.total()
        } else {
            self.value.sum / self.count + self.value.compensation / self.count
        }
    }
}

/// The mean of histograms.
#[derive(Clone, Debug)]
pub struct HistogramMean {
    /// The sum, or the mean once `running`.
    value: KahanHistogram,
    count: f64,
    running: bool,
}

impl HistogramMean {
    pub fn of(first: &FloatHistogram) -> Self {
        Self { value: first.to_kahan(), count: 1.0, running: false }
    }

    pub fn add(&mut self, histogram: &FloatHistogram) -> Result<Merged, HistogramError> {
        self.count += 1.0;
        if !self.running {
            let mut sum = self.value.clone();
            let merged = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.value = sum;
                return Ok(merged);
            }
            self.running = true;
            self.value.divide(self.count - 1.0);
        }
        self.value.multiply((self.count - 1.0) / self.count);
        let mut share = histogram.clone();
        share.divide(self.count);
        self.value.add(&share)
    }

    /// The mean, not compacted.
    pub fn result(mut self) -> FloatHistogram {
        if !self.running {
            self.value.divide(self.count);
        }
        self.value.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_survive_sums_that_overflow() {
        let mean = |values: &[f64]| {
            let mut mean = FloatMean::of(values[0]);
            values[1..].iter().for_each(|value| mean.add(*value));
            mean.result()
        };
        assert_eq!(mean(&[1.0, 1e100, 1.0, -1e100]), 0.5);
        assert!(mean(&[f64::MAX, f64::MAX, f64::MAX]) > f64::MAX * 0.999_999);
        assert_eq!(mean(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
