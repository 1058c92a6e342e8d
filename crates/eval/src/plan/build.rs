//! Builds the plan from the tree of the language.

use super::invariant::wrap_invariant;
use super::{Aggregation, BinaryNode, Call, Kind, Node, RangeSelector, Selector, Subquery};
use crate::aggregate::Grouping;
use crate::error::EvalError;
use crate::grid::Grid;
use promql::Function;
use promql::ast::{self, At, BinaryOp, DurationError, DurationExpr, Expr, QueryGrid, TimeModifiers, UnaryOp};
use std::collections::HashMap;

/// What resolving a query needs to know.
pub(crate) struct PlanContext<'a> {
    /// The text, to find sub-expressions that occur twice.
    pub query: &'a str,
    pub grid: Grid,
    /// The step of subqueries without one, by their range.
    pub default_subquery_step_ms: &'a (dyn Fn(i64) -> i64 + Sync),
}

/// Plans `expr`. Fails where a duration expression has no usable value.
pub(crate) fn build(expr: &Expr, context: &PlanContext<'_>) -> Result<Node, EvalError> {
    let mut builder =
        Builder { context, path: Vec::new(), next_id: 0, texts: count_texts(expr, context.query) };
    let node = builder.node(expr)?;
    Ok(wrap_invariant(node))
}

/// How often each text of a sub-expression with a selector occurs; those that occur once are left out.
fn count_texts<'a>(expr: &Expr, query: &'a str) -> HashMap<&'a str, u32> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut selects = 0;
    expr.walk(&mut |node| {
        let shareable =
            matches!(node, Expr::Vector(_) | Expr::Call(_) | Expr::Aggregate(_) | Expr::Binary(_));
        if matches!(node, Expr::Vector(_) | Expr::Matrix(_)) {
            selects += 1;
        }
        let text = node.span().text(query);
        if shareable && !text.is_empty() {
            *counts.entry(text).or_default() += 1;
        }
    });
    counts.retain(|_, count| *count > 1);
    if selects < 2 {
        counts.clear();
    }
    let mut next = 0;
    for share in counts.values_mut() {
        (*share, next) = (next, next + 1);
    }
    counts
}

/// What stands above a selector.
#[derive(Clone, Copy)]
enum Above<'a> {
    Call(Function),
    Aggregate(&'a ast::Aggregate),
    Binary(BinaryOp),
    Subquery,
    Other,
}

struct Builder<'a> {
    context: &'a PlanContext<'a>,
    path: Vec<Above<'a>>,
    next_id: usize,
    texts: HashMap<&'a str, u32>,
}

impl<'a> Builder<'a> {
    fn durations(&self) -> QueryGrid {
        let grid = &self.context.grid;
        let step_ms = if grid.is_instant() { 0 } else { grid.step_ms };
        QueryGrid { step_ms, range_ms: grid.end_ms.saturating_sub(grid.start_ms) }
    }

