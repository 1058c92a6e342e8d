use super::*;
use proptest::prelude::*;

/// The tree on one line, with text quoted.
fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, style: Style::Plain } => text.to_string(),
        Kind::Scalar { text, style: Style::Text } => format!("{text:?}"),
        Kind::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Kind::Map(entries) => {
            let pairs: Vec<_> =
                entries.iter().map(|entry| format!("{}={}", entry.key, shown(&entry.value))).collect();
            format!("{{{}}}", pairs.join(" "))
        }
    }
}

#[test]
fn documents_become_trees() {
    let check = |text: &str, expect: &str| {
        assert_eq!(parse(text).as_ref().map_or_else(ToString::to_string, shown), expect, "{text:?}");
    };
    check("", "");
    check("a: 1\nb: [x, 'y']\nc:\n- d: |\n    two\n    lines\n", r#"{a=1 b=[x "y"] c=[{d="two\nlines\n"}]}"#);
    check("\u{feff}a: é # comment\n---\nb: 2\n", "{a=é}");
    check("a: &x {k: v}\nb: *x\nc:\n  <<: *x\n  l: w\n", "{a={k=v} b={k=v} c={l=w k=v}}");
    check("a: &x {k: 1, l: 1}\nb: {<<: [{k: 2}, *x], m: 3}", "{a={k=1 l=1} b={m=3 k=2 l=1}}");
    check("a: !!str 5\nb: !custom x", r#"{a="5" b=x}"#);
}

#[test]
fn errors_have_a_place() {
    let check = |text: &str, expect: &str| {
        let error = parse(text).expect_err(text);
        assert_eq!(format!("{} {}", error.position, error.message), expect);
    };
    check("a: 1\nb: 2\na: 3\n", "3:1 mapping key \"a\" already defined at line 1");
    check("a: &x [*x]", "1:8 alias refers to a value that contains itself");
    check("[1]: 2", "1:1 a key of a mapping must be a scalar");
    check("a: {<<: 5}", "1:9 map merge requires map or sequence of maps as the value");
    for text in ["a: [1", "a: b: c", "*nope", "'open", "a: 'x' y"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn getters_are_typed_and_say_what_they_met() {
    let node = parse("n: 0x1F\nf: 1_0.5\nb: yes\ns: 5\nq: '5'\nl: [1]\nz: ~\nlong: abcdefghijklm\n").unwrap();
    let map = node.map("thing").unwrap();
    assert_eq!((map.i64("n"), map.f64("f"), map.bool("b")), (Ok(Some(31)), Ok(Some(10.5)), Ok(Some(true))));
    assert_eq!((map.str("s"), map.str("z"), map.str("absent")), (Ok(Some("5")), Ok(None), Ok(None)));
    assert_eq!(map.strings("l"), Ok(vec!["1"]));
    let text = |result: Result<Option<i64>, YamlError>| result.expect_err("wrong type").to_string();
    assert_eq!(text(map.i64("q")), "line 5: cannot unmarshal !!str `5` into int");
    assert_eq!(text(map.i64("l")), "line 6: cannot unmarshal !!seq into int");
    assert_eq!(text(map.i64("long")), "line 8: cannot unmarshal !!str `abcdefg...` into int");
    assert_eq!(text(map.i64("f")), "line 2: cannot unmarshal !!float `1_0.5` into int");
    let error = map.deny_unknown(&["n", "f", "b", "s", "q", "l", "z", "lang"]).expect_err("unknown");
    assert_eq!(error.to_string(), "line 8: field long not found in type thing, did you mean \"lang\"?");
    assert_eq!(
        map.required("gone").expect_err("absent").to_string(),
        "line 1: field gone is required in thing"
    );
}

#[test]
fn bombs_are_bounded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    assert!(parse_with(&bomb, Limits { nodes: 100_000, ..Limits::default() }).is_err());
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"- ".repeat(100_000)).is_err());
    assert!(parse(&"{a: ".repeat(100_000)).is_err());
    assert!(parse_with("a: b", Limits { bytes: 3, ..Limits::default() }).is_err());
}

proptest! {
    #[test]
    fn any_text_is_a_tree_or_an_error(text in r#"([-:?,\[\]{}#&*!|>'"%@` \n\ta-c0é~<]|: |- |\n  |&a |\*a ){0,40}"#) {
        let _ = parse(&text);
    }
}
