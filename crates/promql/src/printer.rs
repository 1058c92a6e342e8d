//! A tree as text on one line: Prometheus's canonical form, which parses to the same tree.
//!
//! `Display` of [`Expr`] and of its parts. Parentheses are nodes of their own, so none are added here.

use std::fmt::{self, Display, Formatter, Write};

use model::labels::Labels;
use model::matcher::MatchOp;
use model::quote::{is_plain_metric_name, write_quoted};

use crate::ast::{
    Aggregate, At, Binary, Call, Cardinality, DurationExpr, Expr, Matching, MatrixSelector, NumberLiteral,
    Subquery, TimeModifiers, VectorSelector,
};
use crate::literal::{format_duration_ms, format_number};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(node) => node.fmt(f),
            Self::String(node) => write_quoted(f, &node.value),
            Self::Vector(node) => node.fmt(f),
            Self::Matrix(node) => node.fmt(f),
            Self::Subquery(node) => node.fmt(f),
            Self::Aggregate(node) => node.fmt(f),
            Self::Call(node) => node.fmt(f),
            Self::Binary(node) => node.fmt(f),
            Self::Unary(node) => write!(f, "{}{}", node.op.symbol(), node.expr),
            Self::Paren(node) => write!(f, "({})", node.expr),
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match exact_ms(self.value) {
            Some(duration_ms) if self.is_duration => f.write_str(&format_duration_ms(duration_ms)),
            _ => f.write_str(&format_number(self.value)),
        }
    }
}

/// Milliseconds, when the seconds are a whole number of them.
fn exact_ms(seconds: f64) -> Option<i64> {
    let duration_ms = (seconds * 1000.0).round();
    (duration_ms / 1000.0 == seconds && duration_ms.abs() < i64::MAX as f64).then_some(duration_ms as i64)
}

/// A range, step or offset that is a literal is shown as a duration, however it was written.
fn write_literal(f: &mut Formatter<'_>, number: &NumberLiteral) -> fmt::Result {
    match exact_ms(number.value) {
        Some(duration_ms) => f.write_str(&format_duration_ms(duration_ms)),
        None => f.write_str(&format_number(number.value)),
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(number) => number.fmt(f),
            Self::Step(_) => f.write_str("step()"),
            Self::Range(_) => f.write_str("range()"),
            Self::Min(args, _) => write!(f, "min_of({}, {})", args[0], args[1]),
            Self::Max(args, _) => write!(f, "max_of({}, {})", args[0], args[1]),
            Self::Unary(op, inner, _) => write!(f, "{}{inner}", op.symbol()),
            Self::Binary(op, args, _) => write!(f, "{} {} {}", args[0], op.symbol(), args[1]),
            Self::Paren(inner, _) => write!(f, "({inner})"),
        }
    }
}

/// A duration in its place: `[5m]`, `offset 5m`.
struct Placed<'a>(&'a DurationExpr);

impl Display for Placed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            DurationExpr::Literal(number) => write_literal(f, number),
            other => other.fmt(f),
        }
    }
}

impl Display for TimeModifiers {
    /// ` @ 1.000 offset 5m`, with a space in front of each.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::TimestampMs(timestamp_ms)) => {
                let sign = if timestamp_ms < 0 { "-" } else { "" };
                let timestamp_ms = timestamp_ms.unsigned_abs();
                write!(f, " @ {sign}{}.{:03}", timestamp_ms / 1000, timestamp_ms % 1000)?;
            }
        }
        match &self.offset {
            Some(offset) => write!(f, " offset {}", Placed(offset)),
            None => Ok(()),
        }
    }
}

impl VectorSelector {
    /// Name and braces, without modifiers.
    fn write_bare(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let is_name = |matcher: &&model::matcher::Matcher| {
            matcher.name() == Labels::METRIC_NAME
                && matcher.op() == MatchOp::Equal
                && matcher.value() == &*self.name
                && !self.name.is_empty()
        };
        let mut shown: Vec<String> =
            self.matchers.iter().filter(|matcher| !is_name(matcher)).map(ToString::to_string).collect();
        if shown.is_empty() && !self.name.is_empty() {
            return Ok(());
        }
        shown.sort_unstable();
        write!(f, "{{{}}}", shown.join(","))
    }

    fn write_extended(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.extended {
            Some(extended) => write!(f, " {}", extended.name()),
            None => Ok(()),
        }
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_bare(f)?;
        self.write_extended(f)?;
        self.time.fmt(f)
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.selector.write_bare(f)?;
        write!(f, "[{}]", Placed(&self.range))?;
        self.selector.write_extended(f)?;
        self.selector.time.fmt(f)
    }
}

impl Subquery {
    /// `[1h:5m] @ 1.000 offset 5m`.
    pub(crate) fn write_suffix(&self, f: &mut impl Write) -> fmt::Result {
        write!(f, "[{}:", Placed(&self.range))?;
        if let Some(step) = &self.step {
            write!(f, "{}", Placed(step))?;
        }
        write!(f, "]{}", self.time)
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        self.write_suffix(f)
    }
}

impl Aggregate {
    /// `sum by (job) `.
    pub(crate) fn write_head(&self, f: &mut impl Write) -> fmt::Result {
        f.write_str(self.op.name())?;
        if let Some(grouping) = &self.grouping {
            let word = if grouping.without { "without" } else { "by" };
            write!(f, " {word} ({}) ", LabelList(&grouping.labels))?;
        }
        Ok(())
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        for (place, arg) in self.args.iter().enumerate() {
            write!(f, "{}{arg}", if place > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

impl Binary {
    /// `== bool on (job) group_left (instance)`.
    pub(crate) fn write_operator(&self, f: &mut impl Write) -> fmt::Result {
        f.write_str(self.op.symbol())?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        match &self.matching {
            Some(matching) => write_matching(matching, f),
            None => Ok(()),
        }
    }
}

fn write_matching(matching: &Matching, f: &mut impl Write) -> fmt::Result {
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("left"),
        Cardinality::OneToMany => Some("right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if !matching.labels.is_empty() || matching.on || group.is_some() {
        let word = if matching.on { "on" } else { "ignoring" };
        write!(f, " {word} ({})", LabelList(&matching.labels))?;
    }
    if let Some(side) = group {
        write!(f, " group_{side} ({})", LabelList(&matching.include))?;
    }
    let same = |left: f64, right: f64| left == right || left.is_nan() && right.is_nan();
    match (matching.fill.left, matching.fill.right) {
        (Some(left), Some(right)) if same(left, right) => write!(f, " fill ({})", format_number(left)),
        (left, right) => {
            left.map_or(Ok(()), |value| write!(f, " fill_left ({})", format_number(value)))?;
            right.map_or(Ok(()), |value| write!(f, " fill_right ({})", format_number(value)))
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.left)?;
        self.write_operator(f)?;
        write!(f, " {}", self.right)
    }
}

/// `a, "b.c"`: names that are not plain are quoted.
struct LabelList<'a>(&'a [Box<str>]);

impl Display for LabelList<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, label) in self.0.iter().enumerate() {
            f.write_str(if place > 0 { ", " } else { "" })?;
            if is_plain_metric_name(label) {
                f.write_str(label)?;
            } else {
                write_quoted(f, label.as_bytes())?;
            }
        }
        Ok(())
    }
}
