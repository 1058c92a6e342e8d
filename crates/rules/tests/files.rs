//! Rule files of the conformance data: loaded or refused as their names say; and the texts of refusals.

use rules::{NameScheme, ReadOptions, RuleKind, duplicates, read};

fn folder(name: &str) -> Vec<(String, String)> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let root = std::env::var("ORIEL_CONFORMANCE").unwrap_or_else(|_| beside.to_owned());
    #[expect(clippy::print_stdout, reason = "says why nothing was tested")]
    let Ok(entries) = std::fs::read_dir(std::path::Path::new(&root).join(name)) else {
        println!("the conformance data is absent: nothing was checked");
        return Vec::new();
    };
    #[expect(clippy::disallowed_methods, reason = "test data, read once")]
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("readable"))
    };
    entries.map(|entry| read(entry.expect("readable").path())).collect()
}

fn texts(text: &str, options: ReadOptions) -> Vec<String> {
    let result = read(text, options);
    result.map_or_else(|errors| errors.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn files_load_or_are_refused_as_their_names_say() {
    let files = folder("rules");
    for (name, text) in &files {
        let names = if name.starts_with("legacy_") { NameScheme::Legacy } else { NameScheme::Utf8 };
        let errors = texts(text, ReadOptions { names, ..ReadOptions::default() });
        assert_eq!(errors.is_empty(), !name.contains(".bad."), "{name}: {errors:?}");
    }
    assert!(files.is_empty() || files.len() >= 16);
}

#[test]
fn errors_are_those_of_prometheus() {
    let check = |text: &str, expect: &[&str]| assert_eq!(texts(text, ReadOptions::default()), expect);
    let group = |rule: &str| format!("groups:\n  - name: g\n    rules:\n      - {rule}\n");
    check(
        &group("record: yolo\n        expr: rate(hi)"),
        &[
            "5:15: group \"g\", rule 1, \"yolo\": could not parse expression: 1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ],
    );
    check(
        &group("alert: a\n        expr: 1\n        annotation: {x: y}"),
        &[
            "yaml: unmarshal errors:\n  line 6: field annotation not found in type rulefmt.Rule, did you mean \"annotations\"?",
        ],
    );
    check("groups:\n  - name: g\n  - name: g\n", &["3:5: groupname: \"g\" is repeated in the same file"]);
    check("groups:\n  - rules: []\n", &["2:5: Groupname must not be empty"]);
    check(
        &group("record: a\n        alert: b\n        expr: 1"),
        &["4:17: 5:16: group \"g\", rule 1, \"b\": only one of 'record' and 'alert' must be set"],
    );
    check(
        &group("expr: 1"),
        &["4:9: 4:9: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"],
    );
    check(&group("record: a"), &["4:9: group \"g\", rule 1, \"a\": field 'expr' must be set in rule"]);
    check(
        &group(
            "record: 'a{b=\"c\"}'\n        expr: 1\n        for: 1m\n        keep_firing_for: 1m\n        annotations: {a: b}",
        ),
        &[
            "4:17: group \"g\", rule 1, \"a{b=\\\"c\\\"}\": invalid field 'annotations' in recording rule",
            "4:17: group \"g\", rule 1, \"a{b=\\\"c\\\"}\": invalid field 'for' in recording rule",
            "4:17: group \"g\", rule 1, \"a{b=\\\"c\\\"}\": invalid field 'keep_firing_for' in recording rule",
            "4:17: group \"g\", rule 1, \"a{b=\\\"c\\\"}\": braces present in the recording rule name; should it be in expr?: a{b=\"c\"}",
        ],
    );
    check(
        &group("record: a\n        expr: 1\n        labels: {__name__: x}"),
        &["group \"g\", rule 1, \"a\": invalid label name: __name__"],
    );
    check(
        &group("alert: a\n        expr: 1\n        annotations: {s: 'x {{ $label.foo }}'}"),
        &[
            "group \"g\", rule 1, \"a\": annotation \"s\": template: __alert_a:1: undefined variable \"$label\"",
        ],
    );
    check(
        &group("alert: a\n        expr: 1\n        for: 5\n        labels: [x]"),
        &[
            "yaml: unmarshal errors:\n  line 6: not a valid duration string: \"5\"\n  line 7: cannot unmarshal !!seq into map[string]string",
        ],
    );
}

#[test]
fn fields_are_kept() {
    let text = "
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: x, a: group}
  rules:
  - alert: A
    expr: |
      up == 0
    for: 5m
    keep_firing_for: 1h
    labels: {a: rule}
    annotations: {summary: '{{ $labels.job }} is down'}
  - record: job:up:sum
    expr: sum by (job) (up)
  - record: job:up:sum
    expr: sum by (job) (up)
";
    let file = read(text, ReadOptions::default()).expect("valid");
    let group = &file.groups[0];
    assert_eq!((group.interval_ms, group.query_offset_ms, group.limit), (Some(30_000), Some(60_000), 5));
    let rule = &group.rules[0];
    assert_eq!(
        (rule.name(), rule.query.as_str(), rule.expr.to_string()),
        ("A", "up == 0\n", "up == 0".to_owned())
    );
    let RuleKind::Alert { for_ms, keep_firing_for_ms, annotations, .. } = &rule.kind else {
        panic!("an alert")
    };
    assert_eq!((*for_ms, *keep_firing_for_ms, annotations.len()), (300_000, 3_600_000, 1));
    assert_eq!(
        duplicates(&file),
        [(
            "job:up:sum".to_owned(),
            vec![("a".to_owned(), "group".to_owned()), ("team".to_owned(), "x".to_owned())]
        )]
    );
    assert!(read("groups: []\nowner: x\n", ReadOptions::default()).is_err());
    let lenient = ReadOptions { ignore_unknown_fields: true, ..ReadOptions::default() };
    assert!(read("groups: []\nowner: x\n", lenient).is_ok());
    assert_eq!(read("", ReadOptions::default()).expect("empty").groups.len(), 0);
}
