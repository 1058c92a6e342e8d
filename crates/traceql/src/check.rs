//! Types: what can be known to be wrong before a query runs. Texts are Tempo's.

use crate::ast::{
    Aggregate, Attribute, CompareOp, FieldExpr, FieldOp, Metric, MetricFunction, Pipeline, Query, ScalarExpr,
    SpansetExpr, Stage,
};
use crate::error::ParseError;
use crate::value::Type;

type Checked<T> = Result<T, ParseError>;

fn wrong<T>(message: String) -> Checked<T> {
    Err(ParseError::Types(message))
}

pub(crate) fn check(query: &Query) -> Checked<()> {
    pipeline(&query.pipeline)?;
    if let Some(metric) = &query.metric {
        self::metric(metric)?;
    }
    Ok(())
}

fn metric(metric: &Metric) -> Checked<()> {
    use MetricFunction::*;
    let attribute = match &metric.function {
        Rate | CountOverTime => return Ok(()),
        MinOverTime(of) | MaxOverTime(of) | SumOverTime(of) | AvgOverTime(of) | HistogramOverTime(of) => of,
        QuantileOverTime(of, quantiles) => {
            if let Some(bad) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                return wrong(format!("quantile must be between 0 and 1: {bad}"));
            }
            of
        }
    };
    match attribute_type(attribute).is_numeric() {
        true => Ok(()),
        false => wrong(format!("{metric}: {attribute} is no number")),
    }
}

fn pipeline(pipeline: &Pipeline) -> Checked<()> {
    for stage in &pipeline.0 {
        match stage {
            Stage::Spansets(expr) => spansets(expr)?,
            Stage::ScalarFilter(op, left, right) => {
                let has_aggregate = scalar_has_aggregate(left) || scalar_has_aggregate(right);
                if !has_aggregate {
                    return wrong(format!("scalar filter must contain an aggregate: {left} {op} {right}"));
                }
                let (of_left, of_right) = (scalar(left)?, scalar(right)?);
                if !of_left.goes_with(of_right) {
                    return wrong(format!(
                        "binary operations must operate on the same type: {left} {op} {right}"
                    ));
                }
            }
            Stage::By(expr) => {
                field(expr)?;
                if !references_span(expr) {
                    return wrong(format!("grouping field expressions must reference the span: by({expr})"));
                }
            }
            Stage::Coalesce | Stage::Select(_) => (),
        }
    }
    Ok(())
}

fn spansets(expr: &SpansetExpr) -> Checked<()> {
    match expr {
        SpansetExpr::Filter(None) => Ok(()),
        SpansetExpr::Filter(Some(filter)) => match field(filter)? {
            Type::Bool | Type::Attribute => Ok(()),
            _ => wrong(format!("span filter field expressions must resolve to a boolean: {expr}")),
        },
        SpansetExpr::Pipeline(inner) => pipeline(inner),
        SpansetExpr::Binary(_, left, right) => {
            spansets(left)?;
            spansets(right)
        }
    }
}

fn scalar_has_aggregate(expr: &ScalarExpr) -> bool {
    match expr {
        ScalarExpr::Static(_) => false,
        ScalarExpr::Aggregate(_) | ScalarExpr::Pipeline(..) => true,
        ScalarExpr::Math(_, left, right) => scalar_has_aggregate(left) || scalar_has_aggregate(right),
    }
}

fn scalar(expr: &ScalarExpr) -> Checked<Type> {
    match expr {
        ScalarExpr::Static(constant) => Ok(constant.kind_of()),
        ScalarExpr::Aggregate(of) => aggregate(of),
        ScalarExpr::Pipeline(of, by) => {
            pipeline(of)?;
            aggregate(by)
        }
        ScalarExpr::Math(_, left, right) => {
            let (left, right) = (scalar(left)?, scalar(right)?);
            Ok(if left == right { left } else { Type::Float })
        }
    }
}

fn aggregate(of: &Aggregate) -> Checked<Type> {
    let expr = match of {
        Aggregate::Count => return Ok(Type::Int),
        Aggregate::Max(expr) | Aggregate::Min(expr) | Aggregate::Sum(expr) | Aggregate::Avg(expr) => expr,
    };
    let kind = field(expr)?;
    if !kind.is_numeric() {
        return wrong(format!("aggregate field expressions must resolve to a number type: {of}"));
    }
    if !references_span(expr) {
        return wrong(format!("aggregate field expressions must reference the span: {of}"));
    }
    Ok(kind)
}

fn references_span(expr: &FieldExpr) -> bool {
    match expr {
        FieldExpr::Static(_) => false,
        FieldExpr::Attribute(_) => true,
        FieldExpr::Not(inner) | FieldExpr::Negate(inner) => references_span(inner),
        FieldExpr::Match { field, .. } => references_span(field),
        FieldExpr::Binary(_, left, right) => references_span(left) || references_span(right),
    }
}

fn attribute_type(attribute: &Attribute) -> Type {
    match attribute {
        Attribute::Key { .. } => Type::Attribute,
        Attribute::Intrinsic(intrinsic) => intrinsic.kind_of(),
    }
}

fn field(expr: &FieldExpr) -> Checked<Type> {
    let illegal = |kind: Type| wrong(format!("illegal operation for the given type: {expr} ({kind:?})"));
    match expr {
        FieldExpr::Static(constant) => Ok(constant.kind_of()),
        FieldExpr::Attribute(attribute) => Ok(attribute_type(attribute)),
        FieldExpr::Not(inner) => match field(inner)? {
            Type::Bool | Type::Attribute => Ok(Type::Bool),
            kind => illegal(kind),
        },
        FieldExpr::Negate(inner) => match field(inner)? {
            kind if kind.is_numeric() => Ok(kind),
            kind => illegal(kind),
        },
        FieldExpr::Match { field: inner, .. } => match field(inner)? {
            Type::String | Type::Attribute => Ok(Type::Bool),
            kind => illegal(kind),
        },
        FieldExpr::Binary(op, left, right) => binary(expr, *op, field(left)?, field(right)?),
    }
}

fn binary(expr: &FieldExpr, op: FieldOp, left: Type, right: Type) -> Checked<Type> {
    if !left.goes_with(right) {
        return wrong(format!("binary operations must operate on the same type: {expr}"));
    }
    let both = |holds: fn(Type) -> bool| {
        let open = |kind: Type| kind == Type::Attribute;
        (open(left) || holds(left)) && (open(right) || holds(right))
    };
    let is_nil = left == Type::Nil || right == Type::Nil;
    let legal = match op {
        FieldOp::And | FieldOp::Or => both(|kind| kind == Type::Bool),
        FieldOp::Compare(CompareOp::Equal | CompareOp::NotEqual) => true,
        FieldOp::Compare(_) => !is_nil && both(|kind| kind.is_numeric() || kind == Type::String),
        FieldOp::Math(_) => both(Type::is_numeric),
    };
    if !legal {
        return wrong(format!("illegal operation for the given types: {expr}"));
    }
    Ok(match op {
        FieldOp::Math(_) if left == right => left,
        FieldOp::Math(_) if left == Type::Attribute || right == Type::Attribute => Type::Attribute,
        FieldOp::Math(_) => Type::Float,
        _ => Type::Bool,
    })
}
