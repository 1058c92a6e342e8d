//! Prometheus's functions: `query`, `humanize`, `stripDomain` and the like.

use std::collections::BTreeMap;
use std::rc::Rc;

use model::regex::SearchRegex;
use stdx::number::significant;

use super::value::Value;
use super::{AlertData, Environment};

const NAMES: [&str; 29] = [
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
];

/// `tmpl` runs a defined template and is done by `run`.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name) || name == "tmpl"
}

pub(super) fn call(
    name: &str,
    args: &[Value],
    data: &AlertData,
    environment: &Environment<'_>,
) -> Result<Value, String> {
    let args = Args { name, args };
    match name {
        "query" => {
            let found = (environment.query)(args.text::<1>(0)?)?;
            Ok(Value::List(Rc::new(found.into_iter().map(|sample| Value::Sample(Rc::new(sample))).collect())))
        }
        "first" => {
            let list = args.list::<1>(0)?;
            list.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
        }
        "label" => {
            let (label, sample) = (args.text::<2>(0)?, args.sample::<2>(1)?);
            Ok(Value::text(sample.labels.get(label).map_or("", String::as_str)))
        }
        "value" => Ok(Value::Float(args.sample::<1>(0)?.value)),
        "strvalue" => {
            Ok(Value::text(args.sample::<1>(0)?.labels.get("__value__").map_or("", String::as_str)))
        }
        "args" => {
            let named =
                args.args.iter().enumerate().map(|(place, value)| (format!("arg{place}"), value.clone()));
            Ok(Value::Map(Rc::new(named.collect::<BTreeMap<_, _>>())))
        }
        "sortByLabel" => sort_by_label(args.text::<2>(0)?, args.list::<2>(1)?),
        "now" => args.count::<0>().map(|()| Value::Float(environment.now_ms as f64 / 1000.0)),
        "externalURL" => args.count::<0>().map(|()| Value::text(&data.external_url)),
        "pathPrefix" => args.count::<0>().map(|()| Value::text(url_path(&data.external_url))),
        "toTime" => args.number().map(Value::Time),
        "toDuration" => args.number().map(|seconds| Value::Duration((seconds * 1e9) as i64)),
        _ if name.starts_with("humanize") => args.number().map(|number| Value::text(humanize(name, number))),
        _ => text_function(name, &args),
    }
}

fn text_function(name: &str, args: &Args<'_>) -> Result<Value, String> {
    Ok(match name {
        "match" => Value::Bool(searching(args.text::<2>(0)?)?.is_match(args.text::<2>(1)?)),
        "reReplaceAll" => {
            let (pattern, replacement, text) = (args.text::<3>(0)?, args.text::<3>(1)?, args.text::<3>(2)?);
            Value::text(searching(pattern)?.replace_all(text, replacement))
        }
        "safeHtml" => Value::text(args.text::<1>(0)?),
        "title" => Value::text(title(args.text::<1>(0)?)),
        "toUpper" => Value::text(args.text::<1>(0)?.to_uppercase()),
        "toLower" => Value::text(args.text::<1>(0)?.to_lowercase()),
        "graphLink" => Value::text(format!("/graph?g0.expr={}&g0.tab=0", query_escape(args.text::<1>(0)?))),
        "tableLink" => Value::text(format!("/graph?g0.expr={}&g0.tab=1", query_escape(args.text::<1>(0)?))),
        "stripPort" => Value::text(split_port(args.text::<1>(0)?).0),
        "stripDomain" => Value::text(strip_domain(args.text::<1>(0)?)),
        "parseDuration" => {
            Value::Float(promql::parse_duration_ms(args.text::<1>(0)?).map(|ms| ms as f64 / 1000.0)?)
        }
        _ => Value::text(query_escape(args.text::<1>(0)?)),
    })
}

/// Arguments of a call, with Go's complaints.
struct Args<'a> {
    name: &'a str,
    args: &'a [Value],
}

impl<'a> Args<'a> {
    fn count<const WANT: usize>(&self) -> Result<(), String> {
        if self.args.len() == WANT {
            return Ok(());
        }
        Err(format!("wrong number of args for {}: want {WANT} got {}", self.name, self.args.len()))
    }

    fn wrong<T>(&self, place: usize, want: &str) -> Result<T, String> {
        Err(format!("wrong type for value; expected {want}; got {}", self.args[place].type_name()))
    }

