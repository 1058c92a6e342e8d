//! From the tree of the language to the tree that is evaluated: times resolved, parentheses gone, what does not depend on the step found.
//!
//! `start() end() step() range()` become numbers, duration expressions milliseconds, `@ start()` a moment. Sub-expressions that are the same at every step
//! are wrapped in [`Kind::Invariant`] and evaluated once. Sub-expressions that occur several times in the text get a common `share` number.

mod build;
mod invariant;

use crate::aggregate::Grouping;
use crate::grid::Grid;
use model::matcher::Matcher;
use promql::ast::{Aggregator, BinaryOp, Extended, Matching, ValueType};
use promql::{Function, Span};

pub(crate) use build::{PlanContext, build};

/// A node of the plan.
#[derive(Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub span: Span,
    /// Set when the same text occurs elsewhere in the query: evaluated once per grid.
    pub share: Option<u32>,
    /// Names the node in statistics; ascending in the order of the text.
    pub id: usize,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Number(f64),
    Text(Box<[u8]>),
    Select(Box<Selector>),
    /// A range selector: the argument of a function, or the whole instant query.
    Range(Box<RangeSelector>),
    Subquery(Box<Subquery>),
    Call(Box<Call>),
    Aggregate(Box<Aggregation>),
    Binary(Box<BinaryNode>),
    Negate(Box<Node>),
    /// Evaluated at the first step alone; the result holds for all.
    Invariant(Box<Node>),
}

/// Which series, and when.
#[derive(Debug)]
pub(crate) struct Selector {
    pub matchers: Vec<Matcher>,
    pub offset_ms: i64,
    pub at_ms: Option<i64>,
    pub extended: Option<Extended>,
    /// Only counts and sums of histograms matter.
    pub skip_buckets: bool,
    /// The function or aggregation above, and its labels.
    pub function: &'static str,
    pub grouping: Vec<String>,
    pub grouping_by: bool,
}

#[derive(Debug)]
pub(crate) struct RangeSelector {
    pub selector: Selector,
    pub range_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Subquery {
    pub expr: Node,
    pub range_ms: i64,
    /// Resolved to the default where the text has none.
    pub step_ms: i64,
    pub offset_ms: i64,
    pub at_ms: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub function: Function,
    pub args: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Aggregation {
    pub op: Aggregator,
    pub grouping: Grouping,
    pub param: Option<Node>,
    pub expr: Node,
}

#[derive(Debug)]
pub(crate) struct BinaryNode {
    pub op: BinaryOp,
    pub left: Node,
    pub right: Node,
    pub returns_bool: bool,
    pub matching: Option<Matching>,
}

impl Node {
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::String,
            Kind::Select(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Range(_) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Call(call) => call.function.returns(),
            Kind::Binary(binary) => match (binary.left.value_type(), binary.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Kind::Negate(inner) | Kind::Invariant(inner) => inner.value_type(),
        }
    }

    /// What the node is called in an explanation.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Number(value) => stdx::number::shortest(*value),
            Kind::Text(_) => "string".into(),
            Kind::Select(selector) => format!("select {}", selector.describe()),
            Kind::Range(range) => format!("select {}[{}ms]", range.selector.describe(), range.range_ms),
            Kind::Subquery(subquery) => format!("subquery [{}ms:{}ms]", subquery.range_ms, subquery.step_ms),
            Kind::Call(call) => call.function.name().into(),
            Kind::Aggregate(aggregation) => aggregation.op.name().into(),
            Kind::Binary(binary) => format!("operator {}", binary.op),
            Kind::Negate(_) => "negate".into(),
            Kind::Invariant(_) => "once".into(),
        }
    }

    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Select(_) | Kind::Range(_) => Vec::new(),
            Kind::Subquery(subquery) => vec![&subquery.expr],
            Kind::Call(call) => call.args.iter().collect(),
            Kind::Aggregate(aggregation) => aggregation.param.iter().chain([&aggregation.expr]).collect(),
            Kind::Binary(binary) => vec![&binary.left, &binary.right],
            Kind::Negate(inner) | Kind::Invariant(inner) => vec![inner],
        }
    }
}

impl Selector {
    fn describe(&self) -> String {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        format!("{{{}}}", matchers.join(","))
    }
}

impl Subquery {
    /// The steps at which the inner expression is evaluated: multiples of the step, so that results do not depend on when a query starts.
    pub fn grid(&self, outer: &Grid) -> Grid {
        let (first, last) = match self.at_ms {
            Some(at_ms) => (at_ms, at_ms),
            None => (outer.start_ms, outer.last_ms()),
        };
        let from = first.saturating_sub(self.offset_ms).saturating_sub(self.range_ms);
        let step_ms = self.step_ms.max(1);
        // As in Prometheus, the division rounds towards zero.
        let mut start_ms = from / step_ms * step_ms;
        if start_ms <= from {
            start_ms = start_ms.saturating_add(step_ms);
        }
        Grid { start_ms, end_ms: last.saturating_sub(self.offset_ms), step_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subqueries_are_aligned_to_their_step() {
        let subquery = |range_ms, step_ms, offset_ms| Subquery {
            expr: Node { kind: Kind::Number(1.0), span: Span::default(), share: None, id: 0 },
            range_ms,
            step_ms,
            offset_ms,
            at_ms: None,
        };
        let outer = Grid { start_ms: 1000, end_ms: 1055, step_ms: 10 };
        let check = |subquery: Subquery, start, end| {
            let grid = subquery.grid(&outer);
            assert_eq!((grid.start_ms, grid.end_ms), (start, end));
        };
        check(subquery(100, 30, 0), 930, 1050);
        check(subquery(100, 30, 7), 900, 1043);
        check(subquery(2000, 30, 0), -990, 1050);
    }
}
