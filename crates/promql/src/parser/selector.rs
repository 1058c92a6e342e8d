//! Selectors, their label matchers, and what may follow an expression: `[..]`, `offset`, `@`, `anchored`, `smoothed`.

use std::borrow::Cow;

use model::labels::Labels;
use model::matcher::{MatchOp, Matcher};

use super::{Parsed, Parser, Stop};
use crate::ast::{
    At, BinaryOp, DurationExpr, Expr, Extended, Keyword, MatrixSelector, Subquery, TimeModifiers,
    VectorSelector,
};
use crate::literal;
use crate::span::Span;
use crate::token::{Token, TokenKind};

const LABELS: &str = "label matching";

impl<'q> Parser<'q> {
    pub(super) fn bare_selector(&mut self) -> Parsed<VectorSelector> {
        let name = match self.peek() {
            TokenKind::LeftBrace => None,
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Aggregator(_)
            | TokenKind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
            | TokenKind::Keyword(_) => Some(self.bump()),
            _ => return Err(Stop::Unexpected),
        };
        self.vector_selector(name)
    }

    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Expr> {
        let selector = self.vector_selector(name)?;
        self.nodes += selector.matchers.len();
        self.node(0)?;
        Ok(Expr::Vector(selector))
    }

    fn vector_selector(&mut self, name: Option<Token>) -> Parsed<VectorSelector> {
        let mut matchers = Vec::new();
        let start = name.map_or_else(|| self.peek_token().span, |name| name.span);
        if self.peek() == TokenKind::LeftBrace {
            self.bump();
            self.label_matchers(&mut matchers)?;
        }
        let span = Span::new(start.start, self.last_end);
        let name: Box<str> = name.map_or("", |name| name.span.text(self.query)).into();
        if !name.is_empty() {
            matchers.push(Matcher::equal(Labels::METRIC_NAME, &name));
        }
        let time = TimeModifiers::default();
        Ok(VectorSelector { name, matchers, time, extended: None, is_info_filter: false, span })
    }

