//! Telemetry as real clients send it, made once and stamped anew before every request.
//!
//! A pool of request bodies is built from a seed; before a body is sent its times and ids are overwritten in place. So the generator costs
//! a fraction of a microsecond an item, while no two requests are equal and ids stay as incompressible as they are in life.
//! Written by hand on purpose, without `wire`: a mistake there must not be mirrored here.

pub mod logs;
pub mod metrics;
pub mod proto;
pub mod traces;

use stdx::random::Random;

/// A request body with the places that change from request to request.
#[derive(Clone)]
pub struct Body {
    pub bytes: Vec<u8>,
    pub items: u64,
    /// Places of `fixed64` nanosecond times, with their distance from the time of the request.
    pub times: Vec<(usize, u64)>,
    /// Places of random bytes: (position, length).
    pub ids: Vec<(usize, usize)>,
    /// Groups of places that must hold the same random bytes (a trace id on all its spans, a span id and its children's parent).
    pub same: Vec<(usize, usize, usize)>,
}

impl Body {
    /// Sets all times relative to `now_ns` and draws new ids.
    pub fn stamp(&mut self, now_ns: u64, random: &mut Random) {
        for (place, before_ns) in &self.times {
            self.bytes[*place..*place + 8].copy_from_slice(&(now_ns - before_ns).to_le_bytes());
        }
        for (place, len) in &self.ids {
            random.fill(&mut self.bytes[*place..*place + *len]);
        }
        for (from, to, len) in &self.same {
            self.bytes.copy_within(*from..*from + *len, *to);
        }
    }
}
