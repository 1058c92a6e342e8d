//! Search: candidate traces from the summaries of row groups, newest first; spans are read only where a condition needs them.
//!
//! Exact: the answer is what a look at every span of every trace would give, cut at `limit`. A row group's spans are matched at most once.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use model::{SpanId, TenantId, TraceId};

use crate::block::read::{Part, Want};
use crate::block::rows::{Fixed, duration_ns};
use crate::block::schema::FixedText;
use crate::by_id::fragments_in;
use crate::join::{Fragment, LoadedGroup, join};
use crate::matcher::{PartMatcher, SpanMatcher};
use crate::parts::{PartCache, View};
use crate::query::{
    Budget, Kind, MatchedSpan, QueryError, Root, SearchQuery, ServiceStats, Status, TimeRange, TraceSummary,
};
use crate::scan::rows_in_range;
use crate::tree::{Parent, Tree};

/// Where a fragment of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At {
    pub part: u32,
    pub group: u32,
    pub trace: u32,
}

/// A trace that may be in the answer. Ordered as answers are: by start, then by id; the greatest comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub start: u64,
    pub id: TraceId,
    pub end: u64,
    /// Its fragments in the view's parts.
    pub places: Places,
    /// Fragments outside the range were looked for.
    complete: bool,
}

/// Most traces are whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    One(At),
    Many(Vec<At>),
}

impl Places {
    pub(crate) fn as_slice(&self) -> &[At] {
        match self {
            Self::One(at) => std::slice::from_ref(at),
            Self::Many(all) => all,
        }
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Of equal starts the smaller id comes first, so it is the greater.
        self.start.cmp(&other.start).then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Traces of `view` of which a fragment may match. Memory: about 64 bytes a trace, charged to the budget.
pub(crate) fn candidates(
    view: &View,
    range: TimeRange,
    matchers: &[PartMatcher<'_>],
    budget: &Budget,
) -> Result<BinaryHeap<Candidate>, QueryError> {
    let mut found: Vec<(TraceId, At, u64, u64, bool)> = Vec::new();
    for (number, (part, matcher)) in view.inside.iter().zip(matchers).enumerate() {
        for group in 0..part.groups.len() {
            let table = part.traces(group, budget)?;
            budget.spend(table.len() as u64 * 64)?;
            for trace in 0..table.len() {
                let at = At { part: number as u32, group: group as u32, trace: trace as u32 };
                let may = matcher.may_match(&table, trace);
                found.push((table.ids[trace], at, table.start[trace], table.end[trace], may));
            }
        }
    }
    // Stable, and each part is sorted already: a merge of runs.
    found.sort_by_key(|(id, ..)| *id);
    let mut heap = Vec::new();
    for same in found.chunk_by(|a, b| a.0 == b.0) {
        let (id, at, ..) = same[0];
        let start = same.iter().map(|fragment| fragment.2).min().unwrap_or(0);
        let end = same.iter().map(|fragment| fragment.3).max().unwrap_or(0);
        if !same.iter().any(|fragment| fragment.4) || !range.overlaps(signed(start), signed(end)) {
            continue;
        }
        let places = match same {
            [_] => Places::One(at),
            _ => Places::Many(same.iter().map(|fragment| fragment.1).collect()),
        };
        heap.push(Candidate { start, id, end, places, complete: false });
    }
    Ok(BinaryHeap::from(heap))
}

pub(crate) fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// One search under way.
pub(crate) struct Search<'q> {
    pub view: &'q View,
    pub cache: &'q PartCache,
    pub tenant: &'q TenantId,
    pub range: TimeRange,
    pub budget: &'q Budget,
    /// The span conditions in each part's numbers.
    matchers: Vec<PartMatcher<'q>>,
    /// Columns to load for what is shown.
    want: Want,
    matched: HashMap<(u32, u32), Arc<GroupMatches>>,
    tree: Tree,
}

/// Where the span conditions hold in a row group, for spans in range.
struct GroupMatches {
    rows: Vec<bool>,
    /// Traces with such a span.
    traces: Vec<bool>,
}

/// A trace whose spans are in memory, each once.
pub(crate) struct WholeTrace {
    pub id: TraceId,
    pub fragments: Vec<Fragment>,
    /// Fragment, row and parent, in tree order.
    pub spans: Vec<(u32, u32, Parent)>,
    /// Whether the span is in range and the span conditions hold, one a span.
    pub matches: Vec<bool>,
}

impl<'q> Search<'q> {
    pub(crate) fn new(
        query: &'q SearchQuery,
        matcher: &'q SpanMatcher,
        view: &'q View,
        cache: &'q PartCache,
        want: Want,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            view,
            cache,
            tenant: &query.tenant,
            range: query.range,
            budget: &query.budget,
            matchers: view.inside.iter().map(|part| matcher.in_part(part)).collect::<Result<_, _>>()?,
            want,
            matched: HashMap::new(),
            tree: Tree::default(),
        })
    }

