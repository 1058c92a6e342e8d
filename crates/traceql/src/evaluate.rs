//! A pipeline over one trace: spansets in, spansets out, stage by stage.
//!
//! Spans are numbers in tree order: a parent comes before its children and the spans below one are the ones that follow it. That makes every
//! structural operator one pass. A field that a span does not have is nil: it equals nothing but `nil`, and no comparison with it holds.

mod field;
mod relation;

use crate::ast::{
    Aggregate, Attribute, FieldExpr, MathOp, Pipeline, ScalarExpr, SpansetExpr, SpansetOp, Stage,
};
use crate::value::Static;

/// One trace as the language sees it.
pub trait Trace {
    fn spans(&self) -> usize;
    /// The first value of a field; `Nil` if the span has none.
    fn get(&self, span: usize, attribute: &Attribute) -> Static;
    /// All values of a field of events or links.
    fn all(&self, span: usize, attribute: &Attribute) -> Vec<Static>;
    fn parent(&self, span: usize) -> Option<usize>;
    /// One past the last span below `span`.
    fn end_of_subtree(&self, span: usize) -> usize;
}

/// Some spans of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spanset {
    /// In tree order, each once.
    pub spans: Vec<usize>,
    /// What `by(...)` and scalar filters found: name and value.
    pub attributes: Vec<(String, Static)>,
}

/// The spansets that `pipeline` gives for a trace; none if it does not match. Never an empty set.
pub fn evaluate(pipeline: &Pipeline, trace: &dyn Trace) -> Vec<Spanset> {
    let all = Spanset { spans: (0..trace.spans()).collect(), attributes: Vec::new() };
    run(pipeline, vec![all], trace)
}

fn run(pipeline: &Pipeline, mut sets: Vec<Spanset>, trace: &dyn Trace) -> Vec<Spanset> {
    for stage in &pipeline.0 {
        sets = match stage {
            Stage::Spansets(expr) => sets.iter().flat_map(|set| spansets(expr, set, trace)).collect(),
            Stage::ScalarFilter(op, left, right) => {
                let holds = |set: &mut Spanset| {
                    let (left_value, right_value) = (scalar(left, set, trace), scalar(right, set, trace));
                    let holds = left_value.compare(&right_value).is_some_and(|order| op.holds(order));
                    for (expr, value) in [(left, left_value), (right, right_value)] {
                        if !matches!(expr, ScalarExpr::Static(_)) {
                            set.attributes.push((expr.to_string(), value));
                        }
                    }
                    holds
                };
                sets.retain_mut(holds);
                sets
            }
            Stage::By(expr) => sets.iter().flat_map(|set| group(expr, set, trace)).collect(),
            Stage::Coalesce => coalesce(sets),
            Stage::Select(_) => sets,
        };
        sets.retain(|set| !set.spans.is_empty());
    }
    sets
}

fn coalesce(sets: Vec<Spanset>) -> Vec<Spanset> {
    let mut spans: Vec<usize> = sets.into_iter().flat_map(|set| set.spans).collect();
    spans.sort_unstable();
    spans.dedup();
    vec![Spanset { spans, attributes: Vec::new() }]
}

