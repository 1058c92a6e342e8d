//! Search: candidate traces from the summaries of row groups, newest first; spans are read only where a condition needs them.
//!
//! Exact: the answer is what a look at every span of every trace would give, cut at `limit`. A row group's spans are matched at most once.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use model::{SpanId, TenantId, TraceId};

use crate::block::read::{Part, Want};
use crate::block::rows::{Fixed, duration_ns, end_of};
use crate::block::schema::FixedText;
use crate::join::{Fragment, LoadedGroup};
use crate::matcher::{PartMatcher, SpanMatcher};
use crate::parts::{PartCache, View};
use crate::query::{
    Budget, Kind, MatchedSpan, QueryError, Root, SearchQuery, ServiceStats, Status, TimeRange, TraceSummary,
};
use crate::scan::{Joiner, rows_in_range};
use crate::tree::Parent;

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

/// Traces of `view` of which a fragment may match. Memory: at most 128 bytes a trace, charged to the budget.
pub(crate) fn candidates(
    view: &View,
    range: TimeRange,
    matchers: &[PartMatcher<'_>],
    budget: &Budget,
) -> Result<Vec<Candidate>, QueryError> {
    let mut found: Vec<(TraceId, At, u64, u64, bool)> = Vec::new();
    for (number, (part, matcher)) in view.inside.iter().zip(matchers).enumerate() {
        for group in 0..part.groups.len() {
            let table = part.traces(group, budget)?;
            budget.spend(table.len() as u64 * 128)?;
            for trace in 0..table.len() {
                let at = At { part: number as u32, group: group as u32, trace: trace as u32 };
                let may = matcher.may_match(&table, trace);
                found.push((table.ids[trace], at, table.start[trace], table.end[trace], may));
            }
        }
    }
    // Stable, and each part is sorted already: a merge of runs.
    found.sort_by_key(|(id, ..)| *id);
    let mut candidates = Vec::new();
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
        candidates.push(Candidate { start, id, end, places, complete: false });
    }
    Ok(candidates)
}

/// Candidates from the newest on. Sorts no more of them than are asked for.
struct Newest {
    unsorted: Vec<Candidate>,
    /// The newest of the rest, oldest first.
    sorted: Vec<Candidate>,
    /// Those that turned out to start earlier.
    again: BinaryHeap<Candidate>,
    next_len: usize,
}

impl Newest {
    fn new(unsorted: Vec<Candidate>) -> Self {
        Self { unsorted, sorted: Vec::new(), again: BinaryHeap::new(), next_len: 1024 }
    }

    fn pop(&mut self) -> Option<Candidate> {
        if self.sorted.is_empty() && !self.unsorted.is_empty() {
            let older = self.unsorted.len().saturating_sub(self.next_len);
            self.next_len *= 4;
            if older > 0 {
                self.unsorted.select_nth_unstable(older);
            }
            self.sorted = self.unsorted.split_off(older);
            self.sorted.sort_unstable();
        }
        match (self.sorted.last(), self.again.peek()) {
            (Some(fresh), Some(again)) if again > fresh => self.again.pop(),
            (None, Some(_)) => self.again.pop(),
            _ => self.sorted.pop(),
        }
    }
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
    /// Columns to load for what is shown or tested.
    want: Want,
    matched: HashMap<(u32, u32), Arc<GroupMatches>>,
    joiner: Joiner<'q>,
    /// What a trace as a whole must pass, beyond the span conditions.
    test: Option<&'q TraceTest<'q>>,
}

/// A condition on a whole trace.
pub(crate) type TraceTest<'q> = dyn Fn(&WholeTrace) -> Result<bool, QueryError> + 'q;

