use super::*;
use proptest::prelude::*;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern:?}: {error}"))
}

#[test]
fn re2_syntax_means_what_it_means_in_go() {
    let check = |pattern: &str, yes: &[&str], no: &[&str]| {
        let regex = regex(pattern);
        yes.iter().for_each(|text| assert!(regex.is_match(text), "{pattern:?} should match {text:?}"));
        no.iter().for_each(|text| assert!(!regex.is_match(text), "{pattern:?} should not match {text:?}"));
    };
    check("a{bbb}", &["a{bbb}"], &["abbb"]);
    check("a{,5}", &["a{,5}"], &["aaaa", ""]);
    check("a{2}", &["aa"], &["a{2}", "aaa"]);
    check("a{1,3}?", &["a", "aaa"], &["", "aaaa"]);
    check("{", &["{"], &[""]);
    check("a{01}", &["a{01}"], &["a"]);
    check(r"\Qa.b|(\E+", &["a.b|(", "a.b|(("], &["axb"]);
    check(r"\Qa.b", &["a.b"], &["axb"]);
    check(r"\d+", &["42"], &["٤٢", ""]);
    check(r"\w\W", &["a é".get(..2).unwrap(), "aé"], &["ab", "éa"]);
    check(r"[\d\-x]+", &["1-x"], &["a"]);
    check(r"[^\w]", &["é", "-"], &["a"]);
    check(r"[[:alpha:]_]+", &["ab_"], &["1"]);
    check(r"[[:^digit:]]", &["x", "é"], &["1"]);
    check(r"[a&&b~~c+--d]+", &["&", "~", "abcd", "b", "+,-"], &["e"]);
    check(r"[]a]+", &["]a"], &["b"]);
    check(r"[^]a]", &["b"], &["]", "a"]);
    check(r"[[a]+", &["[a"], &["]"]);
    check(r"\x41\x{1F600}\101\0", &["A\u{1F600}A\0"], &[]);
    check(r"\pN\p{Greek}\P{Greek}\p{^Lu}", &["1αaa"], &["1αaA"]);
    check(r"foo\b.*", &["foo bar", "fooé"], &["foobar"]);
    check(r"\Aa\z", &["a"], &["a\n"]);
    check("(?i)abc", &["ABC", "aBc"], &["abcd"]);
    check("(?i:a)b", &["Ab"], &["AB"]);
    check("(?U)a+", &["aaa"], &[]);
    check("(?-s).", &["a"], &["\n"]);
    check("a.b", &["a\nb"], &["ab"]);
    check("a|b|", &["a", "b", ""], &["ab"]);
    check("(?m)^a$", &["a"], &["a\nb"]);
    check(r"\_\<\-\@", &["_<-@"], &[]);
    check("^foo$", &["foo"], &["foo\n"]);
    check("(?<x>a)(?P<y>b)", &["ab"], &[]);
    check("()|a", &["", "a"], &["b"]);
    check("(?)a", &["a"], &[]);
    check("[a-]", &["a", "-"], &["b"]);
    check("[-a]", &["a", "-"], &["b"]);
}