    /// Calls `each` with the traces that have a matching span in range and whose start and end fit, newest first, until it returns false.
    pub(crate) fn run(
        &mut self,
        trace_fits: impl Fn(u64, u64) -> bool,
        mut each: impl FnMut(WholeTrace) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut heap = candidates(self.view, self.range, &self.matchers, self.budget)?;
        while let Some(mut candidate) = heap.pop() {
            if !self.some_row_matches(&candidate)? {
                continue;
            }
            let outside = self.view.outside_of(candidate.id, self.cache, self.tenant)?;
            if !candidate.complete && !outside.is_empty() {
                let (start, end) = self.hull(&candidate, &outside)?;
                let earlier = start < candidate.start;
                (candidate.start, candidate.end, candidate.complete) = (start, end, true);
                if earlier {
                    heap.push(candidate);
                    continue;
                }
            }
            if trace_fits(candidate.start, candidate.end) && !each(self.load(&candidate, &outside)?)? {
                break;
            }
        }
        Ok(())
    }

    fn some_row_matches(&mut self, candidate: &Candidate) -> Result<bool, QueryError> {
        for at in candidate.places.as_slice() {
            if self.matches(at.part, at.group)?.traces[at.trace as usize] {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn matches(&mut self, part: u32, group: u32) -> Result<Arc<GroupMatches>, QueryError> {
        if let Some(known) = self.matched.get(&(part, group)) {
            return Ok(known.clone());
        }
        let have = &self.view.inside[part as usize];
        let matches = Arc::new(self.match_group(have, group as usize, &self.matchers[part as usize])?);
        self.budget.spend((matches.rows.len() + matches.traces.len()) as u64)?;
        self.matched.insert((part, group), matches.clone());
        Ok(matches)
    }

    fn match_group(
        &self,
        part: &Part,
        group: usize,
        matcher: &PartMatcher<'_>,
    ) -> Result<GroupMatches, QueryError> {
        let reader = part.group(group, self.budget)?;
        let table = part.traces(group, self.budget)?;
        let mut rows = matcher.rows(part, &reader)?;
        if let Some(in_range) = rows_in_range(&reader, &table, self.range)? {
            rows.iter_mut().zip(in_range).for_each(|(keep, inside)| *keep &= inside);
        }
        let traces = (0..table.len()).map(|trace| rows[table.rows(trace)].contains(&true)).collect();
        Ok(GroupMatches { rows, traces })
    }

    /// Start and end with the fragments outside.
    fn hull(&self, candidate: &Candidate, outside: &[Arc<Part>]) -> Result<(u64, u64), QueryError> {
        let (mut start, mut end) = (candidate.start, candidate.end);
        for part in outside {
            for group in part.groups_of(candidate.id)? {
                let table = part.traces(group, self.budget)?;
                for trace in table.find(candidate.id) {
                    start = start.min(table.start[trace]);
                    end = end.max(table.end[trace]);
                }
            }
        }
        Ok((start, end))
    }

    fn load(&mut self, candidate: &Candidate, outside: &[Arc<Part>]) -> Result<WholeTrace, QueryError> {
        let mut fragments = Vec::new();
        let alone = candidate.places.as_slice().len() == 1 && outside.is_empty();
        // Telling repeats apart takes every column.
        let want = if alone { self.want.clone() } else { Want::everything() };
        let mut masks: Vec<Option<Arc<GroupMatches>>> = Vec::new();
        for part in outside {
            // Files outside the range have no span in it, so none of theirs matches.
            fragments.extend(fragments_in(part, candidate.id, &want, self.budget)?);
            masks.resize(fragments.len(), None);
        }
        for at in candidate.places.as_slice() {
            let part = &self.view.inside[at.part as usize];
            let group = LoadedGroup::load(part, at.group as usize, &want, self.budget)?;
            let rows = group.table.rows(at.trace as usize);
            fragments.push(Fragment { group: Arc::new(group), rows });
            masks.push(Some(self.matches(at.part, at.group)?));
        }
        let spans: Vec<(u32, u32, Parent)> = if alone {
            whole_rows(&fragments[0])
        } else {
            join(&fragments, &mut self.tree)?
                .iter()
                .map(|span| (span.fragment, span.row, span.parent))
                .collect()
        };
        let holds =
            |fragment: u32, row: u32| masks[fragment as usize].as_ref().is_some_and(|m| m.rows[row as usize]);
        let matches = spans.iter().map(|(fragment, row, _)| holds(*fragment, *row)).collect();
        Ok(WholeTrace { id: candidate.id, fragments, spans, matches })
    }
}

/// The rows of a trace that is whole in one group, with the parents it has there.
fn whole_rows(fragment: &Fragment) -> Vec<(u32, u32, Parent)> {
    let LoadedGroup { rows, index, .. } = &*fragment.group;
    let parent = |row: usize| match rows.get(Fixed::Parent, row) {
        0 => Parent::None,
        1 => Parent::Loose(index.parent_id(rows, row)),
        back => Parent::Back(back as u32 - 1),
    };
    fragment.rows.clone().map(|row| (0, row as u32, parent(row))).collect()
}

impl WholeTrace {
    pub(crate) fn place(&self, span: usize) -> (&LoadedGroup, usize) {
        let (fragment, row, _) = self.spans[span];
        (&self.fragments[fragment as usize].group, row as usize)
    }

    pub(crate) fn get(&self, span: usize, column: Fixed) -> u64 {
        let (group, row) = self.place(span);
        group.rows.get(column, row)
    }

    /// Zero for a span that ends before it starts.
    pub(crate) fn duration_ns(&self, span: usize) -> u64 {
        duration_ns(self.get(span, Fixed::Duration))
    }

    pub(crate) fn span_id(&self, span: usize) -> SpanId {
        let (group, row) = self.place(span);
        group.rows.span_ids[row]
    }

    pub(crate) fn name(&self, span: usize) -> Result<&str, QueryError> {
        let (group, row) = self.place(span);
        let names = group.part.fixed_texts(FixedText::Name)?;
        Ok(std::str::from_utf8(names.get(group.rows.get(Fixed::Name, row) as usize)).unwrap_or_default())
    }

    pub(crate) fn service(&self, span: usize) -> Result<&str, QueryError> {
        let (group, row) = self.place(span);
        let services = group.part.services()?;
        let service = services.of(group.rows.get(Fixed::Resource, row) as u32);
        Ok(std::str::from_utf8(services.names.get(service)).unwrap_or_default())
    }

    pub(crate) fn status(&self, span: usize) -> Status {
        Status::from_number(self.get(span, Fixed::Status) as i64 - 1)
    }

    /// The earliest span without a parent.
    pub(crate) fn root(&self) -> Option<usize> {
        let roots = (0..self.spans.len()).filter(|span| self.spans[*span].2 == Parent::None);
        roots.min_by_key(|span| self.get(*span, Fixed::Start))
    }

    /// Start of the earliest span and end of the latest.
    pub(crate) fn hull(&self) -> (u64, u64) {
        let ends = (0..self.spans.len()).map(|span| {
            let start = self.get(span, Fixed::Start);
            (start, start.saturating_add(self.duration_ns(span)))
        });
        ends.fold((u64::MAX, 0), |hull, (start, end)| (hull.0.min(start), hull.1.max(end)))
    }

    /// What an answer says of the trace. `attributes` gives what to show of a span.
    pub(crate) fn summary(
        &self,
        spans_per_set: usize,
        attributes: impl Fn(&Self, usize) -> Result<Vec<(String, crate::query::Value)>, QueryError>,
    ) -> Result<TraceSummary, QueryError> {
        let mut services: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for span in 0..self.spans.len() {
            let stats = services.entry(self.service(span)?).or_default();
            stats.0 += 1;
            stats.1 += u64::from(self.status(span) == Status::Error);
        }
        let root = match self.root() {
            Some(root) => {
                Some(Root { service: self.service(root)?.to_owned(), name: self.name(root)?.to_owned() })
            }
            None => None,
        };
        let mut matched: Vec<usize> = (0..self.spans.len()).filter(|span| self.matches[*span]).collect();
        matched.sort_by_key(|span| self.get(*span, Fixed::Start));
        let shown = matched.iter().take(spans_per_set).map(|span| self.matched_span(*span, &attributes));
        let (start_ns, end_ns) = self.hull();
        Ok(TraceSummary {
            trace_id: self.id,
            root,
            start_ns,
            duration_ns: end_ns - start_ns,
            span_count: self.spans.len() as u64,
            error_count: services.values().map(|stats| stats.1).sum(),
            services: services
                .into_iter()
                .map(|(service, (span_count, error_count))| ServiceStats {
                    service: service.to_owned(),
                    span_count,
                    error_count,
                })
                .collect(),
            matched: matched.len() as u64,
            spans: shown.collect::<Result<_, _>>()?,
        })
    }

    fn matched_span(
        &self,
        span: usize,
        attributes: impl Fn(&Self, usize) -> Result<Vec<(String, crate::query::Value)>, QueryError>,
    ) -> Result<MatchedSpan, QueryError> {
        Ok(MatchedSpan {
            span_id: self.span_id(span),
            service: self.service(span)?.to_owned(),
            name: self.name(span)?.to_owned(),
            kind: Kind::from_number(self.get(span, Fixed::Kind) as i64),
            status: self.status(span),
            start_ns: self.get(span, Fixed::Start),
            duration_ns: self.duration_ns(span),
            attributes: attributes(self, span)?,
        })
    }
}
