//! From the tree of a file to settings: every field by the table, every mistake with its line and what was probably meant.

use std::fmt;

use stdx::nearest::nearest;

use yaml::Node;

use crate::fields::FIELDS;
use crate::settings::Settings;

/// All that is wrong with a file, in the order of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    pub file: String,
    pub list: Vec<Mistake>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub line: u32,
    pub path: String,
    pub what: String,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Mistake { line, path, what }) in self.list.iter().enumerate() {
            let (newline, colon) =
                (if place > 0 { "\n" } else { "" }, if path.is_empty() { "" } else { ": " });
            write!(f, "{newline}{}:{line}: {path}{colon}{what}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Reads `text`, the contents of `file`.
pub fn settings(file: &str, text: &str) -> Result<Settings, Mistakes> {
    let mut reader = Reader { settings: Settings::default(), mistakes: Vec::new() };
    match yaml::parse(text) {
        Ok(root) => {
            reader.section("", &root);
            reader.whole();
        }
        Err(error) => reader.wrong(error.position.line, "", error.message),
    }
    let Reader { settings, mut mistakes } = reader;
    mistakes.sort_by_key(|mistake| mistake.line);
    if mistakes.is_empty() { Ok(settings) } else { Err(Mistakes { file: file.to_owned(), list: mistakes }) }
}

struct Reader {
    settings: Settings,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn wrong(&mut self, line: u32, path: &str, what: impl Into<String>) {
        self.mistakes.push(Mistake { line, path: path.to_owned(), what: what.into() });
    }

    fn section(&mut self, prefix: &str, node: &Node) {
        let map = match node.map(prefix) {
            Ok(map) => map,
            Err(error) => return self.wrong(error.position.line, prefix, error.message),
        };
        for entry in map.entries {
            let key = &*entry.key;
            let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            if let Some(field) = FIELDS.iter().find(|field| field.path == path) {
                if let Err(error) = (field.set)(&mut self.settings, &entry.value) {
                    self.wrong(error.position.line, &path, error.message);
                }
            } else if FIELDS.iter().any(|field| is_below(field.path, &path)) {
                self.section(&path, &entry.value);
            } else {
                self.unknown(entry.key_position.line, prefix, key, &path);
            }
        }
    }

    fn unknown(&mut self, line: u32, prefix: &str, key: &str, path: &str) {
        let known = known_below(prefix);
        let what = match nearest(key, known.iter().copied()) {
            Some(near) => format!("unknown field; did you mean {near}?"),
            None => format!("unknown field; known here: {}", known.join(", ")),
        };
        self.wrong(line, path, what);
    }

    /// What only several fields together can get wrong.
    fn whole(&mut self) {
        let missing = |path: &std::path::Path| path.as_os_str().is_empty();
        if let Some(tls) = &self.settings.server.tls {
            let (cert, key) = (missing(&tls.cert_file), missing(&tls.key_file));
            if cert || key {
                let name = if cert { "cert_file" } else { "key_file" };
                self.wrong(1, "server.tls", format!("{name} is missing"));
            }
        }
    }
}

/// Whether `section` is a section on the way to `path`.
fn is_below(path: &str, section: &str) -> bool {
    path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// Keys that may stand in a section, in the order of the table.
fn known_below(prefix: &str) -> Vec<&'static str> {
    let mut known = Vec::new();
    for field in FIELDS {
        let rest = if prefix.is_empty() {
            Some(field.path)
        } else {
            field.path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'))
        };
        let key = rest.map(|rest| rest.split('.').next().unwrap_or(rest));
        if let Some(key) = key.filter(|key| !known.contains(key)) {
            known.push(key);
        }
    }
    known
}

#[cfg(test)]
mod tests;
