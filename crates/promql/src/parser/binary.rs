//! Binary operators by precedence climbing, with `bool`, `on`, `ignoring`, `group_left`, `group_right` and the fills.

use super::{Parsed, Parser, Stop};
use crate::ast::{Binary, BinaryOp, Cardinality, Expr, Fill, Keyword, Matching};
use crate::token::TokenKind;

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            let TokenKind::Op(op) = self.peek() else { return Ok(left) };
            if op.precedence() < least {
                return Ok(left);
            }
            let below = if op.is_right_associative() { op.precedence() } else { op.precedence() + 1 };
            left = self.binary(left, op, below)?;
        }
    }

    fn binary(&mut self, left: Expr, op: BinaryOp, right_least: u8) -> Parsed<Expr> {
        let left_height = self.height;
        let op_span = self.bump().span;
        let (returns_bool, matching) = self.modifiers()?;
        self.descend()?;
        let right = self.expression(right_least)?;
        self.depth -= 1;
        self.node(left_height.max(self.height))?;
        let span = left.span().to(right.span());
        let matching = Some(matching);
        Ok(Expr::Binary(Box::new(Binary { op, left, right, returns_bool, matching, op_span, span })))
    }

    fn modifiers(&mut self) -> Parsed<(bool, Matching)> {
        let mut matching = Matching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill: Fill::default(),
        };
        let TokenKind::Keyword(_) = self.peek() else { return Ok((false, matching)) };
        let returns_bool = self.eat(TokenKind::Keyword(Keyword::Bool));
        if let TokenKind::Keyword(word @ (Keyword::On | Keyword::Ignoring)) = self.peek() {
            self.bump();
            matching.on = word == Keyword::On;
            matching.labels = self.grouping_labels()?;
            if let TokenKind::Keyword(word @ (Keyword::GroupLeft | Keyword::GroupRight)) = self.peek() {
                self.bump();
                matching.cardinality = match word {
                    Keyword::GroupLeft => Cardinality::ManyToOne,
                    _ => Cardinality::OneToMany,
                };
                if self.peek() == TokenKind::LeftParen {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        matching.fill = self.fill()?;
        Ok((returns_bool, matching))
    }

    /// `fill (x)`, or `fill_left (x)` and `fill_right (y)` in any order.
    fn fill(&mut self) -> Parsed<Fill> {
        let mut fill = Fill::default();
        while let TokenKind::Keyword(word @ (Keyword::Fill | Keyword::FillLeft | Keyword::FillRight)) =
            self.peek()
        {
            let (left, right) = (word != Keyword::FillRight, word != Keyword::FillLeft);
            if left && fill.left.is_some() || right && fill.right.is_some() {
                return Err(Stop::Unexpected);
            }
            let span = self.bump().span;
            if !self.options.fill_modifiers {
                self.error(span, "binop fill modifiers are experimental and not enabled");
            }
            self.expect(TokenKind::LeftParen)?;
            let value = self.signed_number()?.value;
            self.expect(TokenKind::RightParen)?;
            fill.left = if left { Some(value) } else { fill.left };
            fill.right = if right { Some(value) } else { fill.right };
        }
        Ok(fill)
    }
}
