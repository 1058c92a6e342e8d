//! Trace context in headers: W3C `traceparent` and `tracestate`, W3C baggage, B3 single and multi, Jaeger's `uber-trace-id`.
//!
//! `extract` tries the formats in the order given and takes the first that is valid; `inject` writes one format. Sampling is one enum that all
//! formats map onto: debug is B3's `d` and Jaeger's debug bit, and travels as "sampled" where a format has no word for it.
//! A malformed context is no context, never an error: the specification wants the trace to start anew.
//! Not here: who decides what is sampled.

mod b3;
mod baggage;
mod jaeger;
mod tracestate;
mod w3c;

use model::{SpanId, TraceId};

pub use baggage::{Baggage, BaggageMember};
pub use tracestate::{BadTraceState, TraceState};

/// A way to carry a context, by the names of `OTEL_PROPAGATORS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// `traceparent` and `tracestate`.
    TraceContext,
    /// `b3`.
    B3Single,
    /// `X-B3-*`.
    B3Multi,
    /// `uber-trace-id`.
    Jaeger,
}

impl Propagation {
    pub const ALL: [Self; 4] = [Self::TraceContext, Self::B3Single, Self::B3Multi, Self::Jaeger];

    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::B3Single => "b3",
            Self::B3Multi => "b3multi",
            Self::Jaeger => "jaeger",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|propagation| propagation.name() == name)
    }
}

/// Whether the caller records the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// The caller leaves it to us (B3 without a state).
    #[default]
    Deferred,
    Dropped,
    Sampled,
    /// Sampled, and past every sampler on the way.
    Debug,
}

impl Sampling {
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::Sampled | Self::Debug)
    }

    const fn from_sampled(sampled: bool) -> Self {
        if sampled { Self::Sampled } else { Self::Dropped }
    }
}

/// The span that called, as its headers tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// The caller's own parent; only B3 and old Jaeger clients tell.
    pub parent_span_id: Option<SpanId>,
    pub sampling: Sampling,
    /// W3C level 2: the low 56 bits of the trace id are random.
    pub random: bool,
    pub trace_state: TraceState,
}

impl TraceContext {
    /// A decision without ids (`b3: 0`) is a context, but names no trace.
    pub fn has_ids(&self) -> bool {
        !self.trace_id.is_zero() && !self.span_id.is_zero()
    }

    /// The low eight bits of OTLP's `flags`.
    pub fn w3c_flags(&self) -> u8 {
        u8::from(self.sampling.is_sampled()) | u8::from(self.random) << 1
    }
}

/// The first context that one of `order` finds in the headers. Names of headers are compared without case.
pub fn extract<'h>(
    order: &[Propagation],
    headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
) -> Option<TraceContext> {
    let headers = Headers(headers);
    order.iter().find_map(|propagation| match propagation {
        Propagation::TraceContext => w3c::extract(&headers),
        Propagation::B3Single => b3::extract_single(&headers),
        Propagation::B3Multi => b3::extract_multi(&headers),
        Propagation::Jaeger => jaeger::extract(&headers),
    })
}

/// Writes a context in one format by `set(name, value)`. A context without ids is written where the format can say it (B3), else not at all.
pub fn inject(context: &TraceContext, propagation: Propagation, mut set: impl FnMut(&'static str, String)) {
    match propagation {
        Propagation::TraceContext => w3c::inject(context, &mut set),
        Propagation::B3Single => b3::inject_single(context, &mut set),
        Propagation::B3Multi => b3::inject_multi(context, &mut set),
        Propagation::Jaeger => jaeger::inject(context, &mut set),
    }
}

/// Headers by name, in any case.
#[derive(Clone)]
struct Headers<I>(I);

impl<'h, I: Iterator<Item = (&'h str, &'h str)> + Clone> Headers<I> {
    fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'h str> + use<'h, 'n, I> {
        self.0.clone().filter(move |(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn first(&self, name: &str) -> Option<&'h str> {
        self.all(name).next()
    }

    /// The value, if there is exactly one.
    fn only(&self, name: &str) -> Option<&'h str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }
}

#[cfg(test)]
mod tests;
