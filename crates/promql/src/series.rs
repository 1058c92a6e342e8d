//! Series descriptions of test scripts: `metric{a="b"} 1 2+3x5 _ stale {{schema:1 buckets:[1 2]}}`, and bare metrics.
//!
//! The values are expanded, up to [`MAX_VALUES`]: `1+2x3` is four values. Histograms are in `series::histogram`.

mod histogram;

use std::sync::Arc;

use model::histogram::{FloatHistogram, STALE_BITS};
use model::labels::Labels;
use model::quote::quoted;

use crate::ast::BinaryOp;
use crate::error::{ParseError, ParseErrors};
use crate::lexer::{Lexer, number_length, quoted_letter};
use crate::literal;
use crate::span::Span;
use crate::token::{Token, TokenKind};

/// Values of one description; `1x1000000000` is refused.
pub const MAX_VALUES: usize = 1_000_000;

/// A metric and its values, one a step.
#[derive(Clone, Debug)]
pub struct Series {
    pub labels: Labels,
    pub values: Vec<SeriesValue>,
}

#[derive(Clone, Debug)]
pub enum SeriesValue {
    /// `_`: no sample at this step.
    Omitted,
    /// `stale` is the stale marker.
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// Parses a metric with its values; a metric alone has none.
pub fn parse_series(text: &str) -> Result<Series, ParseErrors> {
    let (labels, end) = metric(text)?;
    let mut reader = Reader { text, at: end, values: Vec::new() };
    match reader.values() {
        Ok(()) => Ok(Series { labels, values: reader.values }),
        Err(error) => Err(ParseErrors::new(vec![error], text)),
    }
}

/// Parses a metric: `name{a="b"}`, `{__name__="name"}`.
pub fn parse_metric(text: &str) -> Result<Labels, ParseErrors> {
    let (labels, end) = metric(text)?;
    let rest = text[end..].trim_start();
    if rest.is_empty() {
        return Ok(labels);
    }
    let mut lexer = Lexer::at(text, end);
    let token = lexer.next();
    let error = lexer.take_error().unwrap_or_else(|| unexpected(token, text, "", ""));
    Err(ParseErrors::new(vec![error], text))
}

/// The labels of the metric that `text` starts with, and where it ends.
fn metric(text: &str) -> Result<(Labels, usize), ParseErrors> {
    let mut lexer = Lexer::new(text);
    let result = metric_tokens(text, &mut lexer);
    result.map_err(|error| ParseErrors::new(vec![lexer.take_error().unwrap_or(error)], text))
}

fn metric_tokens(text: &str, lexer: &mut Lexer<'_>) -> Result<(Labels, usize), ParseError> {
    let first = lexer.next();
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut end = first.span.end as usize;
    let opens = match first.kind {
        TokenKind::LeftBrace => true,
        TokenKind::Identifier
        | TokenKind::MetricIdentifier
        | TokenKind::Aggregator(_)
        | TokenKind::Keyword(_)
        | TokenKind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) => {
            pairs.push((Labels::METRIC_NAME.to_owned(), first.span.text(text).to_owned()));
            // A brace further on opens a histogram.
            let opens = text[end..].starts_with('{');
            if opens {
                lexer.next();
            }
            opens
        }
        _ => return Err(unexpected(first, text, "", "")),
    };
    if opens {
        end = label_set(text, lexer, &mut pairs)?;
    }
    // The name in front of the braces wins.
    let named = usize::from(first.kind != TokenKind::LeftBrace);
    pairs.rotate_left(named);
    Ok((Labels::from_pairs(pairs), end))
}

/// After `{`; returns where the set ends.
fn label_set(
    text: &str,
    lexer: &mut Lexer<'_>,
    pairs: &mut Vec<(String, String)>,
) -> Result<usize, ParseError> {
    const CONTEXT: &str = "label set";
    let string = |span: Span| {
        String::from_utf8(literal::unquote(span.text(text)))
            .map_err(|_| ParseError::new(span, "label names and values must be valid UTF-8"))
    };
    loop {
        let name = lexer.next();
        let (label, is_string) = match name.kind {
            TokenKind::RightBrace => return Ok(name.span.end as usize),
            TokenKind::Identifier => (name.span.text(text).to_owned(), false),
            TokenKind::String => (string(name.span)?, true),
            _ => return Err(unexpected(name, text, CONTEXT, "identifier or \"}\"")),
        };
        let mut next = lexer.next();
        match next.kind {
            TokenKind::Assign => {
                let value = lexer.next();
                if value.kind != TokenKind::String {
                    return Err(unexpected(value, text, CONTEXT, "string"));
                }
                pairs.push((label, string(value.span)?));
                next = lexer.next();
            }
            _ if is_string => pairs.push((Labels::METRIC_NAME.to_owned(), label)),
            _ => return Err(unexpected(next, text, CONTEXT, "\"=\"")),
        }
        match next.kind {
            TokenKind::Comma => {}
            TokenKind::RightBrace => return Ok(next.span.end as usize),
            _ => return Err(unexpected(next, text, CONTEXT, "\",\" or \"}\"")),
        }
    }
}

