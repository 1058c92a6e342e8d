//! Expressions over the fields of one span.

use model::span::{SpanKind, StatusCode};

use super::{Parsed, Parser, compare_op, math_op, negated};
use crate::ast::{Attribute, FieldExpr, FieldOp, Intrinsic, MathOp, Pattern, Scope};
use crate::error::ParseError;
use crate::lexer::Token;
use crate::value::Static;

/// Levels, low to high: 0 `&& ||`; 1 comparisons; 2 `+ -`; 3 `!`; 4 `* / %`; 5 `^`; 6 unary `-`.
const NOT_OPERAND: u8 = 4;

enum Operator {
    Field(FieldOp),
    Match { negated: bool },
}

fn operator(symbol: &str) -> Option<(Operator, u8)> {
    let field = |op, level| Some((Operator::Field(op), level));
    match symbol {
        "&&" => field(FieldOp::And, 0),
        "||" => field(FieldOp::Or, 0),
        "=~" => Some((Operator::Match { negated: false }, 1)),
        "!~" => Some((Operator::Match { negated: true }, 1)),
        _ => match (compare_op(symbol), math_op(symbol)) {
            (Some(op), _) => field(FieldOp::Compare(op), 1),
            (_, Some((op, level))) => field(FieldOp::Math(op), [2, 4, 5][usize::from(level)]),
            _ => None,
        },
    }
}

impl Parser<'_> {
    pub(super) fn field(&mut self, level: u8) -> Parsed<FieldExpr> {
        let mut left = self.nested(Self::field_prefix)?;
        while let Token::Symbol(symbol) = self.peek()
            && let Some((op, of_level)) = operator(symbol)
            && of_level >= level
        {
            self.advance();
            left = match op {
                Operator::Match { negated } => {
                    let Token::String(text) = self.peek().clone() else {
                        return Err(self.error("syntax error: a regular expression must be a string"));
                    };
                    let pattern = Pattern(self.regex(&text)?);
                    self.advance();
                    FieldExpr::Match { field: Box::new(left), pattern, negated }
                }
                Operator::Field(op) => {
                    let leans_right = op == FieldOp::Math(MathOp::Power);
                    let next = if leans_right { of_level } else { of_level + 1 };
                    let right = self.nested(|parser| parser.field(next))?;
                    FieldExpr::Binary(op, Box::new(left), Box::new(right))
                }
            };
        }
        Ok(left)
    }

    fn field_prefix(&mut self) -> Parsed<FieldExpr> {
        if self.accept("!") {
            let operand = self.nested(|parser| parser.field(NOT_OPERAND))?;
            return Ok(FieldExpr::Not(Box::new(operand)));
        }
        if self.accept("-") {
            return Ok(match self.nested(Self::field_prefix)? {
                FieldExpr::Static(number @ (Static::Int(_) | Static::Float(_) | Static::Duration(_))) => {
                    FieldExpr::Static(negated(number))
                }
                operand => FieldExpr::Negate(Box::new(operand)),
            });
        }
        if self.accept("(") {
            let inner = self.field(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let parsed = match self.peek().clone() {
            Token::String(text) => FieldExpr::Static(Static::String(text)),
            Token::Int(_) | Token::Float(_) | Token::Duration(_) => {
                return self.number().map(FieldExpr::Static);
            }
            Token::Word(word) => match constant(&word) {
                Some(constant) => FieldExpr::Static(constant),
                None => return self.attribute().map(FieldExpr::Attribute),
            },
            Token::Attribute { .. } => return self.attribute().map(FieldExpr::Attribute),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(parsed)
    }

    pub(super) fn attribute(&mut self) -> Parsed<Attribute> {
        let attribute = match self.peek() {
            Token::Word(word) if word == "parent" => {
                return Err(ParseError::Unsupported(
                    "the intrinsic parent is not supported: use the operators > and <".into(),
                ));
            }
            Token::Word(word) => Intrinsic::from_name(word).map(Attribute::Intrinsic),
            Token::Attribute { scope, key } => {
                let scope = match scope.as_str() {
                    "" => Scope::Any,
                    "span" => Scope::Span,
                    "resource" => Scope::Resource,
                    "event" => Scope::Event,
                    "link" => Scope::Link,
                    "instrumentation" => Scope::Instrumentation,
                    parent => {
                        let reason =
                            format!("the scope {parent} is not supported: use the operators > and <");
                        return Err(ParseError::Unsupported(reason));
                    }
                };
                Some(Attribute::Key { scope, key: key.clone() })
            }
            _ => None,
        };
        let attribute = attribute.ok_or_else(|| self.unexpected())?;
        self.advance();
        Ok(attribute)
    }

    pub(super) fn attributes_in_parentheses(&mut self) -> Parsed<Vec<Attribute>> {
        self.expect("(")?;
        let mut attributes = vec![self.attribute()?];
        while self.accept(",") {
            attributes.push(self.attribute()?);
        }
        self.expect(")")?;
        Ok(attributes)
    }
}

/// A word that is a value.
pub(super) fn constant(word: &str) -> Option<Static> {
    Some(match word {
        "true" => Static::Bool(true),
        "false" => Static::Bool(false),
        "nil" => Static::Nil,
        "minInt" => Static::Int(i64::MIN),
        "maxInt" => Static::Int(i64::MAX),
        "ok" => Static::Status(StatusCode::Ok),
        "error" => Static::Status(StatusCode::Error),
        "unset" => Static::Status(StatusCode::Unset),
        "unspecified" => Static::Kind(SpanKind::Unspecified),
        "internal" => Static::Kind(SpanKind::Internal),
        "server" => Static::Kind(SpanKind::Server),
        "client" => Static::Kind(SpanKind::Client),
        "producer" => Static::Kind(SpanKind::Producer),
        "consumer" => Static::Kind(SpanKind::Consumer),
        _ => return None,
    })
}
