//! TraceQL over the store: which traces to look at, the trace as the language sees it, and what is shown of a match.
//!
//! A trace is found if the pipeline, run over the whole trace, gives a span that is in range. What the result's spans must satisfy by themselves
//! is taken from the query and matched on columns first; only traces that pass are evaluated, each row group's once.

mod narrow;
mod view;

use model::TenantId;
use traceql::ast::{Attribute, Intrinsic, Scope, SpansetExpr, Stage};
use traceql::metrics::{Collector, Series, Steps};

use crate::attributes::want_attribute;
use crate::block::read::Want;
use crate::block::schema::Owner;
use crate::matcher::SpanMatcher;
use crate::parts::{PartCache, View};
use crate::query::{AttributeScope, Budget, MatchedSpan, QueryError, TimeRange, TraceSummary, Value};
use crate::search::{Search, WholeTrace, signed};

use view::LanguageTrace;

/// A TraceQL search.
#[derive(Clone, Debug)]
pub struct TraceqlSearch {
    pub tenant: TenantId,
    pub range: TimeRange,
    pub query: traceql::Query,
    /// Most traces to return.
    pub limit: usize,
    /// Most spans to return of one spanset.
    pub spans_per_set: usize,
    pub budget: Budget,
}

/// A trace that a TraceQL search found. Answers are ordered as those of a search by conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTrace {
    /// `matched` and `spans` are those of all spansets together.
    pub summary: TraceSummary,
    pub spansets: Vec<FoundSpanset>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FoundSpanset {
    /// The first by start, at most `spans_per_set`. Attributes are those that the query names.
    pub spans: Vec<MatchedSpan>,
    pub matched: u64,
    /// What groups and scalar filters computed.
    pub attributes: Vec<(String, Value)>,
}

pub(crate) fn search(
    search: &TraceqlSearch,
    view: &View,
    cache: &PartCache,
) -> Result<Vec<FoundTrace>, QueryError> {
    if search.query.metric.is_some() {
        return Err(QueryError::Bad(format!("{} computes a metric: ask for it over time", search.query)));
    }
    let mut found = Vec::new();
    if search.limit == 0 {
        return Ok(found);
    }
    let named = named(&search.query);
    let narrow = narrow::query(&search.query.pipeline, &search.tenant, search.range, &search.budget);
    let matcher = SpanMatcher::new(&narrow)?;
    let test = |trace: &WholeTrace| {
        let sets = LanguageTrace::evaluate(&search.query.pipeline, trace)?;
        Ok(sets.iter().flat_map(|set| &set.spans).any(|span| trace.matches[*span]))
    };
    Search::new(&narrow, &matcher, view, cache, want(&named))?.with_test(&test).run(
        |_, _| true,
        |trace| {
            found.push(show(search, &named, trace)?);
            Ok(found.len() < search.limit)
        },
    )?;
    Ok(found)
}

fn show(
    search: &TraceqlSearch,
    named: &[Attribute],
    mut trace: WholeTrace,
) -> Result<FoundTrace, QueryError> {
    let sets = LanguageTrace::evaluate(&search.query.pipeline, &trace)?;
    trace.matches =
        (0..trace.spans.len()).map(|span| sets.iter().any(|set| set.spans.contains(&span))).collect();
    let shown: Vec<&Attribute> = named.iter().filter(|attribute| is_shown(attribute)).collect();
    let attributes_of = |trace: &WholeTrace, span: usize| LanguageTrace::values(trace, span, &shown);
    let mut spansets = Vec::new();
    for set in sets {
        let mut spans = set.spans.clone();
        spans.sort_by_key(|span| trace.start(*span));
        let shown = spans.iter().take(search.spans_per_set);
        spansets.push(FoundSpanset {
            spans: shown.map(|span| trace.matched_span(*span, attributes_of)).collect::<Result<_, _>>()?,
            matched: set.spans.len() as u64,
            attributes: set
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), Value::from(value)))
                .collect(),
        });
    }
    Ok(FoundTrace { summary: trace.summary(search.spans_per_set, attributes_of)?, spansets })
}

