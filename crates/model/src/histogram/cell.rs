//! What a bucket holds while histograms are added up: a plain float, or a float with its Kahan (Neumaier) compensation.
//!
//! The arithmetic on histograms is written once over [`Cell`]; sums over many histograms use [`Kahan`] and end in a plain one.

use std::fmt::Debug;

/// A number that can be accumulated.
pub trait Cell: Copy + Default + PartialEq + Debug {
    fn from_kahan(sum: Kahan) -> Self;
    fn to_kahan(self) -> Kahan;
    /// The running sum alone, without compensation.
    fn leading(self) -> f64;
    fn add(&mut self, other: Self);
    fn multiply(&mut self, factor: f64);
    fn divide(&mut self, divisor: f64);

    fn of(value: f64) -> Self {
        Self::from_kahan(Kahan::of(value))
    }

    /// Nothing at all was counted here.
    fn is_empty(self) -> bool {
        let cell = self.to_kahan();
        cell.sum == 0.0 && cell.compensation == 0.0
    }
}

/// A compensated sum: the exact value is near `sum + compensation`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kahan {
    pub sum: f64,
    pub compensation: f64,
}

impl Kahan {
    #[inline]
    pub fn of(value: f64) -> Self {
        Self { sum: value, compensation: 0.0 }
    }

    /// Adds `value` (Neumaier's variant); the compensation is dropped once the sum is infinite.
    #[inline]
    pub fn add_value(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    #[inline]
    pub fn total(self) -> f64 {
        self.sum + self.compensation
    }
}

impl Cell for Kahan {
    fn from_kahan(sum: Kahan) -> Self {
        sum
    }
    fn to_kahan(self) -> Kahan {
        self
    }
    fn leading(self) -> f64 {
        self.sum
    }
    fn add(&mut self, other: Self) {
        self.add_value(other.sum);
        self.add_value(other.compensation);
    }
    fn multiply(&mut self, factor: f64) {
        self.sum *= factor;
        self.compensation *= factor;
    }
    fn divide(&mut self, divisor: f64) {
        self.sum /= divisor;
        self.compensation /= divisor;
    }
}

impl Cell for f64 {
    fn from_kahan(sum: Kahan) -> Self {
        sum.sum
    }
    fn to_kahan(self) -> Kahan {
        Kahan::of(self)
    }
    fn leading(self) -> f64 {
        self
    }
    #[inline]
    fn add(&mut self, other: Self) {
        *self += other;
    }
    #[inline]
    fn multiply(&mut self, factor: f64) {
        *self *= factor;
    }
    #[inline]
    fn divide(&mut self, divisor: f64) {
        *self /= divisor;
    }
}
