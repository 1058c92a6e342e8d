//! What can be asked of the profile store, and what comes back. Times are nanoseconds since 1970; `from_ns` inclusive, `to_ns` exclusive.

use std::sync::Arc;

use limits::query::{QueryBudget, QueryStopped};
use model::matcher::Matcher;
use model::{Labels, SpanId, TenantId, TraceId};
use store::ContainerError;

/// By what the caller would do.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Cancelled, too late or over its budget.
    #[error(transparent)]
    Stopped(#[from] QueryStopped),
    /// A block could not be read. The answer would be partial, so there is none.
    #[error(transparent)]
    Block(#[from] ContainerError),
}

/// Series of a tenant with profiles in a time range.
#[derive(Clone)]
pub struct SeriesQuery {
    pub tenant: TenantId,
    /// Each set selects series by all of its matchers; no set selects all. The profile type is label `__profile_type__`.
    pub matcher_sets: Vec<Vec<Matcher>>,
    pub from_ns: i64,
    pub to_ns: i64,
    pub budget: QueryBudget,
}

impl SeriesQuery {
    pub fn new(tenant: TenantId, matchers: Vec<Matcher>, from_ns: i64, to_ns: i64) -> Self {
        Self { tenant, matcher_sets: vec![matchers], from_ns, to_ns, budget: QueryBudget::unlimited() }
    }
}

/// Samples of some profiles.
#[derive(Clone)]
pub struct ProfileQuery {
    pub tenant: TenantId,
    /// On series labels; the profile type is label `__profile_type__`. Types of different units should not be added up: select one.
    pub matchers: Vec<Matcher>,
    pub from_ns: i64,
    pub to_ns: i64,
    /// Only samples of these spans; none: all samples.
    pub spans: Vec<SpanId>,
    /// Only samples of these traces; none: all samples.
    pub traces: Vec<TraceId>,
    pub budget: QueryBudget,
}

impl ProfileQuery {
    pub fn new(tenant: TenantId, matchers: Vec<Matcher>, from_ns: i64, to_ns: i64) -> Self {
        let (spans, traces) = (Vec::new(), Vec::new());
        Self { tenant, matchers, from_ns, to_ns, spans, traces, budget: QueryBudget::unlimited() }
    }
}

/// Totals of a group of series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPoints {
    /// The labels that were grouped by.
    pub labels: Labels,
    /// Start of the step and the sum of all values of profiles in it; steps without profiles are left out.
    pub points: Vec<(i64, i64)>,
}

/// One profile without its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSummary {
    pub labels: Arc<Labels>,
    pub ts_ns: i64,
    pub duration_ns: i64,
    /// All zero: none.
    pub id: [u8; 16],
    pub samples: u64,
    pub total: i64,
}
