//! The script format: lines, commands, blocks that end at an empty line.

use super::expect::{Expectation, parse_expectation};
use super::load::{Load, parse_load};
use super::sequence::{Expected, parse_expected};
use model::Labels;
use promql::parse_duration_ms;

/// A command of a script.
pub enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// When an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timing {
    Instant { at_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// An evaluation and what it has to give.
pub struct Eval {
    /// From 1.
    pub line: usize,
    pub expr: String,
    pub timing: Timing,
    /// `eval_fail` and the like.
    pub legacy: Legacy,
    pub expectations: Vec<Expectation>,
    /// Series in the order of the script.
    pub series: Vec<ExpectedSeries>,
    pub scalar: Option<f64>,
    pub text: Option<String>,
    /// An instant query that gives a matrix: when its samples are.
    pub range_vector: Option<(i64, i64, i64)>,
}

/// What is expected by the command's own name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    pub fail: bool,
    pub warn: bool,
    pub info: bool,
    pub ordered: bool,
}

pub struct ExpectedSeries {
    pub labels: Labels,
    /// Line within the block, from 1.
    pub position: usize,
    pub values: Vec<Expected>,
}

/// A script that cannot be read: line from 1, and why.
pub struct ScriptError {
    pub line: usize,
    pub text: String,
    pub reason: String,
}

/// Lines without comments and blanks at their ends.
pub struct Lines<'a> {
    lines: Vec<&'a str>,
    pub next: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let clean = |line: &'a str| {
            let line = line.trim();
            if line.starts_with('#') { "" } else { line }
        };
        Self { lines: text.lines().map(clean).collect(), next: 0 }
    }

    /// The next line of a block; `None` at its end.
    pub fn in_block(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.next).copied().filter(|line| !line.is_empty())?;
        self.next += 1;
        Some(line)
    }

    pub fn error(&self, reason: impl ToString) -> ScriptError {
        let line = self.next.max(1);
        let text = self.lines.get(line - 1).copied().unwrap_or_default().to_owned();
        ScriptError { line, text, reason: reason.to_string() }
    }
}

/// Reads a script. Commands before an error are given, too.
pub fn parse(text: &str) -> (Vec<Command>, Option<ScriptError>) {
    let mut lines = Lines::new(text);
    let mut commands = Vec::new();
    while lines.next < lines.lines.len() {
        let Some(line) = lines.in_block() else {
            lines.next += 1;
            continue;
        };
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let command = match word.as_str() {
            "clear" => Ok(Command::Clear),
            word if word.starts_with("load") => parse_load(line, &mut lines).map(Command::Load),
            word if word.starts_with("eval") => {
                parse_eval(line, &mut lines).map(|eval| Command::Eval(Box::new(eval)))
            }
            _ => Err(lines.error(format!("invalid command {line:?}"))),
        };
        match command {
            Ok(command) => commands.push(command),
            Err(error) => return (commands, Some(error)),
        }
    }
    (commands, None)
}

/// The next word and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn parse_eval(line: &str, lines: &mut Lines<'_>) -> Result<Eval, ScriptError> {
    const WRONG: &str = "invalid evaluation command: must be 'eval[_fail|_warn|_ordered|_info] instant at TIME QUERY' or 'eval[_fail|_warn|_info] range from TIME to TIME step STEP QUERY'";
    let (command, rest) = word(line);
    let mut legacy = Legacy::default();
    match command.strip_prefix("eval") {
        Some("") => {}
        Some("_fail") => legacy.fail = true,
        Some("_warn") => legacy.warn = true,
        Some("_info") => legacy.info = true,
        Some("_ordered") => legacy.ordered = true,
        _ => return Err(lines.error(WRONG)),
    }
    let line_number = lines.next;
    let duration = |lines: &Lines<'_>, text: &str| {
        parse_duration_ms(text)
            .map_err(|reason| lines.error(format!("invalid timestamp definition {text:?}: {reason}")))
    };
    let (kind, rest) = word(rest);
    let (timing, expr) = match kind {
        "instant" => {
            let (at, rest) = word(rest);
            if at != "at" {
                return Err(lines.error("invalid timestamp definition \"\": empty duration string"));
            }
            let (at, expr) = word(rest);
            (Timing::Instant { at_ms: duration(lines, at)? }, expr)
        }
        "range" => {
            let mut rest = rest;
            let mut times = [0; 3];
            for (place, keyword) in ["from", "to", "step"].iter().enumerate() {
                let (found, after) = word(rest);
                if found != *keyword {
                    return Err(lines.error(WRONG));
                }
                let (time, after) = word(after);
                times[place] = duration(lines, time)?;
                rest = after;
            }
            let [start_ms, end_ms, step_ms] = times;
            if end_ms < start_ms {
                return Err(lines.error("invalid test definition, end timestamp is before start timestamp"));
            }
            (Timing::Range { start_ms, end_ms, step_ms }, rest)
        }
        _ => return Err(lines.error(WRONG)),
    };
    let mut eval = Eval {
        line: line_number,
        expr: expr.to_owned(),
        timing,
        legacy,
        expectations: Vec::new(),
        series: Vec::new(),
        scalar: None,
        text: None,
        range_vector: None,
    };
    parse_body(&mut eval, lines)?;
    Ok(eval)
}

