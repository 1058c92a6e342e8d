use proptest::prelude::*;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn read(propagation: Propagation, headers: &[(&str, &str)]) -> Option<TraceContext> {
    extract(&[propagation], headers.iter().copied())
}

fn context(sampling: Sampling) -> TraceContext {
    TraceContext {
        trace_id: TraceId::from_hex(TRACE).unwrap(),
        span_id: SpanId::from_hex(SPAN).unwrap(),
        sampling,
        ..TraceContext::default()
    }
}

#[test]
fn traceparent_follows_the_specification() {
    let check = |value: &str, expect: Option<Sampling>| {
        let have = read(Propagation::TraceContext, &[("TraceParent", value)]);
        assert_eq!(have, expect.map(context), "{value}");
    };
    let valid = format!("00-{TRACE}-{SPAN}-01");
    check(&valid, Some(Sampling::Sampled));
    check(&format!("00-{TRACE}-{SPAN}-00"), Some(Sampling::Dropped));
    check(&format!("00-{TRACE}-{SPAN}-09"), Some(Sampling::Sampled));
    check(&format!("  {valid} "), Some(Sampling::Sampled));
    // A version to come may be longer, behind a dash.
    check(&format!("cc-{TRACE}-{SPAN}-01"), Some(Sampling::Sampled));
    check(&format!("cc-{TRACE}-{SPAN}-01-what-ever"), Some(Sampling::Sampled));
    for bad in [
        String::new(),
        format!("{valid}-x"),
        format!("{valid}."),
        format!("cc-{TRACE}-{SPAN}-01.x"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}-{SPAN}-0x"),
        format!("00-{TRACE}-{SPAN}-+1"),
        format!("00_{TRACE}-{SPAN}-01"),
        "ü".repeat(28),
    ] {
        check(&bad, None);
    }
    let twice = [("traceparent", valid.as_str()), ("traceparent", valid.as_str())];
    assert_eq!(read(Propagation::TraceContext, &twice), None);
    let random =
        read(Propagation::TraceContext, &[("traceparent", &format!("00-{TRACE}-{SPAN}-03"))]).unwrap();
    assert_eq!((random.random, random.w3c_flags()), (true, 3));
}

#[test]
fn tracestate_follows_the_specification() {
    let check = |headers: &[&str], expect: Result<&str, BadTraceState>| {
        let have = TraceState::parse(headers.iter().copied()).map(|state| state.to_string());
        assert_eq!(have.as_deref(), expect.as_ref().copied(), "{headers:?}");
    };
    check(&["foo=1,bar=2"], Ok("foo=1,bar=2"));
    check(&["foo=1", "bar=2"], Ok("foo=1,bar=2"));
    check(&["foo=1 \t,\t bar= 2,,"], Ok("foo=1,bar= 2"));
    check(&["foo=1,foo=2"], Ok("foo=1"));
    check(&["t@s=1,0a@s=2,a_-*/=3"], Ok("t@s=1,0a@s=2,a_-*/=3"));
    for bad in
        ["Foo=1", "foo", "foo @=1", "0foo=1", "foo@=1", "@foo=1", "foo@@bar=1", "foo@bar@baz=1", "foo =1"]
    {
        check(&[bad], Err(BadTraceState::Key));
    }
    for bad in ["foo=bar=baz", "foo=", "foo=b\u{fc}", "foo=\u{7f}"] {
        check(&[bad], Err(BadTraceState::Value));
    }
    let (z, v) = ("z".repeat(256), "v".repeat(256));
    check(&[&format!("{z}=1")], Ok(&format!("{z}=1")));
    check(&[&format!("{z}z=1")], Err(BadTraceState::Key));
    check(&[&format!("a={v}")], Ok(&format!("a={v}")));
    check(&[&format!("a={v}v")], Err(BadTraceState::Value));
    let (t, s) = ("t".repeat(241), "s".repeat(14));
    check(&[&format!("{t}@{s}=1")], Ok(&format!("{t}@{s}=1")));
    check(&[&format!("{t}t@{s}=1")], Err(BadTraceState::Key));
    check(&[&format!("{t}@{s}s=1")], Err(BadTraceState::Key));
    let many = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
    check(&[&many(32)], Ok(&many(32)));
    check(&[&many(33)], Err(BadTraceState::TooMany));
}

