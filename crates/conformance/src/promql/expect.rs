//! `expect` lines: failures, annotations and order.

use eval::{Annotations, EvalError};
use model::matcher::{MatchOp, Matcher};

/// What an `expect` line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Ordered,
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
}

/// What a message has to be.
#[derive(Clone, Debug)]
pub enum Message {
    Any,
    Exactly(String),
    /// Somewhere in the message.
    Pattern(Matcher),
}

#[derive(Clone, Debug)]
pub struct Expectation {
    pub subject: Subject,
    pub message: Message,
}

impl Message {
    fn pattern(text: &str) -> Result<Self, String> {
        let anywhere = format!("(?:.|\n)*(?:{text})(?:.|\n)*");
        Matcher::new("", MatchOp::Regex, anywhere).map(Self::Pattern).map_err(|error| error.to_string())
    }

    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(expected) => expected == text,
            Self::Pattern(pattern) => pattern.matches(text),
        }
    }

    fn show(&self) -> &str {
        match self {
            Self::Any => "anything",
            Self::Exactly(text) => text,
            Self::Pattern(pattern) => pattern.value(),
        }
    }
}

impl Expectation {
    /// The old forms, which may only stand after `eval_fail`.
    pub fn legacy_failure(line: &str) -> Option<Result<Self, String>> {
        let expectation = |message| Self { subject: Subject::Fail, message };
        if let Some(text) = line.strip_prefix("expected_fail_message") {
            return Some(Ok(expectation(Message::Exactly(text.trim().to_owned()))));
        }
        let pattern = line.strip_prefix("expected_fail_regexp")?;
        Some(Message::pattern(pattern.trim()).map(expectation))
    }
}

pub fn parse_expectation(line: &str) -> Result<Expectation, String> {
    const WRONG: &str = "invalid expect statement, must match `expect <type> <match_type>: <string>` format";
    let rest = line.strip_prefix("expect").ok_or(WRONG)?.trim_start();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let subject = match &rest[..end] {
        "ordered" => Subject::Ordered,
        "fail" => Subject::Fail,
        "warn" => Subject::Warn,
        "no_warn" => Subject::NoWarn,
        "info" => Subject::Info,
        "no_info" => Subject::NoInfo,
        _ => return Err(WRONG.to_owned()),
    };
    let rest = rest[end..].trim();
    let message = if rest.is_empty() {
        Message::Any
    } else if let Some(text) = rest.strip_prefix("msg:") {
        Message::Exactly(text.trim().to_owned())
    } else if let Some(pattern) = rest.strip_prefix("regex:") {
        Message::pattern(pattern.trim())?
    } else {
        return Err(WRONG.to_owned());
    };
    Ok(Expectation { subject, message })
}

/// The expected failure, if there is one.
pub fn check_failure(expectations: &[Expectation], error: &EvalError) -> Result<(), String> {
    let error = error.to_string();
    let expected = expectations.iter().find(|expectation| expectation.subject == Subject::Fail);
    match expected {
        Some(expected) if !expected.message.matches(&error) => {
            Err(format!("expected error {:?}, but got: {error}", expected.message.show()))
        }
        _ => Ok(()),
    }
}

/// Whether annotations are exactly those that are expected, of each kind that is mentioned.
pub fn check_annotations(
    expectations: &[Expectation],
    annotations: &Annotations,
    query: &str,
) -> Result<(), String> {
    let (warnings, infos) = annotations.to_texts(query, 0, 0);
    check_kind("warn", of(expectations, Subject::Warn), &warnings)?;
    check_kind("info", of(expectations, Subject::Info), &infos)?;
    for (subject, found) in [(Subject::NoWarn, &warnings), (Subject::NoInfo, &infos)] {
        if !of(expectations, subject).is_empty() && !found.is_empty() {
            return Err(format!("unexpected annotations: {found:?}"));
        }
    }
    Ok(())
}

fn of(expectations: &[Expectation], subject: Subject) -> Vec<&Message> {
    let wanted = expectations.iter().filter(|expectation| expectation.subject == subject);
    wanted.map(|expectation| &expectation.message).collect()
}

fn check_kind(kind: &str, expected: Vec<&Message>, found: &[String]) -> Result<(), String> {
    if expected.is_empty() {
        return Ok(());
    }
    if found.is_empty() {
        return Err(format!("expected {kind} annotations but none were found"));
    }
    if let Some(missing) = expected.iter().find(|message| !found.iter().any(|text| message.matches(text))) {
        return Err(format!("expected {kind} annotation {:?}, found: {found:?}", missing.show()));
    }
    if let Some(surplus) = found.iter().find(|text| !expected.iter().any(|message| message.matches(text))) {
        return Err(format!("unexpected {kind} annotation {surplus:?}"));
    }
    Ok(())
}
