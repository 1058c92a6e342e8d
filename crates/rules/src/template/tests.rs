use super::*;

fn data() -> AlertData {
    let labels = [("job", "api"), ("instance", "a.example.org:9100")];
    AlertData {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        external_labels: [("region".to_owned(), "eu".to_owned())].into(),
        external_url: "http://oriel.example.org/prom".to_owned(),
        value: AlertValue::Number(1234.5),
    }
}

fn expand(text: &str) -> Result<String, TemplateError> {
    let query = |text: &str| match text {
        "up" => Ok([("b", 1.0), ("a", 0.0)]
            .map(|(job, value)| QuerySample { labels: [("job".to_owned(), job.to_owned())].into(), value })
            .into()),
        "none" => Ok(Vec::new()),
        other => Err(format!("unknown query {other}")),
    };
    let environment = Environment { now_ms: 1_500, query: &query };
    Template::of_alert("test", text)?.expand(&data(), &environment)
}

fn check(text: &str, expect: &str) {
    assert_eq!(expand(text).unwrap_or_else(|error| error.to_string()), expect, "{text}");
}

#[test]
fn data_and_variables() {
    check("plain }} text", "plain }} text");
    check("{{ $labels.job }} {{ .Labels.job }} {{ $.Labels.job }} {{$labels.none}}|", "api api api |");
    check(
        "{{ $value }} {{ .Value }} {{ $externalLabels.region }} {{ $externalURL }}",
        "1234.5 1234.5 eu http://oriel.example.org/prom",
    );
    check("{{ $x := 5 }}{{ $x }}{{ $x = 6 }}{{ $x }}", "56");
    check("{{ $labels }}", "map[instance:a.example.org:9100 job:api]");
    check("{{ (query \"up\" | first).Labels.job }}", "b");
    check("{{ args 1 \"b\" }} {{ (args 1).arg0 }} {{ (args 1).arg1 }}", "map[arg0:1 arg1:b] 1 <no value>");
}

#[test]
fn control_flow() {
    check("{{ if gt $value 1000.0 }}high{{ else }}low{{ end }}", "high");
    check(
        "{{ if eq $labels.job \"x\" }}1{{ else if eq $labels.job \"y\" \"api\" }}2{{ else }}3{{ end }}",
        "2",
    );
    check(
        "{{ range query \"up\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }} {{ end }}",
        "a=0 b=1 ",
    );
    check("{{ range $i, $s := query \"up\" }}{{ $i }}:{{ value $s }},{{ end }}", "0:1,1:0,");
    check("{{ range query \"none\" }}x{{ else }}empty{{ end }}", "empty");
    check("{{ range $name, $value := .Labels }}{{ $name }};{{ end }}", "instance;job;");
    check(
        "{{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}",
        "02",
    );
    check("{{ with $labels.none }}x{{ else }}y{{ end }}{{ with $labels.job }}{{ . }}{{ end }}", "yapi");
    check(
        "{{ define \"t\" }}<{{ .arg0 }}>{{ end }}{{ template \"t\" (args 7) }}{{ tmpl \"t\" (args 8) | toUpper }}",
        "<7><8>",
    );
    check("a {{- 1 -}} b{{/* no */}}c {{- /* no */ -}} d", "a1bcd");
    check("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x = 3 }}{{ end }}{{ $x }}", "1");
    check("{{ and 1 0 (query \"bad\") }} {{ or 0 \"x\" (query \"bad\") }} {{ not 0 }}", "0 x true");
}

#[test]
fn numbers_are_humanized() {
    check(
        "{{ humanize 1234567.0 }} {{ humanize 0.00012 }} {{ humanize 0 }} {{ humanize \"1e9\" }} {{ humanize -1500 }}",
        "1.235M 120u 0 1G -1.5k",
    );
    check("{{ humanize1024 1048576 }} {{ humanize1024 1 }} {{ humanize1024 1536 }}", "1Mi 1 1.5ki");
    check(
        "{{ humanizeDuration 93784 }} {{ humanizeDuration 3661 }} {{ humanizeDuration 61.5 }} {{ humanizeDuration 1.25 }} {{ humanizeDuration 0.001 }} {{ humanizeDuration -65 }} {{ humanizeDuration 0 }}",
        "1d 2h 3m 4s 1h 1m 1s 1m 1s 1.25s 1ms -1m 5s 0s",
    );
    check("{{ humanizePercentage 0.12345 }} {{ $value | humanizePercentage }}", "12.35% 1.234e+05%");
    check(
        "{{ humanizeTimestamp 1435065584.128 }} {{ toTime 0 }} {{ toDuration 90.5 }} {{ now }}",
        "2015-06-23 13:19:44.128 +0000 UTC 1970-01-01 00:00:00 +0000 UTC 1m30.5s 1.5",
    );
    check(
        "{{ printf \"%.2f|%5d|%-4s|%05d|%q|%v|%e|%x|%%|%t\" $value 42 \"ab\" 7 \"c\" 1e21 1.5 255 true }}",
        "1234.50|   42|ab  |00007|\"c\"|1e+21|1.500000e+00|ff|%|true",
    );
    check("{{ printf \"%d %s\" 1.5 }}", "%!d(float64=1.5) %!s(MISSING)");
    check("{{ print 1 2 \"a\" \"b\" 3 }}{{ println 1 \"a\" }}", "1 2ab31 a\n");
    check("{{ 1e20 }} {{ 1e21 }} {{ 0.00001 }} {{ 0x1F }} {{ 'a' }} {{ -5 }}", "1e+20 1e+21 1e-05 31 97 -5");
}