#[test]
fn a_bad_state_does_not_cost_the_parent() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let headers = [("traceparent", parent.as_str()), ("tracestate", "BAD=1")];
    assert_eq!(read(Propagation::TraceContext, &headers), Some(context(Sampling::Sampled)));
    assert_eq!(read(Propagation::TraceContext, &[("tracestate", "a=1")]), None);
}

#[test]
fn the_newest_state_member_comes_first_and_the_oldest_goes() {
    let mut state = TraceState::default();
    (0..40).for_each(|n| state.set(&format!("k{n}"), "v").unwrap());
    assert_eq!((state.iter().len(), state.iter().next()), (32, Some(("k39", "v"))));
    state.set("k20", "new").unwrap();
    assert_eq!((state.iter().len(), state.iter().next()), (32, Some(("k20", "new"))));
    assert_eq!(state.set("K", "v"), Err(BadTraceState::Key));
    let mut state = TraceState::parse([format!("a=1,b={},c=3,d=4", "x".repeat(130)).as_str()]).unwrap();
    assert_eq!(state.header_len(), state.to_string().len());
    state.fit(20);
    assert_eq!(state.to_string(), "a=1,c=3,d=4");
    state.fit(7);
    assert_eq!(state.to_string(), "a=1,c=3");
}

#[test]
fn b3_in_one_header() {
    let check = |value: &str, expect: Option<TraceContext>| {
        assert_eq!(read(Propagation::B3Single, &[("b3", value)]), expect, "{value}");
    };
    check(&format!("{TRACE}-{SPAN}"), Some(context(Sampling::Deferred)));
    check(&format!("{TRACE}-{SPAN}-1"), Some(context(Sampling::Sampled)));
    check(&format!("{TRACE}-{SPAN}-0"), Some(context(Sampling::Dropped)));
    let parent = Some(SpanId([5; 8]));
    check(
        &format!("{TRACE}-{SPAN}-d-0505050505050505"),
        Some(TraceContext { parent_span_id: parent, ..context(Sampling::Debug) }),
    );
    let short = TraceId::from_hex("a3ce929d0e0e4736").unwrap();
    check(
        &format!("a3ce929d0e0e4736-{SPAN}-1"),
        Some(TraceContext { trace_id: short, ..context(Sampling::Sampled) }),
    );
    check("0", Some(TraceContext { sampling: Sampling::Dropped, ..TraceContext::default() }));
    for bad in [
        "",
        "x",
        &format!("{TRACE}-{SPAN}-x"),
        &format!("{TRACE}-{SPAN}-1-{SPAN}-1"),
        &format!("abc-{SPAN}-1"),
    ] {
        check(bad, None);
    }
}

