//! Zipkin's B3: one header `b3: {trace}-{span}-{state}-{parent}` or several `X-B3-*`.

use model::{SpanId, TraceId};

use super::{Headers, Sampling, TraceContext};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

pub(super) fn extract_single<'h>(
    headers: &Headers<impl Iterator<Item = (&'h str, &'h str)> + Clone>,
) -> Option<TraceContext> {
    let value = headers.first(SINGLE)?;
    if let Some(sampling) = state(value) {
        return Some(TraceContext { sampling, ..TraceContext::default() });
    }
    let mut parts = value.split('-');
    let (trace, span) = (parts.next()?, parts.next()?);
    let sampling = match parts.next() {
        Some(part) => state(part)?,
        None => Sampling::Deferred,
    };
    let parent_span_id = match parts.next() {
        Some(part) => Some(span_id(part)?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    with_ids(trace, span, parent_span_id, sampling)
}

pub(super) fn extract_multi<'h>(
    headers: &Headers<impl Iterator<Item = (&'h str, &'h str)> + Clone>,
) -> Option<TraceContext> {
    let sampling = match (headers.first(FLAGS), headers.first(SAMPLED)) {
        (Some("1"), _) => Sampling::Debug,
        (_, Some(sampled)) => state(sampled).or_else(|| boolean(sampled))?,
        (_, None) => Sampling::Deferred,
    };
    match (headers.first(TRACE_ID), headers.first(SPAN_ID)) {
        (Some(trace), Some(span)) => {
            let parent_span_id = match headers.first(PARENT_SPAN_ID) {
                Some(parent) => Some(span_id(parent)?),
                None => None,
            };
            with_ids(trace, span, parent_span_id, sampling)
        }
        // A decision alone.
        (None, None) if sampling != Sampling::Deferred => {
            Some(TraceContext { sampling, ..TraceContext::default() })
        }
        _ => None,
    }
}

fn state(text: &str) -> Option<Sampling> {
    match text {
        "0" => Some(Sampling::Dropped),
        "1" => Some(Sampling::Sampled),
        "d" => Some(Sampling::Debug),
        _ => None,
    }
}

/// Old clients.
fn boolean(text: &str) -> Option<Sampling> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(Sampling::Sampled),
        "false" => Some(Sampling::Dropped),
        _ => None,
    }
}

fn span_id(text: &str) -> Option<SpanId> {
    if text.len() == 16 { SpanId::from_hex(text) } else { None }
}

fn with_ids(
    trace: &str,
    span: &str,
    parent_span_id: Option<SpanId>,
    sampling: Sampling,
) -> Option<TraceContext> {
    // 64-bit trace ids are the low half of ours.
    let trace_id =
        if trace.len() == 16 || trace.len() == 32 { TraceId::from_hex(trace)? } else { return None };
    let context = TraceContext {
        trace_id,
        span_id: span_id(span)?,
        parent_span_id,
        sampling,
        ..TraceContext::default()
    };
    context.has_ids().then_some(context)
}

fn letter(sampling: Sampling) -> Option<&'static str> {
    match sampling {
        Sampling::Deferred => None,
        Sampling::Dropped => Some("0"),
        Sampling::Sampled => Some("1"),
        Sampling::Debug => Some("d"),
    }
}

pub(super) fn inject_single(context: &TraceContext, set: &mut dyn FnMut(&'static str, String)) {
    let state = letter(context.sampling);
    if !context.has_ids() {
        state.into_iter().for_each(|state| set(SINGLE, state.into()));
        return;
    }
    let mut value = format!("{}-{}", context.trace_id, context.span_id);
    if let Some(state) = state {
        value.push('-');
        value.push_str(state);
        // A parent can only stand behind a state.
        if let Some(parent) = context.parent_span_id {
            value.push_str(&format!("-{parent}"));
        }
    }
    set(SINGLE, value);
}

pub(super) fn inject_multi(context: &TraceContext, set: &mut dyn FnMut(&'static str, String)) {
    if context.has_ids() {
        set(TRACE_ID, context.trace_id.to_string());
        set(SPAN_ID, context.span_id.to_string());
        context.parent_span_id.iter().for_each(|parent| set(PARENT_SPAN_ID, parent.to_string()));
    }
    match context.sampling {
        // Debug implies sampled, and is told instead of it.
        Sampling::Debug => set(FLAGS, "1".into()),
        sampling => letter(sampling).into_iter().for_each(|state| set(SAMPLED, state.into())),
    }
}
