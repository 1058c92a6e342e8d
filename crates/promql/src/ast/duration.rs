//! Durations as written: a literal, or arithmetic over literals, `step()` and `range()` that resolves per query.
//!
//! Values are seconds in `f64`, as in Prometheus; [`DurationExpr::resolve_ms`] truncates to milliseconds. A literal
//! resolves without a query.

use crate::ast::NumberLiteral;
use crate::span::Span;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

impl DurationOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum DurationExpr {
    /// Seconds; the sign of a negative literal is folded in.
    Literal(NumberLiteral),
    /// `step()`: the resolution of the query.
    Step(Span),
    /// `range()`: end minus start of the query.
    Range(Span),
    /// `min_of(a, b)`.
    Min(Box<[DurationExpr; 2]>, Span),
    /// `max_of(a, b)`.
    Max(Box<[DurationExpr; 2]>, Span),
    /// `+a`, `-a`; the operator is `Add` or `Sub`.
    Unary(DurationOp, Box<DurationExpr>, Span),
    Binary(DurationOp, Box<[DurationExpr; 2]>, Span),
    Paren(Box<DurationExpr>, Span),
}

/// What `step()` and `range()` mean: the time grid of the query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QueryGrid {
    pub step_ms: i64,
    pub range_ms: i64,
}

/// Texts as in Prometheus, which gives byte offsets `start:end` in front.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DurationError {
    #[error("{}:{}: duration must be greater than 0", .0.start, .0.end)]
    NotPositive(Span),
    #[error("{}:{}: duration is out of range", .0.start, .0.end)]
    OutOfRange(Span),
    #[error("{}:{}: division by zero", .0.start, .0.end)]
    DivisionByZero(Span),
    #[error("{}:{}: modulo by zero", .0.start, .0.end)]
    ModuloByZero(Span),
}

impl DurationExpr {
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(number) => number.span,
            Self::Step(span) | Self::Range(span) => *span,
            Self::Min(_, span) | Self::Max(_, span) => *span,
            Self::Unary(_, _, span) | Self::Binary(_, _, span) | Self::Paren(_, span) => *span,
        }
    }

    /// Milliseconds of a plain literal; `None` when the value depends on the query.
    pub fn literal_ms(&self) -> Option<i64> {
        match self {
            Self::Literal(number) => Some((number.value * 1e9).round() as i64 / 1_000_000),
            _ => None,
        }
    }

    /// A range or a step: must be positive.
    pub fn resolve_positive_ms(&self, grid: QueryGrid) -> Result<i64, DurationError> {
        if let Some(ms) = self.literal_ms() {
            return Ok(ms);
        }
        let seconds = self.seconds(grid)?;
        if seconds <= 0.0 { Err(DurationError::NotPositive(self.span())) } else { self.to_ms(seconds) }
    }

    /// An offset: any sign.
    pub fn resolve_ms(&self, grid: QueryGrid) -> Result<i64, DurationError> {
        match self.literal_ms() {
            Some(ms) => Ok(ms),
            None => self.to_ms(self.seconds(grid)?),
        }
    }

    fn to_ms(&self, seconds: f64) -> Result<i64, DurationError> {
        // Nanoseconds must fit in 64 bits, so that every later sum of a few of them fits in milliseconds.
        let limit = i64::MAX as f64 / 1e9;
        if seconds.is_nan() || seconds.abs() > limit {
            return Err(DurationError::OutOfRange(self.span()));
        }
        Ok((seconds * 1000.0) as i64)
    }

    /// Seconds; depth is bounded by the parser's limit.
    fn seconds(&self, grid: QueryGrid) -> Result<f64, DurationError> {
        Ok(match self {
            Self::Literal(number) => number.value,
            Self::Step(_) => grid.step_ms as f64 / 1000.0,
            Self::Range(_) => grid.range_ms as f64 / 1000.0,
            Self::Min(args, _) => args[0].seconds(grid)?.min(args[1].seconds(grid)?),
            Self::Max(args, _) => args[0].seconds(grid)?.max(args[1].seconds(grid)?),
            Self::Unary(DurationOp::Sub, inner, _) => -inner.seconds(grid)?,
            Self::Unary(_, inner, _) | Self::Paren(inner, _) => inner.seconds(grid)?,
            Self::Binary(op, args, span) => {
                let (left, right) = (args[0].seconds(grid)?, args[1].seconds(grid)?);
                match op {
                    DurationOp::Add => left + right,
                    DurationOp::Sub => left - right,
                    DurationOp::Mul => left * right,
                    DurationOp::Div if right == 0.0 => return Err(DurationError::DivisionByZero(*span)),
                    DurationOp::Div => left / right,
                    DurationOp::Mod if right == 0.0 => return Err(DurationError::ModuloByZero(*span)),
                    DurationOp::Mod => left % right,
                    DurationOp::Pow => left.powf(right),
                }
            }
        })
    }
}
