//! Items a second, from the counts that were seen when somebody looked before.

use std::collections::VecDeque;

use model::Signal;
use parking_lot::Mutex;

/// A rate is taken over at least this, if somebody looked that long ago ...
const WINDOW_MS: i64 = 10_000;
/// ... and older looks are forgotten.
const LOOKS_MAX: usize = 256;

struct Look {
    at_ms: i64,
    items: [u64; 4],
}

/// Shared by all who look.
#[derive(Default)]
pub struct IngestRates(Mutex<VecDeque<Look>>);

impl IngestRates {
    /// Rates now, in the order of [`Signal::ALL`]; zero at the first look.
    pub fn read(&self, now_ms: i64, items: impl Fn(Signal) -> u64) -> [f64; 4] {
        let items = Signal::ALL.map(items);
        let mut looks = self.0.lock();
        // The newest look outside of the window, or the oldest there is.
        while looks.len() > 1 && looks[1].at_ms <= now_ms - WINDOW_MS || looks.len() >= LOOKS_MAX {
            looks.pop_front();
        }
        let mut rates = [0.0; 4];
        if let Some(before) = looks.front().filter(|before| before.at_ms < now_ms) {
            let seconds = (now_ms - before.at_ms) as f64 / 1000.0;
            for (rate, (now, then)) in rates.iter_mut().zip(items.iter().zip(before.items)) {
                *rate = now.saturating_sub(then) as f64 / seconds;
            }
        }
        looks.push_back(Look { at_ms: now_ms, items });
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_over_the_window() {
        let rates = IngestRates::default();
        assert_eq!(rates.read(1_000, |_| 500), [0.0; 4]);
        assert_eq!(rates.read(2_000, |_| 600), [100.0; 4]);
        assert_eq!(rates.read(11_000, |_| 1_500), [100.0; 4]);
        // The look at 2 s is the newest outside of the window, the one at 1 s is forgotten.
        assert_eq!(rates.read(12_000, |_| 5_600), [500.0; 4]);
    }
}
