//! Languages and configuration as targets, and seeds for them.

pub const TARGETS: &[(&str, fn(&[u8]))] = &[("promql", promql), ("yaml", yaml), ("regex", regex)];

/// An expression that parses prints to one that parses to the same print, on one line and prettified.
pub fn promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(expression) = promql::parse(text) {
        let printed = expression.to_string();
        let again = promql::parse(&printed).expect("a printed expression parses");
        assert_eq!(again.to_string(), printed, "an expression prints differently after parsing its print");
        promql::parse(&promql::prettify(&expression)).expect("a prettified expression parses");
        let _ = promql::to_json(&expression);
    }
    let _ = (promql::parse_selector(text), promql::parse_series(text), promql::parse_metric(text));
    let _ = promql::parse_duration_ms(text);
}

pub fn yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = yaml::parse(text);
}

pub fn regex(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(regex) = model::regex::Regex::new(text) {
        let _ = regex.is_match(text);
    }
}

pub fn seeds() -> impl Iterator<Item = Vec<u8>> {
    [
        r#"sum by (job, le) (rate(http_requests_total{job=~"a.*", code!="500"}[5m] offset 1h)) > bool 0.5"#,
        "histogram_quantile(0.9, sum(rate(x_bucket[5m:1m] @ start())) without (pod)) and on(a) group_left(b) y",
        r#"label_replace(up, "a", "$1", "b", "(.*)") - -1e3 ^ 2 or {"x.y", z="\u00fc"}"#,
        r#"foo{a="b"} 1 2+3x4 _ stale {{schema:1 sum:2 count:3 buckets:[1 2 3] offset:-1}}"#,
        "topk(5, a) unless ignoring(c) b[1h30m]",
        "a:\n  - &x {b: 'c', d: \"e\\n\"}\n  - <<: *x\n    f: |\n      text\n    g: [1, 2.5, true, null, ~]\n",
        "scrape_configs:\n- job_name: x\n  static_configs:\n  - targets: ['a:1']\n",
        "(?i)^(foo|bar)+[a-z0-9]{2,5}\\.(?:baz)?$",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
}
