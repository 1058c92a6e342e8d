//! A LogQL log selector: stream matchers, line filters and equality of structured metadata.
//!
//! This is the part of LogQL that the store answers by itself. Everything else of the language is refused by name, never ignored.

use logs::{LineFilter, LineFilterOp};
use model::matcher::{MatchOp, Matcher};

use crate::refusal::Refusal;

/// Nested or endless selectors are nobody's.
const MATCHERS_MAX: usize = 1000;
const FILTERS_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct Selector {
    pub matchers: Vec<Matcher>,
    pub line_filters: Vec<LineFilter>,
    /// `| name="value"`
    pub metadata: Vec<(String, String)>,
}

impl Selector {
    /// `{app="a", env=~"b.*"} |= "x" or "y" != "z" |~ "re" !~ "re" | user="ann"`
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut parser = Parser { text, at: 0 };
        let mut selector =
            Self { matchers: parser.stream_selector()?, line_filters: Vec::new(), metadata: Vec::new() };
        parser.stages(&mut selector)?;
        if selector.matchers.iter().all(Matcher::matches_empty) {
            return Err(Refusal::bad(
                "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will",
            ));
        }
        Ok(selector)
    }

    /// A stream selector alone, as `match[]` and `query` of labels take it; `{}` is fine there.
    pub fn parse_streams(text: &str) -> Result<Vec<Matcher>, Refusal> {
        let mut parser = Parser { text, at: 0 };
        let matchers = parser.stream_selector()?;
        parser.skip_space();
        if parser.at < text.len() {
            Err(parser.unexpected("expecting end of the stream selector"))
        } else {
            Ok(matchers)
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Loki's form of a syntax error, with line and column.
    fn unexpected(&self, wanted: &str) -> Refusal {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let word: String = match self.rest().chars().next() {
            None => "$end".to_owned(),
            Some(first) if first.is_alphanumeric() || first == '_' => {
                let is_word = |letter: &char| letter.is_alphanumeric() || *letter == '_';
                let word: String = self.rest().chars().take_while(is_word).take(40).collect();
                format!("IDENTIFIER {word:?}")
            }
            Some(first) => format!("{:?}", first.to_string()),
        };
        Refusal::bad(format!(
            "parse error at line {line}, col {column}: syntax error: unexpected {word}, {wanted}"
        ))
    }

    fn stream_selector(&mut self) -> Result<Vec<Matcher>, Refusal> {
        if self.text.trim().is_empty() {
            return Err(Refusal::bad("parse error : syntax error: unexpected $end"));
        }
        if !self.eat("{") {
            return Err(self.unexpected(
                "expecting a stream selector in braces; metric queries are not evaluated by this server",
            ));
        }
        let mut matchers = Vec::new();
        while !self.eat("}") {
            if !matchers.is_empty() && !self.eat(",") {
                return Err(self.unexpected("expecting \",\" or \"}\""));
            }
            if matchers.len() == MATCHERS_MAX {
                return Err(Refusal::bad(format!(
                    "parse error : more than {MATCHERS_MAX} matchers in a stream selector"
                )));
            }
            matchers.push(self.matcher()?);
        }
        Ok(matchers)
    }

    fn matcher(&mut self) -> Result<Matcher, Refusal> {
        let name = self.label_name()?;
        let op = self.match_op()?;
        let start = self.at;
        let value = self.string()?;
        Matcher::new(name, op, value).map_err(|error| {
            self.at = start;
            Refusal::bad(format!("parse error at line 1, col {}: {error}", start + 1))
        })
    }

    fn match_op(&mut self) -> Result<MatchOp, Refusal> {
        for (token, op) in [
            ("=~", MatchOp::Regex),
            ("!~", MatchOp::NotRegex),
            ("!=", MatchOp::NotEqual),
            ("=", MatchOp::Equal),
        ] {
            if self.eat(token) {
                return Ok(op);
            }
        }
        Err(self.unexpected("expecting = or != or =~ or !~"))
    }

    fn stages(&mut self, selector: &mut Selector) -> Result<(), Refusal> {
        const OPS: [(&str, LineFilterOp); 4] = [
            ("|=", LineFilterOp::Contains),
            ("!=", LineFilterOp::NotContains),
            ("|~", LineFilterOp::Regex),
            ("!~", LineFilterOp::NotRegex),
        ];
        loop {
            self.skip_space();
            if self.at == self.text.len() {
                return Ok(());
            }
            if selector.line_filters.len() + selector.metadata.len() == FILTERS_MAX {
                return Err(Refusal::bad(format!("parse error : more than {FILTERS_MAX} filters")));
            }
            if let Some((_, op)) = OPS.into_iter().find(|(token, _)| self.eat(token)) {
                selector.line_filters.push(self.line_filter(op)?);
            } else if self.eat("|") {
                selector.metadata.push(self.label_filter()?);
            } else {
                return Err(self.unexpected("expecting |= or != or |~ or !~ or | or the end"));
            }
        }
    }

    fn line_filter(&mut self, op: LineFilterOp) -> Result<LineFilter, Refusal> {
        let mut texts = vec![self.string()?];
        while self.eat("or") {
            texts.push(self.string()?);
        }
        if matches!(op, LineFilterOp::Regex | LineFilterOp::NotRegex) {
            for text in &texts {
                model::regex::Regex::new(text)
                    .map_err(|error| Refusal::bad(format!("parse error : {error}")))?;
            }
        }
        Ok(LineFilter { op, texts })
    }

    /// `name="value"`: other comparisons, parsers and formats are not evaluated here.
    fn label_filter(&mut self) -> Result<(String, String), Refusal> {
        const WANTED: &str = "expecting name=\"value\": of pipeline stages, this server evaluates line filters and equality of structured metadata";
        self.skip_space();
        let start = self.at;
        let Ok(name) = self.label_name() else { return Err(self.unexpected(WANTED)) };
        self.skip_space();
        let equals =
            self.rest().starts_with('=') && !self.rest().starts_with("=~") && !self.rest().starts_with("==");
        if !equals {
            self.at = start;
            return Err(self.unexpected(WANTED));
        }
        self.at += 1;
        Ok((name, self.string()?))
    }

    fn label_name(&mut self) -> Result<String, Refusal> {
        self.skip_space();
        let rest = self.rest();
        let len =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        if len == 0 || rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Err(self.unexpected("expecting a label name"));
        }
        let name = rest[..len].to_owned();
        self.at += len;
        Ok(name)
    }

    /// In double quotes with Go's escapes, or in back quotes as it is.
    fn string(&mut self) -> Result<String, Refusal> {
        self.skip_space();
        let wanted = "expecting a string in double or back quotes";
        if let Some(raw) = self.rest().strip_prefix('`') {
            let Some(len) = raw.find('`') else { return Err(self.unexpected("the string has no end")) };
            let text = raw[..len].to_owned();
            self.at += len + 2;
            return Ok(text);
        }
        let Some(quoted) = self.rest().strip_prefix('"') else { return Err(self.unexpected(wanted)) };
        let mut escaped = false;
        let end = quoted.char_indices().find(|(_, letter)| {
            let ends = *letter == '"' && !escaped;
            escaped = *letter == '\\' && !escaped;
            ends
        });
        let Some((len, _)) = end else { return Err(self.unexpected("the string has no end")) };
        let text =
            unescape(&quoted[..len]).ok_or_else(|| self.unexpected("the string has an invalid escape"))?;
        self.at += len + 2;
        Ok(text)
    }
}

