//! Sequences as scripts write them.

use super::*;

fn floats(text: &str) -> Vec<String> {
    let shown = |value: &SequenceValue| match value {
        SequenceValue::Omitted => "_".to_owned(),
        SequenceValue::Float(value) if value.to_bits() == STALE_BITS => "stale".to_owned(),
        SequenceValue::Float(value) => stdx::number::shortest(*value),
        SequenceValue::Histogram { histogram, .. } => histogram.to_test_notation(),
    };
    parse_values(text).unwrap().iter().map(shown).collect()
}

#[test]
fn sequences_are_expanded() {
    assert_eq!(floats("1 2x2 1+2x2 -4-1.5x1"), ["1", "2", "2", "2", "1", "3", "5", "-4", "-5.5"]);
    assert_eq!(
        floats("_ _x2 stale NaN -Inf 1e3 0.5x0 1e-2+1x1"),
        ["_", "_", "_", "stale", "NaN", "-Inf", "1000", "0.5", "0.01", "1.01"]
    );
    assert!(
        parse_values("1x").is_err() && parse_values("abc").is_err() && parse_values("1x99999999999").is_err()
    );
}

#[test]
fn histograms_are_expanded() {
    assert_eq!(
        floats("{{schema:0 sum:5 count:4 buckets:[1 2 1]}}+{{count:1 buckets:[1] offset:1}}x1"),
        ["{{count:4 sum:5 buckets:[1 2 1]}}", "{{count:5 sum:5 buckets:[1 3 1]}}"]
    );
    assert_eq!(
        floats("{{schema:-53 custom_values:[5 10] buckets:[1 4] counter_reset_hint:gauge}}x1").len(),
        2
    );
    assert_eq!(floats("{{}}"), ["{{}}"]);
    assert!(parse_values("{{sum:x}}").is_err() && parse_values("{{buckets:[1}}").is_err());
}

#[test]
fn the_metric_ends_before_the_values() {
    let end = |line: &str| line[..metric_end(line)].to_owned();
    assert_eq!(end("up 1 2"), "up");
    assert_eq!(end(r#"up{a="} {",b='x'} 1"#), r#"up{a="} {",b='x'}"#);
    assert_eq!(end(r#"up {a="1"} 1"#), r#"up {a="1"}"#);
    assert_eq!(end("up {{sum:1}}"), "up");
    assert_eq!(end("{} 1"), "{}");
}
