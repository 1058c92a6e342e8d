//! Types: what may be added, called and aggregated. Runs on trees without syntax errors and collects all type errors.
//!
//! Also settles what depends on types: `matching` goes where not both sides are vectors, set operators become many-to-many,
//! and the second argument of `info` is marked as a filter.

use model::labels::Labels;
use model::matcher::MatchOp;
use model::quote::quoted;

use crate::ast::{Aggregate, Aggregator, Binary, Call, Cardinality, Expr, ValueType, VectorSelector};
use crate::error::ParseError;
use crate::functions::{Function, Signature, Variadic};
use crate::span::Span;

pub(crate) fn check(expr: &mut Expr) -> Vec<ParseError> {
    let mut checker = Checker { errors: Vec::new() };
    checker.expr(expr);
    checker.errors
}

struct Checker {
    errors: Vec<ParseError>,
}

impl Checker {
    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError::new(span, message));
    }

    fn expr(&mut self, expr: &mut Expr) -> ValueType {
        match expr {
            Expr::Number(_) | Expr::String(_) => {}
            Expr::Vector(selector) => self.selector(selector),
            Expr::Matrix(matrix) => self.selector(&matrix.selector),
            Expr::Subquery(subquery) => {
                let inner = self.expr(&mut subquery.expr);
                if inner != ValueType::Vector {
                    let message =
                        format!("subquery is only allowed on instant vector, got {} instead", inner.name());
                    self.error(subquery.span, message);
                }
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) => {
                let inner = self.expr(&mut unary.expr);
                if !matches!(inner, ValueType::Scalar | ValueType::Vector) {
                    let message = format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                        quoted(inner.documented())
                    );
                    self.error(unary.span, message);
                }
            }
            Expr::Paren(paren) => {
                self.expr(&mut paren.expr);
            }
        }
        expr.value_type()
    }

    fn expect(&mut self, expr: &mut Expr, want: ValueType, context: impl FnOnce() -> String) {
        let got = self.expr(expr);
        if got != want {
            let (want, got) = (want.documented(), got.documented());
            let message = format!("expected type {want} in {}, got {got}", context());
            self.error(expr.span(), message);
        }
    }

    fn aggregate(&mut self, aggregate: &mut Aggregate) {
        let context = |what: &'static str| move || what.to_owned();
        self.expect(&mut aggregate.expr, ValueType::Vector, context("aggregation expression"));
        let want = match aggregate.op {
            Aggregator::CountValues => ValueType::String,
            _ => ValueType::Scalar,
        };
        if let Some(param) = &mut aggregate.param {
            self.expect(param, want, context("aggregation parameter"));
        }
    }

    fn call(&mut self, call: &mut Call) {
        let signature = call.function.signature();
        self.argument_count(call, signature);
        if call.function == Function::Info
            && let Some(filter) = call.args.get_mut(1)
        {
            let span = call.span;
            self.info_filter(filter, span);
        }
        for (place, arg) in call.args.iter_mut().enumerate() {
            if signature.variadic == Variadic::No && place >= signature.args.len() {
                break;
            }
            if let Some(want) = signature.arg_type(place) {
                self.expect(arg, want, || format!("call to function \"{}\"", signature.name));
            }
        }
    }

    fn argument_count(&mut self, call: &Call, signature: &Signature) {
        let (name, got) = (signature.name, call.args.len());
        let (least, most) = (signature.min_args(), signature.max_args());
        let message = if signature.variadic == Variadic::No && got != least {
            format!("expected {least} argument(s) in call to \"{name}\", got {got}")
        } else if got < least {
            format!("expected at least {least} argument(s) in call to \"{name}\", got {got}")
        } else if let Some(most) = most.filter(|most| got > *most) {
            format!("expected at most {most} argument(s) in call to \"{name}\", got {got}")
        } else {
            return;
        };
        self.error(call.span, message);
    }

    fn info_filter(&mut self, filter: &mut Expr, call_span: Span) {
        match filter {
            Expr::Vector(selector) => {
                if !selector.name.is_empty() {
                    self.error(selector.span, "expected label selectors only, got vector selector instead");
                }
                selector.is_info_filter = true;
            }
            other if other.value_type() == ValueType::Vector => {
                self.error(other.span(), "expected label selectors only");
            }
            other => {
                let got = other.value_type().documented();
                let message = format!("expected type instant vector in call to function \"info\", got {got}");
                self.error(call_span, message);
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector) {
        let named = if selector.name.is_empty() { 0 } else { 1 };
        let inside = &selector.matchers[..selector.matchers.len() - named];
        let names = inside.iter().filter(|matcher| matcher.name() == Labels::METRIC_NAME);
        let twice = |first: &str, second: &str| {
            format!("metric name must not be set twice: {} or {}", quoted(first), quoted(second))
        };
        if named == 1 {
            for matcher in names {
                self.error(selector.span, twice(&selector.name, matcher.value()));
            }
            // A name is a matcher that does not match nothing.
            return;
        }
        let mut found: Option<&str> = None;
        for matcher in names.filter(|matcher| matcher.op() == MatchOp::Equal) {
            if let Some(first) = found {
                self.error(selector.span, twice(first, matcher.value()));
            }
            found = Some(matcher.value());
        }
        if !selector.is_info_filter && selector.matchers.iter().all(|matcher| matcher.matches_empty()) {
            self.error(selector.span, "vector selector must contain at least one non-empty matcher");
        }
    }

    fn binary(&mut self, binary: &mut Binary) {
        let left = self.expr(&mut binary.left);
        let right = self.expr(&mut binary.right);
        let op = binary.op;
        let is_scalar = |side| side == ValueType::Scalar;
        if binary.returns_bool && !op.is_comparison() {
            self.error(binary.op_span, "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !binary.returns_bool && is_scalar(left) && is_scalar(right) {
            self.error(binary.op_span, "comparisons between scalars must use BOOL modifier");
        }
        self.matching_labels(binary);
        for (side, span) in [(left, binary.left.span()), (right, binary.right.span())] {
            if !matches!(side, ValueType::Scalar | ValueType::Vector) {
                self.error(span, "binary expression must contain only scalar and instant vector types");
            }
        }
        if left == ValueType::Vector && right == ValueType::Vector {
            self.set_operator(binary);
        } else {
            self.without_matching(binary);
        }
        if (is_scalar(left) || is_scalar(right)) && op.is_set() {
            let message = format!("set operator \"{op}\" not allowed in binary scalar expression");
            self.error(binary.span, message);
        }
    }

    fn matching_labels(&mut self, binary: &Binary) {
        let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on) else { return };
        for label in matching.labels.iter().filter(|label| matching.include.contains(label)) {
            let message = format!("label {} must not occur in ON and GROUP clause at once", quoted(&**label));
            self.error(binary.op_span, message);
        }
    }

    fn without_matching(&mut self, binary: &mut Binary) {
        let Some(matching) = binary.matching.take() else { return };
        if !matching.labels.is_empty() {
            self.error(binary.span, "vector matching only allowed between instant vectors");
        }
        if matching.fill.left.is_some() || matching.fill.right.is_some() {
            self.error(binary.span, "filling in missing series only allowed between instant vectors");
        }
    }

    fn set_operator(&mut self, binary: &mut Binary) {
        let op = binary.op;
        let Some(matching) = binary.matching.as_mut().filter(|_| op.is_set()) else { return };
        let fills = matching.fill.left.is_some() || matching.fill.right.is_some();
        if matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        } else {
            self.error(binary.span, format!("no grouping allowed for \"{op}\" operation"));
            self.error(binary.span, "set operations must always be many-to-many");
        }
        if fills {
            self.error(binary.span, "filling in missing series not allowed for set operators");
        }
    }
}