/// Go's escapes. `None` for one that Go does not know, a newline, or bytes that are no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    let code = |letters: &mut std::str::Chars<'_>, len: usize, radix: u32| {
        let digits: String = letters.take(len).collect();
        (digits.len() == len).then(|| u32::from_str_radix(&digits, radix).ok())?
    };
    let push =
        |out: &mut Vec<u8>, letter: char| out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => return None,
            '\\' => match letters.next()? {
                'a' => out.push(7),
                'b' => out.push(8),
                'f' => out.push(12),
                'n' => out.push(b'\n'),
                'r' => out.push(b'\r'),
                't' => out.push(b'\t'),
                'v' => out.push(11),
                '\\' => out.push(b'\\'),
                '"' => out.push(b'"'),
                'x' => out.push(u8::try_from(code(&mut letters, 2, 16)?).ok()?),
                'u' => push(&mut out, char::from_u32(code(&mut letters, 4, 16)?)?),
                'U' => push(&mut out, char::from_u32(code(&mut letters, 8, 16)?)?),
                digit @ '0'..='3' => {
                    let rest = code(&mut letters, 2, 8)?;
                    out.push(u8::try_from(digit.to_digit(8)? * 64 + rest).ok()?);
                }
                _ => return None,
            },
            other => push(&mut out, other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_and_filters() {
        let selector = Selector::parse(
            "{app=\"a\\\"b\", env=~`x.*`} |= \"one\" or \"two\" # why\n != `three` |~ \"f(o+)\"",
        )
        .unwrap();
        let shown: Vec<String> = selector.matchers.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [r#"app="a\"b""#, r#"env=~"x.*""#]);
        let want = vec![
            LineFilter { op: LineFilterOp::Contains, texts: vec!["one".into(), "two".into()] },
            LineFilter::new(LineFilterOp::NotContains, "three"),
            LineFilter::new(LineFilterOp::Regex, "f(o+)"),
        ];
        assert_eq!(selector.line_filters, want);
        assert!(Selector::parse_streams("{}").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let check = |text: &str, want: &str| {
            let message = Selector::parse(text).unwrap_err().message;
            assert!(message.starts_with(want), "{message}");
        };
        check("", "parse error : syntax error: unexpected $end");
        check("{", "parse error at line 1, col 2: syntax error: unexpected $end, expecting a label name");
        check("{}", "parse error : queries require at least one regexp or equality matcher");
        check("{a=~\".*\"}", "parse error : queries require at least one regexp or equality matcher");
        check(
            "{a=1}",
            "parse error at line 1, col 4: syntax error: unexpected IDENTIFIER \"1\", expecting a string",
        );
        check("{a=\"1\" b=\"2\"}", "parse error at line 1, col 8: syntax error: unexpected IDENTIFIER \"b\"");
        check(
            "{a=\"1\"} | json",
            "parse error at line 1, col 11: syntax error: unexpected IDENTIFIER \"json\", expecting name=",
        );
        check(
            "rate({a=\"1\"}[5m])",
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER \"rate\"",
        );
        check(
            "{a=\"1}",
            "parse error at line 1, col 4: syntax error: unexpected \"\\\"\", the string has no end",
        );
        check(
            "{a=\"\\q\"}",
            "parse error at line 1, col 4: syntax error: unexpected \"\\\"\", the string has an invalid escape",
        );
        check("{a=~\"(\"}", "parse error at line 1, col 5: ");
        check("{a=\"1\"} |~ \"(\"", "parse error : ");
    }

    #[test]
    fn escapes_are_gos() {
        assert_eq!(unescape(r"a\n\t\\\x41\u00e9\101").as_deref(), Some("a\n\t\\AéA"));
        assert_eq!(unescape(r"\'"), None);
        assert_eq!(unescape(r"\x4"), None);
        assert_eq!(unescape(r"\xff"), None);
    }
}
