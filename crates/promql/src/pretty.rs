//! A tree as text on several lines, as `format_query` and `promtool promql format` give it.
//!
//! A node whose canonical form fits in [`MAX_LINE`] bytes stays on its line; a longer one is split, its children one level
//! deeper. The rules, subqueries that lose their indentation included, are Prometheus's.

use crate::ast::{Aggregate, Binary, Call, Expr};

/// Bytes of a line that needs no splitting.
pub const MAX_LINE: usize = 100;
const INDENT: &str = "  ";

/// The prettified query; parses to the same tree.
pub fn prettify(expr: &Expr) -> String {
    pretty(expr, 0)
}

fn pretty(expr: &Expr, level: usize) -> String {
    let whole = expr.to_string();
    let fits = whole.len() <= MAX_LINE;
    match expr {
        Expr::Subquery(_) if fits => whole,
        Expr::Unary(unary) => {
            // The sign takes the indentation of its operand.
            let inner = pretty(&unary.expr, level);
            format!("{}{}{}", indent(level), unary.op.symbol(), inner.trim())
        }
        _ if fits => indent(level) + &whole,
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => indent(level) + &whole,
        Expr::Subquery(subquery) => {
            let mut text = pretty(&subquery.expr, level);
            subquery.write_suffix(&mut text).expect("writing to a string cannot fail");
            text
        }
        Expr::Aggregate(aggregate) => split_aggregate(aggregate, level),
        Expr::Call(call) => split_call(call, level),
        Expr::Binary(binary) => split_binary(binary, level),
        Expr::Paren(paren) => {
            format!("{0}(\n{1}\n{0})", indent(level), pretty(&paren.expr, level + 1))
        }
    }
}

fn split_aggregate(aggregate: &Aggregate, level: usize) -> String {
    let mut text = indent(level);
    aggregate.write_head(&mut text).expect("writing to a string cannot fail");
    text.push_str("(\n");
    if let Some(param) = &aggregate.param {
        text.push_str(&pretty(param, level + 1));
        text.push_str(",\n");
    }
    text.push_str(&pretty(&aggregate.expr, level + 1));
    text.push('\n');
    text + &indent(level) + ")"
}

fn split_call(call: &Call, level: usize) -> String {
    let args: Vec<String> = call.args.iter().map(|arg| pretty(arg, level + 1)).collect();
    format!("{0}{1}(\n{2}\n{0})", indent(level), call.function.name(), args.join(",\n"))
}

fn split_binary(binary: &Binary, level: usize) -> String {
    let mut text = pretty(&binary.left, level + 1);
    text.push('\n');
    text.push_str(&indent(level));
    binary.write_operator(&mut text).expect("writing to a string cannot fail");
    text.push('\n');
    text + &pretty(&binary.right, level + 1)
}

fn indent(level: usize) -> String {
    INDENT.repeat(level)
}
