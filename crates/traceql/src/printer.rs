//! Tree -> text: what parses back to the same tree. Operands that are operations themselves stand in parentheses.

use std::fmt::{self, Display, Formatter};

use crate::ast::{
    Aggregate, Attribute, CompareOp, FieldExpr, FieldOp, MathOp, Metric, MetricFunction, Pipeline, Query,
    Relation, RelationKind, ScalarExpr, Scope, SecondStage, SpansetExpr, SpansetOp, Stage,
};

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if place > 0 { ", " } else { "" })?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains('`') { format!("{text:?}") } else { format!("`{text}`") }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pipeline)?;
        if let Some(metric) = &self.metric {
            write!(f, " | {metric}")?;
        }
        if !self.hints.is_empty() {
            f.write_str(" with(")?;
            for (place, (name, value)) in self.hints.iter().enumerate() {
                write!(f, "{}{name}={value}", if place > 0 { ", " } else { "" })?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, stage) in self.0.iter().enumerate() {
            write!(f, "{}{stage}", if place > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spansets(expr) => write!(f, "{expr}"),
            Self::ScalarFilter(op, left, right) => write!(f, "{left} {op} {right}"),
            Self::By(field) => write!(f, "by({field})"),
            Self::Coalesce => f.write_str("coalesce()"),
            Self::Select(attributes) => {
                f.write_str("select(")?;
                list(f, attributes)?;
                f.write_str(")")
            }
        }
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, side: &Self| match side {
            Self::Binary(..) => write!(f, "({side})"),
            side => write!(f, "{side}"),
        };
        match self {
            Self::Filter(None) => f.write_str("{ }"),
            Self::Filter(Some(field)) => write!(f, "{{ {field} }}"),
            Self::Pipeline(pipeline) => write!(f, "({pipeline})"),
            Self::Binary(op, left, right) => {
                side(f, left)?;
                write!(f, " {op} ")?;
                side(f, right)
            }
        }
    }
}

impl Display for SpansetOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (kind, relation) = match self {
            Self::And => return f.write_str("&&"),
            Self::Or => return f.write_str("||"),
            Self::Relation { relation, kind } => (kind, relation),
        };
        let prefix = match kind {
            RelationKind::Plain => "",
            RelationKind::Not => "!",
            RelationKind::Union => "&",
        };
        let relation = match relation {
            Relation::Child => ">",
            Relation::Parent => "<",
            Relation::Descendant => ">>",
            Relation::Ancestor => "<<",
            Relation::Sibling => "~",
        };
        write!(f, "{prefix}{relation}")
    }
}

impl Display for FieldExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, side: &Self| match side {
            Self::Binary(..) | Self::Match { .. } | Self::Not(_) | Self::Negate(_) => write!(f, "({side})"),
            side => write!(f, "{side}"),
        };
        match self {
            Self::Static(crate::value::Static::String(text)) => f.write_str(&quoted(text)),
            Self::Static(constant) => write!(f, "{constant}"),
            Self::Attribute(attribute) => write!(f, "{attribute}"),
            Self::Not(inner) => {
                f.write_str("!")?;
                side(f, inner)
            }
            Self::Negate(inner) => {
                f.write_str("-")?;
                side(f, inner)
            }
            Self::Match { field, pattern, negated } => {
                side(f, field)?;
                write!(f, " {} {}", if *negated { "!~" } else { "=~" }, quoted(pattern.0.pattern()))
            }
            Self::Binary(op, left, right) => {
                side(f, left)?;
                write!(f, " {op} ")?;
                side(f, right)
            }
        }
    }
}

impl Display for FieldOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And => f.write_str("&&"),
            Self::Or => f.write_str("||"),
            Self::Compare(op) => write!(f, "{op}"),
            Self::Math(op) => write!(f, "{op}"),
        }
    }
}

impl Display for CompareOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for MathOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        })
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, side: &Self| match side {
            Self::Math(..) => write!(f, "({side})"),
            side => write!(f, "{side}"),
        };
        match self {
            Self::Static(constant) => write!(f, "{constant}"),
            Self::Aggregate(aggregate) => write!(f, "{aggregate}"),
            Self::Pipeline(pipeline, aggregate) => write!(f, "({pipeline} | {aggregate})"),
            Self::Math(op, left, right) => {
                side(f, left)?;
                write!(f, " {op} ")?;
                side(f, right)
            }
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count()"),
            Self::Max(field) => write!(f, "max({field})"),
            Self::Min(field) => write!(f, "min({field})"),
            Self::Sum(field) => write!(f, "sum({field})"),
            Self::Avg(field) => write!(f, "avg({field})"),
        }
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (scope, key) = match self {
            Self::Intrinsic(intrinsic) => return f.write_str(intrinsic.name()),
            Self::Key { scope, key } => (scope, key),
        };
        let scope = match scope {
            Scope::Any => "",
            Scope::Span => "span",
            Scope::Resource => "resource",
            Scope::Event => "event",
            Scope::Link => "link",
            Scope::Instrumentation => "instrumentation",
        };
        let plain = key.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
            && !key.starts_with(|c: char| c.is_ascii_digit());
        if plain { write!(f, "{scope}.{key}") } else { write!(f, "{scope}.{key:?}") }
    }
}

impl Display for Metric {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if !self.by.is_empty() {
            f.write_str(" by(")?;
            list(f, &self.by)?;
            f.write_str(")")?;
        }
        for stage in &self.then {
            match stage {
                SecondStage::TopK(count) => write!(f, " | topk({count})")?,
                SecondStage::BottomK(count) => write!(f, " | bottomk({count})")?,
                SecondStage::Filter(op, number) => write!(f, " {op} {number}")?,
            }
        }
        Ok(())
    }
}

impl MetricFunction {
    /// The function's name alone.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::CountOverTime => "count_over_time",
            Self::MinOverTime(_) => "min_over_time",
            Self::MaxOverTime(_) => "max_over_time",
            Self::SumOverTime(_) => "sum_over_time",
            Self::AvgOverTime(_) => "avg_over_time",
            Self::HistogramOverTime(_) => "histogram_over_time",
            Self::QuantileOverTime(..) => "quantile_over_time",
        }
    }
}

impl Display for MetricFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name())?;
        if let Some(of) = self.attribute() {
            write!(f, "{of}")?;
        }
        if let Self::QuantileOverTime(_, quantiles) = self {
            quantiles.iter().try_for_each(|q| write!(f, ", {q}"))?;
        }
        f.write_str(")")
    }
}
