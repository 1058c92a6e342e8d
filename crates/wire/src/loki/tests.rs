use proptest::prelude::*;

use super::*;

#[test]
fn label_strings_are_read_and_printed() {
    let check = |text: &str, expect: &str| {
        let labels = parse_labels(text).unwrap();
        assert_eq!(print_labels(labels.iter()), expect, "{text}");
        assert_eq!(parse_labels(expect).unwrap(), labels);
    };
    check(r#"{}"#, "{}");
    check(r#"{a="b"}"#, r#"{a="b"}"#);
    check(r#" { b = "2" , a="1", } "#, r#"{a="1", b="2"}"#);
    check(r#"{a='it''}"#.replace("''", r"\''").as_str(), r#"{a="it'"}"#);
    check(r#"{a=`raw\n"x"`,b="\t\"\\\x41\u00fc\101"}"#, r#"{a="raw\\n\"x\"", b="\t\"\\AüA"}"#);
    check(r#"{a="",b="größe"}"#, r#"{b="größe"}"#);
}

#[test]
fn bad_label_strings_are_told_where() {
    let check =
        |text: &str, expect: &str| assert_eq!(parse_labels(text).unwrap_err().to_string(), expect, "{text}");
    check("", r#"1:1: parse error: unexpected end of input in label set, expected "{""#);
    check("a", r#"1:1: parse error: unexpected character: 'a', expected "{""#);
    check("{a", r#"1:3: parse error: unexpected end of input in label set, expected "=""#);
    check("{a=b}", "1:4: parse error: unexpected character: 'b', expected string");
    check(r#"{a=~"b"}"#, r#"1:3: parse error: unexpected "=~" in label set, expected "=""#);
    check(r#"{1="b"}"#, r#"1:2: parse error: unexpected character: '1', expected identifier or "}""#);
    check(r#"{a.b="c"}"#, r#"1:3: parse error: unexpected character: '.', expected "=""#);
    check(r#"{a="b" c="d"}"#, r#"1:8: parse error: unexpected character: 'c', expected "," or "}""#);
    check(r#"{a="b"} x"#, "1:9: parse error: unexpected character: 'x', expected end of input");
    check(r#"{a="b}"#, "1:4: parse error: unterminated quoted string");
    check("{a=\"b\nc\"}", "1:4: parse error: unterminated quoted string");
    check(r#"{a="\q"}"#, r"1:5: parse error: unknown escape sequence \q");
    check(r#"{a="\xff"}"#, r"1:5: parse error: unknown escape sequence \x");
    check(r#"{a="1",a="2"}"#, "1:2: parse error: duplicate label name: a");
}

#[test]
fn json_pushes_become_protobuf() {
    let json = br#"{"streams":[
        {"values":[["1700000000000000001","a \"line\"",{"trace_id":"x","k":"v"}],["-1","neg"]],"stream":{"b":"2","a":"1"},"x":{}},
        {"stream":{"a":"\u00fc"},"values":[]}],"other":null}"#;
    let body = push_from_json(json).unwrap();
    assert_eq!(validate_push(&body).unwrap().items, 2);
    let streams: Vec<_> = PushRequest::new(&body).unwrap().streams.iter().collect();
    assert_eq!(streams[0].labels, r#"{a="1", b="2"}"#);
    assert_eq!((streams.len(), streams[1].labels.as_str()), (2, r#"{a="ü"}"#));
    let entries: Vec<_> = streams[0].entries.iter().collect();
    assert_eq!((entries[0].timestamp_ns(), &*entries[0].line()), (1_700_000_000_000_000_001, "a \"line\""));
    let metadata: Vec<_> =
        entries[0].structured_metadata.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
    assert_eq!(metadata, [("trace_id", "x"), ("k", "v")]);
    assert_eq!((entries[1].timestamp_ns(), entries[1].structured_metadata.count()), (-1, 0));
}

#[test]
fn bad_json_pushes_say_why() {
    let check = |values: &str, expect: &str| {
        let json = format!(r#"{{"streams":[{{"stream":{{}},"values":[{values}]}}]}}"#);
        let error = push_from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    };
    check("[1,\"x\"]", "invalid type: integer `1`, expected a timestamp: a string of nanoseconds since 1970");
    check(r#"["1.5","x"]"#, r#"strconv.ParseInt: parsing "1.5": invalid syntax"#);
    check(r#"["1"]"#, "invalid length 1, expected an entry");
    check(
        r#"["1","x","y"]"#,
        "invalid type: string \"y\", expected structured metadata: an object of strings",
    );
    check(r#"["1","x",{"a":1}]"#, "invalid type: integer `1`, expected structured metadata: a string");
    check(r#"{}"#, "invalid type: map, expected an entry");
    assert!(push_from_json(br#"{"streams":[{"stream":{"a":1}}]}"#).is_err());
    assert!(push_from_json(b"[]").is_err());
    assert!(push_from_json(b"{}x").is_err());
    assert_eq!(push_from_json(b"{}"), Ok(Vec::new()));
}

#[test]
fn refusals_speak_as_loki_does() {
    let stream = || r#"{a="b"}"#.to_owned();
    let old = Rejection::GreaterThanMaxSampleAge {
        stream: stream(),
        time_ns: 951_782_400_000_000_000,
        oldest_ns: -1,
    };
    assert_eq!(
        old.to_string(),
        r#"entry for stream '{a="b"}' has timestamp too old: 2000-02-29T00:00:00Z, oldest acceptable timestamp is: 1969-12-31T23:59:59Z"#
    );
    assert_eq!((old.reason(), old.http_status()), ("greater_than_max_sample_age", 400));
    let limit = Rejection::LineTooLong { stream: stream(), limit: 10, len: 11 };
    assert_eq!(
        limit.to_string(),
        r#"max entry size '10' bytes exceeded for stream '{a="b"}' while adding an entry with length '11' bytes"#
    );
}

#[test]
fn lines_need_not_be_text() {
    let mut body = Vec::new();
    crate::proto::Writer::new(&mut body)
        .message(1, |stream| stream.message(2, |entry| entry.bytes(2, b"a\xffb")));
    let entry =
        PushRequest::new(&body).unwrap().streams.iter().next().unwrap().entries.iter().next().unwrap();
    assert_eq!((entry.line_bytes, &*entry.line()), (&b"a\xffb"[..], "a\u{fffd}b"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn labels_come_back(pairs in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", ".{1,12}", 0..6)) {
        let text = print_labels(&pairs);
        let labels: Vec<_> = parse_labels(&text).unwrap().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(labels, pairs.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn pushes_come_back(entries in proptest::collection::vec((any::<i64>(), ".{0,20}", proptest::option::of(".{0,5}")), 0..5)) {
        let mut builder = PushBuilder::default();
        builder.stream(r#"{a="b"}"#, |stream| {
            for (time, line, metadata) in &entries {
                stream.entry(*time, line, metadata.iter().map(|value| ("k", value.as_str())));
            }
        });
        let body = builder.finish();
        let stream = PushRequest::new(&body).unwrap().streams.iter().next().unwrap();
        let have: Vec<_> = stream.entries.iter().map(|entry| {
            let metadata = entry.structured_metadata.iter().next().map(|pair| pair.value.as_str().to_owned());
            (entry.timestamp_ns(), entry.line().into_owned(), metadata)
        }).collect();
        prop_assert_eq!(have, entries);
        for cut in 0..body.len() {
            crate::fuzz::loki(&body[..cut]);
        }
    }

    #[test]
    fn no_text_panics(text in r#"[{}a-c="',\\`x 0-9\n\[\]:]{0,30}"#) {
        crate::fuzz::loki(text.as_bytes());
    }
}