    fn text<const WANT: usize>(&self, place: usize) -> Result<&'a str, String> {
        self.count::<WANT>()?;
        match &self.args[place] {
            Value::Text(text) => Ok(text),
            _ => self.wrong(place, "string"),
        }
    }

    fn list<const WANT: usize>(&self, place: usize) -> Result<&'a [Value], String> {
        self.count::<WANT>()?;
        match &self.args[place] {
            Value::List(list) => Ok(list),
            _ => self.wrong(place, "template.queryResult"),
        }
    }

    fn sample<const WANT: usize>(&self, place: usize) -> Result<&'a super::QuerySample, String> {
        self.count::<WANT>()?;
        match &self.args[place] {
            Value::Sample(sample) => Ok(sample),
            _ => self.wrong(place, "*template.sample"),
        }
    }

    /// One argument, as a number.
    fn number(&self) -> Result<f64, String> {
        self.count::<1>()?;
        match &self.args[0] {
            Value::Float(number) => Ok(*number),
            Value::Integer(number) => Ok(*number as f64),
            Value::Duration(nanoseconds) => Ok(*nanoseconds as f64 / 1e9),
            Value::Text(text) => text.parse().map_err(|_| {
                format!("strconv.ParseFloat: parsing {}: invalid syntax", model::quote::quoted(&**text))
            }),
            other => Err(format!("cannot convert {} to float", other.type_name())),
        }
    }
}

fn sort_by_label(label: &str, list: &[Value]) -> Result<Value, String> {
    let key = |value: &Value| match value {
        Value::Sample(sample) => sample.labels.get(label).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let mut sorted = list.to_vec();
    sorted.sort_by_cached_key(key);
    Ok(Value::List(Rc::new(sorted)))
}

const LARGE: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY: [&str; 9] = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 9] = ["", "m", "u", "n", "p", "f", "a", "z", "y"];

fn humanize(name: &str, number: f64) -> String {
    match name {
        "humanizePercentage" => significant(number * 100.0, 4) + "%",
        "humanizeTimestamp" if number.is_finite() => super::format::timestamp(number),
        "humanizeDuration" if number.is_finite() => humanize_duration(number),
        "humanize1024" if number.is_finite() && number.abs() > 1.0 => scaled(number, 1024.0, &BINARY),
        "humanize" if number.is_finite() && number.abs() >= 1.0 => scaled(number, 1000.0, &LARGE),
        "humanize" if number.is_finite() && number != 0.0 => shrunk(number),
        _ => significant(number, 4),
    }
}

fn scaled(mut number: f64, base: f64, prefixes: &[&str; 9]) -> String {
    let mut prefix = prefixes[0];
    for next in &prefixes[1..] {
        if number.abs() < base {
            break;
        }
        prefix = next;
        number /= base;
    }
    significant(number, 4) + prefix
}

fn shrunk(mut number: f64) -> String {
    let mut prefix = SMALL[0];
    for next in &SMALL[1..] {
        if number.abs() >= 1.0 {
            break;
        }
        prefix = next;
        number *= 1000.0;
    }
    significant(number, 4) + prefix
}

fn humanize_duration(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() < 1.0 {
        return shrunk(seconds) + "s";
    }
    let (sign, whole) = (if seconds < 0.0 { "-" } else { "" }, seconds.abs() as u64);
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    let rest = whole % 60;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", significant(seconds.abs(), 4)),
        (0, 0, _) => format!("{sign}{minutes}m {rest}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {rest}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

fn searching(pattern: &str) -> Result<SearchRegex, String> {
    SearchRegex::new(pattern).map_err(|error| error.to_string())
}

/// Go's `strings.Title`: the first letter of every word in title case.
fn title(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_inside =
            before.is_alphanumeric() || before == '_' || !before.is_whitespace() && !before.is_ascii();
        if is_inside {
            out.push(letter)
        } else {
            out.extend(letter.to_uppercase())
        }
        before = letter;
    }
    out
}

/// Go's `url.QueryEscape`.
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn url_path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after.find('/').map_or("", |place| &after[place..]);
    path.split(['?', '#']).next().unwrap_or("")
}

/// Host and port, as Go's `net.SplitHostPort`; the whole text and nothing when there is no port.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let none = (text, None);
    let Some((host, port)) = text.rsplit_once(':') else { return none };
    if let Some(inner) = host.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .filter(|inner| !inner.contains(['[', ']']))
            .map_or(none, |inner| (inner, Some(port)));
    }
    if host.contains([':', '[', ']']) || port.contains(['[', ']']) { none } else { (host, Some(port)) }
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_port(text);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    match port.filter(|port| !port.is_empty()) {
        Some(port) if short.contains(':') => format!("[{short}]:{port}"),
        Some(port) => format!("{short}:{port}"),
        None => short.to_owned(),
    }
}
