//! `sum by (job) (expr)`, and the label lists of groupings and matchings.

use super::{Parsed, Parser, Stop};
use crate::ast::{Aggregate, Aggregator, Expr, Grouping, Keyword, StringLiteral};
use crate::literal;
use crate::span::Span;
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// After the name. Any token out of place inside is reported "in aggregation".
    pub(super) fn aggregate(&mut self, op: Aggregator, name: Token) -> Parsed<Expr> {
        let result = self.aggregate_parts();
        let (grouping, args) = self.in_context(result, "aggregation", "")?;
        let span = Span::new(name.span.start, self.last_end);
        let below = self.height;
        let stand_in = Expr::String(StringLiteral { value: Box::default(), span });
        let Some((expr, param)) = self.aggregate_operands(op, args, span) else { return Ok(stand_in) };
        self.node(below)?;
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, span })))
    }

    fn aggregate_parts(&mut self) -> Parsed<(Option<Grouping>, Vec<Expr>)> {
        let before = self.aggregate_grouping()?;
        let args = self.arguments()?;
        let height = self.height;
        let grouping = match before {
            None => self.aggregate_grouping()?,
            some => some,
        };
        self.height = height;
        // An empty `by ()` says nothing.
        Ok((grouping.filter(|grouping| grouping.without || !grouping.labels.is_empty()), args))
    }

    fn aggregate_grouping(&mut self) -> Parsed<Option<Grouping>> {
        let TokenKind::Keyword(word @ (Keyword::By | Keyword::Without)) = self.peek() else {
            return Ok(None);
        };
        let start = self.bump().span.start;
        let labels = self.grouping_labels()?;
        let span = Span::new(start, self.last_end);
        Ok(Some(Grouping { without: word == Keyword::Without, labels, span }))
    }

    /// Splits the arguments, or says what is wrong with their number.
    fn aggregate_operands(
        &mut self,
        op: Aggregator,
        args: Vec<Expr>,
        span: Span,
    ) -> Option<(Expr, Option<Expr>)> {
        if args.is_empty() {
            self.error(span, "no arguments for aggregate expression provided");
            return None;
        }
        if op.is_experimental() && !self.options.experimental_functions {
            let message = format!(
                "{op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
            );
            self.error(span, message);
            return None;
        }
        let wanted = if op.has_param() { 2 } else { 1 };
        if args.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                args.len()
            );
            self.error(span, message);
            return None;
        }
        let mut args = args.into_iter();
        let param = if op.has_param() { args.next() } else { None };
        args.next().map(|expr| (expr, param))
    }

    /// `(a, "b.c", d,)`.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<Box<str>>> {
        const CONTEXT: &str = "grouping opts";
        let open = self.expect(TokenKind::LeftParen).map(|_| ());
        self.in_context(open, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        loop {
            if self.eat(TokenKind::RightParen) {
                return Ok(labels);
            }
            let label = self.grouping_label();
            labels.push(self.in_context(label, CONTEXT, "label")?);
            if !self.eat(TokenKind::Comma) {
                let close = self.expect(TokenKind::RightParen).map(|_| ());
                self.in_context(close, CONTEXT, "\",\" or \")\"")?;
                return Ok(labels);
            }
        }
    }

    fn grouping_label(&mut self) -> Parsed<Box<str>> {
        match self.peek() {
            TokenKind::String => {
                let token = self.bump();
                let text = token.span.text(self.query);
                let name = String::from_utf8(literal::unquote(text)).unwrap_or_default();
                if name.is_empty() {
                    let shown = model::quote::quoted(text);
                    self.error(token.span, format!("invalid label name for grouping: {shown}"));
                }
                Ok(name.into())
            }
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Keyword(_)
            | TokenKind::Aggregator(_) => Ok(self.bump().span.text(self.query).into()),
            TokenKind::Op(op) if op.symbol().starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
                Ok(self.bump().span.text(self.query).into())
            }
            _ => Err(Stop::Unexpected),
        }
    }
}
