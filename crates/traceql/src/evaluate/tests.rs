//! Pipelines over a small trace, written as lines.

use super::*;
use crate::ast::{Intrinsic, Scope};
use crate::parse;

/// Spans in tree order: (parent, name, duration in ms, attributes).
struct Tree(Vec<(Option<usize>, &'static str, i64, Vec<(&'static str, Static)>)>);

impl Trace for Tree {
    fn spans(&self) -> usize {
        self.0.len()
    }

    fn get(&self, span: usize, attribute: &Attribute) -> Static {
        let (parent, name, ms, attributes) = &self.0[span];
        match attribute {
            Attribute::Intrinsic(Intrinsic::Name) => Static::String((*name).into()),
            Attribute::Intrinsic(Intrinsic::Duration) => Static::Duration(ms * 1_000_000),
            Attribute::Intrinsic(Intrinsic::NestedSetParent) => {
                Static::Int(parent.map_or(-1, |p| p as i64 + 1))
            }
            Attribute::Key { scope: Scope::Any | Scope::Span, key } => attributes
                .iter()
                .find(|(have, _)| have == key)
                .map_or(Static::Nil, |(_, value)| value.clone()),
            _ => Static::Nil,
        }
    }

    fn all(&self, span: usize, attribute: &Attribute) -> Vec<Static> {
        let Attribute::Key { key, .. } = attribute else { return Vec::new() };
        let events = self.0[span].3.iter().filter(|(have, _)| have.strip_prefix("event.") == Some(key));
        events.map(|(_, value)| value.clone()).collect()
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.0[span].0
    }