/// One spanset a value, in order of first appearance.
fn group(expr: &FieldExpr, set: &Spanset, trace: &dyn Trace) -> Vec<Spanset> {
    let mut groups: Vec<(Static, Spanset)> = Vec::new();
    for span in &set.spans {
        let value = field::value(expr, *span, trace);
        match groups.iter_mut().find(|(have, _)| *have == value) {
            Some((_, group)) => group.spans.push(*span),
            None => {
                let mut attributes = set.attributes.clone();
                attributes.push((format!("by({expr})"), value.clone()));
                groups.push((value, Spanset { spans: vec![*span], attributes }));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The spansets of an expression within one spanset.
fn spansets(expr: &SpansetExpr, set: &Spanset, trace: &dyn Trace) -> Vec<Spanset> {
    match expr {
        SpansetExpr::Filter(None) => vec![set.clone()],
        SpansetExpr::Filter(Some(filter)) => {
            let holds = |span: &&usize| field::value(filter, **span, trace) == Static::Bool(true);
            let spans = set.spans.iter().filter(holds).copied().collect();
            vec![Spanset { spans, attributes: set.attributes.clone() }]
        }
        SpansetExpr::Pipeline(pipeline) => run(pipeline, vec![set.clone()], trace),
        SpansetExpr::Binary(op, left, right) => {
            let spans_of = |expr: &SpansetExpr| -> Vec<usize> {
                coalesce(spansets(expr, set, trace)).pop().map(|set| set.spans).unwrap_or_default()
            };
            let (left, right) = (spans_of(left), spans_of(right));
            let spans = match op {
                SpansetOp::And if left.is_empty() || right.is_empty() => Vec::new(),
                SpansetOp::And | SpansetOp::Or => relation::union(&left, &right),
                SpansetOp::Relation { relation, kind } => {
                    relation::related(*relation, *kind, &left, &right, trace)
                }
            };
            vec![Spanset { spans, attributes: set.attributes.clone() }]
        }
    }
}

fn scalar(expr: &ScalarExpr, set: &Spanset, trace: &dyn Trace) -> Static {
    match expr {
        ScalarExpr::Static(constant) => constant.clone(),
        ScalarExpr::Aggregate(of) => aggregate(of, &set.spans, trace),
        ScalarExpr::Pipeline(pipeline, of) => {
            let inner = coalesce(run(pipeline, vec![set.clone()], trace)).pop().unwrap_or_default();
            aggregate(of, &inner.spans, trace)
        }
        ScalarExpr::Math(op, left, right) => math(*op, &scalar(left, set, trace), &scalar(right, set, trace)),
    }
}

/// Over the spans that have a number there; nil if none has.
fn aggregate(of: &Aggregate, spans: &[usize], trace: &dyn Trace) -> Static {
    let expr = match of {
        Aggregate::Count => return Static::Int(spans.len() as i64),
        Aggregate::Max(expr) | Aggregate::Min(expr) | Aggregate::Sum(expr) | Aggregate::Avg(expr) => expr,
    };
    let values: Vec<Static> = spans
        .iter()
        .map(|span| field::value(expr, *span, trace))
        .filter(|value| value.as_f64().is_some())
        .collect();
    let count = values.len();
    let prefer = |wanted: std::cmp::Ordering| {
        move |best: Static, next: Static| if next.compare(&best) == Some(wanted) { next } else { best }
    };
    let reduced = match of {
        Aggregate::Max(_) => values.into_iter().reduce(prefer(std::cmp::Ordering::Greater)),
        Aggregate::Min(_) => values.into_iter().reduce(prefer(std::cmp::Ordering::Less)),
        _ => values.into_iter().reduce(|sum, next| math(MathOp::Add, &sum, &next)),
    };
    match (of, reduced) {
        (_, None) => Static::Nil,
        (Aggregate::Avg(_), Some(Static::Duration(sum))) => Static::Duration(sum / count as i64),
        (Aggregate::Avg(_), Some(sum)) => Static::Float(sum.as_f64().unwrap_or(f64::NAN) / count as f64),
        (_, Some(value)) => value,
    }
}

/// Ints stay ints (`1 / 2` is 0), durations stay durations where that means something, everything else is a float. Nil where there is no result.
fn math(op: MathOp, left: &Static, right: &Static) -> Static {
    use Static::{Duration, Float, Int};
    let whole = |a: i64, b: i64| match op {
        MathOp::Add => a.checked_add(b),
        MathOp::Subtract => a.checked_sub(b),
        MathOp::Multiply => a.checked_mul(b),
        MathOp::Divide => a.checked_div(b),
        MathOp::Modulo => a.checked_rem(b),
        MathOp::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    let keeps_unit = matches!(op, MathOp::Add | MathOp::Subtract | MathOp::Modulo);
    match (left, right) {
        (Int(a), Int(b)) => return whole(*a, *b).map_or(Static::Nil, Int),
        (Duration(a), Duration(b)) if keeps_unit => return whole(*a, *b).map_or(Static::Nil, Duration),
        (Duration(a), Int(b)) if matches!(op, MathOp::Multiply | MathOp::Divide) => {
            return whole(*a, *b).map_or(Static::Nil, Duration);
        }
        (Int(a), Duration(b)) if op == MathOp::Multiply => {
            return whole(*a, *b).map_or(Static::Nil, Duration);
        }
        _ => (),
    }
    let (Some(a), Some(b)) = (left.as_f64(), right.as_f64()) else { return Static::Nil };
    Float(match op {
        MathOp::Add => a + b,
        MathOp::Subtract => a - b,
        MathOp::Multiply => a * b,
        MathOp::Divide => a / b,
        MathOp::Modulo => a % b,
        MathOp::Power => a.powf(b),
    })
}

#[cfg(test)]
mod tests;
