//! Random trees: what is printed, on one line or prettified, parses to the same tree. `PROPTEST_CASES=2500` runs 10,000 of them.

use promql::ast::{Aggregator, same_tree};
use promql::functions::{Function, Variadic};
use promql::{parse, prettify};
use proptest::prelude::*;
use proptest::sample::select;

fn number() -> BoxedStrategy<String> {
    prop_oneof![
        (0_u32..100_000).prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("not a number", |number| number.is_finite())
            .prop_map(|number| format!("{:e}", number.abs())),
        select(vec!["Inf", "nan", "0x1F", "1_000", "5m", "1h30m", ".5", "017"]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn duration() -> BoxedStrategy<String> {
    let leaf = select(vec!["5m", "1h30m", "300", "1.5", "step()", "range()", "1y2d", "30ms"])
        .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), select(vec!["+", "-", "*", "/", "%", "^"]), inner.clone())
                .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            (select(vec!["min_of", "MAX_OF"]), inner.clone(), inner)
                .prop_map(|(name, left, right)| format!("{name}({left}, {right})")),
        ]
    })
    .boxed()
}

fn selector() -> BoxedStrategy<String> {
    let name = select(vec!["up", "a:b", "sum", "by", "offset", "start", "http_requests_total", "and"]);
    let label = select(vec!["job", "le", "\"a b\"", "'foo.bar'", "on"]);
    let value = select(vec!["\"v\"", "'x\"y'", "`raw\\.`", "\"\\u00e9\\n\"", "\"a.*|b\""]);
    let op = select(vec!["=", "!=", "=~", "!~"]);
    let matchers = prop::collection::vec(
        (label, op, value).prop_map(|(label, op, value)| format!("{label}{op}{value}")),
        0..3,
    );
    let time = prop_oneof![
        4 => Just(String::new()),
        1 => duration().prop_map(|duration| format!(" offset ({duration})")),
        1 => Just(" offset -5m @ end()".to_owned()),
        1 => Just(" @ 1234.567".to_owned()),
    ];
    (name, matchers, time)
        .prop_map(|(name, matchers, time)| format!("{name}{{{}}}{time}", matchers.join(", ")))
        .boxed()
}

fn labels() -> BoxedStrategy<String> {
    prop::collection::vec(select(vec!["job", "\"a.b\"", "sum", "on"]), 0..3)
        .prop_map(|all| format!("({})", all.join(", ")))
        .boxed()
}

/// An instant vector.
fn vector() -> BoxedStrategy<String> {
    selector()
        .prop_recursive(5, 40, 3, |inner| {
            let matching = prop_oneof![
                3 => Just(String::new()),
                1 => labels().prop_map(|labels| format!("on {labels}")),
                1 => labels().prop_map(|labels| format!("ignoring {labels} group_left (zone)")),
                1 => labels().prop_map(|labels| format!("on {labels} fill_left (1) fill_right (-2)")),
            ];
            let op = select(vec!["+", "-", "*", "/", "%", "^", "atan2", "==", "> bool", "</", ">/"]);
            let plain = select(Aggregator::ALL.into_iter().filter(|op| !op.has_param()).collect::<Vec<_>>());
            let range =
                (selector_bare(), duration(), select(vec!["", " anchored", " smoothed", " offset 1h"]));
            prop_oneof![
                (inner.clone(), op, matching, inner.clone())
                    .prop_map(|(left, op, matching, right)| format!("{left} {op} {matching} {right}")),
                (inner.clone(), select(vec!["and", "or", "unless"]), inner.clone())
                    .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
                inner.clone().prop_map(|inner| format!("-{inner}")),
                inner.clone().prop_map(|inner| format!("({inner})")),
                (plain, prop::option::of((any::<bool>(), labels())), inner.clone()).prop_map(
                    |(op, grouping, inner)| {
                        let grouping = grouping
                            .map(|(by, labels)| format!("{} {labels}", if by { "by" } else { "without" }));
                        format!("{op} {} ({inner})", grouping.unwrap_or_default())
                    }
                ),
                (number(), inner.clone())
                    .prop_map(|(number, inner)| format!("topk by (x) ({number}, {inner})")),
                inner.clone().prop_map(|inner| format!("count_values(\"v\", {inner})")),
                range.prop_map(|(selector, duration, suffix)| format!(
                    "rate({selector}[5m + {duration}]{suffix})"
                )),
                (inner.clone(), duration())
                    .prop_map(|(inner, step)| format!("max_over_time(({inner})[1h:1m + {step}] @ start())")),
                (inner.clone(), number()).prop_map(|(inner, number)| format!("clamp_max({inner}, {number})")),
                (call(), inner).prop_map(|(name, inner)| format!("{name}({inner})")),
            ]
        })
        .boxed()
}

fn selector_bare() -> BoxedStrategy<String> {
    select(vec!["up", "{\"x.y\"}", "a{b='c'}", "{__name__=~\"x.+\"}"]).prop_map(str::to_owned).boxed()
}

/// Functions of one vector.
fn call() -> BoxedStrategy<&'static str> {
    let one = Function::ALL.iter().map(|function| function.signature());
    let one = one.filter(|signature| {
        signature.variadic == Variadic::No && signature.args == [promql::ast::ValueType::Vector]
    });
    let names: Vec<&str> =
        one.filter(|signature| signature.name != "scalar").map(|signature| signature.name).collect();
    select(names).boxed()
}

fn check(query: &str) {
    let expr = match parse(query) {
        Ok(expr) => expr,
        // Random durations may divide by zero or be out of range; nothing else may be wrong.
        Err(error) => {
            let text = error.to_string();
            let is_expected = ["zero", "out of range", "greater than 0", "nests deeper"]
                .iter()
                .any(|part| text.contains(part));
            assert!(is_expected, "{query}\n{text}");
            return;
        }
    };
    for shown in [expr.to_string(), prettify(&expr)] {
        let again = parse(&shown).unwrap_or_else(|error| panic!("{query}\n{shown}\n{error}"));
        assert!(same_tree(&expr, &again), "{query}\n{shown}");
        assert_eq!(again.to_string(), expr.to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_round_trip(query in vector()) {
        check(&query);
    }

    #[test]
    fn any_text_is_a_tree_or_an_error(query in r#"(sum|by|rate|\(|\)|\[|\]|\{|\}|5m|1|"a"|'|`|=~|!=|==|-|\+|\^|offset|@|start|,|:|#|\n| |é|\\|a|on|bool|fill|inf|0x){0,24}"#) {
        if let Ok(expr) = parse(&query) {
            let shown = expr.to_string();
            let again = parse(&shown).unwrap_or_else(|error| panic!("{query}\n{shown}\n{error}"));
            assert!(same_tree(&expr, &again), "{}\n{}", query, shown);
        }
        let _ = promql::parse_series(&query);
        let _ = promql::parse_metric(&query);
        let _ = promql::parse_selector(&query);
    }
}