    /// After `{`.
    fn label_matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        while !self.eat(TokenKind::RightBrace) {
            matchers.extend(self.label_matcher()?);
            if !self.eat(TokenKind::Comma) {
                let close = self.expect(TokenKind::RightBrace).map(|_| ());
                return self.in_context(close, LABELS, "\",\" or \"}\"");
            }
        }
        Ok(())
    }

    /// `None` when the matcher is in error but the next may be read.
    fn label_matcher(&mut self) -> Parsed<Option<Matcher>> {
        let is_string = match self.peek() {
            TokenKind::Identifier => false,
            TokenKind::String => true,
            _ => return self.in_context(Err(Stop::Unexpected), LABELS, "identifier or \"}\""),
        };
        let name = self.bump().span;
        let op = match self.peek() {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Op(BinaryOp::Ne) => MatchOp::NotEqual,
            TokenKind::RegexMatch => MatchOp::Regex,
            TokenKind::RegexNotMatch => MatchOp::NotRegex,
            _ if is_string => {
                // A quoted string by itself is the metric's name.
                let name = self.text_of(name);
                return Ok(name.map(|name| Matcher::equal(Labels::METRIC_NAME, name)));
            }
            _ => return self.in_context(Err(Stop::Unexpected), LABELS, "label matching operator"),
        };
        self.bump();
        if self.peek() != TokenKind::String {
            return self.in_context(Err(Stop::Unexpected), LABELS, "string");
        }
        let value = self.bump().span;
        let label = if is_string { self.text_of(name) } else { Some(Cow::Borrowed(name.text(self.query))) };
        let (Some(label), Some(value_text)) = (label, self.text_of(value)) else { return Ok(None) };
        match Matcher::new(label, op, value_text) {
            Ok(matcher) => Ok(Some(matcher)),
            Err(error) => {
                self.error(name.to(value), error.to_string());
                Ok(None)
            }
        }
    }

    /// What a string token says; names and values of labels are valid UTF-8.
    fn text_of(&mut self, string: Span) -> Option<Cow<'q, str>> {
        let token = string.text(self.query);
        if memchr::memchr2(b'\\', b'\r', token.as_bytes()).is_none() {
            return Some(Cow::Borrowed(&token[1..token.len() - 1]));
        }
        match String::from_utf8(literal::unquote(token)) {
            Ok(text) => Some(Cow::Owned(text)),
            Err(error) => {
                let shown = model::quote::quoted(error.as_bytes());
                self.error(string, format!("label names and values must be valid UTF-8, got {shown}"));
                None
            }
        }
    }

    pub(super) fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek() {
                TokenKind::LeftBracket => self.bracket(expr)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(expr)?,
                TokenKind::At => self.at(expr)?,
                TokenKind::Keyword(Keyword::Anchored) => self.extended(expr, Extended::Anchored),
                TokenKind::Keyword(Keyword::Smoothed) => self.extended(expr, Extended::Smoothed),
                _ => return Ok(expr),
            };
        }
    }

    /// `[5m]` makes a range selector, `[1h:5m]` a subquery.
    fn bracket(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.bump().span;
        let range = self.positive_duration();
        let range =
            self.in_context(range, "subquery or range selector", "number, duration, step(), or range()")?;
        match self.peek() {
            TokenKind::RightBracket => {
                let close = self.bump().span;
                self.matrix(expr, range, open.to(close))
            }
            TokenKind::Colon => {
                self.bump();
                self.subquery(expr, range)
            }
            _ => self.in_context(Err(Stop::Unexpected), "subquery or range", "\":\" or \"]\""),
        }
    }

    fn matrix(&mut self, expr: Expr, range: DurationExpr, brackets: Span) -> Parsed<Expr> {
        let problem = match &expr {
            Expr::Vector(selector) if selector.time.offset.is_some() => {
                "no offset modifiers allowed before range"
            }
            Expr::Vector(selector) if selector.time.at.is_some() => "no @ modifiers allowed before range",
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        if !problem.is_empty() {
            self.error(brackets, problem);
        }
        let span = Span::new(expr.span().start, self.last_end);
        self.node(1)?;
        Ok(match expr {
            Expr::Vector(selector) => Expr::Matrix(MatrixSelector { selector, range, span }),
            other => other,
        })
    }

    fn subquery(&mut self, expr: Expr, range: DurationExpr) -> Parsed<Expr> {
        const CONTEXT: &str = "subquery selector";
        let step = if self.peek() == TokenKind::RightBracket {
            None
        } else {
            let step = self.positive_duration();
            Some(self.in_context(step, CONTEXT, "number, duration, step(), range(), or \"]\"")?)
        };
        let close = self.expect(TokenKind::RightBracket).map(|_| ());
        self.in_context(close, CONTEXT, "\"]\"")?;
        let span = Span::new(expr.span().start, self.last_end);
        self.node(self.height)?;
        let time = TimeModifiers::default();
        Ok(Expr::Subquery(Box::new(Subquery { expr, range, step, time, span })))
    }

    fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.bump();
        let offset = self.offset_duration();
        let offset = self.in_context(offset, "offset", "number, duration, step(), or range()")?;
        let (span, end) = (expr.span(), self.last_end);
        let problem = match time_modifiers(&mut expr, end) {
            None => {
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            }
            Some(time) if time.offset.is_some() => "offset may not be set multiple times",
            Some(time) => {
                // No offset and an offset of nothing are the same.
                time.offset = Some(offset).filter(|offset| offset.literal_ms() != Some(0));
                return Ok(expr);
            }
        };
        self.error(span, problem);
        Ok(expr)
    }

    fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.bump();
        let at = self.at_value();
        let at = self.in_context(at, "@", "timestamp")?;
        let (span, end) = (expr.span(), self.last_end);
        let problem = match time_modifiers(&mut expr, end) {
            None => {
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            }
            Some(time) if time.at.is_some() => "@ <timestamp> may not be set multiple times",
            Some(time) => {
                time.at = at;
                return Ok(expr);
            }
        };
        self.error(span, problem);
        Ok(expr)
    }

    /// `None` when the timestamp is out of range, which has been said.
    fn at_value(&mut self) -> Parsed<Option<At>> {
        if let TokenKind::Keyword(word @ (Keyword::Start | Keyword::End)) = self.peek() {
            self.bump();
            self.expect(TokenKind::LeftParen)?;
            self.expect(TokenKind::RightParen)?;
            return Ok(Some(if word == Keyword::Start { At::Start } else { At::End }));
        }
        let number = self.signed_number()?;
        // Milliseconds must fit in 64 bits too, which Prometheus forgets.
        let is_in_range = number.value.abs() < i64::MAX as f64 / 1000.0;
        if !is_in_range {
            let shown = match number.value {
                value if value.is_finite() => format!("{value:.6}"),
                value => literal::format_number(value),
            };
            self.error(number.span, format!("timestamp out of bounds for @ modifier: {shown}"));
            return Ok(None);
        }
        Ok(Some(At::TimestampMs((number.value * 1000.0).round() as i64)))
    }

    fn extended(&mut self, mut expr: Expr, kind: Extended) -> Expr {
        self.bump();
        let (span, end) = (expr.span(), self.last_end);
        let name = kind.name();
        if !self.options.extended_range_selectors {
            self.error(span, format!("{name} modifier is experimental and not enabled"));
            return expr;
        }
        let (selector, span_end) = match &mut expr {
            Expr::Vector(selector) => {
                selector.span.end = end;
                (Some(selector), None)
            }
            Expr::Matrix(matrix) => (Some(&mut matrix.selector), Some(&mut matrix.span.end)),
            Expr::Subquery(_) => {
                self.error(span, format!("{name} modifier is not supported for subqueries"));
                (None, None)
            }
            _ => {
                self.error(span, format!("{name} modifier not implemented"));
                (None, None)
            }
        };
        if let Some(span_end) = span_end {
            *span_end = end;
        }
        if let Some(selector) = selector {
            if selector.extended.is_some_and(|before| before != kind) {
                self.error(span, "anchored and smoothed modifiers cannot be used together");
            }
            selector.extended = Some(kind);
        }
        expr
    }
}

/// The modifiers of an expression that can have them; its span then ends at `end`.
fn time_modifiers(expr: &mut Expr, end: u32) -> Option<&mut TimeModifiers> {
    match expr {
        Expr::Vector(selector) => {
            selector.span.end = end;
            Some(&mut selector.time)
        }
        Expr::Matrix(matrix) => {
            matrix.span.end = end;
            Some(&mut matrix.selector.time)
        }
        Expr::Subquery(subquery) => {
            subquery.span.end = end;
            Some(&mut subquery.time)
        }
        _ => None,
    }
}
