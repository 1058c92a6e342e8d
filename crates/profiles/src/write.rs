//! Many parts into one: what a cut does with the requests of a head and a merge with the parts of files.
//!
//! Profiles are sorted by series, then time; samples of a profile by stack, with equal ones added up; a profile that was sent twice is written once.
//! Deterministic: symbols are numbered as the sorted profiles first use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Labels;
use rustc_hash::FxHashMap;
use store::ContainerError;

use crate::part::{Details, Index, Part, ProfileRow, Samples};
use crate::symbols::{Interner, Mover};

/// A part whose samples are read when they are needed.
pub(crate) trait Source {
    fn index(&self) -> &Index;
    fn details(&self) -> Result<&Details, ContainerError>;
    /// Samples of a profile, by its place in the tables.
    fn samples(&self, profile: usize) -> Result<Samples, ContainerError>;
}

/// A part in memory with the first sample of each profile.
pub(crate) struct InMemory<'a> {
    part: &'a Part,
    starts: Vec<usize>,
}

impl<'a> InMemory<'a> {
    pub(crate) fn new(part: &'a Part) -> Self {
        let mut start = 0;
        let starts = part
            .index
            .profiles
            .iter()
            .map(|profile| {
                let this = start;
                start += profile.sample_count as usize;
                this
            })
            .collect();
        Self { part, starts }
    }
}

impl Source for InMemory<'_> {
    fn index(&self) -> &Index {
        &self.part.index
    }

    fn details(&self) -> Result<&Details, ContainerError> {
        Ok(&self.part.details)
    }

    fn samples(&self, profile: usize) -> Result<Samples, ContainerError> {
        let start = self.starts[profile];
        let rows = start..start + self.part.index.profiles[profile].sample_count as usize;
        let samples = &self.part.samples;
        Ok(Samples {
            stacks: samples.stacks[rows.clone()].to_vec(),
            values: samples.values[rows.clone()].to_vec(),
            links: samples.links[rows.clone()].to_vec(),
            label_sets: samples.label_sets[rows].to_vec(),
        })
    }
}

/// Where the profiles of a joined part are taken from, in their order.
struct Order {
    series: Vec<Arc<Labels>>,
    /// Source, profile, series in the result.
    profiles: Vec<(usize, usize, u32)>,
}

fn order(sources: &[&dyn Source], from_ns: i64) -> Order {
    let mut series: BTreeMap<&Arc<Labels>, u32> = BTreeMap::new();
    let live = |profile: &ProfileRow| profile.ts_ns >= from_ns;
    for index in sources.iter().map(|source| source.index()) {
        for profile in index.profiles.iter().filter(|profile| live(profile)) {
            series.insert(&index.series[profile.series as usize], 0);
        }
    }
    series.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    let mut profiles = Vec::new();
    for (source, index) in sources.iter().map(|source| source.index()).enumerate() {
        for (place, profile) in index.profiles.iter().enumerate().filter(|(_, profile)| live(profile)) {
            profiles.push((source, place, series[&index.series[profile.series as usize]]));
        }
    }
    let row = |source: usize, place: usize| &sources[source].index().profiles[place];
    profiles.sort_by_key(|(source, place, series)| (*series, row(*source, *place).ts_ns, *source, *place));
    // Copies of one profile stand at one series and time, not always side by side.
    let mut seen: Vec<u64> = Vec::new();
    let mut at = None;
    profiles.retain(|(source, place, series)| {
        let row = row(*source, *place);
        if at != Some((*series, row.ts_ns)) {
            at = Some((*series, row.ts_ns));
            seen.clear();
        }
        let is_new = !seen.contains(&row.content);
        seen.push(row.content);
        is_new
    });
    Order { series: series.into_keys().cloned().collect(), profiles }
}

/// Adds one profile after the other to a part under construction.
struct Joiner<'a> {
    movers: Vec<Mover<'a>>,
    interner: Interner,
    links: FxHashMap<(model::TraceId, model::SpanId), u32>,
    label_sets: FxHashMap<Vec<wire::pprof::Label>, u32>,
    index: Index,
    details: Details,
}

/// A sample row: stack, link, label set, value.
type Row = (u32, u32, u32, i64);

impl Joiner<'_> {
    /// The samples of a profile in the numbers of the result, sorted, equal ones added up.
    fn rows(&mut self, place: usize, from: &Details, samples: &Samples) -> Vec<Row> {
        let mover = &mut self.movers[place];
        let mut rows: Vec<Row> = Vec::with_capacity(samples.len());
        for row in 0..samples.len() {
            let stack = mover.node(&mut self.interner, &from.symbols.nodes, samples.stacks[row]);
            let link = match (samples.links[row] as usize).checked_sub(1) {
                None => 0,
                Some(link) => {
                    let (links, next) = (&mut self.details.links, self.links.len() as u32 + 1);
                    *self.links.entry(from.links[link]).or_insert_with_key(|link| {
                        links.push(*link);
                        next
                    })
                }
            };
            let label_set = match (samples.label_sets[row] as usize).checked_sub(1) {
                None => 0,
                Some(set) => {
                    let mut labels = from.label_sets[set].clone();
                    for label in &mut labels {
                        label.key = mover.string(&mut self.interner, label.key);
                        label.text = mover.string(&mut self.interner, label.text);
                        label.number_unit = mover.string(&mut self.interner, label.number_unit);
                    }
                    labels.sort_unstable();
                    let (sets, next) = (&mut self.details.label_sets, self.label_sets.len() as u32 + 1);
                    *self.label_sets.entry(labels).or_insert_with_key(|labels| {
                        sets.push(labels.clone());
                        next
                    })
                }
            };
            rows.push((stack, link, label_set, samples.values[row]));
        }
        rows.sort_unstable();
        rows.dedup_by(|later, earlier| {
            let same = (later.0, later.1, later.2) == (earlier.0, earlier.1, earlier.2);
            if same {
                earlier.3 = earlier.3.saturating_add(later.3);
            }
            same
        });
        rows
    }
}

/// Joins parts; profiles before `from_ns` are left out. Rows go to `write`, profile by profile; the rest comes back at the end.
pub(crate) fn join(
    sources: &[&dyn Source],
    from_ns: i64,
    write: &mut dyn FnMut(&[Row]) -> Result<(), ContainerError>,
) -> Result<(Index, Details), ContainerError> {
    let Order { series, profiles } = order(sources, from_ns);
    let details = sources.iter().map(|source| source.details()).collect::<Result<Vec<_>, _>>()?;
    let mut joiner = Joiner {
        movers: details.iter().map(|details| Mover::of_symbols(&details.symbols)).collect(),
        interner: Interner::default(),
        links: FxHashMap::default(),
        label_sets: FxHashMap::default(),
        index: Index { series, ..Index::default() },
        details: Details::default(),
    };
    for (place, profile, series) in profiles {
        let source = sources[place];
        let samples = source.samples(profile)?;
        let rows = joiner.rows(place, details[place], &samples);
        let row = source.index().profiles[profile];
        joiner.index.profiles.push(ProfileRow { series, sample_count: rows.len() as u32, ..row });
        write(&rows)?;
    }
    joiner.details.symbols = joiner.interner.finish();
    Ok((joiner.index, joiner.details))
}
