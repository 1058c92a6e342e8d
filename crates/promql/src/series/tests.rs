use model::histogram::CounterResetHint;

use super::*;

fn values(text: &str) -> Vec<String> {
    let series = parse_series(&format!("m {text}")).unwrap_or_else(|error| panic!("{text}: {error}"));
    series
        .values
        .iter()
        .map(|value| match value {
            SeriesValue::Omitted => "_".to_owned(),
            SeriesValue::Float(value) if value.to_bits() == STALE_BITS => "stale".to_owned(),
            SeriesValue::Float(value) => literal::format_number(*value),
            SeriesValue::Histogram(histogram) => format!("h{}/{}", histogram.count, histogram.sum),
        })
        .collect()
}

#[test]
fn values_expand() {
    let check = |text: &str, expect: &str| assert_eq!(values(text).join(" "), expect, "{text}");
    check("1 -2 +3.5 _ stale NaN Inf -inf 1e3", "1 -2 3.5 _ stale NaN +Inf -Inf 1000");
    check("1x2 2+3x2 2-3x2 -1-0.5x1", "1 1 1 2 5 8 2 -1 -4 -1 -1.5");
    check("_x3 stale 1x0 _x0", "_ _ _ stale 1");
    check("", "");
    check("{{}}x1", "h0/0 h0/0");
    check("{{count:2 sum:3}}+{{count:1 sum:0.5}}x2", "h2/3 h3/3.5 h4/4");
    check("{{count:2 sum:3}}-{{count:1 sum:1}}x1 1", "h2/3 h1/2 1");
}

#[test]
fn histograms_have_all_fields() {
    let text = "m {{schema:-1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10] offset:-3 n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge}}";
    let series = parse_series(text).unwrap();
    let SeriesValue::Histogram(histogram) = &series.values[0] else { panic!("not a histogram") };
    assert_eq!((histogram.schema, histogram.sum, histogram.count), (-1, -0.3, 3.1));
    assert_eq!((histogram.zero_count, histogram.zero_threshold), (7.1, 0.05));
    assert_eq!(histogram.reset_hint, CounterResetHint::Gauge);
    let positive: Vec<_> = histogram.positive.iter().collect();
    assert_eq!(positive, [(-3, 5.1), (-2, 10.0)]);
    let negative: Vec<_> = histogram.negative.iter().collect();
    assert_eq!(negative, [(-5, 4.1), (-4, 5.0)]);
    let custom = parse_series("m {{ schema:-53 custom_values:[1 2.5 Inf] buckets:[1 2] }}").unwrap();
    let SeriesValue::Histogram(histogram) = &custom.values[0] else { panic!("not a histogram") };
    assert_eq!(histogram.bounds(), [1.0, 2.5, f64::INFINITY]);
}

#[test]
fn metrics_are_label_sets() {
    let check = |text: &str, expect: &str| {
        let shown = parse_metric(text).map_or_else(|error| error.to_string(), |labels| labels.to_string());
        assert_eq!(shown, expect, "{text}");
    };
    check("up", r#"{__name__="up"}"#);
    check("up{a='1', b=\"2\",}", r#"{__name__="up", a="1", b="2"}"#);
    check("{\"x.y\", 'l l'='v'}", r#"{__name__="x.y", l l="v"}"#);
    check("{}", "{}");
    check("sum{}", r#"{__name__="sum"}"#);
    check("a{__name__='b'}", r#"{__name__="a"}"#);
    check("a{b=c}", "1:5: parse error: unexpected identifier \"c\" in label set, expected string");
    check("a{b}", "1:4: parse error: unexpected \"}\" in label set, expected \"=\"");
    check(
        "a{b='c' d='e'}",
        "1:9: parse error: unexpected identifier \"d\" in label set, expected \",\" or \"}\"",
    );
    check("a{b='c'", "1:8: parse error: unexpected end of input inside braces");
    check("a{} 5", "1:5: parse error: unexpected number \"5\"");
    check("5", "1:1: parse error: unexpected number \"5\"");
}

#[test]
fn errors_say_what_and_where() {
    let check = |text: &str, expect: &str| {
        let error = parse_series(text).err().unwrap_or_else(|| panic!("{text:?} was accepted"));
        assert_eq!(error.to_string(), expect, "{text:?}");
    };
    check(
        "m foo",
        "1:3: parse error: unexpected identifier \"foo\" in series values, expected number or \"stale\"",
    );
    check("m 1 2 ;", "1:7: parse error: unexpected character in series sequence: ';'");
    check("m 1+2", "1:6: parse error: unexpected end of input in series values");
    check(
        "m 1x",
        "1:5: parse error: invalid repetition in series values: cannot parse integer from empty string",
    );
    check("m 1x99999999", "1:13: parse error: series description has more than the limit of 1000000 values");
    check(
        "m {{schema:x}}",
        "1:12: parse error: unexpected identifier \"x\" in series values, expected number or \"stale\"",
    );
    check("m {{nope:1}}", "1:5: parse error: bad histogram descriptor found: \"nope\"");
    check(
        "m {{sum:1",
        "1:10: parse error: unexpected end of input in histogram description, expected \"}}\"",
    );
    check(
        "m {{schema:2}}+{{schema:1}}x1",
        "1:30: parse error: error combining histograms: cannot merge from schema 1 to 2",
    );
}
