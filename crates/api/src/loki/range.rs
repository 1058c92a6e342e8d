//! Which time a Loki query is about: `start` inclusive, `end` exclusive, `since`, and defaults.

use crate::doors::Ask;
use crate::refusal::Refusal;
use crate::times::{duration_ns, loki_ns};

pub const HOUR_NS: i64 = 3_600_000_000_000;

/// Nanoseconds, `from` inclusive and `to` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from_ns: i64,
    pub to_ns: i64,
}

impl Range {
    /// `start` and `end`, or `since` before `end`, or `default_ns` before it; `end` is now unless it is said.
    pub fn of(ask: &Ask, default_ns: i64) -> Result<Self, Refusal> {
        let time = |name: &str| {
            let bad = |text: &str| {
                Refusal::bad(format!("could not parse '{name}' parameter: cannot parse {text:?} as a time"))
            };
            ask.params.get(name).map(|text| loki_ns(text).ok_or_else(|| bad(text))).transpose()
        };
        let since_ns = match ask.params.get("since") {
            None => default_ns,
            Some(text) => duration_ns(text).ok_or_else(|| {
                Refusal::bad(format!(
                    "could not parse 'since' parameter: not a valid duration string: {text:?}"
                ))
            })?,
        };
        let to_ns = time("end")?.unwrap_or_else(|| ask.now_ns());
        // Grafana may ask with an end in the future; `since` counts from now then, as in Loki.
        let from_ns = time("start")?.unwrap_or_else(|| to_ns.min(ask.now_ns()).saturating_sub(since_ns));
        if to_ns < from_ns {
            return Err(Refusal::bad("end timestamp must not be before or equal to start time"));
        }
        Ok(Self { from_ns, to_ns })
    }
}
