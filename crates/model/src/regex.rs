//! Regular expressions as the field writes them: RE2 syntax with Go's error texts, linear time, bounded size.
//!
//! `translate` rewrites RE2 syntax to that of `regex-syntax` (literal braces, `\Q..\E`, ASCII `\d`, class set operators,
//! ...) and refuses what Go refuses; `shape` recognises the many expressions that are literals, sets, prefixes and the like;
//! what remains runs on `regex-automata`. Compiled as `^(?s:RE)$`: the whole text must match and `.` matches newline.

mod shape;
mod translate;

pub use shape::Shape;

use std::fmt;
use std::sync::{Arc, OnceLock};

use regex_automata::Input;
use regex_automata::meta;
use regex_automata::util::{captures::Captures, syntax};
use shape::OwnedShape;

/// Bounds of one expression.
pub const MAX_PATTERN_BYTES: usize = 256 << 10;
/// Bytes of the compiled automaton; larger expressions are refused.
pub const MAX_COMPILED_BYTES: usize = 4 << 20;
/// Bytes of the lazily built DFA of one expression.
const LAZY_DFA_BYTES: usize = 2 << 20;

/// Why an expression was refused, in Go's words: "error parsing regexp: missing closing ): `(`".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{fragment}`")]
pub struct RegexError {
    pub reason: &'static str,
    pub fragment: String,
}

impl RegexError {
    fn new(reason: &'static str, fragment: impl Into<String>) -> Self {
        Self { reason, fragment: fragment.into() }
    }
}

/// A compiled expression that matches whole texts. Clones share it.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: Box<str>,
    translated: Box<str>,
    shape: OwnedShape,
    /// Present from the start when the shape does not decide by itself; else built for captures alone.
    automaton: OnceLock<Option<meta::Regex>>,
}

impl Regex {
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(RegexError::new("expression too large", ellipsis(pattern)));
        }
        if let Some(shape) = OwnedShape::of_plain(pattern) {
            return Ok(Self::from_parts(pattern, pattern.into(), shape, None));
        }
        let translated = translate::to_rust(pattern)?;
        let hir = syntax::parse_with(&translated, &syntax_config())
            .map_err(|_| RegexError::new("invalid or unsupported syntax", ellipsis(pattern)))?;
        let shape = OwnedShape::of(&hir);
        let automaton = match shape.is_exact() {
            true => None,
            false => Some(
                build(&translated)
                    .ok_or_else(|| RegexError::new("expression too large", ellipsis(pattern)))?,
            ),
        };
        Ok(Self::from_parts(pattern, translated.into(), shape, automaton))
    }

    fn from_parts(
        pattern: &str,
        translated: Box<str>,
        shape: OwnedShape,
        automaton: Option<meta::Regex>,
    ) -> Self {
        let cell = OnceLock::new();
        if automaton.is_some() {
            cell.get_or_init(|| automaton);
        }
        Self(Arc::new(Compiled { pattern: pattern.into(), translated, shape, automaton: cell }))
    }

    /// The expression as it was written.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    pub fn shape(&self) -> Shape<'_> {
        self.0.shape.view()
    }

    /// Whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.shape.decide(text).unwrap_or_else(|| {
            self.automaton().is_some_and(|regex| regex.is_match(Input::new(text).anchored(ANCHORED)))
        })
    }

    /// When the whole of `text` matches, `template` with `$1`, `${name}` and `$$` filled in, as Go's `Regexp.Expand`.
    pub fn replace(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.captures(text)?;
        let mut out = String::with_capacity(template.len() + text.len());
        expand(template, &mut out, |name| group(&captures, name).map(|span| &text[span.range()]));
        Some(out)
    }

    fn captures(&self, text: &str) -> Option<Captures> {
        let regex = self.automaton()?;
        let mut captures = regex.create_captures();
        regex.captures(Input::new(text).anchored(ANCHORED), &mut captures);
        captures.is_match().then_some(captures)
    }

    fn automaton(&self) -> Option<&meta::Regex> {
        self.0.automaton.get_or_init(|| build(&self.0.translated)).as_ref()
    }
}