/// Where the span conditions hold in a row group, for spans in range.
struct GroupMatches {
    rows: Vec<bool>,
    /// Traces with such a span.
    traces: Vec<bool>,
    /// Of those, the ones that pass the test if they are whole here.
    whole: Vec<bool>,
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
            joiner: Joiner::new(view, want.clone(), &query.budget),
            want,
            matched: HashMap::new(),
            test: None,
        })
    }

    /// Only traces that pass `test` as a whole.
    pub(crate) fn with_test(mut self, test: &'q TraceTest<'q>) -> Self {
        self.test = Some(test);
        self
    }

    /// Calls `each` with the traces that have a matching span in range, pass the test, and whose start and end fit, newest first, until it
    /// returns false.
    pub(crate) fn run(
        &mut self,
        trace_fits: impl Fn(u64, u64) -> bool,
        mut each: impl FnMut(WholeTrace) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut newest = Newest::new(candidates(self.view, self.range, &self.matchers, self.budget)?);
        while let Some(mut candidate) = newest.pop() {
            let (some_row, alone) = self.promises(&candidate)?;
            if !some_row {
                continue;
            }
            let outside = self.view.outside_of(candidate.id, self.cache, self.tenant)?;
            if !candidate.complete && !outside.is_empty() {
                let (start, end) = self.hull(&candidate, &outside)?;
                let earlier = start < candidate.start;
                (candidate.start, candidate.end, candidate.complete) = (start, end, true);
                if earlier {
                    newest.again.push(candidate);
                    continue;
                }
            }
            if !trace_fits(candidate.start, candidate.end) || (outside.is_empty() && alone == Some(false)) {
                continue;
            }
            let trace = self.load(&candidate, &outside)?;
            let tested = outside.is_empty() && alone == Some(true);
            if let (false, Some(test)) = (tested, self.test)
                && !test(&trace)?
            {
                continue;
            }
            if !each(trace)? {
                break;
            }
        }
        Ok(())
    }

    /// Calls `each` with the traces that have a matching span in range, in no order that means something. `whole`: fragments outside the range
    /// matter too.
    pub(crate) fn run_all(
        &mut self,
        whole: bool,
        mut each: impl FnMut(&WholeTrace) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut apart = candidates(self.view, self.range, &self.matchers, self.budget)?;
        apart.retain(|candidate| matches!(candidate.places, Places::Many(_)));
        let of_apart: HashSet<At> =
            apart.iter().flat_map(|candidate| candidate.places.as_slice()).copied().collect();
        for (number, part) in self.view.inside.iter().enumerate() {
            for group in 0..part.groups.len() {
                let matches = self.match_rows(part, group, &self.matchers[number])?;
                if !matches.traces.contains(&true) {
                    continue;
                }
                let loaded = Arc::new(LoadedGroup::load(part, group, &self.want, self.budget)?);
                for trace in (0..loaded.table.len()).filter(|trace| matches.traces[*trace]) {
                    let at = At { part: number as u32, group: group as u32, trace: trace as u32 };
                    if of_apart.contains(&at) {
                        continue;
                    }
                    let id = loaded.table.ids[trace];
                    if whole && !self.view.outside_of(id, self.cache, self.tenant)?.is_empty() {
                        let (start, end) = (loaded.table.start[trace], loaded.table.end[trace]);
                        apart.push(Candidate { start, id, end, places: Places::One(at), complete: false });
                        continue;
                    }
                    each(&whole_trace(&loaded, trace, &matches))?;
                }
            }
        }
        apart.sort_unstable_by_key(|candidate| candidate.id);
        for candidate in apart {
            if self.promises(&candidate)?.0 {
                let outside = self.view.outside_of(candidate.id, self.cache, self.tenant)?;
                each(&self.load(&candidate, &outside)?)?;
            }
        }
        Ok(())
    }

    /// Whether a row matches, and for a trace in one place, whether it passes the test if it is whole there.
    fn promises(&mut self, candidate: &Candidate) -> Result<(bool, Option<bool>), QueryError> {
        let places = candidate.places.as_slice();
        for at in places {
            let matches = self.matches(at.part, at.group)?;
            if matches.traces[at.trace as usize] {
                let alone = (places.len() == 1).then(|| matches.whole[at.trace as usize]);
                return Ok((true, alone));
            }
        }
        Ok((false, None))
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
        part: &Arc<Part>,
        group: usize,
        matcher: &PartMatcher<'_>,
    ) -> Result<GroupMatches, QueryError> {
        let mut matches = self.match_rows(part, group, matcher)?;
        matches.whole = matches.traces.clone();
        if let (Some(test), true) = (self.test, matches.traces.contains(&true)) {
            let loaded = Arc::new(LoadedGroup::load(part, group, &self.want, self.budget)?);
            for trace in (0..loaded.table.len()).filter(|trace| matches.traces[*trace]) {
                matches.whole[trace] = test(&whole_trace(&loaded, trace, &matches))?;
            }
        }
        Ok(matches)
    }

    fn match_rows(
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
        Ok(GroupMatches { rows, traces, whole: Vec::new() })
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
        let places = candidate.places.as_slice();
        if let (Places::One(at), []) = (&candidate.places, outside) {
            let matches = self.matches(at.part, at.group)?;
            return Ok(whole_trace(&self.joiner.group(*at, false)?, at.trace as usize, &matches));
        }
        let mut trace = self.joiner.join(candidate.id, places, outside)?;
        let mut masks = Vec::with_capacity(places.len());
        for at in places {
            masks.push(self.matches(at.part, at.group)?);
        }
        // Files outside the range have no span in it, so none of theirs matches.
        let holds =
            |fragment: u32, row: u32| masks.get(fragment as usize).is_some_and(|m| m.rows[row as usize]);
        trace.matches = trace.spans.iter().map(|(fragment, row, _)| holds(*fragment, *row)).collect();
        Ok(trace)
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

/// A trace that is whole in one group.
fn whole_trace(group: &Arc<LoadedGroup>, trace: usize, matches: &GroupMatches) -> WholeTrace {
    let fragment = Fragment { group: group.clone(), rows: group.table.rows(trace) };
    let spans = whole_rows(&fragment);
    let matches = matches.rows[fragment.rows.clone()].to_vec();
    WholeTrace { id: group.table.ids[trace], fragments: vec![fragment], spans, matches }
}

impl WholeTrace {
    /// Spans match that are in range.
    pub(crate) fn match_range(&mut self, range: TimeRange) {
        let inside = |span: usize| {
            let start = self.get(span, Fixed::Start);
            range.overlaps(signed(start), signed(end_of(start, self.get(span, Fixed::Duration))))
        };
        self.matches = (0..self.spans.len()).map(inside).collect();
    }

    pub(crate) fn place(&self, span: usize) -> (&LoadedGroup, usize) {
        let (fragment, row, _) = self.spans[span];
        (&self.fragments[fragment as usize].group, row as usize)
    }

    pub(crate) fn get(&self, span: usize, column: Fixed) -> u64 {
        let (group, row) = self.place(span);
        group.rows.get(column, row)
    }

    pub(crate) fn start(&self, span: usize) -> u64 {
        self.get(span, Fixed::Start)
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

    pub(crate) fn matched_span(
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