fn unexpected(token: Token, text: &str, context: &str, expected: &str) -> ParseError {
    let mut message = format!("unexpected {}", token.describe(text));
    if !context.is_empty() {
        message = format!("{message} in {context}");
    }
    if !expected.is_empty() {
        message = format!("{message}, expected {expected}");
    }
    ParseError::new(token.span, message)
}

/// Reads values from `at` on.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    values: Vec<SeriesValue>,
}

type Read<T> = Result<T, ParseError>;

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn fail<T>(&self, message: impl Into<String>) -> Read<T> {
        Err(ParseError::new(Span::new(self.at as u32, self.text.len() as u32), message))
    }

    /// At a letter that cannot stand here.
    fn unexpected<T>(&self, expected: &str) -> Read<T> {
        let what = match self.rest().chars().next() {
            None => "end of input".to_owned(),
            Some(letter) if letter.is_ascii_alphabetic() => format!("identifier {}", quoted(self.word())),
            Some(letter) if letter.is_ascii_digit() => format!("number {}", quoted(self.word())),
            Some(letter @ ('+' | '-')) => format!("<op:{letter}>"),
            Some(letter @ ('_' | 'x')) => format!("\"{letter}\""),
            Some(letter) => {
                return self
                    .fail(format!("unexpected character in series sequence: {}", quoted_letter(letter)));
            }
        };
        let expected = if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
        self.fail(format!("unexpected {what} in series values{expected}"))
    }

    fn word(&self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        &rest[..end.unwrap_or(rest.len())]
    }

    fn values(&mut self) -> Read<()> {
        if !self.rest().is_empty() && !self.peek().is_ascii_whitespace() {
            return self.unexpected("");
        }
        self.skip_spaces();
        while self.at < self.text.len() {
            self.item()?;
            if self.at < self.text.len() && !self.peek().is_ascii_whitespace() {
                return self.unexpected("");
            }
            self.skip_spaces();
        }
        Ok(())
    }

    fn item(&mut self) -> Read<()> {
        if self.eat("_") {
            let count = self.times()?.unwrap_or(1);
            return self.push(SeriesValue::Omitted, count);
        }
        if self.rest().starts_with("{{") {
            return self.histogram_item();
        }
        let mut value = if self.word() == "stale" {
            self.at += "stale".len();
            f64::from_bits(STALE_BITS)
        } else {
            self.number()?
        };
        if matches!(self.peek(), b'+' | b'-') {
            let step = self.number()?;
            let Some(count) = self.times()? else { return self.unexpected("") };
            // One more value, for the first step.
            for _ in 0..=count {
                self.push(SeriesValue::Float(value), 1)?;
                value += step;
            }
            return Ok(());
        }
        let count = self.times()?.map_or(1, |times| times.saturating_add(1));
        self.push(SeriesValue::Float(value), count)
    }

    fn push(&mut self, value: SeriesValue, count: u64) -> Read<()> {
        let room = MAX_VALUES - self.values.len();
        match usize::try_from(count).ok().filter(|count| *count <= room) {
            Some(count) => {
                self.values.extend(std::iter::repeat_n(value, count));
                Ok(())
            }
            None => self.fail(format!("series description has more than the limit of {MAX_VALUES} values")),
        }
    }

    /// The count after an `x`, when there is one.
    fn times(&mut self) -> Read<Option<u64>> {
        if !self.eat("x") {
            return Ok(None);
        }
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        match self.rest()[..digits].parse() {
            Ok(count) => {
                self.at += digits;
                Ok(Some(count))
            }
            Err(error) => self.fail(format!("invalid repetition in series values: {error}")),
        }
    }

    /// A number with an optional sign.
    fn number(&mut self) -> Read<f64> {
        let sign = match self.peek() {
            b'-' => -1.0,
            _ => 1.0,
        };
        let start = self.at;
        self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
        let word = self.word();
        let is_word = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan");
        let length = match is_word {
            true => word.len(),
            false => {
                let reach = number_length(self.rest().as_bytes(), true);
                if reach.is_whole { reach.length } else { 0 }
            }
        };
        if length == 0 {
            return self.unexpected(if self.at == start { "number or \"stale\"" } else { "" });
        }
        match literal::number(&self.rest()[..length]) {
            Ok(value) => {
                self.at += length;
                Ok(sign * value)
            }
            Err(message) => self.fail(message),
        }
    }
}

#[cfg(test)]
mod tests;
