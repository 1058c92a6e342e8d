//! Stream labels: `{app="shop", env='prod', note=`raw`}`. The syntax is that of a PromQL vector selector with `=` only.

use std::borrow::Cow;

use model::Labels;
use model::quote::write_quoted;

/// Where and why a label string is none; columns count bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1:{column}: parse error: {what}")]
pub struct BadLabels {
    pub column: usize,
    pub what: String,
}

/// Reads a label string. Labels with an empty value are left out; a name that stands twice is an error.
pub fn parse_labels(text: &str) -> Result<Labels, BadLabels> {
    let mut pairs = Vec::new();
    each_label(text, |name, value| pairs.push((name, value)))?;
    pairs.sort_by(|a, b| a.0.cmp(b.0));
    if let Some([first, _]) = pairs.array_windows::<2>().find(|[first, second]| first.0 == second.0) {
        let column = place_within(text, first.0) + 1;
        return Err(BadLabels { column, what: format!("duplicate label name: {}", first.0) });
    }
    Ok(pairs.into_iter().collect())
}

/// Calls `each` with the labels in the order they stand in, unescaped, nothing left out.
pub fn each_label<'a>(text: &'a str, mut each: impl FnMut(&'a str, Cow<'a, str>)) -> Result<(), BadLabels> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.spaces();
    cursor.expect('{', "\"{\"")?;
    loop {
        cursor.spaces();
        if cursor.take('}') {
            break;
        }
        let name = cursor.name()?;
        cursor.spaces();
        if let Some(operator) =
            ["=~", "!=", "!~"].into_iter().find(|operator| cursor.rest().starts_with(operator))
        {
            return Err(cursor.fault(format!("unexpected {operator:?} in label set, expected \"=\"")));
        }
        cursor.expect('=', "\"=\"")?;
        cursor.spaces();
        each(name, cursor.string()?);
        cursor.spaces();
        if !cursor.take(',') {
            cursor.expect('}', "\",\" or \"}\"")?;
            break;
        }
    }
    cursor.spaces();
    if cursor.rest().is_empty() { Ok(()) } else { Err(cursor.unexpected("end of input")) }
}

fn place_within(outer: &str, inner: &str) -> usize {
    crate::proto::range_within(outer.as_bytes(), inner.as_bytes()).map_or(0, |range| range.start)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fault(&self, what: String) -> BadLabels {
        BadLabels { column: self.at + 1, what }
    }

    fn unexpected(&self, expected: &str) -> BadLabels {
        match self.rest().chars().next() {
            Some(found) => self.fault(format!("unexpected character: {found:?}, expected {expected}")),
            None => self.fault(format!("unexpected end of input in label set, expected {expected}")),
        }
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, letter: char) -> bool {
        let found = self.rest().starts_with(letter);
        self.at += if found { letter.len_utf8() } else { 0 };
        found
    }

    fn expect(&mut self, letter: char, expected: &str) -> Result<(), BadLabels> {
        if self.take(letter) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn name(&mut self) -> Result<&'a str, BadLabels> {
        let rest = self.rest();
        let len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if len == 0 || rest.as_bytes()[0].is_ascii_digit() {
            return Err(self.unexpected("identifier or \"}\""));
        }
        self.at += len;
        Ok(&rest[..len])
    }

    /// A string in double or single quotes with Go's escapes, or in back quotes without any.
    fn string(&mut self) -> Result<Cow<'a, str>, BadLabels> {
        let Some(quote @ ('"' | '\'' | '`')) = self.rest().chars().next() else {
            return Err(self.unexpected("string"));
        };
        let open = self.at;
        self.at += 1;
        let content = self.rest();
        let stop = |letter: char| letter == quote || (quote != '`' && (letter == '\\' || letter == '\n'));
        let plain = content.find(stop).unwrap_or(content.len());
        self.at += plain;
        if self.take(quote) {
            return Ok(Cow::Borrowed(&content[..plain]));
        }
        let mut value = content[..plain].to_owned();
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                letter if letter == quote => {
                    self.at += 1;
                    return Ok(Cow::Owned(value));
                }
                '\n' if quote != '`' => break,
                '\\' if quote != '`' => value.push(self.escape(quote)?),
                letter => {
                    value.push(letter);
                    self.at += letter.len_utf8();
                }
            }
        }
        self.at = open;
        Err(self.fault("unterminated quoted string".into()))
    }

    fn escape(&mut self, quote: char) -> Result<char, BadLabels> {
        let rest = &self.rest()[1..];
        let Some(letter) = rest.chars().next() else {
            return Err(self.fault("escape sequence not terminated".into()));
        };
        let number = |digits: usize, from: usize, radix: u32| {
            let text =
                rest.get(from..from + digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
            char::from_u32(u32::from_str_radix(text, radix).ok()?)
        };
        let (value, len) = match letter {
            'a' => (Some('\u{7}'), 1),
            'b' => (Some('\u{8}'), 1),
            'f' => (Some('\u{c}'), 1),
            'n' => (Some('\n'), 1),
            'r' => (Some('\r'), 1),
            't' => (Some('\t'), 1),
            'v' => (Some('\u{b}'), 1),
            '\\' => (Some('\\'), 1),
            letter if letter == quote => (Some(quote), 1),
            // Bytes above 0x7f by number would make invalid UTF-8: only what is a character by itself is taken.
            'x' => (number(2, 1, 16).filter(char::is_ascii), 3),
            '0'..='7' => (number(3, 0, 8).filter(char::is_ascii), 3),
            'u' => (number(4, 1, 16), 5),
            'U' => (number(8, 1, 16), 9),
            _ => (None, 0),
        };
        let value = value.ok_or_else(|| self.fault(format!("unknown escape sequence \\{letter}")))?;
        self.at += 1 + len;
        Ok(value)
    }
}

/// `{a="b", c="d"}`, sorted by name, values quoted as Go does: the canonical form, by which Loki names streams.
pub fn print_labels<N: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (N, V)>) -> String {
    let mut out = String::from("{");
    for (name, value) in labels {
        if out.len() > 1 {
            out.push_str(", ");
        }
        out.push_str(name.as_ref());
        out.push('=');
        write_quoted(&mut out, value.as_ref().as_bytes()).expect("writing to a string cannot fail");
    }
    out.push('}');
    out
}