    fn at(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::TimestampMs(at_ms) => at_ms,
            At::Start => self.context.grid.start_ms,
            At::End => self.context.grid.end_ms,
        })
    }

    fn offset(&self, time: &TimeModifiers) -> Result<i64, EvalError> {
        time.offset.as_ref().map_or(Ok(0), |offset| offset.resolve_ms(self.durations()).map_err(bad_duration))
    }

    fn positive(&self, duration: &DurationExpr) -> Result<i64, EvalError> {
        duration.resolve_positive_ms(self.durations()).map_err(bad_duration)
    }

    fn node(&mut self, expr: &'a Expr) -> Result<Node, EvalError> {
        let id = self.next_id;
        self.next_id += 1;
        let span = expr.span();
        let kind = match expr {
            Expr::Number(number) => Kind::Number(number.value),
            Expr::String(text) => Kind::Text(text.value.clone()),
            Expr::Vector(selector) => Kind::Select(Box::new(self.selector(selector)?)),
            Expr::Matrix(matrix) => {
                let selector = self.selector(&matrix.selector)?;
                Kind::Range(Box::new(RangeSelector { selector, range_ms: self.positive(&matrix.range)? }))
            }
            Expr::Subquery(subquery) => self.subquery(subquery)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Expr::Call(call) => self.call(call)?,
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Unary(unary) => {
                let inner = self.below(Above::Other, &unary.expr)?;
                if unary.op == UnaryOp::Plus {
                    return Ok(inner);
                }
                Kind::Negate(Box::new(inner))
            }
            Expr::Paren(paren) => return self.node(&paren.expr),
        };
        let share = self.texts.get(span.text(self.context.query)).map(|text| self.share(*text));
        Ok(Node { kind, span, share, id })
    }

    fn below(&mut self, above: Above<'a>, expr: &'a Expr) -> Result<Node, EvalError> {
        self.path.push(above);
        let node = self.node(expr);
        self.path.pop();
        node
    }

    fn selector(&self, selector: &ast::VectorSelector) -> Result<Selector, EvalError> {
        let (function, grouping, grouping_by) = self.hints();
        Ok(Selector {
            matchers: selector.matchers.clone(),
            offset_ms: self.offset(&selector.time)?,
            at_ms: self.at(selector.time.at),
            extended: selector.extended,
            skip_buckets: self.skips_buckets(),
            function,
            grouping,
            grouping_by,
        })
    }

    /// The nearest function or aggregation above (not beyond an operator), and the labels of an aggregation directly above.
    fn hints(&self) -> (&'static str, Vec<String>, bool) {
        let function = self.path.iter().rev().find_map(|above| match above {
            Above::Call(function) => Some(function.name()),
            Above::Aggregate(aggregate) => Some(aggregate.op.name()),
            Above::Binary(_) => Some(""),
            Above::Subquery | Above::Other => None,
        });
        let grouping = match self.path.last() {
            Some(Above::Aggregate(aggregate)) => aggregate.grouping.as_ref(),
            _ => None,
        };
        let labels = grouping.map(|grouping| grouping.labels.iter().map(|label| label.to_string()).collect());
        let by = matches!(self.path.last(), Some(Above::Aggregate(_)))
            && grouping.is_none_or(|grouping| !grouping.without);
        (function.unwrap_or_default(), labels.unwrap_or_default(), by)
    }

    /// Equal texts are one sub-expression if they also need the same of histograms.
    fn share(&self, text: u32) -> u32 {
        let (counts, buckets) = self.histogram_needs();
        text * 4 + u32::from(counts) * 2 + u32::from(buckets)
    }

    /// Whether everything above looks at counts and sums of histograms alone.
    fn skips_buckets(&self) -> bool {
        self.histogram_needs() == (true, false)
    }

    /// Whether something above takes counts or sums of histograms, and whether something needs their buckets.
    fn histogram_needs(&self) -> (bool, bool) {
        let (mut counts, mut buckets) = (false, false);
        for above in &self.path {
            match above {
                Above::Call(Function::HistogramCount | Function::HistogramSum | Function::HistogramAvg) => {
                    counts = true;
                }
                // Resets between the steps of a subquery are found in the buckets.
                Above::Subquery
                | Above::Call(
                    Function::HistogramQuantile | Function::HistogramQuantiles | Function::HistogramFraction,
                ) => buckets = true,
                Above::Binary(op) if op.is_trim() => buckets = true,
                _ => {}
            }
        }
        (counts, buckets)
    }

    fn subquery(&mut self, subquery: &'a ast::Subquery) -> Result<Kind, EvalError> {
        let range_ms = self.positive(&subquery.range)?;
        let step_ms = match &subquery.step {
            Some(step) => self.positive(step)?,
            None => (self.context.default_subquery_step_ms)(range_ms),
        };
        let (offset_ms, at_ms) = (self.offset(&subquery.time)?, self.at(subquery.time.at));
        let expr = self.below(Above::Subquery, &subquery.expr)?;
        Ok(Kind::Subquery(Box::new(Subquery { expr, range_ms, step_ms, offset_ms, at_ms })))
    }

    fn aggregate(&mut self, aggregate: &'a ast::Aggregate) -> Result<Kind, EvalError> {
        let param = match &aggregate.param {
            Some(param) => Some(self.below(Above::Aggregate(aggregate), param)?),
            None => None,
        };
        let expr = self.below(Above::Aggregate(aggregate), &aggregate.expr)?;
        let (without, labels) = match &aggregate.grouping {
            Some(grouping) => (grouping.without, grouping.labels.clone()),
            None => (false, Vec::new()),
        };
        let grouping = Grouping::new(without, labels);
        Ok(Kind::Aggregate(Box::new(Aggregation { op: aggregate.op, grouping, param, expr })))
    }

    fn call(&mut self, call: &'a ast::Call) -> Result<Kind, EvalError> {
        let grid = &self.context.grid;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        match call.function {
            Function::Start => return Ok(Kind::Number(seconds(grid.start_ms))),
            Function::End => return Ok(Kind::Number(seconds(grid.end_ms))),
            Function::Range => return Ok(Kind::Number(seconds(self.durations().range_ms))),
            Function::Step => return Ok(Kind::Number(seconds(self.durations().step_ms))),
            _ => {}
        }
        let args: Result<Vec<Node>, EvalError> =
            call.args.iter().map(|arg| self.below(Above::Call(call.function), arg)).collect();
        let args = args?;
        check_extended(call.function, &args)?;
        Ok(Kind::Call(Box::new(Call { function: call.function, args })))
    }

    fn binary(&mut self, binary: &'a ast::Binary) -> Result<Kind, EvalError> {
        let left = self.below(Above::Binary(binary.op), &binary.left)?;
        let right = self.below(Above::Binary(binary.op), &binary.right)?;
        Ok(Kind::Binary(Box::new(BinaryNode {
            op: binary.op,
            left,
            right,
            returns_bool: binary.returns_bool,
            matching: binary.matching.clone(),
        })))
    }
}

fn bad_duration(error: DurationError) -> EvalError {
    EvalError::Execution(error.to_string())
}

/// Extended ranges hold samples outside of their bounds, which few functions can deal with.
fn check_extended(function: Function, args: &[Node]) -> Result<(), EvalError> {
    use Function::{Changes, Delta, Increase, Rate, Resets};
    use ast::Extended::{Anchored, Smoothed};
    let extended = args.iter().find_map(|arg| match &arg.kind {
        Kind::Range(range) => range.selector.extended,
        _ => None,
    });
    let (safe, names): (&[Function], &str) = match extended {
        None => return Ok(()),
        Some(Anchored) => {
            (&[Changes, Delta, Increase, Rate, Resets], "changes, delta, increase, rate, resets")
        }
        Some(Smoothed) => (&[Delta, Increase, Rate], "delta, increase, rate"),
    };
    let modifier = extended.map_or("", |extended| extended.name());
    if safe.contains(&function) {
        return Ok(());
    }
    let name = function.name();
    Err(EvalError::Execution(format!("{modifier} modifier can only be used with: {names} - not with {name}")))
}
