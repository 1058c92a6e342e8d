//! Label matchers: `name = "value"`, `!=`, `=~`, `!~`; what selectors of every language and door are made of.
//!
//! Regular expressions match the whole value (`^(?s:RE)$`, RE2 syntax, see [`crate::regex`]). A matcher is an `Arc`: clones
//! are cheap and share the compiled form. Indexes ask for the [`Shape`](crate::regex::Shape) to avoid running it at all.

use std::fmt;
use std::sync::Arc;

use crate::labels::Labels;
use crate::regex::{Regex, RegexError, Shape};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// `!=` and `!~`.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }

    /// `=~` and `!~`.
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }
}

#[derive(Clone)]
pub struct Matcher(Arc<Inner>);

/// Name and value in one allocation. The name of the metric, which nearly every selector has, is not stored.
struct Inner {
    text: Box<str>,
    name_bytes: u32,
    is_metric_name: bool,
    op: MatchOp,
    regex: Option<Regex>,
}

impl Matcher {
    /// Fails for an invalid or too large regular expression only.
    pub fn new(name: impl AsRef<str>, op: MatchOp, value: impl AsRef<str>) -> Result<Self, RegexError> {
        let regex = if op.is_regex() { Some(Regex::new(value.as_ref())?) } else { None };
        Ok(Self::from_parts(name.as_ref(), op, value.as_ref(), regex))
    }

    pub fn equal(name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self::from_parts(name.as_ref(), MatchOp::Equal, value.as_ref(), None)
    }

    fn from_parts(name: &str, op: MatchOp, value: &str, regex: Option<Regex>) -> Self {
        let is_metric_name = name == Labels::METRIC_NAME;
        // A name of 4 GiB cannot come in: requests are bounded far below.
        let name_bytes = if is_metric_name { 0 } else { u32::try_from(name.len()).unwrap_or(u32::MAX) };
        let stored = &name[..name_bytes as usize];
        let text = if stored.is_empty() { value.into() } else { [stored, value].concat().into() };
        Self(Arc::new(Inner { text, name_bytes, is_metric_name, op, regex }))
    }

    pub fn name(&self) -> &str {
        if self.0.is_metric_name { Labels::METRIC_NAME } else { &self.0.text[..self.0.name_bytes as usize] }
    }

    pub fn op(&self) -> MatchOp {
        self.0.op
    }

    /// The value, or the regular expression as written.
    pub fn value(&self) -> &str {
        &self.0.text[self.0.name_bytes as usize..]
    }

    pub fn regex(&self) -> Option<&Regex> {
        self.0.regex.as_ref()
    }

    /// What the regular expression accepts, when that is simple; of `=` and `!=`, the value itself. The shape is that of the
    /// positive form: for `!=` and `!~` it says what is *not* accepted.
    pub fn shape(&self) -> Shape<'_> {
        self.0.regex.as_ref().map_or(Shape::Literal(self.value()), Regex::shape)
    }

    /// `value` is the empty string for an absent label.
    pub fn matches(&self, value: &str) -> bool {
        match (&self.0.regex, self.0.op) {
            (Some(regex), op) => regex.is_match(value) != op.is_negative(),
            (None, op) => (self.value() == value) != op.is_negative(),
        }
    }

    /// Accepts series without the label.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.name(), self.op(), self.value()) == (other.name(), other.op(), other.value())
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.name(), self.op(), self.value()).hash(state);
    }
}

/// `job=~"api.*"`; a name outside of `[a-zA-Z_][a-zA-Z0-9_]*` is quoted.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if crate::quote::is_plain_label_name(self.name()) {
            f.write_str(self.name())?;
        } else {
            crate::quote::write_quoted(f, self.name().as_bytes())?;
        }
        f.write_str(self.op().symbol())?;
        crate::quote::write_quoted(f, self.value().as_bytes())
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_match_as_their_names_say() {
        let check = |op, value: &str, yes: &[&str], no: &[&str]| {
            let matcher = Matcher::new("job", op, value).unwrap();
            yes.iter().for_each(|text| assert!(matcher.matches(text), "{matcher} should match {text:?}"));
            no.iter().for_each(|text| assert!(!matcher.matches(text), "{matcher} should not match {text:?}"));
        };
        check(MatchOp::Equal, "api", &["api"], &["", "apis"]);
        check(MatchOp::NotEqual, "api", &["", "apis"], &["api"]);
        check(MatchOp::Regex, "a.i|b", &["api", "a\ni", "b"], &["xapi", "apix", ""]);
        check(MatchOp::NotRegex, "a.*", &["", "b"], &["a", "ab"]);
        check(MatchOp::Regex, "", &[""], &["a"]);
    }

    #[test]
    fn text_is_go_syntax() {
        let show = |name: &str, op, value: &str| Matcher::new(name, op, value).unwrap().to_string();
        assert_eq!(show("job", MatchOp::Regex, "a\"b\n\u{7f}é"), r#"job=~"a\"b\n\x7fé""#);
        assert_eq!(show("foo.bar", MatchOp::NotEqual, ""), r#""foo.bar"!="""#);
    }
}
