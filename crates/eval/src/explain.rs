//! What an evaluation did, operator by operator: the answer to "why is this query slow".
//!
//! Time is that of the operator and everything below it. Operators that were streamed into the one above them have counts of what they read, but no time of
//! their own.

use crate::plan::Node;
use std::sync::Mutex;
use std::time::Duration;

/// Statistics of one operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperatorStats {
    /// What it is: `rate`, `select {...}`, `operator +`.
    pub name: String,
    /// Its piece of the query text: start and end in bytes.
    pub span: (u32, u32),
    /// Series of the result.
    pub series: u64,
    /// Samples of the result.
    pub samples: u64,
    /// Samples read from the store.
    pub samples_read: u64,
    /// Memory of the result.
    pub bytes: u64,
    /// How often it was evaluated: several grids, or once for several places in the text.
    pub evaluations: u64,
    /// Wall time, everything below included.
    pub time: Duration,
    /// It was computed series by series as part of the operator above.
    pub streamed: bool,
    pub children: Vec<OperatorStats>,
}

/// A monotonic clock, if statistics are wanted.
pub type StatsClock = std::sync::Arc<dyn Fn() -> Duration + Send + Sync>;

#[derive(Clone, Default)]
struct Counts {
    series: u64,
    samples: u64,
    samples_read: u64,
    bytes: u64,
    evaluations: u64,
    time: Duration,
}

/// Collects statistics while a query runs; does nothing unless it has a clock.
pub(crate) struct Recorder {
    clock: Option<StatsClock>,
    counts: Mutex<Vec<Counts>>,
}

impl Recorder {
    pub fn new(clock: Option<StatsClock>) -> Self {
        Self { clock, counts: Mutex::default() }
    }

    pub fn is_on(&self) -> bool {
        self.clock.is_some()
    }

    pub fn now(&self) -> Duration {
        self.clock.as_ref().map_or(Duration::ZERO, |clock| clock())
    }

    fn update(&self, id: usize, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counts.len() <= id {
            counts.resize(id + 1, Counts::default());
        }
        change(&mut counts[id]);
    }

    pub fn record(&self, id: usize, started: Duration, series: usize, samples: usize, bytes: usize) {
        let time = self.now().saturating_sub(started);
        self.update(id, |counts| {
            counts.series += series as u64;
            counts.samples += samples as u64;
            counts.bytes += bytes as u64;
            counts.evaluations += 1;
            counts.time += time;
        });
    }

    pub fn count_read(&self, id: usize, samples: u64) {
        if self.is_on() && samples > 0 {
            self.update(id, |counts| counts.samples_read += samples);
        }
    }

    /// The statistics in the shape of the plan; `None` when they were not wanted.
    pub fn tree(&self, plan: &Node) -> Option<OperatorStats> {
        self.clock.as_ref()?;
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(stats_of(plan, &counts))
    }
}

fn stats_of(node: &Node, counts: &[Counts]) -> OperatorStats {
    let own = counts.get(node.id).cloned().unwrap_or_default();
    OperatorStats {
        name: node.describe(),
        span: (node.span.start, node.span.end),
        series: own.series,
        samples: own.samples,
        samples_read: own.samples_read,
        bytes: own.bytes,
        evaluations: own.evaluations,
        time: own.time,
        streamed: own.evaluations == 0,
        children: node.children().into_iter().map(|child| stats_of(child, counts)).collect(),
    }
}
