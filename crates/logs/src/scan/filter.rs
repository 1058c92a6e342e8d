//! The one filter path: whether a line passes, and which literals it must contain, so that row groups without them are passed over.

use memchr::memmem::Finder;
use model::regex::search_hir;
use regex_automata::meta::Regex;
use regex_syntax::hir::{Hir, HirKind};

use crate::block::skip::SkipFilter;
use crate::query::{LineFilter, LineFilterOp, QueryError};

/// Most memory of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// All line filters of a query, compiled.
pub(crate) struct Lines {
    tests: Vec<Test>,
    /// Each set: one of these must be in the line.
    required: Vec<Vec<Vec<u8>>>,
    /// The longest literal that every passing line contains.
    needle: Option<Finder<'static>>,
}

enum Test {
    Contains(Vec<Finder<'static>>, bool),
    Matches(Vec<Regex>, bool),
}

impl Lines {
    pub(crate) fn new(filters: &[LineFilter]) -> Result<Self, QueryError> {
        let mut lines = Self { tests: Vec::new(), required: Vec::new(), needle: None };
        for filter in filters {
            let positive = matches!(filter.op, LineFilterOp::Contains | LineFilterOp::Regex);
            if matches!(filter.op, LineFilterOp::Contains | LineFilterOp::NotContains) {
                lines.literals(&filter.texts, positive);
            } else {
                lines.patterns(&filter.texts, positive)?;
            }
        }
        let longest = lines
            .required
            .iter()
            .filter(|set| set.len() == 1)
            .map(|set| &set[0])
            .max_by_key(|text| text.len());
        lines.needle = longest.map(|text| Finder::new(text).into_owned());
        Ok(lines)
    }

    fn literals(&mut self, texts: &[String], positive: bool) {
        // Every line contains the empty string.
        if texts.iter().any(String::is_empty) {
            if !positive {
                self.tests.push(Test::Contains(vec![Finder::new("").into_owned()], false));
            }
            return;
        }
        if positive {
            self.required.push(texts.iter().map(|text| text.clone().into_bytes()).collect());
        }
        let finders = texts.iter().map(|text| Finder::new(text).into_owned()).collect();
        self.tests.push(Test::Contains(finders, positive));
    }

    fn patterns(&mut self, texts: &[String], positive: bool) -> Result<(), QueryError> {
        let mut regexes = Vec::new();
        for text in texts {
            // RE2 syntax and Go's error texts, as everywhere.
            let hir = search_hir(text).map_err(|error| QueryError::Bad(error.to_string()))?;
            let regex = Regex::builder()
                .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(PATTERN_BYTES_MAX)))
                .build_from_hir(&hir)
                .map_err(|_| {
                    QueryError::Bad(format!("error parsing regexp: expression too large: `{text}`"))
                })?;
            if positive && texts.len() == 1 {
                let mut literals = Vec::new();
                required_literals(&hir, &mut literals);
                self.required.extend(literals.into_iter().map(|literal| vec![literal]));
            }
            regexes.push(regex);
        }
        self.tests.push(Test::Matches(regexes, positive));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// What every passing line contains, if that is known.
    pub(crate) fn needle(&self) -> Option<&Finder<'static>> {
        self.needle.as_ref()
    }

    #[inline]
    pub(crate) fn pass(&self, line: &[u8]) -> bool {
        self.tests.iter().all(|test| match test {
            Test::Contains(finders, positive) => {
                finders.iter().any(|finder| finder.find(line).is_some()) == *positive
            }
            Test::Matches(regexes, positive) => regexes.iter().any(|regex| regex.is_match(line)) == *positive,
        })
    }

    pub(crate) fn has_required(&self) -> bool {
        !self.required.is_empty()
    }

    /// Whether a group may have a passing line.
    pub(crate) fn may_pass(&self, skip: &SkipFilter) -> bool {
        self.required.iter().all(|set| set.iter().any(|literal| skip.may_contain(literal)))
    }
}

/// Literals that every match contains.
fn required_literals(hir: &Hir, out: &mut Vec<Vec<u8>>) {
    match hir.kind() {
        HirKind::Literal(literal) => out.push(literal.0.to_vec()),
        HirKind::Concat(parts) => parts.iter().for_each(|part| required_literals(part, out)),
        HirKind::Capture(capture) => required_literals(&capture.sub, out),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_literals(&repetition.sub, out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_pass_what_loki_passes() {
        let check = |op, texts: &[&str], yes: &[&str], no: &[&str]| {
            let filter = LineFilter { op, texts: texts.iter().map(ToString::to_string).collect() };
            let lines = Lines::new(&[filter]).unwrap();
            yes.iter()
                .for_each(|line| assert!(lines.pass(line.as_bytes()), "{texts:?} should pass {line:?}"));
            no.iter()
                .for_each(|line| assert!(!lines.pass(line.as_bytes()), "{texts:?} should not pass {line:?}"));
        };
        check(LineFilterOp::Contains, &["err"], &["an error"], &["fine", "Err"]);
        check(LineFilterOp::Contains, &["a", "b"], &["xa", "b"], &["c"]);
        check(LineFilterOp::Contains, &[""], &["", "x"], &[]);
        check(LineFilterOp::NotContains, &["a", "b"], &["c"], &["xa", "b"]);
        check(LineFilterOp::NotContains, &[""], &[], &["", "x"]);
        check(LineFilterOp::Regex, &["status=5.."], &["x status=503 y"], &["status=5", "status=5\n3"]);
        check(LineFilterOp::Regex, &["(?i)ERROR"], &["an Error"], &["fine"]);
        check(LineFilterOp::NotRegex, &["^a"], &["ba"], &["ab"]);
        // As Go reads them: ASCII digits, quoted stretches, literal braces.
        check(LineFilterOp::Regex, &[r"id=\d+$"], &["id=12"], &["id=\u{662}"]);
        check(LineFilterOp::Regex, &[r"\Qa.b\E{"], &["xa.b{"], &["axb{"]);
        let bad =
            Lines::new(&[LineFilter::new(LineFilterOp::Regex, "(")]).err().map(|error| error.to_string());
        assert_eq!(bad.as_deref(), Some("error parsing regexp: missing closing ): `(`"));
    }

    #[test]
    fn literals_of_patterns_are_known() {
        let lines = Lines::new(&[LineFilter::new(LineFilterOp::Regex, "user=(abc)+ .*failed")]).unwrap();
        assert_eq!(
            lines.required,
            [vec![b"user=".to_vec()], vec![b"abc".to_vec()], vec![b" ".to_vec()], vec![b"failed".to_vec()]]
        );
        assert!(!Lines::new(&[LineFilter::new(LineFilterOp::Regex, "a|b")]).unwrap().has_required());
    }
}
