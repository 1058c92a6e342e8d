//! Texts that are queries, texts that are none, and what is printed of them.

use proptest::prelude::*;

use crate::parse;

fn prints(text: &str, expect: &str) {
    let printed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string();
    assert_eq!(printed, expect, "{text}");
    assert_eq!(parse(&printed).unwrap().to_string(), printed, "printed again");
}

fn fails(text: &str, expect: &str) {
    assert_eq!(parse(text).map(|query| query.to_string()).unwrap_err().to_string(), expect, "{text}");
}

#[test]
fn precedence_is_tempos() {
    prints("{ .a || .b && .c }", "{ (.a || .b) && .c }");
    prints("{ .a = 1 + 2 * 3 ^ 2 ^ 1 }", "{ .a = (1 + (2 * (3 ^ (2 ^ 1)))) }");
    prints("{ !.a = .b }", "{ (!.a) = .b }");
    prints("{ -.a + 3 > -1 }", "{ ((-.a) + 3) > -1 }");
    prints("{ .a - .b > .c-d }", "{ (.a - .b) > .c-d }");
    prints("{.a} || {.b} && {.c} > {.d}", "({ .a } || { .b }) && ({ .c } > { .d })");
    prints("{.a} > {.b} > {.c}", "({ .a } > { .b }) > { .c }");
    prints("({.a} | count() > 1) && {.b}", "({ .a } | count() > 1) && { .b }");
    prints("{ } | count() + 1 * 2 > 3", "{ } | count() + (1 * 2) > 3");
}

#[test]
fn names_and_values_come_back() {
    prints(r#"{ span."a b".c = "x\ty" }"#, "{ span.\"a b.c\" = `x\ty` }");
    prints("{ resource.service.name=`a\\b` }", r"{ resource.service.name = `a\b` }");
    prints(
        "{ span:duration > 1m30s && trace:rootService = \"x\" }",
        "{ (duration > 1m30s) && (rootServiceName = `x`) }",
    );
    prints("{ status = error && kind != server }", "{ (status = error) && (kind != server) }");
    prints("{ .a = 1.0 } | select(.b, event:name, link.x)", "{ .a = 1.0 } | select(.b, event:name, link.x)");
    prints("{ duration > .5s }", "{ duration > 500ms }");
    prints(
        "{ } | quantile_over_time(duration, .9, 0.99) by(resource.service.name, name)",
        "{ } | quantile_over_time(duration, 0.9, 0.99) by(resource.service.name, name)",
    );
    prints(
        "{ } | rate() by(name) > 5 | topk(3) with(sample=true, exemplars=10)",
        "{ } | rate() by(name) > 5 | topk(3) with(sample=true, exemplars=10)",
    );
    prints(
        "({nestedSetParent<0} &>> {status=error}) || ({nestedSetParent<0}) | select(status, nestedSetLeft)",
        "({ nestedSetParent < 0 } &>> { status = error }) || { nestedSetParent < 0 } | select(status, nestedSetLeft)",
    );
}

#[test]
fn errors_say_where_and_what() {
    fails("{ .a = }", "parse error at line 1, col 8: syntax error: unexpected }");
    fails("", "parse error at line 1, col 1: syntax error: unexpected $end");
    fails("{ .a = 1", "parse error at line 1, col 9: syntax error: unexpected $end");
    fails("{ foo = 1 }", "parse error at line 1, col 3: syntax error: unexpected IDENTIFIER \"foo\"");
    fails("{ .a = \"x }", "parse error at line 1, col 8: syntax error: literal not terminated");
    fails("{ } |\n  nope()", "parse error at line 2, col 3: syntax error: unexpected IDENTIFIER \"nope\"");
    fails("{ 1 }", "span filter field expressions must resolve to a boolean: { 1 }");
    fails("{ name > 1 }", "binary operations must operate on the same type: name > 1");
    fails("{ status > ok }", "illegal operation for the given types: status > ok");
    fails("{ .a =~ \"(\" }", &parse("{ .a =~ \"(\" }").unwrap_err().to_string());
    fails("{ .a =~ 5 }", "parse error at line 1, col 9: syntax error: a regular expression must be a string");
    fails("{ } | 1 > 2", "scalar filter must contain an aggregate: 1 > 2");
    fails("{ } | max(name) > 2", "aggregate field expressions must resolve to a number type: max(name)");
    fails("{ } | sum(1) > 2", "aggregate field expressions must reference the span: sum(1)");
    fails("{ } | quantile_over_time(duration, 2)", "quantile must be between 0 and 1: 2");
    fails("{ parent.a = 1 }", "the scope parent is not supported: use the operators > and <");
    assert!(
        parse("{ } | compare({ status = error })")
            .unwrap_err()
            .to_string()
            .starts_with("compare() is not supported")
    );
    assert!(parse("5 > 3").is_err());
    assert!(parse(&"(".repeat(5000)).is_err());
    assert!(parse(&format!("{{ {} .a }}", "!".repeat(5000))).is_err());
    assert!(parse(&"x".repeat(200_000)).unwrap_err().to_string().contains("at most 131072"));
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "|",
        "&&",
        "||",
        ">",
        ">>",
        "<",
        "~",
        "!>",
        "&>>",
        "=",
        "!=",
        "=~",
        "!",
        "-",
        "+",
        "*",
        "/",
        "^",
        "%",
        ".a",
        "span.b",
        "resource.\"c d\"",
        "event.e",
        "name",
        "duration",
        "status",
        "error",
        "nil",
        "true",
        "1",
        "2.5",
        "3ms",
        "\"x\"",
        "`y`",
        "count()",
        "max(duration)",
        "by(.a)",
        "coalesce()",
        "select(name)",
        "rate()",
        "by(name)",
        "topk(2)",
        "with(a=1)",
        ",",
        "é",
        "\\",
    ])
}

proptest! {
    #[test]
    fn any_words_give_a_tree_that_prints_itself_or_an_error(words in prop::collection::vec(word(), 0..24)) {
        if let Ok(query) = parse(&words.join(" ")) {
            let printed = query.to_string();
            prop_assert_eq!(parse(&printed).expect("what was printed parses").to_string(), printed);
        }
    }

    #[test]
    fn any_text_gives_a_tree_or_an_error(text in ".{0,60}") {
        drop(parse(&text));
    }
}