#[test]
fn b3_in_several_headers() {
    let check = |more: &[(&str, &str)], expect: Option<Sampling>| {
        let headers = [&[("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)], more].concat();
        assert_eq!(read(Propagation::B3Multi, &headers), expect.map(context), "{more:?}");
    };
    check(&[], Some(Sampling::Deferred));
    check(&[("X-B3-Sampled", "1")], Some(Sampling::Sampled));
    check(&[("X-B3-Sampled", "true")], Some(Sampling::Sampled));
    check(&[("X-B3-Sampled", "0")], Some(Sampling::Dropped));
    check(&[("X-B3-Sampled", "0"), ("X-B3-Flags", "1")], Some(Sampling::Debug));
    check(&[("X-B3-Sampled", "maybe")], None);
    check(&[("X-B3-ParentSpanId", "zz")], None);
    assert_eq!(read(Propagation::B3Multi, &[]), None);
    assert_eq!(read(Propagation::B3Multi, &[("X-B3-TraceId", TRACE)]), None);
    let alone = read(Propagation::B3Multi, &[("x-b3-sampled", "0")]).unwrap();
    assert_eq!((alone.has_ids(), alone.sampling), (false, Sampling::Dropped));
}

#[test]
fn jaeger_in_its_header() {
    let check = |value: &str, expect: Option<Sampling>| {
        let have = read(Propagation::Jaeger, &[("uber-trace-id", value)]);
        assert_eq!(have, expect.map(context), "{value}");
    };
    check(&format!("{TRACE}:{SPAN}:0:1"), Some(Sampling::Sampled));
    check(&format!("{TRACE}%3A{SPAN}%3A0%3A1"), Some(Sampling::Sampled));
    check(&format!("{TRACE}:f067aa0ba902b7:0:0"), Some(Sampling::Dropped));
    check(&format!("{TRACE}:{SPAN}:0:3"), Some(Sampling::Debug));
    check(&format!("{TRACE}:{SPAN}:0:02"), Some(Sampling::Debug));
    for bad in
        ["", ":::", &format!("{TRACE}:{SPAN}:0"), &format!("{TRACE}:{SPAN}:0:1:1"), &format!("{TRACE}:0:0:1")]
    {
        check(bad, None);
    }
    let parent = read(Propagation::Jaeger, &[("uber-trace-id", &format!("{TRACE}:{SPAN}:5:1"))]).unwrap();
    assert_eq!(parent.parent_span_id, SpanId::from_hex("5"));
}

#[test]
fn the_first_format_that_is_valid_wins() {
    let b3 = format!("{TRACE}-{SPAN}-d");
    let headers = [("traceparent", "junk"), ("b3", b3.as_str())];
    let order = [Propagation::TraceContext, Propagation::B3Single];
    assert_eq!(extract(&order, headers.into_iter()), Some(context(Sampling::Debug)));
    assert_eq!(Propagation::from_name("b3multi"), Some(Propagation::B3Multi));
}

#[test]
fn baggage_is_decoded_and_bounded() {
    let baggage = Baggage::parse(["a=1, b = x%20y%C3%BC ;p=1; q ,bad,=x,c d=1,e=%zz,a=2", "f="]);
    let have: Vec<_> =
        baggage.iter().map(|m| (m.key.as_str(), m.value.as_str(), m.properties.as_str())).collect();
    assert_eq!(have, [("a", "2", ""), ("b", "x yü", "p=1; q"), ("f", "", "")]);
    assert_eq!(baggage.header(), "a=2,b=x%20y%C3%BC;p=1; q,f=");
    assert_eq!(Baggage::parse([baggage.header().as_str()]), baggage);
    let many: String = (0..300).map(|n| format!("k{n}=1,")).collect();
    assert_eq!(Baggage::parse([many.as_str()]).iter().len(), Baggage::MEMBERS_MAX);
    let long = format!("a={},b=1", "x".repeat(5000));
    assert_eq!(Baggage::parse([long.as_str()]).header(), "b=1");
    let total: String = (0..10).map(|n| format!("k{n}={},", "x".repeat(1000))).collect();
    assert_eq!(Baggage::parse([total.as_str()]).iter().len(), 8);
}

proptest! {
    #[test]
    fn every_format_carries_what_it_can(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), parent in proptest::option::of(any::<[u8; 8]>()), state in 0u8..4, random in any::<bool>()) {
        prop_assume!(trace != [0; 16] && span != [0; 8] && parent != Some([0; 8]));
        let sampling = [Sampling::Deferred, Sampling::Dropped, Sampling::Sampled, Sampling::Debug][usize::from(state)];
        let full = TraceContext {
            trace_id: TraceId(trace), span_id: SpanId(span), parent_span_id: parent.map(SpanId), sampling, random,
            trace_state: TraceState::parse(["a=1,b=2"]).unwrap(),
        };
        for propagation in Propagation::ALL {
            let mut headers = Vec::new();
            inject(&full, propagation, |name, value| headers.push((name, value)));
            let have = extract(&[propagation], headers.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
            let w3c = propagation == Propagation::TraceContext;
            let b3 = matches!(propagation, Propagation::B3Single | Propagation::B3Multi);
            let expect = TraceContext {
                sampling: match sampling {
                    Sampling::Debug if w3c => Sampling::Sampled,
                    Sampling::Deferred if !b3 => Sampling::Dropped,
                    sampling => sampling,
                },
                random: random && w3c,
                trace_state: if w3c { full.trace_state.clone() } else { TraceState::default() },
                parent_span_id: match propagation {
                    Propagation::TraceContext => None,
                    Propagation::B3Single if sampling == Sampling::Deferred => None,
                    _ => full.parent_span_id,
                },
                ..full.clone()
            };
            prop_assert_eq!(have, expect, "{:?}", propagation);
        }
    }

    #[test]
    fn no_header_panics(value in "[0-9a-fdx%:=,;@ü -]{0,80}") {
        crate::fuzz::context(value.as_bytes());
    }
}