fn parse_body(eval: &mut Eval, lines: &mut Lines<'_>) -> Result<(), ScriptError> {
    let mut position = 0;
    while let Some(line) = lines.in_block() {
        position += 1;
        if eval.legacy.fail
            && let Some(expectation) = Expectation::legacy_failure(line)
        {
            eval.expectations.push(expectation.map_err(|reason| lines.error(reason))?);
            // What follows is another command.
            return Ok(());
        }
        if let Some(times) = line.strip_prefix("expect range vector") {
            eval.range_vector = Some(range_vector(times, lines)?);
            continue;
        }
        if let Some(text) = line.strip_prefix("expect string") {
            eval.text = Some(quoted_text(text.trim()).map_err(|reason| lines.error(reason))?);
            continue;
        }
        if line.split(' ').next() == Some("expect") {
            eval.expectations.push(parse_expectation(line).map_err(|reason| lines.error(reason))?);
            position -= 1;
            continue;
        }
        if let Some(number) = parse_number(line) {
            eval.scalar = Some(number);
            return Ok(());
        }
        let (labels, values) = parse_expected(line).map_err(|error| lines.error(error))?;
        let is_instant = matches!(eval.timing, Timing::Instant { .. });
        if values.len() > 1 && is_instant && eval.range_vector.is_none() {
            return Err(lines.error(
                "expecting multiple values in instant evaluation not allowed. consider using 'expect range vector' directive to enable a range vector result for an instant query",
            ));
        }
        eval.series.retain(|series| series.labels != labels);
        eval.series.push(ExpectedSeries { labels, position, values });
    }
    Ok(())
}

fn range_vector(times: &str, lines: &Lines<'_>) -> Result<(i64, i64, i64), ScriptError> {
    let words: Vec<&str> = times.split_whitespace().collect();
    let ["from", from, "to", to, "step", step] = words[..] else {
        return Err(lines.error("invalid range vector definition"));
    };
    let [from, to, step] = [from, to, step].map(parse_duration_ms);
    match (from, to, step) {
        (Ok(from), Ok(to), Ok(step)) => Ok((from, to, step)),
        _ => Err(lines.error("invalid range vector definition")),
    }
}

/// A quoted text as the language reads it.
fn quoted_text(text: &str) -> Result<String, String> {
    let invalid =
        || "expected string literal not valid - check that the string is correctly quoted".to_owned();
    match promql::parse(text) {
        Ok(promql::Expr::String(literal)) => literal.as_str().map(str::to_owned).ok_or_else(invalid),
        _ => Err(invalid()),
    }
}

/// A number as Go's `ParseInt` with any base, or `ParseFloat`, reads it.
fn parse_number(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    let negative = text.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    for (prefix, base) in [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = unsigned.strip_prefix(prefix) {
            return u64::from_str_radix(&digits.replace('_', ""), base)
                .ok()
                .map(|value| signed(value as f64));
        }
    }
    let starts_like_one = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let is_named = ["inf", "infinity", "nan"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
    if starts_like_one || is_named { text.replace('_', "").parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let script = "# comment\nclear\nload 5m\n  up 1 2\n\neval instant at 5m up\n  expect no_warn\n  up 2\n\neval_fail range from 0 to 10m step 5m sum(up)\n";
        let (commands, error) = parse(script);
        assert!(error.is_none());
        assert_eq!(commands.len(), 4);
        let Command::Eval(eval) = &commands[2] else { panic!("not an evaluation") };
        assert_eq!((eval.line, &*eval.expr, eval.timing), (6, "up", Timing::Instant { at_ms: 300_000 }));
        assert_eq!((eval.series[0].position, eval.expectations.len()), (1, 1));
        let Command::Eval(eval) = &commands[3] else { panic!("not an evaluation") };
        assert_eq!((eval.legacy.fail, &*eval.expr), (true, "sum(up)"));
    }

    #[test]
    fn numbers_are_those_of_go() {
        assert_eq!(parse_number("0x1F"), Some(31.0));
        assert_eq!(parse_number("-1.5e3"), Some(-1500.0));
        assert_eq!(parse_number("Inf"), Some(f64::INFINITY));
        assert_eq!((parse_number("up"), parse_number("{} 1"), parse_number("1 2")), (None, None, None));
    }
}
