//! Changes to the matchers of every selector of a query, as `promtool promql label-matchers` makes them.

use model::labels::Labels;
use model::matcher::Matcher;

use crate::ast::{Expr, VectorSelector};

/// Gives every selector this matcher, instead of those it has for the label.
pub fn set_matcher(expr: &mut Expr, matcher: &Matcher) {
    each_selector(expr, &mut |selector| {
        let mut found = false;
        for own in selector.matchers.iter_mut().filter(|own| own.name() == matcher.name()) {
            *own = matcher.clone();
            found = true;
        }
        if found && matcher.name() == Labels::METRIC_NAME {
            forget_name(selector);
        } else if !found {
            // The matcher of a bare name stays last.
            let place = selector.matchers.len() - usize::from(!selector.name.is_empty());
            selector.matchers.insert(place, matcher.clone());
        }
    });
}

/// Takes the matchers for `label` from every selector.
pub fn delete_matchers(expr: &mut Expr, label: &str) {
    each_selector(expr, &mut |selector| {
        selector.matchers.retain(|own| own.name() != label);
        if label == Labels::METRIC_NAME {
            forget_name(selector);
        }
    });
}

/// A selector whose name is now an ordinary matcher, or gone.
fn forget_name(selector: &mut VectorSelector) {
    selector.name = Box::default();
}

fn each_selector(expr: &mut Expr, change: &mut impl FnMut(&mut VectorSelector)) {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => change(selector),
        Expr::Matrix(matrix) => change(&mut matrix.selector),
        Expr::Subquery(subquery) => each_selector(&mut subquery.expr, change),
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| each_selector(param, change));
            each_selector(&mut aggregate.expr, change);
        }
        Expr::Call(call) => call.args.iter_mut().for_each(|arg| each_selector(arg, change)),
        Expr::Binary(binary) => {
            each_selector(&mut binary.left, change);
            each_selector(&mut binary.right, change);
        }
        Expr::Unary(unary) => each_selector(&mut unary.expr, change),
        Expr::Paren(paren) => each_selector(&mut paren.expr, change),
    }
}

#[cfg(test)]
mod tests {
    use model::matcher::MatchOp;

    use super::*;

    fn set(query: &str, name: &str, op: MatchOp, value: &str) -> String {
        let mut expr = crate::parse(query).expect("valid");
        set_matcher(&mut expr, &Matcher::new(name, op, value).expect("valid"));
        crate::parse(&expr.to_string()).expect("still valid");
        expr.to_string()
    }

    #[test]
    fn matchers_are_set_and_deleted_everywhere() {
        let query = "sum(rate(a{b=\"1\"}[5m])) / on () c{b!=\"2\",d=\"3\"}";
        assert_eq!(
            set(query, "b", MatchOp::Equal, "x"),
            "sum(rate(a{b=\"x\"}[5m])) / on () c{b=\"x\",d=\"3\"}"
        );
        assert_eq!(
            set(query, "e", MatchOp::Regex, "x.*"),
            "sum(rate(a{b=\"1\",e=~\"x.*\"}[5m])) / on () c{b!=\"2\",d=\"3\",e=~\"x.*\"}"
        );
        assert_eq!(set("a", "__name__", MatchOp::Equal, "b"), "{__name__=\"b\"}");
        let mut expr = crate::parse(query).expect("valid");
        delete_matchers(&mut expr, "b");
        assert_eq!(expr.to_string(), "sum(rate(a[5m])) / on () c{d=\"3\"}");
    }
}
