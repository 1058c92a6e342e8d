//! The same instant query at other times: every selector pinned by `@` to where it looked first.

use promql::ast::{At, Expr, VectorSelector};
use promql::functions::Function;

/// Functions whose result depends on the evaluation time even when their arguments do not.
const UNSAFE: [Function; 15] = [
    Function::DaysInMonth,
    Function::DayOfMonth,
    Function::DayOfWeek,
    Function::DayOfYear,
    Function::End,
    Function::Hour,
    Function::Minute,
    Function::Month,
    Function::Year,
    Function::PredictLinear,
    Function::Range,
    Function::Start,
    Function::Step,
    Function::Time,
    Function::Timestamp,
];

/// Texts and times of further evaluations that have to give the same result.
pub fn pinned(expr: &Expr, at_ms: i64) -> Vec<(String, i64)> {
    let mut pinned = expr.clone();
    let mut depends_on_time = false;
    pin(&mut pinned, at_ms, &mut depends_on_time);
    if depends_on_time {
        return Vec::new();
    }
    let text = pinned.to_string();
    let times = match at_ms {
        0 => vec![-1000, 0, 1000],
        at_ms => vec![-10 * at_ms, 0, at_ms / 5, at_ms, 10 * at_ms],
    };
    times.into_iter().map(|time| (text.clone(), time)).collect()
}

fn pin(expr: &mut Expr, at_ms: i64, depends_on_time: &mut bool) {
    let pin_selector = |selector: &mut VectorSelector| {
        selector.time.at.get_or_insert(At::TimestampMs(at_ms));
    };
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => pin_selector(selector),
        Expr::Matrix(matrix) => pin_selector(&mut matrix.selector),
        // Inside of a pinned subquery, times are relative to it.
        Expr::Subquery(subquery) => {
            let was_free = match subquery.time.at {
                None | Some(At::Start | At::End) => true,
                Some(At::TimestampMs(_)) => false,
            };
            if subquery.time.at.is_none() {
                subquery.time.at = Some(At::TimestampMs(at_ms));
            } else if was_free {
                pin(&mut subquery.expr, at_ms, depends_on_time);
            }
        }
        Expr::Aggregate(aggregate) => {
            pin(&mut aggregate.expr, at_ms, depends_on_time);
            aggregate.param.iter_mut().for_each(|param| pin(param, at_ms, depends_on_time));
        }
        Expr::Call(call) => {
            *depends_on_time |= UNSAFE.contains(&call.function);
            call.args.iter_mut().for_each(|arg| pin(arg, at_ms, depends_on_time));
        }
        Expr::Binary(binary) => {
            pin(&mut binary.left, at_ms, depends_on_time);
            pin(&mut binary.right, at_ms, depends_on_time);
        }
        Expr::Unary(unary) => pin(&mut unary.expr, at_ms, depends_on_time),
        Expr::Paren(paren) => pin(&mut paren.expr, at_ms, depends_on_time),
    }
}

/// Whether a query asks about itself, so that it means something else as a range query.
pub fn asks_for_context(text: &str) -> bool {
    ["start()", "end()", "range()", "step()"].iter().any(|call| text.contains(call))
}
