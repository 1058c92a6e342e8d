//! Which parts of a plan are the same at every step: those whose selectors all have an `@`, and that use no function of the evaluation time.

use super::{Kind, Node};
use promql::Function;
use promql::ast::ValueType;

/// Functions whose result depends on the step even when their arguments do not.
fn depends_on_step(function: Function) -> bool {
    use Function::*;
    matches!(
        function,
        DaysInMonth
            | DayOfMonth
            | DayOfWeek
            | DayOfYear
            | End
            | Hour
            | Minute
            | Month
            | Year
            | PredictLinear
            | Range
            | Start
            | Step
            | Time
            | Timestamp
    )
}

/// Wraps the largest invariant parts of `node`.
pub(super) fn wrap_invariant(mut node: Node) -> Node {
    let (_, wrap) = visit(&mut node);
    if wrap { wrapped(node) } else { node }
}

fn wrapped(node: Node) -> Node {
    let (span, id) = (node.span, node.id);
    Node { kind: Kind::Invariant(Box::new(node)), span, share: None, id }
}

fn wrap_in_place(node: &mut Node) {
    let placeholder = Node { kind: Kind::Number(0.0), span: node.span, share: None, id: node.id };
    let inner = std::mem::replace(node, placeholder);
    *node = wrapped(inner);
}

/// Whether `node` is invariant, and whether the one above should wrap it. Parts of a node that is not are wrapped here.
fn visit(node: &mut Node) -> (bool, bool) {
    match &mut node.kind {
        Kind::Number(_) | Kind::Text(_) => (true, false),
        Kind::Select(selector) => (selector.at_ms.is_some(), selector.at_ms.is_some()),
        // Functions over ranges read the window once anyway.
        Kind::Range(range) => (range.selector.at_ms.is_some(), false),
        Kind::Subquery(subquery) => {
            if visit(&mut subquery.expr).0 {
                wrap_in_place(&mut subquery.expr);
            }
            (subquery.at_ms.is_some(), subquery.at_ms.is_some())
        }
        Kind::Aggregate(aggregation) => visit(&mut aggregation.expr),
        Kind::Negate(inner) | Kind::Invariant(inner) => visit(inner),
        Kind::Binary(binary) => {
            let (left, wrap_left) = visit(&mut binary.left);
            let (right, wrap_right) = visit(&mut binary.right);
            if left && right {
                return (true, true);
            }
            if wrap_left {
                wrap_in_place(&mut binary.left);
            }
            if wrap_right {
                wrap_in_place(&mut binary.right);
            }
            (false, false)
        }
        Kind::Call(call) => {
            let args: Vec<(bool, bool)> = call.args.iter_mut().map(visit).collect();
            let all = args.iter().all(|(invariant, _)| *invariant);
            // The time of the samples of a fixed selector is fixed, too.
            let fixed_timestamp = call.function == Function::Timestamp
                && call.args.iter().all(|arg| matches!(arg.kind, Kind::Select(_)));
            if all && (!depends_on_step(call.function) || fixed_timestamp) {
                return (true, true);
            }
            for (arg, (_, wrap)) in call.args.iter_mut().zip(args) {
                // A matrix is read by the function itself; only vectors and scalars are broadcast.
                if wrap && arg.value_type() != ValueType::Matrix {
                    wrap_in_place(arg);
                }
            }
            (false, false)
        }
    }
}
