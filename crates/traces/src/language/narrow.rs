//! What spans of a result must satisfy by themselves, as conditions that columns can answer.
//!
//! Only conditions that hold for *every* span a pipeline can give are taken: the conjunction at the top of a filter, the right side of a
//! structural operator. Leaving one out costs time, never an answer.

use model::TenantId;
use model::span::{SpanKind, StatusCode};
use traceql::Static;
use traceql::ast::{
    Aggregate, Attribute, CompareOp, FieldExpr, FieldOp, Intrinsic, Pipeline, RelationKind, ScalarExpr,
    Scope, SpansetExpr, SpansetOp, Stage,
};

use super::scope_of;
use crate::query::{AttributeFilter, Budget, Comparison, Kind, SearchQuery, Status, TimeRange, Value};

/// A search for the spans that `pipeline` may give.
pub(super) fn query(
    pipeline: &Pipeline,
    tenant: &TenantId,
    range: TimeRange,
    budget: &Budget,
) -> SearchQuery {
    let mut query = SearchQuery { budget: budget.clone(), ..SearchQuery::new(tenant.clone(), range) };
    // Later stages give no span that the first does not.
    if let Some(Stage::Spansets(first)) = pipeline.0.first() {
        spansets(first, &mut query);
    }
    query
}

fn spansets(expr: &SpansetExpr, query: &mut SearchQuery) {
    match expr {
        SpansetExpr::Filter(Some(filter)) => conjunction(filter, query),
        SpansetExpr::Pipeline(inner) => {
            if let Some(Stage::Spansets(first)) = inner.0.first() {
                spansets(first, query);
            }
        }
        SpansetExpr::Binary(
            SpansetOp::Relation { kind: RelationKind::Plain | RelationKind::Not, .. },
            _,
            right,
        ) => {
            spansets(right, query);
        }
        SpansetExpr::Binary(..) | SpansetExpr::Filter(None) => (),
    }
}

fn conjunction(filter: &FieldExpr, query: &mut SearchQuery) {
    match filter {
        FieldExpr::Binary(FieldOp::And, left, right) => {
            conjunction(left, query);
            conjunction(right, query);
        }
        FieldExpr::Binary(FieldOp::Compare(op), left, right) => match (&**left, &**right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Static(value)) => {
                compare(attribute, *op, value, query)
            }
            (FieldExpr::Static(value), FieldExpr::Attribute(attribute)) => {
                compare(attribute, turned(*op), value, query)
            }
            _ => (),
        },
        FieldExpr::Match { field, pattern, negated } => {
            if let FieldExpr::Attribute(Attribute::Key { scope, key }) = &**field {
                query.attributes.push(AttributeFilter {
                    scope: scope_of(*scope),
                    key: key.clone(),
                    comparison: if *negated { Comparison::MatchesNot } else { Comparison::Matches },
                    value: Value::String(pattern.0.pattern().to_owned()),
                });
            }
        }
        _ => (),
    }
}

/// `1 < .a` is `.a > 1`.
fn turned(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
        same => same,
    }
}

fn compare(attribute: &Attribute, op: CompareOp, value: &Static, query: &mut SearchQuery) {
    match attribute {
        Attribute::Intrinsic(intrinsic) => intrinsic_condition(*intrinsic, op, value, query),
        Attribute::Key { scope, key } => {
            let value = match value {
                Static::String(service)
                    if (*scope, key.as_str(), op) == (Scope::Resource, "service.name", CompareOp::Equal)
                        && query.service.is_none() =>
                {
                    query.service = Some(service.clone());
                    return;
                }
                Static::String(text) => Value::String(text.clone()),
                Static::Int(number) | Static::Duration(number) => Value::Int(*number),
                Static::Float(number) => Value::Double(*number),
                Static::Bool(value) => Value::Bool(*value),
                Static::Nil | Static::Status(_) | Static::Kind(_) => return,
            };
            let comparison = match op {
                CompareOp::Equal => Comparison::Equal,
                // Of values of different types the two languages think differently.
                CompareOp::NotEqual => return,
                CompareOp::Less => Comparison::Less,
                CompareOp::LessOrEqual => Comparison::LessOrEqual,
                CompareOp::Greater => Comparison::Greater,
                CompareOp::GreaterOrEqual => Comparison::GreaterOrEqual,
            };
            query.attributes.push(AttributeFilter {
                scope: scope_of(*scope),
                key: key.clone(),
                comparison,
                value,
            });
        }
    }
}