#[test]
fn texts_are_changed() {
    check(
        "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain \"1.2.3.4:80\" }} {{ stripPort \"[::1]:80\" }} {{ stripPort \"host\" }}",
        "a.example.org a:9100 1.2.3.4:80 ::1 host",
    );
    check(
        "{{ reReplaceAll \"(.*):.*\" \"${1}!\" $labels.instance }} {{ match \"b+\" \"abc\" }}",
        "a.example.org! true",
    );
    check("{{ \"aB cd\" | toUpper }} {{ toLower \"AB\" }} {{ title \"ab cd\" }}", "AB CD ab Ab Cd");
    check(
        "{{ graphLink \"up == 0\" }} {{ tableLink \"a\" }} {{ urlQueryEscape \"a b&\" }}",
        "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=a&g0.tab=1 a+b%26",
    );
    check(
        "{{ pathPrefix }} {{ externalURL }} {{ parseDuration \"1h30m\" }}",
        "/prom http://oriel.example.org/prom 5400",
    );
    check(
        "{{ len \"abc\" }} {{ index $labels \"job\" }} {{ slice \"abcd\" 1 3 }} {{ html \"<a>\" }}",
        "3 api bc &lt;a&gt;",
    );
    check("{{ `raw\\n` }} {{ \"q\\\"\\n\" }}", "raw\\n q\"\n");
}

#[test]
fn mistakes_are_found_when_a_template_is_parsed() {
    let fails = |text: &str, expect: &str| {
        let error = Template::of_alert("test", text).expect_err(text);
        assert_eq!(error.to_string(), format!("template: __alert_test:{expect}"));
    };
    fails("x {{ $label.foo }}", "1: undefined variable \"$label\"");
    fails("x\n{{ nope 1 }}", "2: function \"nope\" not defined");
    fails("{{ if true }}", "1: unexpected EOF");
    fails("{{ end }}", "1: unexpected {{end}}");
    fails("{{ else }}", "1: unexpected {{else}}");
    fails("{{ $labels.job ", "1: unclosed action");
    fails("{{ }}", "1: missing value for command");
    fails("{{ if }}x{{ end }}", "1: missing value for if");
    fails("{{ \"abc }}", "1: unterminated quoted string");
    fails("{{ (1 }}", "1: unclosed left paren");
    fails("{{ break }}", "1: {{break}} outside {{range}}");
    fails("{{ 1 | 2 }}", "1: non executable command in pipeline stage 2");
    fails("{{ $labels.job! }}", "1: bad character U+0021 '!'");
    fails("{{/* x }}", "1: unclosed comment");
    fails(&"{{ if true }}".repeat(100), "1: template nests deeper than the limit of 64 levels");
    fails(
        &("{{ ".to_owned() + &"(".repeat(100_000) + " }}"),
        "1: template nests deeper than the limit of 64 levels",
    );
}

#[test]
fn mistakes_are_found_when_a_template_runs() {
    let fails = |text: &str, expect: &str| {
        let error = expand(text).expect_err(text).to_string();
        let start = "error executing template __alert_test: template: __alert_test:";
        assert_eq!(error.strip_prefix(start), Some(expect), "{text}");
    };
    fails(
        "{{ query \"bad\" }}",
        "1: executing \"__alert_test\" at <query>: error calling query: unknown query bad",
    );
    fails(
        "{{ first (query \"none\") }}",
        "1: executing \"__alert_test\" at <first>: error calling first: first() called on vector with no elements",
    );
    fails(
        "{{ .Nope }}",
        "1: executing \"__alert_test\" at <.Nope>: can't evaluate field Nope in type template.AlertData",
    );
    fails(
        "{{ gt $value 5 }}",
        "1: executing \"__alert_test\" at <gt>: error calling gt: incompatible types for comparison: float64 and int",
    );
    fails(
        "{{ humanize \"x\" }}",
        "1: executing \"__alert_test\" at <humanize>: error calling humanize: strconv.ParseFloat: parsing \"x\": invalid syntax",
    );
    fails(
        "{{ toUpper 5 }}",
        "1: executing \"__alert_test\" at <toUpper>: error calling toUpper: wrong type for value; expected string; got int",
    );
    fails(
        "{{ range 2000000 }}{{ end }}",
        "1: executing \"__alert_test\" at <>: template takes more than the limit of 1000000 steps",
    );
    fails(
        "{{ range 9999 }}{{ printf \"%1000d\" 1 }}{{ end }}",
        "1: executing \"__alert_test\" at <>: template writes more than the limit of 1048576 bytes",
    );
    fails(
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
        "1: executing \"__alert_test\" at <template>: templates call deeper than the limit of 64",
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(text in r#"(\{\{-? ?|\ ?-?\}\}|if|else|end|range|with|define|template|\$labels|\$x|:=|=|\.Labels|\.|"a"|'|`|\(|\)|\||1|0x|e| |printf|query|index|\n|é|/\*){0,16}"#) {
        let _ = expand(&text);
    }
}
