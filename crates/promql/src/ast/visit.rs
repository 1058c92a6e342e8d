//! Comparing trees: two texts mean the same when their trees are equal once spans are gone.

use super::{DurationExpr, Expr, TimeModifiers, VectorSelector};
use crate::span::Span;

/// Whether two trees are equal, spans aside. NaN literals are equal to each other.
pub fn same_tree(left: &Expr, right: &Expr) -> bool {
    format!("{:?}", without_spans(left.clone())) == format!("{:?}", without_spans(right.clone()))
}

/// The tree with every span set to `0..0`.
pub fn without_spans(mut expr: Expr) -> Expr {
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
            clear_duration(&mut node.range);
            node.span = none;
        }
        Expr::Subquery(node) => {
            clear(&mut node.expr);
            clear_duration(&mut node.range);
            node.step.iter_mut().for_each(clear_duration);
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
    selector.span = Span::default();
}

fn clear_time(time: &mut TimeModifiers) {
    time.offset.iter_mut().for_each(clear_duration);
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
