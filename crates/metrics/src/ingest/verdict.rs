//! What was refused of a request, and why, in the words of Prometheus.

use model::Labels;

/// Reasons that are told to the client; more are counted only.
const REASONS_MAX: usize = 10;
/// A label set in an error text is cut at this length.
const LABELS_TEXT_MAX: usize = 512;

/// What was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Samples refused for good.
    pub samples: u64,
    /// Samples refused because a limit is reached (also counted in `samples`).
    pub limited: u64,
    reasons: Vec<String>,
}

impl Verdict {
    pub fn reject(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.samples += samples;
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(reason());
        }
    }

    pub fn limit(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.limited += samples;
        self.reject(samples, reason);
    }

    pub fn is_clean(&self) -> bool {
        self.samples == 0 && self.reasons.is_empty()
    }

    /// All reasons, one a line.
    pub fn message(&self) -> String {
        self.reasons.join("\n")
    }

    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.limited += other.limited;
        let room = REASONS_MAX.saturating_sub(self.reasons.len());
        self.reasons.extend(other.reasons.into_iter().take(room));
    }
}

/// A label set as error texts show it.
pub fn show(labels: &[(&str, &str)]) -> String {
    let mut text = Labels::from_pairs(labels.iter().copied()).to_string();
    if text.len() > LABELS_TEXT_MAX {
        let mut end = LABELS_TEXT_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Why a sample's time is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BadTime {
    TooFarInFuture,
    OutOfOrder,
    TooOld,
    Duplicate { t_ms: i64, existing_bits: u64, new_bits: u64, floats: bool },
}

impl std::fmt::Display for BadTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::TooFarInFuture => f.write_str("out of bounds: timestamp is too far in the future"),
            Self::OutOfOrder => f.write_str("out of order sample"),
            Self::TooOld => f.write_str("too old sample"),
            Self::Duplicate { t_ms, existing_bits, new_bits, floats: true } => write!(
                f,
                "duplicate sample for timestamp {t_ms}; overrides not allowed: existing {}, new value {}",
                f64::from_bits(existing_bits),
                f64::from_bits(new_bits)
            ),
            Self::Duplicate { .. } => f.write_str("duplicate sample for timestamp"),
        }
    }
}
