//! W3C Trace Context: `traceparent: 00-<trace id>-<span id>-<flags>` and `tracestate`.

use model::{SpanId, TraceId};

use super::{Headers, Sampling, TraceContext, TraceState};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// Length of version 00, and the least of later ones.
const LEN: usize = 55;
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

pub(super) fn extract<'h>(
    headers: &Headers<impl Iterator<Item = (&'h str, &'h str)> + Clone>,
) -> Option<TraceContext> {
    let mut context = traceparent(headers.only(TRACEPARENT)?)?;
    // A bad state is forgotten; the parent still counts.
    context.trace_state = TraceState::parse(headers.all(TRACESTATE)).unwrap_or_default();
    Some(context)
}

fn traceparent(value: &str) -> Option<TraceContext> {
    let (head, more) = value.split_at_checked(LEN)?;
    let version = lower_hex(head.get(..2)?)?;
    // Version 00 ends here; a later one may go on behind a dash.
    if version == "ff" || (version == "00" && !more.is_empty()) || !(more.is_empty() || more.starts_with('-'))
    {
        return None;
    }
    let (trace, span, flags) = (head.get(3..35)?, head.get(36..52)?, head.get(53..)?);
    if [2, 35, 52].iter().any(|dash| head.as_bytes()[*dash] != b'-') {
        return None;
    }
    let flags = u8::from_str_radix(lower_hex(flags)?, 16).ok()?;
    let context = TraceContext {
        trace_id: TraceId::from_hex(lower_hex(trace)?)?,
        span_id: SpanId::from_hex(lower_hex(span)?)?,
        sampling: Sampling::from_sampled(flags & SAMPLED != 0),
        random: flags & RANDOM != 0,
        ..TraceContext::default()
    };
    context.has_ids().then_some(context)
}

fn lower_hex(text: &str) -> Option<&str> {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(text)
}

pub(super) fn inject(context: &TraceContext, set: &mut dyn FnMut(&'static str, String)) {
    if !context.has_ids() {
        return;
    }
    let TraceContext { trace_id, span_id, .. } = context;
    set(TRACEPARENT, format!("00-{trace_id}-{span_id}-{:02x}", context.w3c_flags()));
    if !context.trace_state.is_empty() {
        set(TRACESTATE, context.trace_state.to_string());
    }
}
