//! Jaeger: `uber-trace-id: {trace}:{span}:{parent}:{flags}`, ids without leading zeros, the whole perhaps in percent encoding.

use model::{SpanId, TraceId};

use super::{Headers, Sampling, TraceContext, baggage};

const HEADER: &str = "uber-trace-id";
const SAMPLED: u8 = 1;
const DEBUG: u8 = 2;

pub(super) fn extract<'h>(
    headers: &Headers<impl Iterator<Item = (&'h str, &'h str)> + Clone>,
) -> Option<TraceContext> {
    let value = baggage::decode(headers.first(HEADER)?)?;
    let mut parts = value.split(':');
    let (trace, span, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if !flags.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let context = TraceContext {
        trace_id: TraceId::from_hex(trace)?,
        span_id: SpanId::from_hex(span)?,
        // Deprecated; 0 says none.
        parent_span_id: SpanId::from_hex(parent).filter(|parent| !parent.is_zero()),
        sampling: match flags {
            flags if flags & DEBUG != 0 => Sampling::Debug,
            flags => Sampling::from_sampled(flags & SAMPLED != 0),
        },
        ..TraceContext::default()
    };
    context.has_ids().then_some(context)
}

pub(super) fn inject(context: &TraceContext, set: &mut dyn FnMut(&'static str, String)) {
    if !context.has_ids() {
        return;
    }
    let flags = match context.sampling {
        Sampling::Debug => SAMPLED | DEBUG,
        Sampling::Sampled => SAMPLED,
        Sampling::Deferred | Sampling::Dropped => 0,
    };
    let parent = context.parent_span_id.map_or_else(|| "0".into(), |parent| parent.to_string());
    set(HEADER, format!("{}:{}:{parent}:{flags:x}", context.trace_id, context.span_id));
}