fn intrinsic_condition(intrinsic: Intrinsic, op: CompareOp, value: &Static, query: &mut SearchQuery) {
    match (intrinsic, op, value) {
        (Intrinsic::Name, CompareOp::Equal, Static::String(name)) if query.name.is_none() => {
            query.name = Some(name.clone());
        }
        (Intrinsic::Status, CompareOp::Equal, Static::Status(code)) if query.status.is_none() => {
            query.status = Some(match code {
                StatusCode::Ok => Status::Ok,
                StatusCode::Error => Status::Error,
                StatusCode::Unset => Status::Unset,
            });
        }
        (Intrinsic::Kind, CompareOp::Equal, Static::Kind(kind)) if query.kind.is_none() => {
            query.kind = Some(match kind {
                SpanKind::Internal => Kind::Internal,
                SpanKind::Server => Kind::Server,
                SpanKind::Client => Kind::Client,
                SpanKind::Producer => Kind::Producer,
                SpanKind::Consumer => Kind::Consumer,
                SpanKind::Unspecified => Kind::Unspecified,
            });
        }
        (Intrinsic::Duration, op, Static::Duration(ns) | Static::Int(ns)) => {
            let ns = (*ns).max(0) as u64;
            let least = query.span_duration_min_ns.unwrap_or(0);
            let most = query.span_duration_max_ns.unwrap_or(u64::MAX);
            if matches!(op, CompareOp::Equal | CompareOp::Greater | CompareOp::GreaterOrEqual) {
                query.span_duration_min_ns = Some(least.max(ns));
            }
            if matches!(op, CompareOp::Equal | CompareOp::Less | CompareOp::LessOrEqual) {
                query.span_duration_max_ns = Some(most.min(ns));
            }
        }
        _ => (),
    }
}

/// Calls `each` with every field that a pipeline names.
pub(super) fn each_attribute(pipeline: &Pipeline, each: &mut impl FnMut(&Attribute)) {
    for stage in &pipeline.0 {
        match stage {
            Stage::Spansets(expr) => of_spansets(expr, each),
            Stage::ScalarFilter(_, left, right) => {
                of_scalar(left, each);
                of_scalar(right, each);
            }
            Stage::By(field) => of_field(field, each),
            Stage::Coalesce => (),
            Stage::Select(attributes) => attributes.iter().for_each(&mut *each),
        }
    }
}

fn of_spansets(expr: &SpansetExpr, each: &mut impl FnMut(&Attribute)) {
    match expr {
        SpansetExpr::Filter(filter) => filter.iter().for_each(|field| of_field(field, each)),
        SpansetExpr::Pipeline(inner) => each_attribute(inner, each),
        SpansetExpr::Binary(_, left, right) => {
            of_spansets(left, each);
            of_spansets(right, each);
        }
    }
}

fn of_scalar(expr: &ScalarExpr, each: &mut impl FnMut(&Attribute)) {
    match expr {
        ScalarExpr::Static(_) => (),
        ScalarExpr::Aggregate(aggregate) => of_aggregate(aggregate, each),
        ScalarExpr::Pipeline(pipeline, aggregate) => {
            each_attribute(pipeline, each);
            of_aggregate(aggregate, each);
        }
        ScalarExpr::Math(_, left, right) => {
            of_scalar(left, each);
            of_scalar(right, each);
        }
    }
}

fn of_aggregate(aggregate: &Aggregate, each: &mut impl FnMut(&Attribute)) {
    match aggregate {
        Aggregate::Count => (),
        Aggregate::Max(field) | Aggregate::Min(field) | Aggregate::Sum(field) | Aggregate::Avg(field) => {
            of_field(field, each)
        }
    }
}

fn of_field(field: &FieldExpr, each: &mut impl FnMut(&Attribute)) {
    match field {
        FieldExpr::Static(_) => (),
        FieldExpr::Attribute(attribute) => each(attribute),
        FieldExpr::Not(inner) | FieldExpr::Negate(inner) | FieldExpr::Match { field: inner, .. } => {
            of_field(inner, each)
        }
        FieldExpr::Binary(_, left, right) => {
            of_field(left, each);
            of_field(right, each);
        }
    }
}