/// What an answer has fields of its own for is not repeated as an attribute.
fn is_shown(attribute: &Attribute) -> bool {
    use Intrinsic::*;
    !matches!(
        attribute,
        Attribute::Intrinsic(Name | Duration | TraceDuration | RootName | RootService | TraceId | SpanId)
    )
}

/// Series of a metrics query over `steps`.
pub(crate) fn metrics(
    tenant: &TenantId,
    query: &traceql::Query,
    steps: Steps,
    budget: &Budget,
    view: &View,
    cache: &PartCache,
) -> Result<Vec<Series>, QueryError> {
    let Some(metric) = &query.metric else {
        return Err(QueryError::Bad(format!("{query} computes no metric: add one, as in {query} | rate()")));
    };
    let range = TimeRange { from_ns: steps.start_ns, to_ns: steps.end_ns - 1 };
    let narrow = narrow::query(&query.pipeline, tenant, range, budget);
    let matcher = SpanMatcher::new(&narrow)?;
    let mut collector = Collector::new(metric, steps);
    let named = named(query);
    Search::new(&narrow, &matcher, view, cache, want(&named))?.run_all(
        needs_whole_traces(query),
        |trace| {
            let language = LanguageTrace::new(trace);
            let sets = traceql::evaluate(&query.pipeline, &language);
            let mut spans: Vec<usize> = sets.into_iter().flat_map(|set| set.spans).collect();
            spans.sort_unstable();
            spans.dedup();
            for span in spans.into_iter().filter(|span| trace.matches[*span]) {
                let start = signed(trace.start(span));
                collector.add(&language, span, start).map_err(|error| QueryError::Bad(error.to_string()))?;
            }
            language.finish()
        },
    )?;
    Ok(collector.finish())
}

/// Whether what a span is worth depends on other spans of its trace.
fn needs_whole_traces(query: &traceql::Query) -> bool {
    use Intrinsic::*;
    let local = |stage: &Stage| matches!(stage, Stage::Spansets(SpansetExpr::Filter(_)) | Stage::Select(_));
    let of_trace = |attribute: &Attribute| {
        matches!(
            attribute,
            Attribute::Intrinsic(
                ChildCount
                    | RootName
                    | RootService
                    | TraceDuration
                    | NestedSetLeft
                    | NestedSetRight
                    | NestedSetParent
            )
        )
    };
    !query.pipeline.0.iter().all(local) || named(query).iter().any(of_trace)
}

/// Every field that the query names, each once, in order of appearance.
fn named(query: &traceql::Query) -> Vec<Attribute> {
    let mut named: Vec<Attribute> = Vec::new();
    let mut add = |attribute: &Attribute| {
        if !named.contains(attribute) {
            named.push(attribute.clone());
        }
    };
    narrow::each_attribute(&query.pipeline, &mut add);
    if let Some(metric) = &query.metric {
        metric.function.attribute().into_iter().chain(&metric.by).for_each(&mut add);
    }
    named
}

fn want(named: &[Attribute]) -> Want {
    let mut want = Want::basics();
    for attribute in named {
        match attribute {
            Attribute::Key { scope, key } => want_attribute(&mut want, scope_of(*scope), key),
            Attribute::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
                want.key(Owner::Event, b"")
            }
            Attribute::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId) => {
                want.key(Owner::Link, b"")
            }
            Attribute::Intrinsic(_) => (),
        }
    }
    want
}

pub(crate) fn scope_of(scope: Scope) -> AttributeScope {
    match scope {
        Scope::Any => AttributeScope::Any,
        Scope::Span => AttributeScope::Span,
        Scope::Resource => AttributeScope::Resource,
        Scope::Event => AttributeScope::Event,
        Scope::Link => AttributeScope::Link,
        Scope::Instrumentation => AttributeScope::Instrumentation,
    }
}