const ANCHORED: regex_automata::Anchored = regex_automata::Anchored::Yes;

fn syntax_config() -> syntax::Config {
    // ASCII word boundaries need `utf8(false)`; an anchored match of whole text never ends inside a letter.
    syntax::Config::new().dot_matches_new_line(true).utf8(false).nest_limit(1100)
}

fn build(translated: &str) -> Option<meta::Regex> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(MAX_COMPILED_BYTES))
        .onepass_size_limit(Some(MAX_COMPILED_BYTES))
        .hybrid_cache_capacity(LAZY_DFA_BYTES);
    meta::Builder::new()
        .configure(config)
        .syntax(syntax_config())
        .build(&format!(r"\A(?:{translated})\z"))
        .ok()
}

/// Go's `Regexp.Expand`: `$name` takes the longest name of letters, digits and `_`; unknown groups are empty; `$$` is `$`.
pub fn expand<'t>(template: &str, out: &mut String, group: impl Fn(&str) -> Option<&'t str>) {
    let mut rest = template;
    while let Some(place) = rest.find('$') {
        out.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            out.push_str(group(name).unwrap_or(""));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
}

/// The name after a `$`, braced or bare, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(body.len());
    let (name, after) = body.split_at(end);
    let after = if braced.is_some() { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

/// The start of a pattern that may be huge, for an error text.
fn ellipsis(pattern: &str) -> String {
    const SHOWN: usize = 200;
    match pattern.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &pattern[..end]),
        None => pattern.to_owned(),
    }
}

/// A compiled expression that may match anywhere in a text, for replacing: Go's `Regexp` as templates use it. `.` stops at
/// newlines, as there.
#[derive(Clone, Debug)]
pub struct SearchRegex(meta::Regex);

impl SearchRegex {
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(RegexError::new("expression too large", ellipsis(pattern)));
        }
        let translated = translate::to_rust(pattern)?;
        let config = meta::Config::new().utf8_empty(true).nfa_size_limit(Some(MAX_COMPILED_BYTES));
        let config = config.hybrid_cache_capacity(LAZY_DFA_BYTES);
        let syntax = syntax_config().dot_matches_new_line(false);
        let built = meta::Builder::new().configure(config).syntax(syntax).build(&translated);
        built.map(Self).map_err(|_| RegexError::new("expression too large", ellipsis(pattern)))
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Every match replaced by `template` with `$1` and `${name}` filled in, as Go's `Regexp.ReplaceAllString`.
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        let (mut out, mut last) = (String::with_capacity(text.len()), 0);
        for captures in self.0.captures_iter(text) {
            let Some(whole) = captures.get_match() else { continue };
            out.push_str(&text[last..whole.start()]);
            expand(template, &mut out, |name| group(&captures, name).map(|span| &text[span.range()]));
            last = whole.end();
        }
        out.push_str(&text[last..]);
        out
    }
}

/// The tree of an expression that may match anywhere in a text and whose `.` stops at newlines, for whoever builds its own automaton and wants
/// to know the literals in it: line filters.
pub fn search_hir(pattern: &str) -> Result<regex_syntax::hir::Hir, RegexError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(RegexError::new("expression too large", ellipsis(pattern)));
    }
    let translated = translate::to_rust(pattern)?;
    syntax::parse_with(&translated, &syntax_config().dot_matches_new_line(false))
        .map_err(|_| RegexError::new("invalid or unsupported syntax", ellipsis(pattern)))
}

fn group(captures: &Captures, name: &str) -> Option<regex_automata::Span> {
    match name.parse::<usize>() {
        Ok(place) => captures.get_group(place),
        Err(_) => captures.get_group_by_name(name),
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern() == other.pattern()
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.pattern(), f)
    }
}

#[cfg(test)]
mod tests;
