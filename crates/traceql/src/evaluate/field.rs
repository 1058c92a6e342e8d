//! The value of an expression over one span.

use super::{Trace, math};
use crate::ast::{Attribute, CompareOp, FieldExpr, FieldOp, Intrinsic, MathOp, Scope};
use crate::value::Static;

pub(super) fn value(expr: &FieldExpr, span: usize, trace: &dyn Trace) -> Static {
    match expr {
        FieldExpr::Static(constant) => constant.clone(),
        FieldExpr::Attribute(attribute) => trace.get(span, attribute),
        FieldExpr::Not(inner) => match value(inner, span, trace) {
            Static::Bool(value) => Static::Bool(!value),
            _ => Static::Bool(false),
        },
        FieldExpr::Negate(inner) => match value(inner, span, trace) {
            Static::Duration(ns) => Static::Duration(-ns),
            number => math(MathOp::Subtract, &Static::Int(0), &number),
        },
        FieldExpr::Match { field, pattern, negated } => any(field, span, trace, |value| match value {
            Static::String(text) => pattern.0.is_match(text) != *negated,
            _ => false,
        }),
        FieldExpr::Binary(FieldOp::And, left, right) => {
            let holds = is_true(left, span, trace) && is_true(right, span, trace);
            Static::Bool(holds)
        }
        FieldExpr::Binary(FieldOp::Or, left, right) => {
            let holds = is_true(left, span, trace) || is_true(right, span, trace);
            Static::Bool(holds)
        }
        FieldExpr::Binary(FieldOp::Math(op), left, right) => {
            math(*op, &value(left, span, trace), &value(right, span, trace))
        }
        FieldExpr::Binary(FieldOp::Compare(op), left, right) => compare(*op, left, right, span, trace),
    }
}

fn is_true(expr: &FieldExpr, span: usize, trace: &dyn Trace) -> bool {
    value(expr, span, trace) == Static::Bool(true)
}

fn compare(op: CompareOp, left: &FieldExpr, right: &FieldExpr, span: usize, trace: &dyn Trace) -> Static {
    let nil = |expr: &FieldExpr| *expr == FieldExpr::Static(Static::Nil);
    if nil(left) || nil(right) {
        let other = if nil(left) { right } else { left };
        let absent = value(other, span, trace) == Static::Nil;
        return Static::Bool(match op {
            CompareOp::Equal => absent,
            CompareOp::NotEqual => !absent,
            _ => false,
        });
    }
    if many(right).is_some() {
        return any(right, span, trace, |right| holds(op, &value(left, span, trace), right));
    }
    let right = value(right, span, trace);
    any(left, span, trace, |left| holds(op, left, &right))
}

fn holds(op: CompareOp, left: &Static, right: &Static) -> bool {
    left.compare(right).is_some_and(|order| op.holds(order))
}

/// The attribute, if a span may have several values of it.
fn many(expr: &FieldExpr) -> Option<&Attribute> {
    use Intrinsic::{EventName, EventTimeSinceStart, LinkSpanId, LinkTraceId};
    match expr {
        FieldExpr::Attribute(
            attribute @ (Attribute::Key { scope: Scope::Event | Scope::Link, .. }
            | Attribute::Intrinsic(EventName | EventTimeSinceStart | LinkTraceId | LinkSpanId)),
        ) => Some(attribute),
        _ => None,
    }
}

/// Whether `test` holds for a value of the expression: of events and links, for any of them.
fn any(expr: &FieldExpr, span: usize, trace: &dyn Trace, test: impl Fn(&Static) -> bool) -> Static {
    Static::Bool(match many(expr) {
        Some(attribute) => trace.all(span, attribute).iter().any(test),
        None => test(&value(expr, span, trace)),
    })
}
