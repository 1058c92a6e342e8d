use super::*;
use crate::ast::{At, BinaryOp, Cardinality, DurationExpr, Expr, Extended, ValueType, same_tree};

fn tree(query: &str) -> Expr {
    parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn shown(query: &str) -> String {
    tree(query).to_string()
}

/// Puts every binary and unary node in brackets, to show how operators bind.
fn bound(expr: &Expr) -> String {
    match expr {
        Expr::Binary(node) => format!("[{} {} {}]", bound(&node.left), node.op, bound(&node.right)),
        Expr::Unary(node) => format!("[{}{}]", node.op.symbol(), bound(&node.expr)),
        Expr::Paren(node) => format!("({})", bound(&node.expr)),
        other => other.to_string(),
    }
}

#[test]
fn operators_bind_as_in_the_manual() {
    let check = |query: &str, expect: &str| assert_eq!(bound(&tree(query)), expect, "{query}");
    check("a + b * c", "[a + [b * c]]");
    check("a - b - c", "[[a - b] - c]");
    check("a ^ b ^ c", "[a ^ [b ^ c]]");
    check("a * b atan2 c % d", "[[[a * b] atan2 c] % d]");
    check("-a ^ b", "[-[a ^ b]]");
    check("-a * b", "[[-a] * b]");
    check("a ^ -b * c", "[[a ^ [-b]] * c]");
    check("2 ^ -1 ^ 2", "[2 ^ [-[1 ^ 2]]]");
    check("- 1 + a", "[-1 + a]");
    check("--1", "1");
    check("-(1)", "[-(1)]");
    check("a or b and c unless d", "[a or [[b and c] unless d]]");
    check("a == b + c > d", "[[a == [b + c]] > d]");
    check("a </ b + c >/ 2", "[[a </ [b + c]] >/ 2]");
    check("a and b or c", "[[a and b] or c]");
    check("foo offset -2 ^ 2", "[foo offset -2s ^ 2]");
    check("foo offset 5m + 2", "[foo offset 5m + 2]");
    check("foo @ 5 + 2", "[foo @ 5.000 + 2]");
    check("1 == bool 2", "[1 == 2]");
}

#[test]
fn canonical_text_is_that_of_prometheus() {
    let check = |query: &str, expect: &str| assert_eq!(shown(query), expect);
    check("sum(a) by(b,c)", "sum by (b, c) (a)");
    check("sum by () (a)", "sum(a)");
    check("sum without() (a)", "sum without () (a)");
    check("TOPK(5, a)", "topk(5, a)");
    check("sum by (\"foo.bar\", 'b',) (a)", "sum by (\"foo.bar\", b) (a)");
    check("a{c=\"x\",b!~'y'}", "a{b!~\"y\",c=\"x\"}");
    check("{\"foo.bar\",'x y'=`z`}", "{\"x y\"=\"z\",__name__=\"foo.bar\"}");
    check("a{}", "a");
    check("a[5m] offset 300 @ 1.5", "a[5m] @ 1.500 offset 5m");
    check("a[1h30m:]", "a[1h30m:]");
    check("a[90:30s] offset -1w @ end()", "a[1m30s:30s] @ end() offset -1w");
    check("a @ -0.5", "a @ -0.500");
    check("a offset 0s", "a");
    check("a[step()+1m*2]", "a[step() + 1m * 2]");
    check("a[((5m))]", "a[5m]");
    check("a[(5m+1)]", "a[(5m + 1)]");
    check("a[MIN_OF(step(),1h)]", "a[min_of(step(), 1h)]");
    check("a offset -(5)", "a offset -5s");
    check("a offset -(1h/2)", "a offset -(1h / 2)");
    check("a offset +step()", "a offset step()");
    check("a[5m] anchored", "a[5m] anchored");
    check("rate(a smoothed [5m] offset 1m)", "rate(a[5m] smoothed offset 1m)");
    check("a smoothed", "a smoothed");
    check("a + on(b) group_left(c) d", "a + on (b) group_left (c) d");
    check("a * ignoring() group_right d", "a * ignoring () group_right () d");
    check("a > bool on () d", "a > bool on () d");
    check("a + ignoring() d", "a + d");
    check("a + fill(-1) b", "a + fill (-1) b");
    check("a + fill_right(1h) fill_left(NaN) b", "a + fill_left (NaN) fill_right (3600) b");
    check("1_000 + 0x1F + 1h30m + .5 + Inf - nan", "1000 + 31 + 1h30m + 0.5 + +Inf - NaN");
    check("-1h", "-1h");
    check("1e30", "1000000000000000000000000000000");
    check("'a\"b\\n\\xc5'", "\"a\\\"b\\n\\xc5\"");
    check("label_replace(a, 'b', `c`, \"d\", 'e')", "label_replace(a, \"b\", \"c\", \"d\", \"e\")");
    check("# first\nsum # second\n(a{ # third\nb='c'})", "sum(a{b=\"c\"})");
    check(
        "start() + end() + step() + range() + min_of(1, 2)",
        "start() + end() + step() + range() + min_of(1, 2)",
    );
    check("sum + by + without{a='b'} + offset + anchored", "sum + by + without{a=\"b\"} + offset + anchored");
    check("fill + fill_left", "fill + fill_left");
    check("and or or unless unless", "and or or unless unless");
    check(
        "sum by (on, bool, sum, offset, and, atan2, start) (a)",
        "sum by (on, bool, sum, offset, and, atan2, start) (a)",
    );
    check("a{offset='1',sum=\"2\",and='3'}", "a{and=\"3\",offset=\"1\",sum=\"2\"}");
    check("info(a, {b=~'.*'})", "info(a, {b=~\".*\"})");
    check("info(a, {})", "info(a, {})");
}

#[test]
fn errors_have_the_words_and_the_place_of_prometheus() {
    let check = |query: &str, expect: &str| {
        let error = parse(query).err().unwrap_or_else(|| panic!("{query:?} was accepted"));
        assert_eq!(error.to_string(), expect, "{query:?}");
    };
    check("", "unknown position: parse error: no expression found in input");
    check("# just a comment\n\n", "1:1: parse error: no expression found in input");
    check("1+", "1:3: parse error: unexpected end of input");
    check(".", "1:1: parse error: unexpected character: '.'");
    check("2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\"");
    check("100..4", "1:1: parse error: bad number or duration syntax: \"100.\"");
    check("0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\"");
    check("1 /", "1:4: parse error: unexpected end of input");
    check("*1", "1:1: parse error: unexpected <op:*>");
    check("(1))", "1:5: parse error: unexpected right parenthesis ')'");
    check("((1)", "1:5: parse error: unclosed left parenthesis");
    check("(", "1:2: parse error: unclosed left parenthesis");
    check("1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
    check("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier");
    check("1 + bool 2", "1:3: parse error: bool modifier can only be used on comparison operators");
    check("1 !~ 1", "1:3: parse error: unexpected character after '!': '~'");
    check("1 =~ 1", "1:3: parse error: unexpected character after '=': '~'");
    check(
        "-\"string\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
    );
    check(
        "-test[5m]",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
    );
    check(
        "1 offset 1d",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    check("a offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times");
    check("a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times");
    check("a @ foo", "1:5: parse error: unexpected identifier \"foo\" in @, expected timestamp");
    check("a @ start 5", "1:11: parse error: unexpected number \"5\" in @, expected timestamp");
    check("a @ Inf", "1:5: parse error: timestamp out of bounds for @ modifier: +Inf");
    check(
        "a offset foo",
        "1:10: parse error: unexpected identifier \"foo\" in offset, expected number, duration, step(), or range()",
    );
    check("a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>");
    check("a - group_left(c) d", "1:5: parse error: unexpected <group_left>");
    check(
        "a + on(b) group_left(b) d",
        "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once",
    );
    check("a or on(b) group_left(c) d", "1:1: parse error: no grouping allowed for \"or\" operation");
    check("a and fill(0) b", "1:1: parse error: filling in missing series not allowed for set operators");
    check(
        "a + fill(0) 1",
        "1:1: parse error: filling in missing series only allowed between instant vectors",
    );
    check("a + on(b) 1", "1:1: parse error: vector matching only allowed between instant vectors");
    check(
        "a[5m] + 1",
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    );
    check("a + 'x'", "1:5: parse error: binary expression must contain only scalar and instant vector types");
    check("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    check(
        "{x=\"\",y!=\"z\",z=~\".*\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    );
    check("1 + {x=\"\"}", "1:5: parse error: vector selector must contain at least one non-empty matcher");
    check("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"");
    check(
        "{\"foo\",__name__=\"bar\"}",
        "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"",
    );
    check("{", "1:2: parse error: unexpected end of input inside braces");
    check("}", "1:1: parse error: unexpected character: '}'");
    check("some{", "1:6: parse error: unexpected end of input inside braces");
    check(
        "some_metric{a=b}",
        "1:15: parse error: unexpected identifier \"b\" in label matching, expected string",
    );
    check("some_metric{a:b=\"b\"}", "1:14: parse error: unexpected character inside braces: ':'");
    check("foo{a*\"b\"}", "1:6: parse error: unexpected character inside braces: '*'");
    check("foo{a>=\"b\"}", "1:6: parse error: unexpected character inside braces: '>'");
    check(
        "foo{gibberish}",
        "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator",
    );
    check("foo{1}", "1:5: parse error: unexpected character inside braces: '1'");
    check(
        "foo{a=\"b\" c=\"d\"}",
        "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
    );
    check(
        "foo{a=\"b\",,c=\"d\"}",
        "1:11: parse error: unexpected \",\" in label matching, expected identifier or \"}\"",
    );
    check("foo{a==\"b\"}", "1:7: parse error: unexpected \"=\" in label matching, expected string");
    check("foo{a!}", "1:6: parse error: unexpected character after '!' inside braces: '}'");
    check("foo{é=\"b\"}", "1:5: parse error: unexpected character inside braces: 'é'");
    check("foo{a=~\"[\"}", "1:5: parse error: error parsing regexp: missing closing ]: `[`");
    check("foo{a=\"x\nb\"}", "1:7: parse error: unterminated quoted string");
    check("foo\u{a0}bar", "1:4: parse error: unexpected character: '\\u00a0'");
    check("foo{{a=\"b\"}}", "1:5: parse error: unexpected left brace '{'");
    check("foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\"");
    check("foo[5m1]", "1:5: parse error: bad number or duration syntax: \"5m1\"");
    check("foo[5m:1m1]", "1:8: parse error: bad number or duration syntax: \"1m1\"");
    check("foo[\"5m\"]", "1:5: parse error: unexpected character in duration expression: '\"'");
    check("foo[5m", "1:7: parse error: unexpected end of input in duration expression");
    check(
        "foo[]",
        "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
    );
    check("foo[-1]", "1:5: parse error: duration must be greater than 0");
    check("foo[0m]", "1:5: parse error: duration must be greater than 0");
    check("foo[5m", "1:7: parse error: unexpected end of input in duration expression");
    check(
        "foo[5m 6m]",
        "1:8: parse error: unexpected duration \"6m\" in subquery or range, expected \":\" or \"]\"",
    );
    check(
        "foo[5m:5m 6m]",
        "1:11: parse error: unexpected duration \"6m\" in subquery selector, expected \"]\"",
    );
    check(
        "foo[5m:*]",
        "1:8: parse error: unexpected <op:*> in subquery selector, expected number, duration, step(), range(), or \"]\"",
    );
    check("foo[1h/0]", "1:7: parse error: division by zero");
    check("foo[1h%0]", "1:7: parse error: modulo by zero");
    check("foo[1d2h:]:", "1:11: parse error: unexpected metric identifier \":\"");
    check("foo[1e30]", "1:5: parse error: duration out of range");
    check("foo offset 1e300", "1:12: parse error: duration out of range");
    check("foo[300y]", "1:5: parse error: duration out of range");
    check("foo[5m] offset 1h30", "1:16: parse error: bad number or duration syntax: \"1h30\"");
    check("(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors");
    check("foo offset 5m [10m]", "1:15: parse error: no offset modifiers allowed before range");
    check("foo @ 5 [10m]", "1:9: parse error: no @ modifiers allowed before range");
    check("foo[5m][10m]", "1:8: parse error: ranges only allowed for vector selectors");
    check(
        "rate(a[5m])[5m:] + (a[5m])[5m:]",
        "1:20: parse error: subquery is only allowed on instant vector, got matrix instead",
    );
    check("foo bar", "1:5: parse error: unexpected identifier \"bar\"");
    check("sum some_metric by (test)", "1:5: parse error: unexpected identifier \"some_metric\"");
    check("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation");
    check("sum(rate(a[5m])", "1:16: parse error: unclosed left parenthesis");
    check("rate(a b)", "1:8: parse error: unexpected identifier \"b\"");
    check("sum by (a)", "1:11: parse error: unexpected end of input in aggregation");
    check("sum (a) without (b) by (c)", "1:21: parse error: unexpected <by>");
    check("sum without (b) (a) by (c)", "1:21: parse error: unexpected <by>");
    check("sum by a (b)", "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\"");
    check("sum without(==)(a)", "1:13: parse error: unexpected <op:==> in grouping opts, expected label");
    check("sum without(,)(a)", "1:13: parse error: unexpected \",\" in grouping opts, expected label");
    check(
        "sum without(a b)(a)",
        "1:15: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
    );
    check("sum by (\"\") (a)", "1:9: parse error: invalid label name for grouping: \"\\\"\\\"\"");
    check("sum()", "1:1: parse error: no arguments for aggregate expression provided");
    check(
        "topk(a)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    );
    check(
        "sum(a, b)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    );
    check(
        "count_values(5, a)",
        "1:14: parse error: expected type string in aggregation parameter, got scalar",
    );
    check(
        "topk(a, b)",
        "1:6: parse error: expected type scalar in aggregation parameter, got instant vector",
    );
    check(
        "sum(a[5m])",
        "1:5: parse error: expected type instant vector in aggregation expression, got range vector",
    );
    check("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar");
    check("nope(a)", "1:1: parse error: unknown function with name \"nope\"");
    check("RATE(a[5m])", "1:1: parse error: unknown function with name \"RATE\"");
    check("floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0");
    check("floor(a, b)", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 2");
    check(
        "floor(1)",
        "1:7: parse error: expected type instant vector in call to function \"floor\", got scalar",
    );
    check("hour(a, b)", "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2");
    check(
        "label_join(a, 'b')",
        "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2",
    );
    check("time(1)", "1:1: parse error: expected 0 argument(s) in call to \"time\", got 1");
    check(
        "rate(a)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    check(
        "1 + rate(sum(a))",
        "1:10: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    check("round(a,)", "1:8: parse error: trailing commas not allowed in function call args");
    check("round(,a)", "1:7: parse error: unexpected \",\"");
    check(
        "start()[5m:] + start()",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
    );
    check("\"\\c\"", "1:1: parse error: unknown escape sequence U+0063 'c'");
    check("\"\\x.\"", "1:1: parse error: illegal character U+002E '.' in escape sequence");
    check("\"\\uD800\"", "1:1: parse error: escape sequence is an invalid Unicode code point");
    check("\"abc", "1:1: parse error: unterminated quoted string");
    check("`abc", "1:1: parse error: unterminated raw string");
    check("a\n+\n b c", "3:4: parse error: unexpected identifier \"c\"");
    check("a; b", "1:2: parse error: unexpected character: ';'");
    check("a[5m:1m] anchored", "1:1: parse error: anchored modifier is not supported for subqueries");
    check(
        "a[5m] anchored smoothed",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    );
    check("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead");
    check(
        "info(a, 1)",
        "1:1: parse error: expected type instant vector in call to function \"info\", got scalar",
    );
    check("1 + 'a string longer than ten' 5", "1:32: parse error: unexpected number \"5\"");
    check("1 'a string longer than ten'", "1:3: parse error: unexpected string \"'a string \"...");
}

#[test]
fn all_errors_are_collected_and_a_likely_name_is_suggested() {
    let error = parse("ratee(a[5m]) + {} + histogram_quantil(0.9)").unwrap_err();
    let all: Vec<_> = error.all().iter().map(|error| (error.to_string(), error.suggestion)).collect();
    assert_eq!(
        all,
        [
            ("1:1: parse error: unknown function with name \"ratee\"".to_owned(), Some("rate")),
            (
                "1:21: parse error: unknown function with name \"histogram_quantil\"".to_owned(),
                Some("histogram_quantile")
            ),
        ]
    );
    let error = parse("rate(a) + topk('x', {})").unwrap_err();
    let places: Vec<_> = error.all().iter().map(|error| error.span.text("rate(a) + topk('x', {})")).collect();
    assert_eq!(places, ["a", "{}", "'x'"]);
}

#[test]
fn strict_refuses_the_opt_in_parts() {
    let check = |query: &str, expect: &str| {
        let error = parse_with(query, Options::strict()).expect_err(query);
        assert_eq!(error.to_string(), format!("1:1: parse error: {expect}"));
        assert!(parse(query).is_ok(), "{query}");
    };
    check("mad_over_time(a[5m])", "function \"mad_over_time\" is not enabled");
    check(
        "limitk(5, a)",
        "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    );
    check("a[5m] anchored", "anchored modifier is experimental and not enabled");
    check("a smoothed", "smoothed modifier is experimental and not enabled");
    assert!(parse_with("a + fill(1) b", Options::strict()).is_err());
    assert!(parse_with("a[5m+1m] offset (1h/2)", Options::strict()).is_ok());
}

#[test]
fn every_node_knows_its_place() {
    let query = "sum by (x) (rate(foo{a=\"b\"}[5m] offset 1m)) / on() -bar @ 5 > bool (2)";
    let expr = tree(query);
    let mut places = Vec::new();
    expr.walk(&mut |node| places.push(node.span().text(query)));
    assert_eq!(
        places,
        [
            query,
            "sum by (x) (rate(foo{a=\"b\"}[5m] offset 1m)) / on() -bar @ 5",
            "sum by (x) (rate(foo{a=\"b\"}[5m] offset 1m))",
            "rate(foo{a=\"b\"}[5m] offset 1m)",
            "foo{a=\"b\"}[5m] offset 1m",
            "-bar @ 5",
            "bar @ 5",
            "(2)",
            "2",
        ]
    );
    let Expr::Binary(compare) = &expr else { panic!("not a comparison") };
    assert_eq!((compare.op_span.text(query), compare.returns_bool), (">", true));
    assert_eq!(compare.matching, None);
}

#[test]
fn the_tree_holds_what_was_written() {
    let Expr::Binary(node) = tree("a and on(x) b") else { panic!("not binary") };
    let matching = node.matching.expect("both sides are vectors");
    assert_eq!((matching.cardinality, matching.on), (Cardinality::ManyToMany, true));
    let Expr::Matrix(node) = tree("a[5m] smoothed @ end() offset -90s") else { panic!("not a range") };
    assert_eq!(node.selector.extended, Some(Extended::Smoothed));
    assert_eq!(node.selector.time.at, Some(At::End));
    assert_eq!(node.selector.time.offset.and_then(|offset| offset.literal_ms()), Some(-90_000));
    let Expr::Subquery(node) = tree("a[5m:step()*2]") else { panic!("not a subquery") };
    let grid = crate::ast::QueryGrid { step_ms: 15_000, range_ms: 0 };
    assert_eq!(node.step.map(|step| step.resolve_positive_ms(grid)), Some(Ok(30_000)));
    assert_eq!(tree("1 + scalar(a)").value_type(), ValueType::Scalar);
    assert_eq!(tree("a + 1").value_type(), ValueType::Vector);
}

#[test]
fn durations_resolve_when_the_query_is_known() {
    let grid = crate::ast::QueryGrid { step_ms: 10_000, range_ms: 60_000 };
    let offset = |text: &str| {
        let query = format!("a offset ({text})");
        let Expr::Vector(node) = tree(&query) else { panic!("not a selector") };
        node.time
            .offset
            .map(|offset: DurationExpr| offset.resolve_ms(grid).map_err(|error| error.to_string()))
    };
    let check = |text: &str, expect: i64| assert_eq!(offset(text), Some(Ok(expect)), "{text}");
    check("-2 ^ 2", -4_000);
    check("1h30m % 1h", 1_800_000);
    check("range() - step()", 50_000);
    check("max_of(step(), 1m) / -2", -30_000);
    check("2 ^ 3 ^ 0", 2_000);
    check("10 - 2 - 3", 5_000);
    check("1.0006 + 0", 1_000);
    assert_eq!(offset("1 / (step() - 10)"), Some(Err("10:27: division by zero".to_owned())));
    assert_eq!(offset("10 ^ step()"), Some(Err("9:22: duration is out of range".to_owned())));
    let Expr::Matrix(node) = tree("a[step() - 1h]") else { panic!("not a range") };
    let error = node.range.resolve_positive_ms(grid).map_err(|error| error.to_string());
    assert_eq!(error, Err("2:13: duration must be greater than 0".to_owned()));
}

#[test]
fn bare_selectors() {
    let check = |text: &str, expect: &str| {
        let result =
            parse_selector(text).map(|matchers| format!("{matchers:?}")).map_err(|error| error.to_string());
        assert_eq!(result.unwrap_or_else(|error| error), expect, "{text}");
    };
    check("up{a=\"b\"}", "[a=\"b\", __name__=\"up\"]");
    check("{}", "[]");
    check("sum", "[__name__=\"sum\"]");
    check("{\"x.y\"}", "[__name__=\"x.y\"]");
    check("up[5m]", "1:3: parse error: unexpected \"[\"");
    check("sum(a)", "1:4: parse error: unexpected \"(\"");
    check("", "unknown position: parse error: unexpected end of input");
}

#[test]
fn hostile_queries_are_refused_in_bounded_space() {
    let check = |query: String, expect: &str| {
        let error = parse(&query).expect_err("hostile").to_string();
        assert!(error.contains(expect), "{error}");
    };
    check("(".repeat(100_000), "query nests deeper than the limit of 128 levels");
    check("-".repeat(100_000) + "a", "nests deeper");
    check("a".to_owned() + &"+a".repeat(100_000), "nests deeper");
    check("a".to_owned() + &"^a".repeat(100_000), "nests deeper");
    check("sum(".repeat(100_000), "nests deeper");
    check("a[".to_owned() + &"(".repeat(100_000), "nests deeper");
    check("a[1".to_owned() + &"+1".repeat(100_000) + "]", "nests deeper");
    check("a[1".to_owned() + &"^1".repeat(100_000) + "]", "nests deeper");
    check("a".to_owned() + &"[1:]".repeat(100_000), "nests deeper");
    check("a".repeat(2 << 20), "query is longer than the limit of 1048576 bytes");
    let many = vec!["a"; 110_000].join(",");
    check(format!("label_join({many})"), "query has more than the limit of 100000 nodes");
    let matchers = vec!["a='b'"; 110_000].join(",");
    check(format!("a{{{matchers}}}"), "nodes");
}

#[test]
fn trees_at_the_depth_limit_are_handled_on_a_small_stack() {
    for query in [
        format!("{}a{}", "(".repeat(127), ")".repeat(127)),
        format!("{}a{}", "sum(".repeat(127), ")".repeat(127)),
        format!("{}a{}", "abs(".repeat(127), ")".repeat(127)),
        format!("a{}", " + a".repeat(510)),
        format!("a{}", " ^ a".repeat(127)),
        format!("{}a", "+".repeat(127)),
        format!("a[{}1+1{}]", "(".repeat(120), ")".repeat(120)),
    ] {
        let expr = tree(&query);
        assert!(same_tree(&expr, &tree(&expr.to_string())));
        assert!(same_tree(&expr, &tree(&crate::prettify(&expr))));
    }
}

#[test]
fn binary_operators_print_what_they_parse() {
    for op in [
        "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "</", ">/", "and", "or",
        "unless",
    ] {
        let Expr::Binary(node) = tree(&format!("a {op} b")) else { panic!("not binary") };
        assert_eq!(node.op.symbol(), op);
        assert_eq!(node.op == BinaryOp::Pow, node.op.is_right_associative());
    }
}
