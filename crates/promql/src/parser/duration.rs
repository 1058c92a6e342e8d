//! Duration expressions: what stands in `[..]` and after `offset`.
//!
//! Inside brackets and parentheses the whole arithmetic is allowed; after a bare `offset` a single signed term, so that
//! `a offset 5m + b` adds.

use super::{Parsed, Parser, Stop};
use crate::ast::{BinaryOp, DurationExpr, DurationOp, Keyword, NumberLiteral};
use crate::span::Span;
use crate::token::TokenKind;

/// Nanoseconds must fit in 63 bits.
const MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

impl Parser<'_> {
    /// `5`, `-5m`.
    pub(super) fn signed_number(&mut self) -> Parsed<NumberLiteral> {
        let sign = match self.peek() {
            TokenKind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                let span = self.bump().span;
                Some((op, span))
            }
            _ => None,
        };
        if !matches!(self.peek(), TokenKind::Number | TokenKind::Duration) {
            return Err(Stop::Unexpected);
        }
        let mut number = self.number()?;
        if let Some((op, span)) = sign {
            number.value = if op == BinaryOp::Sub { -number.value } else { number.value };
            number.span = span.to(number.span);
        }
        Ok(number)
    }

    /// A range or step: a literal must be positive.
    pub(super) fn positive_duration(&mut self) -> Parsed<DurationExpr> {
        let duration = self.duration(0)?;
        if let DurationExpr::Literal(number) = &duration
            && number.value <= 0.0
        {
            self.error(number.span, "duration must be greater than 0");
        }
        Ok(duration)
    }

    /// What may follow a bare `offset`.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let TokenKind::Op(BinaryOp::Add | BinaryOp::Sub) = self.peek() else { return self.duration_term() };
        let (op, start) = self.duration_sign();
        let term = self.duration_term()?;
        Ok(self.signed(op, start, term))
    }

    fn duration_sign(&mut self) -> (DurationOp, Span) {
        let token = self.bump();
        let op = if token.kind == TokenKind::Op(BinaryOp::Sub) { DurationOp::Sub } else { DurationOp::Add };
        (op, token.span)
    }

    fn signed(&mut self, op: DurationOp, start: Span, inner: DurationExpr) -> DurationExpr {
        let span = start.to(inner.span());
        match inner {
            DurationExpr::Literal(mut number) => {
                number.value = if op == DurationOp::Sub { -number.value } else { number.value };
                number.span = span;
                DurationExpr::Literal(number)
            }
            inner if op == DurationOp::Add => inner,
            inner => DurationExpr::Unary(op, Box::new(inner), span),
        }
    }

    fn duration(&mut self, least: u8) -> Parsed<DurationExpr> {
        self.descend()?;
        let mut left = match self.peek() {
            TokenKind::Op(BinaryOp::Add | BinaryOp::Sub) => {
                let (op, start) = self.duration_sign();
                let inner = self.duration(BinaryOp::Pow.precedence())?;
                self.signed(op, start, inner)
            }
            _ => self.duration_term()?,
        };
        let mut chain = 0;
        while let TokenKind::Op(symbol) = self.peek()
            && let Some(op) = duration_op(symbol)
            && symbol.precedence() >= least
        {
            let op_span = self.bump().span;
            let below = symbol.precedence() + u8::from(!symbol.is_right_associative());
            let right = self.duration(below)?;
            self.check_divisor(op, op_span, &right);
            let span = left.span().to(right.span());
            left = DurationExpr::Binary(op, Box::new([left, right]), span);
            chain += 1;
            // The right side is bounded by the depth, the left by the length of the chain.
            self.bounded(self.depth + chain, self.options.limits.nesting)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn check_divisor(&mut self, op: DurationOp, op_span: Span, right: &DurationExpr) {
        let DurationExpr::Literal(NumberLiteral { value: 0.0, .. }) = right else { return };
        match op {
            DurationOp::Div => self.error(op_span, "division by zero"),
            DurationOp::Mod => self.error(op_span, "modulo by zero"),
            _ => {}
        }
    }

    fn duration_term(&mut self) -> Parsed<DurationExpr> {
        match self.peek() {
            TokenKind::Number | TokenKind::Duration => {
                let mut number = self.number()?;
                if number.value.is_nan() || number.value.abs() > MAX_SECONDS {
                    self.error(number.span, "duration out of range");
                    // Not zero, which would be a second error.
                    number.value = 1.0;
                }
                Ok(DurationExpr::Literal(number))
            }
            TokenKind::Keyword(word @ (Keyword::Step | Keyword::Range)) => {
                let start = self.bump().span;
                self.expect(TokenKind::LeftParen)?;
                let span = start.to(self.expect(TokenKind::RightParen)?.span);
                Ok(if word == Keyword::Step { DurationExpr::Step(span) } else { DurationExpr::Range(span) })
            }
            TokenKind::Keyword(word @ (Keyword::MinOf | Keyword::MaxOf)) => {
                let start = self.bump().span;
                self.expect(TokenKind::LeftParen)?;
                let first = self.duration(0)?;
                self.expect(TokenKind::Comma)?;
                let second = self.duration(0)?;
                let span = start.to(self.expect(TokenKind::RightParen)?.span);
                let args = Box::new([first, second]);
                Ok(if word == Keyword::MinOf {
                    DurationExpr::Min(args, span)
                } else {
                    DurationExpr::Max(args, span)
                })
            }
            TokenKind::LeftParen => {
                let start = self.bump().span;
                let inner = self.duration(0)?;
                let span = start.to(self.expect(TokenKind::RightParen)?.span);
                Ok(match inner {
                    // Parentheses around a literal, or twice, say nothing.
                    DurationExpr::Literal(number) => DurationExpr::Literal(number),
                    DurationExpr::Paren(inner, _) => DurationExpr::Paren(inner, span),
                    inner => DurationExpr::Paren(Box::new(inner), span),
                })
            }
            _ => Err(Stop::Unexpected),
        }
    }
}

fn duration_op(symbol: BinaryOp) -> Option<DurationOp> {
    Some(match symbol {
        BinaryOp::Add => DurationOp::Add,
        BinaryOp::Sub => DurationOp::Sub,
        BinaryOp::Mul => DurationOp::Mul,
        BinaryOp::Div => DurationOp::Div,
        BinaryOp::Mod => DurationOp::Mod,
        BinaryOp::Pow => DurationOp::Pow,
        _ => return None,
    })
}
