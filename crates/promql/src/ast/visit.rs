//! Comparing trees: two texts mean the same when their trees are equal once spans are gone, and with them what the canonical
//! text does not keep: the order of matchers, and whether a literal range was written `300` or `5m`.

use super::{DurationExpr, Expr, TimeModifiers, VectorSelector};
use crate::span::Span;

/// Whether two trees mean the same. NaN literals are equal to each other.
pub fn same_tree(left: &Expr, right: &Expr) -> bool {
    format!("{:?}", normalised(left.clone())) == format!("{:?}", normalised(right.clone()))
}

/// The tree with every span set to `0..0`, matchers sorted and literal durations alike.
pub fn normalised(mut expr: Expr) -> Expr {
    clear(&mut expr);
    expr
}

fn clear(expr: &mut Expr) {
    let none = Span::default();
    match expr {
        Expr::Number(node) => node.span = none,
        Expr::String(node) => node.span = none,
        Expr::Vector(node) => clear_selector(node),
        Expr::Matrix(node) => {
            clear_selector(&mut node.selector);
            clear_place(&mut node.range);
            node.span = none;
        }
        Expr::Subquery(node) => {
            clear(&mut node.expr);
            clear_place(&mut node.range);
            node.step.iter_mut().for_each(clear_place);
            clear_time(&mut node.time);
            node.span = none;
        }
        Expr::Aggregate(node) => {
            node.param.iter_mut().for_each(clear);
            clear(&mut node.expr);
            node.grouping.iter_mut().for_each(|grouping| grouping.span = none);
            node.span = none;
        }
        Expr::Call(node) => {
            node.args.iter_mut().for_each(clear);
            (node.span, node.name_span) = (none, none);
        }
        Expr::Binary(node) => {
            clear(&mut node.left);
            clear(&mut node.right);
            (node.span, node.op_span) = (none, none);
        }
        Expr::Unary(node) => {
            clear(&mut node.expr);
            node.span = none;
        }
        Expr::Paren(node) => {
            clear(&mut node.expr);
            node.span = none;
        }
    }
}

fn clear_selector(selector: &mut VectorSelector) {
    clear_time(&mut selector.time);
    selector.matchers.sort_by_cached_key(ToString::to_string);
    selector.span = Span::default();
}

fn clear_time(time: &mut TimeModifiers) {
    time.offset.iter_mut().for_each(clear_place);
}

/// A duration that stands by itself.
fn clear_place(duration: &mut DurationExpr) {
    clear_duration(duration);
    if let DurationExpr::Literal(number) = duration {
        number.is_duration = true;
    }
}

fn clear_duration(duration: &mut DurationExpr) {
    match duration {
        DurationExpr::Literal(number) => number.span = Span::default(),
        DurationExpr::Step(span) | DurationExpr::Range(span) => *span = Span::default(),
        DurationExpr::Min(args, span)
        | DurationExpr::Max(args, span)
        | DurationExpr::Binary(_, args, span) => {
            args.iter_mut().for_each(clear_duration);
            *span = Span::default();
        }
        DurationExpr::Unary(_, inner, span) | DurationExpr::Paren(inner, span) => {
            clear_duration(inner);
            *span = Span::default();
        }
    }
}
