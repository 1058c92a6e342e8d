//! The typed tree of a query. Every node has a [`Span`]; a tree that [`crate::parse`] returns is type-checked.
//!
//! Invariants: `VectorSelector::matchers` holds every matcher, that of a bare metric name last; a selector's `name` is
//! that bare name (empty for `{"quoted.name"}`). Offsets and ranges are [`DurationExpr`]: most are literals, the rest
//! resolve once the step and the range of the query are known. No planning here: step invariance and the like are `eval`.

mod duration;
mod operator;
mod visit;

pub use duration::{DurationError, DurationExpr, DurationOp, QueryGrid};
pub use operator::{Aggregator, BinaryOp, Keyword, UnaryOp};
pub use visit::{normalised, same_tree};

use model::matcher::Matcher;

use crate::functions::Function;
use crate::span::Span;

/// What an expression evaluates to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueType {
    Scalar,
    Vector,
    Matrix,
    String,
}

impl ValueType {
    /// The name in error texts: `instant vector`.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }

    /// The name in the API: `vector`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    Number(NumberLiteral),
    String(StringLiteral),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(Box<Subquery>),
    Aggregate(Box<Aggregate>),
    Call(Call),
    Binary(Box<Binary>),
    Unary(Box<Unary>),
    Paren(Box<Paren>),
}

/// `1.5`, `0x1F`, `Inf`, and `5m` as a number of seconds.
#[derive(Clone, PartialEq, Debug)]
pub struct NumberLiteral {
    pub value: f64,
    /// Written as a duration (`5m`), and printed as one.
    pub is_duration: bool,
    pub span: Span,
}

/// A string; escapes such as `\xc5` may make it invalid UTF-8, so it is bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct StringLiteral {
    pub value: Box<[u8]>,
    pub span: Span,
}

impl StringLiteral {
    /// The text, unless escapes made it invalid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.value).ok()
    }
}

/// `@ 1609746000`, `@ start()`, `@ end()`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    TimestampMs(i64),
    Start,
    End,
}

/// `offset` and `@` of a selector or subquery.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TimeModifiers {
    /// Positive looks back.
    pub offset: Option<DurationExpr>,
    pub at: Option<At>,
}

/// The extended range selectors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extended {
    Anchored,
    Smoothed,
}

impl Extended {
    pub fn name(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// `name{label="value"} offset 5m @ 10`.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSelector {
    /// The metric name in front of the braces; empty when there is none.
    pub name: Box<str>,
    /// All matchers; that of `name`, when there is one, is the last.
    pub matchers: Vec<Matcher>,
    pub time: TimeModifiers,
    pub extended: Option<Extended>,
    /// The second argument of `info`: not a selector of its own, and allowed to match everything.
    pub is_info_filter: bool,
    pub span: Span,
}

/// `selector[5m]`. The selector's `time` and `extended` are those of the whole.
#[derive(Clone, PartialEq, Debug)]
pub struct MatrixSelector {
    pub selector: VectorSelector,
    pub range: DurationExpr,
    pub span: Span,
}

/// `expr[1h:5m]`; without a step, the default of the engine.
#[derive(Clone, PartialEq, Debug)]
pub struct Subquery {
    pub expr: Expr,
    pub range: DurationExpr,
    pub step: Option<DurationExpr>,
    pub time: TimeModifiers,
    pub span: Span,
}

/// `sum by (job) (expr)`, `topk(5, expr)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    pub op: Aggregator,
    pub expr: Expr,
    /// The first of two arguments: `topk`'s number, `count_values`' label.
    pub param: Option<Expr>,
    /// `None` is as `by ()`, but prints as nothing.
    pub grouping: Option<Grouping>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<Box<str>>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub function: Function,
    pub args: Vec<Expr>,
    /// The function's name alone.
    pub name_span: Span,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    /// `bool` on a comparison.
    pub returns_bool: bool,
    /// `Some` exactly when both sides are vectors.
    pub matching: Option<Matching>,
    pub op_span: Span,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    /// `and`, `or`, `unless`.
    ManyToMany,
}

impl Cardinality {
    pub fn name(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// `on (..) group_left (..) fill (0)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Matching {
    pub cardinality: Cardinality,
    /// `on`, as opposed to `ignoring` or nothing.
    pub on: bool,
    pub labels: Vec<Box<str>>,
    /// Labels of `group_left (..)` / `group_right (..)`.
    pub include: Vec<Box<str>>,
    /// Value for a missing left side, and right side.
    pub fill: Fill,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Fill {
    pub left: Option<f64>,
    pub right: Option<f64>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Unary {
    pub op: UnaryOp,
    pub expr: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Paren {
    pub expr: Expr,
    pub span: Span,
}

impl Expr {
    pub fn span(&self) -> Span {
        match self {
            Self::Number(node) => node.span,
            Self::String(node) => node.span,
            Self::Vector(node) => node.span,
            Self::Matrix(node) => node.span,
            Self::Subquery(node) => node.span,
            Self::Aggregate(node) => node.span,
            Self::Call(node) => node.span,
            Self::Binary(node) => node.span,
            Self::Unary(node) => node.span,
            Self::Paren(node) => node.span,
        }
    }

    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(node) => node.function.returns(),
            Self::Binary(node) => node.value_type(),
            Self::Unary(node) => node.expr.value_type(),
            Self::Paren(node) => node.expr.value_type(),
        }
    }

    /// The expression inside any number of parentheses.
    pub fn unparenthesised(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }

    /// Direct sub-expressions, in the order of the text (an aggregate's parameter first).
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (fixed, rest): ([Option<&Self>; 2], &[Self]) = match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => ([None, None], &[]),
            Self::Subquery(node) => ([Some(&node.expr), None], &[]),
            Self::Aggregate(node) => ([node.param.as_ref(), Some(&node.expr)], &[]),
            Self::Call(node) => ([None, None], &node.args),
            Self::Binary(node) => ([Some(&node.left), Some(&node.right)], &[]),
            Self::Unary(node) => ([Some(&node.expr), None], &[]),
            Self::Paren(node) => ([Some(&node.expr), None], &[]),
        };
        fixed.into_iter().flatten().chain(rest)
    }

    /// Calls `visit` for this node and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => {}
            Self::Subquery(node) => node.expr.walk(visit),
            Self::Aggregate(node) => {
                node.param.iter().for_each(|param| param.walk(visit));
                node.expr.walk(visit);
            }
            Self::Call(node) => node.args.iter().for_each(|arg| arg.walk(visit)),
            Self::Binary(node) => {
                node.left.walk(visit);
                node.right.walk(visit);
            }
            Self::Unary(node) => node.expr.walk(visit),
            Self::Paren(node) => node.expr.walk(visit),
        }
    }

    /// Every selector of the query, those inside range selectors included.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        let mut found = Vec::new();
        self.walk(&mut |expr| match expr {
            Self::Vector(selector) => found.push(selector),
            Self::Matrix(matrix) => found.push(&matrix.selector),
            _ => {}
        });
        found
    }
}

impl Binary {
    pub fn value_type(&self) -> ValueType {
        let scalars =
            self.left.value_type() == ValueType::Scalar && self.right.value_type() == ValueType::Scalar;
        if scalars { ValueType::Scalar } else { ValueType::Vector }
    }
}
