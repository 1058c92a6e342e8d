//! The tree of a query.

use crate::value::{Static, Type};

/// A whole query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub pipeline: Pipeline,
    /// What is computed from the matched spans; `None`: a search.
    pub metric: Option<Metric>,
    /// `with(name=value, ...)`.
    pub hints: Vec<(String, Static)>,
}

/// Stages, one after the other; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline(pub Vec<Stage>);

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    Spansets(SpansetExpr),
    /// Both sides are scalars of a spanset, at least one with an aggregate.
    ScalarFilter(CompareOp, ScalarExpr, ScalarExpr),
    By(FieldExpr),
    Coalesce,
    Select(Vec<Attribute>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum SpansetExpr {
    /// `{ ... }`; `None`: every span.
    Filter(Option<FieldExpr>),
    /// `( ... | ... )`
    Pipeline(Pipeline),
    Binary(SpansetOp, Box<SpansetExpr>, Box<SpansetExpr>),
}

/// How two sets of spans make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpansetOp {
    And,
    Or,
    Relation { relation: Relation, kind: RelationKind },
}

/// How a span on the right stands to one on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `>`
    Child,
    /// `<`
    Parent,
    /// `>>`
    Descendant,
    /// `<<`
    Ancestor,
    /// `~`
    Sibling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// Spans on the right that stand so.
    Plain,
    /// `!`: spans on the right that do not.
    Not,
    /// `&`: spans on both sides that do.
    Union,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FieldExpr {
    Static(Static),
    Attribute(Attribute),
    Not(Box<FieldExpr>),
    Negate(Box<FieldExpr>),
    Binary(FieldOp, Box<FieldExpr>, Box<FieldExpr>),
    /// `=~` and `!~`: the whole value.
    Match {
        field: Box<FieldExpr>,
        pattern: Pattern,
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOp {
    And,
    Or,
    Compare(CompareOp),
    Math(MathOp),
}

/// A compiled regular expression, equal by its text.
#[derive(Clone)]
pub struct Pattern(pub model::regex::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.pattern() == other.0.pattern()
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.0.pattern(), f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl CompareOp {
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MathOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// A number of a whole spanset.
#[derive(Clone, Debug, PartialEq)]
pub enum ScalarExpr {
    Static(Static),
    Aggregate(Aggregate),
    /// `( pipeline | aggregate )`
    Pipeline(Pipeline, Aggregate),
    Math(MathOp, Box<ScalarExpr>, Box<ScalarExpr>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    Count,
    Max(FieldExpr),
    Min(FieldExpr),
    Sum(FieldExpr),
    Avg(FieldExpr),
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `.key`: the span, else its resource.
    Any,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

/// A field of a span.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    Key { scope: Scope, key: String },
    Intrinsic(Intrinsic),
}

macro_rules! intrinsics {
    ($($(#[$doc:meta])* $name:ident: $type:ident, $text:literal $(| $alias:literal)*;)*) => {
        /// Fields that every span (or its trace, events, links, scope) has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Intrinsic { $($(#[$doc])* $name,)* }

        impl Intrinsic {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// By any of its names.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text $(| $alias)* => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name that it is printed by.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub fn kind_of(self) -> Type {
                match self { $(Self::$name => Type::$type,)* }
            }
        }
    };
}

intrinsics! {
    Duration: Duration, "duration" | "span:duration";
    Name: String, "name" | "span:name";
    Status: Status, "status" | "span:status";
    StatusMessage: String, "statusMessage" | "span:statusMessage";
    Kind: Kind, "kind" | "span:kind";
    SpanId: String, "span:id";
    ParentId: String, "span:parentID";
    ChildCount: Int, "span:childCount" | "childCount";
    RootName: String, "rootName" | "trace:rootName";
    RootService: String, "rootServiceName" | "trace:rootService";
    TraceDuration: Duration, "traceDuration" | "trace:duration";
    TraceId: String, "trace:id";
    NestedSetLeft: Int, "nestedSetLeft";
    NestedSetRight: Int, "nestedSetRight";
    /// -1 for a root.
    NestedSetParent: Int, "nestedSetParent";
    EventName: String, "event:name";
    EventTimeSinceStart: Duration, "event:timeSinceStart";
    LinkTraceId: String, "link:traceID";
    LinkSpanId: String, "link:spanID";
    ScopeName: String, "instrumentation:name";
    ScopeVersion: String, "instrumentation:version";
}

/// What is computed over time from the spans that a pipeline gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub function: MetricFunction,
    pub by: Vec<Attribute>,
    pub then: Vec<SecondStage>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MetricFunction {
    Rate,
    CountOverTime,
    MinOverTime(Attribute),
    MaxOverTime(Attribute),
    SumOverTime(Attribute),
    AvgOverTime(Attribute),
    QuantileOverTime(Attribute, Vec<f64>),
    HistogramOverTime(Attribute),
}

#[derive(Clone, Debug, PartialEq)]
pub enum SecondStage {
    TopK(usize),
    BottomK(usize),
    Filter(CompareOp, f64),
}