#[test]
fn errors_are_worded_as_in_go() {
    let check = |pattern: &str, expect: &str| {
        let error = Regex::new(pattern).err().unwrap_or_else(|| panic!("{pattern:?} was accepted"));
        assert_eq!(error.to_string(), format!("error parsing regexp: {expect}"));
    };
    check("(", "missing closing ): `(`");
    check("a)", "unexpected ): `a)`");
    check("[", "missing closing ]: `[`");
    check("x[a", "missing closing ]: `[a`");
    check("*", "missing argument to repetition operator: `*`");
    check("(+a)", "missing argument to repetition operator: `+`");
    check("a|{2}", "missing argument to repetition operator: `{2}`");
    check("a**", "invalid nested repetition operator: `**`");
    check("a+?*", "invalid nested repetition operator: `+?*`");
    check("a{2}{3}", "invalid nested repetition operator: `{2}{3}`");
    check("a{1001}", "invalid repeat count: `{1001}`");
    check("a{3,2}", "invalid repeat count: `{3,2}`");
    check(r"\y", r"invalid escape sequence: `\y`");
    check(r"\C", r"invalid escape sequence: `\C`");
    check(r"\1", r"invalid escape sequence: `\1`");
    check(r"\xz", r"invalid escape sequence: `\xz`");
    check(r"a\", "trailing backslash at end of expression: ``");
    check("[z-a]", "invalid character class range: `z-a`");
    check("[[:foo:]]", "invalid character class range: `[:foo:]`");
    check(r"\p{Nope}", r"invalid character class range: `\p{Nope}`");
    check("(?P<n", "invalid named capture: `(?P<n`");
    check("(?P<n!>a)", "invalid named capture: `(?P<n!>`");
    check("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    check("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
    check("(?i)(?s", "invalid or unsupported Perl syntax: `(?s`");
}

#[test]
fn shapes_are_recognised() {
    let check = |pattern: &str, expect: Shape<'_>| assert_eq!(regex(pattern).shape(), expect, "{pattern}");
    let set = |all: &[&str]| all.iter().map(|one| Box::from(*one)).collect::<Vec<Box<str>>>();
    check("", Shape::Literal(""));
    check("api", Shape::Literal("api"));
    check(r"a\.b", Shape::Literal("a.b"));
    check("(api)", Shape::Literal("api"));
    check(".*", Shape::Any);
    check("(.*)", Shape::Any);
    check(".+", Shape::NonEmpty);
    check("b|a|b", Shape::Literals(&set(&["a", "b"])));
    check("x(a|b)?", Shape::Literals(&set(&["x", "xa", "xb"])));
    check("[45]xx", Shape::Literals(&set(&["4xx", "5xx"])));
    check("api.*", Shape::Prefix { text: "api", more: false });
    check(r"a\.b.+", Shape::Prefix { text: "a.b", more: true });
    check(".*api", Shape::Suffix { text: "api", more: false });
    check(".+api", Shape::Suffix { text: "api", more: true });
    check(".*api.*", Shape::Contains("api"));
    check("(?i)api", Shape::IgnoreCase("api"));
    check("api-[0-9]+", Shape::General { prefix: "api-" });
    check("^api$", Shape::General { prefix: "api" });
    check("(?-s:.*)", Shape::General { prefix: "" });
}

#[test]
fn templates_expand_as_in_go() {
    let check = |pattern: &str, text: &str, template: &str, expect: Option<&str>| {
        assert_eq!(regex(pattern).replace(text, template).as_deref(), expect);
    };
    check("(.*)-(.*)", "a-b", "$2:$1", Some("b:a"));
    check("(.*)-(.*)", "a-b", "${2}x$1x", Some("bx"));
    check("(?P<host>.*):.*", "h:1", "<$host>$$$0", Some("<h>$h:1"));
    check("a(b)?", "a", "[$1][$9][$]", Some("[][][$]"));
    check("foo", "foo", "$0!", Some("foo!"));
    check("foo", "bar", "$0", None);
    check("(x)", "x", "${1", Some("${1"));
}

#[test]
fn searching_replaces_every_match() {
    let check = |pattern: &str, text: &str, template: &str, expect: &str| {
        assert_eq!(SearchRegex::new(pattern).unwrap().replace_all(text, template), expect);
    };
    check("a(.)", "abacd", "<$1>", "<b><c>d");
    check("x*", "abc", "-", "-a-b-c-");
    check("(?P<w>[a-z]+)-", "ab-cd-e", "${w}+", "ab+cd+e");
    check("é?", "éa", "_", "_a_");
    assert!(
        SearchRegex::new("b").unwrap().is_match("abc") && !SearchRegex::new("^b").unwrap().is_match("abc")
    );
    assert!(SearchRegex::new("(").is_err());
}

#[test]
fn hostile_expressions_are_refused_or_bounded() {
    for pattern in
        ["((((((a{1000}){1000}){1000}){1000}){1000}){1000})", &"(".repeat(5000), &"a?".repeat(200_000)]
    {
        assert!(Regex::new(pattern).is_err());
    }
    let slow = regex("(a*)*(a*)*b");
    assert!(!slow.is_match(&"a".repeat(20_000)));
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(pattern in r"[\\\[\](){}|^$.*+?\-:,a-z0-9é&~<>P=!]{0,24}", text in "[a-z0-9é]{0,8}") {
        if let Ok(regex) = Regex::new(&pattern) {
            let automaton = build(&regex.0.translated).expect("small");
            prop_assert_eq!(regex.is_match(&text), automaton.is_match(text.as_str()), "{:?}", pattern);
            regex.replace(&text, "$1");
        }
    }

    #[test]
    fn shapes_agree_with_the_automaton(pattern in r"(\(\?i\))?(\.\*|\.\+|ab|a|\(a\|b\))?[ab]{0,2}(\|[ab]{0,2}){0,12}(\.\*|\.\+|[ab]\?)?", text in "[abAB]{0,4}") {
        let regex = regex(&pattern);
        let automaton = build(&regex.0.translated).expect("small");
        prop_assert_eq!(regex.is_match(&text), automaton.is_match(text.as_str()), "{:?}", pattern);
    }
}
