//! Values of fields: what `yaml` does not know of (addresses, sizes, durations, secrets), read with errors that teach.

use std::path::PathBuf;

use limits::{ByteSize, Span};
use metrics::config::RetentionRule;
use yaml::{Node, YamlError};

use crate::settings::SecretSource;

/// What is wrong and where; the reader adds file and field.
pub type Wrong = YamlError;

/// A value that must not be empty.
pub fn text(node: &Node) -> Result<&str, Wrong> {
    match node.str()? {
        "" => Err(node.error("is empty")),
        text => Ok(text),
    }
}

pub fn owned(node: &Node) -> Result<String, Wrong> {
    text(node).map(str::to_owned)
}

pub fn address(node: &Node) -> Result<String, Wrong> {
    let text = text(node)?;
    let port = text.rsplit_once(':').map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(node
            .error(format!("{text:?} is no address: write HOST:PORT, like 127.0.0.1:9090 or 0.0.0.0:9090"))),
    }
}

pub fn size(node: &Node) -> Result<ByteSize, Wrong> {
    text(node)?.parse().map_err(|error: limits::BadUnit| node.error(error.to_string()))
}

pub fn span(node: &Node) -> Result<Span, Wrong> {
    text(node)?.parse().map_err(|error: limits::BadUnit| node.error(error.to_string()))
}

pub fn count(node: &Node) -> Result<usize, Wrong> {
    let text = text(node)?;
    let bad = || node.error(format!("{text:?} is no whole number from 1 on"));
    text.parse::<usize>().ok().filter(|count| *count > 0).ok_or_else(bad)
}

pub fn flag(node: &Node) -> Result<bool, Wrong> {
    node.bool()
}

pub fn path(node: &Node) -> Result<PathBuf, Wrong> {
    text(node).map(PathBuf::from)
}

/// A list of texts, or one text for a list of one.
pub fn texts(node: &Node) -> Result<Vec<String>, Wrong> {
    match node.str() {
        Ok(_) => Ok(vec![owned(node)?]),
        Err(_) => Ok(node.strings()?.into_iter().map(str::to_owned).collect()),
    }
}

/// One word out of some.
pub fn choice<T: Copy>(node: &Node, known: &[(&str, T)]) -> Result<T, Wrong> {
    let text = text(node)?;
    let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| node.error(format!("{text:?} is none of {}", names())))
}

/// `{ file: PATH }` or `{ env: NAME }`. A secret itself is refused: configuration files are read by many.
pub fn secret(node: &Node) -> Result<SecretSource, Wrong> {
    let expected = || node.error("a secret is named, not written: { file: PATH } or { env: NAME }");
    let map = node.map("secret").map_err(|_| expected())?;
    match map.entries {
        [entry] if &*entry.key == "file" => Ok(SecretSource::File(path(&entry.value)?)),
        [entry] if &*entry.key == "env" => Ok(SecretSource::Env(owned(&entry.value)?)),
        _ => Err(expected()),
    }
}

pub fn users(node: &Node) -> Result<Vec<(String, SecretSource)>, Wrong> {
    let entries = node.map("users")?.entries;
    entries.iter().map(|entry| Ok((entry.key.to_string(), secret(&entry.value)?))).collect()
}

pub fn secrets(node: &Node) -> Result<Vec<SecretSource>, Wrong> {
    node.list()?.iter().map(secret).collect()
}

/// A number that may be zero, which means that there is no limit.
pub fn count_or_none(node: &Node) -> Result<u64, Wrong> {
    node.u64()
}

/// `- { match: '{job="x"}', time: 30d }`
pub fn retention_rules(node: &Node) -> Result<Vec<RetentionRule>, Wrong> {
    let rule = |node: &Node| {
        let map = node.map("retention rule")?;
        map.deny_unknown(&["match", "time"])?;
        let (selector, time) = (map.required("match")?, map.required("time")?);
        let matchers =
            promql::parse_selector(text(selector)?).map_err(|error| selector.error(error.to_string()))?;
        let time_span = span(time)?;
        if time_span.ms == 0 {
            return Err(time.error("a rule that keeps nothing is a mistake: write how long, like 30d"));
        }
        Ok(RetentionRule { matchers, time: time_span.duration() })
    };
    node.list()?.iter().map(rule).collect()
}
