//! Names of applications with labels, as agents send them (`shop.cpu{env=prod}`), and selectors of queries.

use model::matcher::MatchOp;
use model::{Matcher, SpanId, TraceId};
use profiles::ProfileType;
use profiles::profile_type::PROFILE_TYPE;

use crate::refusal::Refusal;

/// An application and its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub application: String,
    pub labels: Vec<(String, String)>,
}

const LABELS_MAX: usize = 100;

impl Key {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bad = |why: &str| Refusal::bad(format!("invalid application name {text:?}: {why}"));
        let (application, rest) = text.split_once('{').unwrap_or((text, "}"));
        let application = application.trim().to_owned();
        if application.is_empty() {
            return Err(bad("it is empty"));
        }
        let inside = rest.trim().strip_suffix('}').ok_or_else(|| bad("the closing brace is missing"))?;
        let mut labels = Vec::new();
        for pair in inside.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| bad("labels are name=value"))?;
            labels.push((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
        }
        if labels.len() > LABELS_MAX {
            return Err(bad("it has too many labels"));
        }
        Ok(Self { application, labels })
    }
}

/// What folded stacks of an application called `name.suffix` measure: profile name, sample type, unit.
pub fn measured(application: &str) -> Result<(&str, &'static str, &'static str, &'static str), Refusal> {
    let Some((name, suffix)) = application.rsplit_once('.') else {
        return Ok((application, "process_cpu", "cpu", "nanoseconds"));
    };
    let (profile, kind, unit) = match suffix {
        "cpu" => ("process_cpu", "cpu", "nanoseconds"),
        "wall" => ("wall", "wall", "nanoseconds"),
        "inuse_objects" => ("memory", "inuse_objects", "count"),
        "inuse_space" => ("memory", "inuse_space", "bytes"),
        "alloc_objects" => ("memory", "alloc_objects", "count"),
        "alloc_space" => ("memory", "alloc_space", "bytes"),
        "goroutines" => ("goroutines", "goroutines", "count"),
        "mutex_count" => ("mutex", "contentions", "count"),
        "mutex_duration" => ("mutex", "delay", "nanoseconds"),
        "block_count" => ("block", "contentions", "count"),
        "block_duration" => ("block", "delay", "nanoseconds"),
        "itimer" => ("process_cpu", "cpu", "nanoseconds"),
        "exceptions" => ("exceptions", "exceptions", "count"),
        _ => return Err(Refusal::bad(format!("unknown profile type: {suffix}"))),
    };
    Ok((name, profile, kind, unit))
}

/// `TYPE{matchers}`: what a query selects.
pub struct Selector {
    pub profile_type: ProfileType,
    pub matchers: Vec<Matcher>,
    /// From `span_id="..."` and `trace_id="..."`: samples, not series, carry these.
    pub spans: Vec<SpanId>,
    pub traces: Vec<TraceId>,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() {
            return Err(Refusal::bad(
                "query is required, for instance process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=\"shop\"}",
            ));
        }
        let (name, rest) = text.find('{').map_or((text, "{}"), |brace| text.split_at(brace));
        let profile_type: ProfileType =
            name.trim().parse().map_err(|error| Refusal::bad(format!("{error}")))?;
        let mut matchers = match rest.trim() {
            "{}" => Vec::new(),
            selector => promql::parse_selector(selector).map_err(|error| Refusal::bad(error.to_string()))?,
        };
        let spans = take_ids(&mut matchers, "span_id", SpanId::from_hex)?;
        let traces = take_ids(&mut matchers, "trace_id", TraceId::from_hex)?;
        matchers.push(Matcher::equal(PROFILE_TYPE, profile_type.to_string()));
        Ok(Self { profile_type, matchers, spans, traces })
    }
}

/// Takes the equality matchers on `name` out of `matchers` and reads their values as ids.
fn take_ids<T>(
    matchers: &mut Vec<Matcher>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Refusal> {
    let mut ids = Vec::new();
    for matcher in matchers.extract_if(.., |matcher| matcher.name() == name) {
        if matcher.op() != MatchOp::Equal {
            return Err(Refusal::bad(format!("{name} can only be compared with =")));
        }
        let bad = || Refusal::bad(format!("{name}={:?} is no id in hexadecimal", matcher.value()));
        ids.push(read(matcher.value()).ok_or_else(bad)?);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_select_samples_not_series() {
        let selector = Selector::parse(
            "process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=\"shop\", span_id=\"00f067aa0ba902b7\"}",
        )
        .unwrap();
        assert_eq!(selector.spans, [SpanId::from_hex("00f067aa0ba902b7").unwrap()]);
        assert_eq!((selector.matchers.len(), selector.traces.len()), (2, 0));
        for bad in ["span_id=\"xyz\"", "trace_id=~\"a.*\""] {
            assert!(
                Selector::parse(&format!("process_cpu:cpu:nanoseconds:cpu:nanoseconds{{{bad}}}")).is_err()
            );
        }
    }

    #[test]
    fn keys_and_selectors() {
        let key = Key::parse("shop.cpu{env=prod, region=\"eu\"}").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            key,
            Key { application: "shop.cpu".into(), labels: vec![pair("env", "prod"), pair("region", "eu")] }
        );
        assert_eq!(Key::parse("shop").unwrap().labels, []);
        for bad in ["", "{a=b}", "shop{a=b", "shop{a}"] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(measured("a.b.alloc_space").unwrap(), ("a.b", "memory", "alloc_space", "bytes"));
        assert_eq!(measured("shop").unwrap().0, "shop");
        assert!(measured("shop.nothing").is_err());

        let selector =
            Selector::parse("process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=\"shop\"}").unwrap();
        let shown: Vec<String> = selector.matchers.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["service_name=\"shop\"", "__profile_type__=\"process_cpu:cpu:nanoseconds:cpu:nanoseconds\""]
        );
        assert!(Selector::parse("cpu{}").is_err());
        assert!(Selector::parse("").is_err());
    }
}
