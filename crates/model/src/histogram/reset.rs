//! Was there a counter reset between two histograms of one series?

use super::CounterResetHint;
use super::bounds::{bound, target_index};
use super::buckets::Buckets;
use super::float::FloatHistogram;

impl FloatHistogram {
    /// True when any count went down or a populated bucket vanished. The hint decides when it knows; the sum never matters.
    ///
    /// A finer resolution or a narrower zero bucket is a reset. Coarser buckets and a wider zero bucket are applied to `previous` first.
    pub fn is_reset_since(&self, previous: &Self) -> bool {
        match self.reset_hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            // A gauge is treated as a counter: whoever applies `rate` to it gets a warning elsewhere.
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.bounds() != previous.bounds() {
                return self.common_bucket_shrank(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        if self.uses_custom_buckets() != previous.uses_custom_buckets() {
            return true;
        }
        if !self.uses_custom_buckets() {
            let (previous_zero, threshold) = previous.zero_count_with(self.zero_threshold);
            if threshold != self.zero_threshold || self.zero_count < previous_zero.sum {
                return true;
            }
        }
        self.side_shrank(previous, &self.positive, &previous.positive)
            || self.side_shrank(previous, &self.negative, &previous.negative)
    }

    fn side_shrank(&self, previous: &Self, now: &Buckets<f64>, before: &Buckets<f64>) -> bool {
        let custom = self.uses_custom_buckets();
        let visible = |index: i32| custom || bound(index, self.schema, &[]) > self.zero_threshold;
        let all_visible = |side: &Buckets<f64>| side.spans.first().is_none_or(|span| visible(span.offset));
        if self.schema == previous.schema && now.same_layout(before) && all_visible(now) {
            return now.counts.iter().zip(&before.counts).any(|(now, before)| now < before);
        }
        let mut now = now.iter().filter(|(index, _)| visible(*index)).peekable();
        let mut before = before
            .iter()
            .map(|(index, count)| {
                (if custom { index } else { target_index(index, previous.schema, self.schema) }, count)
            })
            .filter(|(index, _)| visible(*index))
            .peekable();
        while let Some((index, mut populated)) = before.next() {
            while let Some((_, more)) = before.next_if(|(same, _)| *same == index) {
                populated += more;
            }
            while now.next_if(|(below, _)| *below < index).is_some() {}
            let current = now.peek().filter(|(same, _)| *same == index).map(|(_, count)| *count);
            let shrank = current.map_or(populated != 0.0, |count| count < populated);
            if shrank {
                return true;
            }
        }
        false
    }

    /// Compares histograms of different custom bounds, in the buckets between the bounds that both have.
    fn common_bucket_shrank(&self, previous: &Self) -> bool {
        let common = super::arithmetic::common_bounds(self.bounds(), previous.bounds());
        let mut now = self.positive_buckets().peekable();
        let mut before = previous.positive_buckets().peekable();
        common.iter().copied().chain([f64::INFINITY]).any(|bound| {
            let (mut now_sum, mut before_sum) = (0.0, 0.0);
            while let Some(bucket) = now.next_if(|bucket| bucket.upper <= bound) {
                now_sum += bucket.count;
            }
            while let Some(bucket) = before.next_if(|bucket| bucket.upper <= bound) {
                before_sum += bucket.count;
            }
            now_sum < before_sum
        })
    }
}