    fn end_of_subtree(&self, span: usize) -> usize {
        let below = |mut at: usize| loop {
            match self.0[at].0 {
                Some(parent) if parent == span => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        };
        (span + 1..self.0.len()).find(|at| !below(*at)).unwrap_or(self.0.len())
    }
}

/// a(b(c d) e(f)) g
fn tree() -> Tree {
    let text = |text: &str| Static::String(text.into());
    Tree(vec![
        (None, "a", 100, vec![("env", text("prod")), ("n", Static::Int(7))]),
        (Some(0), "b", 60, vec![("n", Static::Int(2)), ("event.e", text("x")), ("event.e", text("y"))]),
        (Some(1), "c", 10, vec![("env", text("dev"))]),
        (Some(1), "d", 20, vec![("env", text("prod")), ("f", Static::Float(0.5))]),
        (Some(0), "e", 30, vec![("ok", Static::Bool(true))]),
        (Some(4), "f", 25, vec![]),
        (None, "g", 5, vec![]),
    ])
}

/// `cd|f`: names of the spans of each spanset; empty: no match.
fn check(query: &str, expect: &str) {
    let tree = tree();
    let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let names = |set: &Spanset| set.spans.iter().map(|span| tree.0[*span].1).collect::<String>();
    let found: Vec<String> = evaluate(&parsed.pipeline, &tree).iter().map(names).collect();
    assert_eq!(found.join("|"), expect, "{query}");
}

#[test]
fn filters() {
    check("{ }", "abcdefg");
    check("{ .env = `prod` }", "ad");
    check("{ .env != \"prod\" }", "c");
    check("{ .env =~ \"pr.*\" }", "ad");
    check("{ .env =~ \"ro\" }", "");
    check("{ .env !~ \"p.*\" }", "c");
    check("{ .env = nil }", "befg");
    check("{ .env != nil }", "acd");
    check("{ .n > 2 }", "a");
    check("{ .n * 2 = 4 }", "b");
    check("{ 1 / 2 = 0 && name = \"a\" }", "a");
    check("{ .f = 0.5 || .n = 2 && name = \"zz\" }", "");
    check("{ .f = 0.5 || (.n = 2 && name = \"b\") }", "bd");
    check("{ duration >= 25ms && duration < 1s }", "abef");
    check("{ !(name = \"a\") && duration > 50ms }", "b");
    check("{ .ok }", "e");
    check("{ !.ok = true }", "");
    check("{ -.n < -6 }", "a");
    check("{ .n = \"7\" }", "");
    check("{ event.e = \"y\" }", "b");
    check("{ event.e =~ \"[yz]\" }", "b");
    check("{ nestedSetParent < 0 }", "ag");
}

#[test]
fn structure() {
    check("{ name = \"b\" } > { }", "cd");
    check("{ name = \"a\" } >> { duration < 26ms }", "cdf");
    check("{ name = \"c\" } < { }", "b");
    check("{ name = \"f\" } << { }", "ae");
    check("{ name = \"c\" } ~ { }", "d");
    check("{ } ~ { name = \"c\" }", "c");
    check("{ name = \"a\" } !> { }", "acdfg");
    check("{ name = \"a\" } !>> { }", "ag");
    check("{ name = \"f\" } !<< { }", "bcdfg");
    check("{ name = \"b\" } &> { name = \"c\" }", "bc");
    check("{ nestedSetParent < 0 } &>> { name = \"f\" }", "af");
    check("{ name = \"c\" } &~ { name = \"d\" }", "cd");
    check("({ name = \"a\" } > { }) > { }", "cdf");
    check("{ name = \"a\" } && { name = \"zz\" }", "");
    check("{ name = \"a\" } || { name = \"zz\" }", "a");
    check("{ name = \"zz\" } || { name = \"a\" } && { name = \"g\" }", "ag");
    check(
        "({ nestedSetParent < 0 } &>> { name = \"f\" }) || ({ nestedSetParent < 0 }) | select(name)",
        "afg",
    );
}

#[test]
fn pipelines() {
    check("{ } | count() > 6", "abcdefg");
    check("{ } | count() > 7", "");
    check("{ .env != nil } | { .env = \"dev\" }", "c");
    check("{ } | max(.n) = 7 | min(.n) = 2 | sum(.n) = 9 | avg(.n) = 4.5", "abcdefg");
    check("{ } | avg(duration) > 35ms", "abcdefg");
    check("{ } | max(.nope) > 0", "");
    check("{ .env != nil } | by(.env)", "ad|c");
    check("{ .env != nil } | by(.env) | count() > 1", "ad");
    check("{ .env != nil } | by(.env) | coalesce()", "acd");
    check("({ name = \"a\" } | count() = 1) && { name = \"g\" }", "ag");
    check("({ } | count()) > ({ name = \"a\" } | count())", "abcdefg");
    check("count() + 1 = 8 | { name = \"c\" }", "c");
}

#[test]
fn what_filters_computed_is_kept() {
    let found = evaluate(&parse("{ .env != nil } | by(.env) | count() > 1").unwrap().pipeline, &tree());
    let shown: Vec<_> =
        found[0].attributes.iter().map(|(name, value)| format!("{name}={}", value.label())).collect();
    assert_eq!(shown, ["by(.env)=prod", "count()=2"]);
}

#[test]
fn metrics_count_in_steps() {
    use crate::metrics::{Collector, Steps};
    let run = |query: &str| {
        let query = parse(query).unwrap();
        let metric = query.metric.as_ref().unwrap();
        let mut collector = Collector::new(metric, Steps::covering(0, 3_000_000_000, 1_000_000_000).unwrap());
        for set in evaluate(&query.pipeline, &tree()) {
            for span in set.spans {
                collector.add(&tree(), span, span as i64 * 500_000_000).unwrap();
            }
        }
        let series = collector.finish();
        series
            .iter()
            .map(|series| {
                let labels: Vec<_> =
                    series.labels.iter().map(|(name, value)| format!("{name}={}", value.label())).collect();
                let values: Vec<_> = series
                    .values
                    .iter()
                    .map(|value| value.map_or("-".into(), |value| value.to_string()))
                    .collect();
                format!("{}: {}", labels.join(","), values.join(" "))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run("{ } | rate()"), [": 2 2 2"]);
    assert_eq!(run("{ .env != nil } | count_over_time() by(.env)"), [".env=dev: 0 1 0", ".env=prod: 1 1 0"]);
    assert_eq!(run("{ } | max_over_time(.n)"), [": 7 - -"]);
    assert_eq!(run("{ } | sum_over_time(duration)"), [": 0.16 0.03 0.055"]);
    assert_eq!(
        run("{ .env != nil } | count_over_time() by(.env) | topk(1)"),
        [".env=dev: - 1 0", ".env=prod: 1 - -"]
    );
    assert_eq!(run("{ } | rate() > 3"), Vec::<String>::new());
    assert_eq!(run("{ name = \"b\" } | quantile_over_time(duration, 1)"), ["p=1.0: 0.0625 - -"]);
    assert_eq!(run("{ name = \"b\" } | histogram_over_time(duration)"), ["__bucket=0.0625: 1 0 0"]);
}
