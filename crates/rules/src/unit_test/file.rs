//! The file of a unit test.

use promql::parse_duration_ms;
use yaml::{Map, Node, YamlError};

/// Default of `evaluation_interval`.
const EVALUATION_INTERVAL_MS: i64 = 60_000;

#[derive(Clone, PartialEq, Debug)]
pub struct TestFile {
    /// Patterns of paths, relative to this file.
    pub rule_files: Vec<String>,
    pub evaluation_interval_ms: i64,
    /// Names of groups in the order in which they run; the others come after.
    pub group_eval_order: Vec<String>,
    /// Floats that are neighbours are equal.
    pub fuzzy_compare: bool,
    pub tests: Vec<TestGroup>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TestGroup {
    pub name: String,
    /// Distance of the values of the input series.
    pub interval_ms: i64,
    pub start_ms: i64,
    pub input_series: Vec<InputSeries>,
    pub alerts: Vec<AlertCase>,
    pub queries: Vec<QueryCase>,
    pub external_labels: Vec<(String, String)>,
    pub external_url: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct InputSeries {
    pub series: String,
    pub values: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct AlertCase {
    /// From the start of the test.
    pub eval_time_ms: i64,
    pub alert: String,
    pub expected: Vec<ExpectedAlert>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ExpectedAlert {
    /// Without `alertname`.
    pub labels: Vec<(String, String)>,
    pub annotations: Vec<(String, String)>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct QueryCase {
    pub query: String,
    /// From the start of the test.
    pub eval_time_ms: i64,
    pub expected: Vec<ExpectedSample>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ExpectedSample {
    pub labels: String,
    pub value: f64,
    pub histogram: String,
}

impl TestFile {
    pub fn read(text: &str, ignore_unknown_fields: bool) -> Result<Self, YamlError> {
        let root = yaml::parse(text)?;
        let reader = Reader { ignore_unknown_fields };
        reader.file(&root)
    }
}

struct Reader {
    ignore_unknown_fields: bool,
}

impl Reader {
    fn fields<'n>(&self, node: &'n Node, type_name: &'n str, known: &[&str]) -> Result<Map<'n>, YamlError> {
        let map = node.map(type_name)?;
        if !self.ignore_unknown_fields {
            map.deny_unknown(known)?;
        }
        Ok(map)
    }

    fn file(&self, root: &Node) -> Result<TestFile, YamlError> {
        const FIELDS: [&str; 5] =
            ["rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"];
        let map = self.fields(root, "main.unitTestFile", &FIELDS)?;
        let interval_ms = map.parsed("evaluation_interval", parse_duration_ms)?.filter(|ms| *ms > 0);
        let evaluation_interval_ms = interval_ms.unwrap_or(EVALUATION_INTERVAL_MS);
        let group_eval_order = owned(map.strings("group_eval_order")?);
        if let Some(twice) = (1..group_eval_order.len())
            .find(|place| group_eval_order[..*place].contains(&group_eval_order[*place]))
        {
            let name = &group_eval_order[twice];
            return Err(map.error(format!("group name repeated in evaluation order: {name}")));
        }
        let tests = map.list("tests")?.iter().map(|node| self.group(node, evaluation_interval_ms));
        Ok(TestFile {
            rule_files: owned(map.strings("rule_files")?),
            evaluation_interval_ms,
            group_eval_order,
            fuzzy_compare: map.bool("fuzzy_compare")?.unwrap_or(false),
            tests: tests.collect::<Result<_, _>>()?,
        })
    }

    fn group(&self, node: &Node, evaluation_interval_ms: i64) -> Result<TestGroup, YamlError> {
        const FIELDS: [&str; 8] = [
            "name",
            "interval",
            "start_timestamp",
            "input_series",
            "alert_rule_test",
            "promql_expr_test",
            "external_labels",
            "external_url",
        ];
        let map = self.fields(node, "main.testGroup", &FIELDS)?;
        let interval_ms = map.parsed("interval", parse_duration_ms)?.filter(|ms| *ms > 0);
        Ok(TestGroup {
            name: map.str("name")?.unwrap_or_default().to_owned(),
            interval_ms: interval_ms.unwrap_or(evaluation_interval_ms),
            start_ms: map.parsed("start_timestamp", timestamp_ms)?.unwrap_or(0),
            input_series: each(&map, "input_series", |node| self.input_series(node))?,
            alerts: each(&map, "alert_rule_test", |node| self.alert_case(node))?,
            queries: each(&map, "promql_expr_test", |node| self.query_case(node))?,
            external_labels: pairs(&map, "external_labels")?,
            external_url: map.str("external_url")?.unwrap_or_default().to_owned(),
        })
    }

    fn input_series(&self, node: &Node) -> Result<InputSeries, YamlError> {
        let map = self.fields(node, "main.series", &["series", "values"])?;
        let text = |key| map.str(key).map(|text| text.unwrap_or_default().to_owned());
        Ok(InputSeries { series: text("series")?, values: text("values")? })
    }

    fn alert_case(&self, node: &Node) -> Result<AlertCase, YamlError> {
        let map = self.fields(node, "main.alertTestCase", &["eval_time", "alertname", "exp_alerts"])?;
        Ok(AlertCase {
            eval_time_ms: map.parsed("eval_time", parse_duration_ms)?.unwrap_or(0),
            alert: map.str("alertname")?.unwrap_or_default().to_owned(),
            expected: each(&map, "exp_alerts", |node| {
                let map = self.fields(node, "main.alert", &["exp_labels", "exp_annotations"])?;
                let (labels, annotations) = (pairs(&map, "exp_labels")?, pairs(&map, "exp_annotations")?);
                Ok(ExpectedAlert { labels, annotations })
            })?,
        })
    }

    fn query_case(&self, node: &Node) -> Result<QueryCase, YamlError> {
        let map = self.fields(node, "main.promqlTestCase", &["expr", "eval_time", "exp_samples"])?;
        Ok(QueryCase {
            query: map.str("expr")?.unwrap_or_default().to_owned(),
            eval_time_ms: map.parsed("eval_time", parse_duration_ms)?.unwrap_or(0),
            expected: each(&map, "exp_samples", |node| {
                let map = self.fields(node, "main.sample", &["labels", "value", "histogram"])?;
                let text = |key| map.str(key).map(|text| text.unwrap_or_default().to_owned());
                let value = map.f64("value")?.unwrap_or(0.0);
                Ok(ExpectedSample { labels: text("labels")?, value, histogram: text("histogram")? })
            })?,
        })
    }
}

fn each<T>(
    map: &Map<'_>,
    key: &str,
    read: impl Fn(&Node) -> Result<T, YamlError>,
) -> Result<Vec<T>, YamlError> {
    map.list(key)?.iter().map(read).collect()
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn pairs(map: &Map<'_>, key: &str) -> Result<Vec<(String, String)>, YamlError> {
    let Some(node) = map.get(key) else { return Ok(Vec::new()) };
    let pairs = node.map("map[string]string")?;
    pairs.entries.iter().map(|entry| Ok((entry.key.to_string(), entry.value.str()?.to_owned()))).collect()
}

/// `2024-01-01T00:00:00Z`, with an offset instead of `Z` if there is one; or seconds since 1970.
fn timestamp_ms(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        return if ms.abs() < 1e18 {
            Ok(ms as i64)
        } else {
            Err(format!("timestamp {text} is out of range"))
        };
    }
    rfc3339_ms(text).ok_or_else(|| format!("cannot parse {text:?} as a time: RFC 3339 or seconds since 1970"))
}

fn rfc3339_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let is_shaped = separators.iter().all(|(place, want)| text.get(*place..place + 1) == Some(want))
        && matches!(text.get(10..11), Some("T" | "t" | " "))
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_shaped {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut fraction_ms = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let milli: String = fraction[..digits].chars().chain("000".chars()).take(3).collect();
        fraction_ms = milli.parse().ok().filter(|_| digits > 0)?;
        rest = &fraction[digits..];
    }
    let zone_ms = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = if rest.starts_with('+') { 1 } else { -1 };
            let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
            let part = |digits: &str| digits.parse::<i64>().ok().filter(|_| digits.len() == 2);
            sign * (part(hours)? * 60 + part(minutes)?) * 60_000
        }
    };
    // Days since 1970 of a date in the Gregorian calendar, counted from March so that leap days come last.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + fraction_ms - zone_ms)
}

#[cfg(test)]
mod tests {
    use super::timestamp_ms;

    #[test]
    fn timestamps_are_rfc_3339_or_seconds() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(timestamp_ms(text).ok(), expect, "{text}");
        check("0", Some(0));
        check("1609459200.5", Some(1_609_459_200_500));
        check("2024-01-01T00:00:00Z", Some(1_704_067_200_000));
        check("2024-02-29T12:30:15.25+02:00", Some(1_709_202_615_250));
        check("1969-12-31T23:59:59Z", Some(-1_000));
        check("2024-13-01T00:00:00Z", None);
        check("2024-01-01", None);
        check("é024-01-01T00:00:00Z", None);
    }
}
