//! The block of the profile store: per tenant the tables of one part, and its samples in row groups. Format page: `docs/formats/profiles-block.md`.
//!
//! Every reference in a file is checked when it is opened, so that whoever walks tables afterwards needs no checks.

use std::sync::{Arc, OnceLock};

use model::{Labels, SpanId, TenantId, TraceId};
use parking_lot::Mutex;
use stdx::varint::{put_bytes, put_u64, take_bytes, take_u64};
use store::column::{put_ints, take_ints};
use store::{BlockReader, BlockWriter, Codec, ContainerError, SectionKey};
use wire::pprof::{Function, Label, Line, Location, Mapping};

use crate::part::{Details, Index, ProfileRow, Samples};
use crate::symbols::{Node, Symbols};
use crate::write::{Source, join};

const VERSION: u8 = 1;
/// Section kinds. Part of the format: never change them.
const SERIES: u16 = 1;
const PROFILES: u16 = 2;
const SYMBOLS: u16 = 3;
const LINKS: u16 = 4;
const LABEL_SETS: u16 = 5;
const SAMPLES: u16 = 6;
/// A row group of samples ends with the profile that brings it to so many rows.
const GROUP_ROWS: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// What a tenant's part came to.
pub(crate) struct Written {
    pub(crate) profiles: u64,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
}

/// Joins `sources` into the part of `tenant`. `None` if nothing is left.
pub(crate) fn write_tenant(
    block: &mut BlockWriter,
    tenant: &TenantId,
    sources: &[&dyn Source],
    from_ns: i64,
    zstd_level: i32,
) -> Result<Option<Written>, ContainerError> {
    if !sources.iter().any(|source| source.index().profiles.iter().any(|profile| profile.ts_ns >= from_ns)) {
        return Ok(None);
    }
    let tenant = block.tenant(tenant);
    let key = |kind, id| SectionKey { tenant, kind, id };
    let mut columns: [Vec<i64>; 4] = Default::default();
    let mut groups = 0;
    let mut group_of = Vec::new();
    let (index, details) = join(sources, from_ns, &mut |rows| {
        for (stack, link, label_set, value) in rows {
            let row = [i64::from(*stack), *value, i64::from(*link), i64::from(*label_set)];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        group_of.push(groups as i64);
        if columns[0].len() >= GROUP_ROWS {
            put_group(block, key(SAMPLES, groups), &mut columns, zstd_level);
            groups += 1;
        }
        Ok(())
    })?;
    put_group(block, key(SAMPLES, groups), &mut columns, zstd_level);
    let mut add = |kind, bytes: &[u8]| block.add(key(kind, 0), bytes, Codec::Zstd, zstd_level);
    add(SERIES, &put_series(&index.series));
    add(PROFILES, &put_profiles(&index.profiles, &group_of));
    add(SYMBOLS, &put_symbols(&details.symbols));
    add(LINKS, &put_links(&details.links));
    add(LABEL_SETS, &put_label_sets(&details.label_sets));
    let times = index.profiles.iter().map(|profile| profile.ts_ns);
    Ok(Some(Written {
        profiles: index.profiles.len() as u64,
        min_ns: times.clone().min().unwrap_or(i64::MAX),
        max_ns: times.max().unwrap_or(i64::MIN),
    }))
}

fn put_group(block: &mut BlockWriter, key: SectionKey, columns: &mut [Vec<i64>; 4], zstd_level: i32) {
    if columns[0].is_empty() {
        return;
    }
    let mut out = Vec::new();
    put_u64(&mut out, columns[0].len() as u64);
    for column in columns {
        put_ints(&mut out, column);
        column.clear();
    }
    block.add(key, &out, Codec::Zstd, zstd_level);
}

fn put_series(series: &[Arc<Labels>]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_u64(&mut out, series.len() as u64);
    for labels in series {
        put_u64(&mut out, labels.len() as u64);
        for (name, value) in labels.iter() {
            put_bytes(&mut out, name.as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
    }
    out
}

/// Appends one integer of each item as a column.
fn put_column<T>(out: &mut Vec<u8>, items: &[T], value: impl Fn(&T) -> i64) {
    put_ints(out, &items.iter().map(value).collect::<Vec<_>>());
}

/// `group_of`: the row group of each profile's samples.
fn put_profiles(profiles: &[ProfileRow], group_of: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, profiles.len() as u64);
    put_column(&mut out, profiles, |profile| i64::from(profile.series));
    put_column(&mut out, profiles, |profile| profile.ts_ns);
    put_column(&mut out, profiles, |profile| profile.duration_ns);
    put_column(&mut out, profiles, |profile| profile.period);
    put_column(&mut out, profiles, |profile| profile.total);
    put_column(&mut out, profiles, |profile| profile.content as i64);
    put_column(&mut out, profiles, |profile| i64::from(profile.sample_count));
    put_ints(&mut out, group_of);
    let has_ids = profiles.iter().any(|profile| profile.id != [0; 16]);
    out.push(u8::from(has_ids));
    if has_ids {
        profiles.iter().for_each(|profile| out.extend_from_slice(&profile.id));
    }
    out
}

fn put_symbols(symbols: &Symbols) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, symbols.strings.len() as u64);
    put_column(&mut out, &symbols.strings, |text| text.len() as i64);
    symbols.strings.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
    put_u64(&mut out, symbols.functions.len() as u64);
    put_column(&mut out, &symbols.functions, |function| i64::from(function.name));
    put_column(&mut out, &symbols.functions, |function| i64::from(function.system_name));
    put_column(&mut out, &symbols.functions, |function| i64::from(function.filename));
    put_column(&mut out, &symbols.functions, |function| function.start_line);
    put_u64(&mut out, symbols.mappings.len() as u64);
    put_column(&mut out, &symbols.mappings, |mapping| mapping.memory_start as i64);
    put_column(&mut out, &symbols.mappings, |mapping| mapping.memory_limit as i64);
    put_column(&mut out, &symbols.mappings, |mapping| mapping.file_offset as i64);
    put_column(&mut out, &symbols.mappings, |mapping| i64::from(mapping.filename));
    put_column(&mut out, &symbols.mappings, |mapping| i64::from(mapping.build_id));
    put_column(&mut out, &symbols.mappings, |mapping| {
        i64::from(mapping.has_functions)
            | i64::from(mapping.has_filenames) << 1
            | i64::from(mapping.has_line_numbers) << 2
            | i64::from(mapping.has_inline_frames) << 3
    });
    let lines: Vec<Line> =
        symbols.locations.iter().flat_map(|location| location.lines.iter().copied()).collect();
    put_u64(&mut out, symbols.locations.len() as u64);
    put_column(&mut out, &symbols.locations, |location| {
        location.mapping.map_or(0, |place| i64::from(place) + 1)
    });
    put_column(&mut out, &symbols.locations, |location| location.address as i64);
    put_column(&mut out, &symbols.locations, |location| location.lines.len() as i64);
    put_column(&mut out, &symbols.locations, |location| i64::from(location.is_folded));
    put_u64(&mut out, lines.len() as u64);
    put_column(&mut out, &lines, |line| line.function.map_or(0, |place| i64::from(place) + 1));
    put_column(&mut out, &lines, |line| line.line);
    put_column(&mut out, &lines, |line| line.column);
    put_u64(&mut out, symbols.nodes.len() as u64);
    put_column(&mut out, &symbols.nodes, |node| i64::from(node.parent));
    put_column(&mut out, &symbols.nodes, |node| i64::from(node.location));
    out
}

fn put_links(links: &[(TraceId, SpanId)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, links.len() as u64);
    links.iter().for_each(|(trace, _)| out.extend_from_slice(&trace.0));
    links.iter().for_each(|(_, span)| out.extend_from_slice(&span.0));
    out
}

fn put_label_sets(sets: &[Vec<Label>]) -> Vec<u8> {
    let labels: Vec<Label> = sets.iter().flatten().copied().collect();
    let mut out = Vec::new();
    put_u64(&mut out, sets.len() as u64);
    put_column(&mut out, sets, |set| set.len() as i64);
    put_u64(&mut out, labels.len() as u64);
    put_column(&mut out, &labels, |label| i64::from(label.key));
    put_column(&mut out, &labels, |label| i64::from(label.text));
    put_column(&mut out, &labels, |label| label.number);
    put_column(&mut out, &labels, |label| i64::from(label.number_unit));
    out
}

/// One tenant in one file.
pub(crate) struct TenantBlock {
    reader: Arc<BlockReader>,
    /// Whether what is read is worth keeping: what a merge reads is read once.
    use_cache: bool,
    tenant: u32,
    index: Index,
    /// Read when the first sample is asked for.
    details: OnceLock<Details>,
    /// Row group and first row of each profile's samples.
    places: Vec<(u64, usize)>,
    /// The group that was read last.
    last: Mutex<Option<(u64, Arc<Samples>)>>,
}

impl TenantBlock {
    /// `None` if the file has nothing of the tenant.
    pub(crate) fn open(
        reader: Arc<BlockReader>,
        tenant: &TenantId,
        use_cache: bool,
    ) -> Result<Option<Self>, ContainerError> {
        let Some(number) = reader.tenant(tenant) else { return Ok(None) };
        let key = |kind| SectionKey { tenant: number, kind, id: 0 };
        let corrupt = |kind| reader.corrupt(key(kind), "section does not parse");
        let series = take_series(&reader.require(key(SERIES))?).ok_or_else(|| corrupt(SERIES))?;
        let (profiles, group_of) =
            take_profiles(&reader.require(key(PROFILES))?, series.len()).ok_or_else(|| corrupt(PROFILES))?;
        let (mut last, mut row) = (0, 0usize);
        let mut places = Vec::with_capacity(profiles.len());
        for (profile, group) in profiles.iter().zip(group_of) {
            if group != last {
                (last, row) = (group, 0);
            }
            places.push((group as u64, row));
            row += profile.sample_count as usize;
        }
        let index = Index { series, profiles };
        let (details, last) = (OnceLock::new(), Mutex::default());
        Ok(Some(Self { reader, use_cache, tenant: number, index, details, places, last }))
    }

    /// Memory that this takes once all of it is read, roughly: tables unpack to about eight times what is stored.
    pub(crate) fn bytes(&self) -> usize {
        let stored = |kind| self.reader.stored_len(SectionKey { tenant: self.tenant, kind, id: 0 }) as usize;
        [SERIES, PROFILES, SYMBOLS, LINKS, LABEL_SETS].into_iter().map(stored).sum::<usize>() * 8
    }

    fn read_details(&self) -> Result<Details, ContainerError> {
        let key = |kind| SectionKey { tenant: self.tenant, kind, id: 0 };
        let corrupt = |kind| self.reader.corrupt(key(kind), "section does not parse");
        // Read once and then kept decoded: nothing for the cache of sections.
        let section = |kind| {
            let missing = || self.reader.corrupt(key(kind), "section is missing");
            self.reader.section_uncached(key(kind))?.ok_or_else(missing)
        };
        let symbols = take_symbols(&section(SYMBOLS)?).ok_or_else(|| corrupt(SYMBOLS))?;
        let links = take_links(&section(LINKS)?).ok_or_else(|| corrupt(LINKS))?;
        let label_sets = take_label_sets(&section(LABEL_SETS)?, symbols.strings.len())
            .ok_or_else(|| corrupt(LABEL_SETS))?;
        Ok(Details { symbols, links, label_sets })
    }

    fn group(&self, group: u64) -> Result<Arc<Samples>, ContainerError> {
        let mut last = self.last.lock();
        if let Some((_, samples)) = last.as_ref().filter(|(number, _)| *number == group) {
            return Ok(samples.clone());
        }
        let key = SectionKey { tenant: self.tenant, kind: SAMPLES, id: group };
        let section = if self.use_cache {
            self.reader.require(key)?
        } else {
            self.reader
                .section_uncached(key)?
                .ok_or_else(|| self.reader.corrupt(key, "section is missing"))?
        };
        let samples = take_samples(&section, self.details()?)
            .ok_or_else(|| self.reader.corrupt(key, "samples do not parse"))?;
        let samples = Arc::new(samples);
        *last = Some((group, samples.clone()));
        Ok(samples)
    }
}

impl Source for TenantBlock {
    fn index(&self) -> &Index {
        &self.index
    }

    fn details(&self) -> Result<&Details, ContainerError> {
        if let Some(details) = self.details.get() {
            return Ok(details);
        }
        let details = self.read_details()?;
        Ok(self.details.get_or_init(|| details))
    }

    fn samples(&self, profile: usize) -> Result<Samples, ContainerError> {
        let count = self.index.profiles[profile].sample_count as usize;
        if count == 0 {
            return Ok(Samples::default());
        }
        let (group, start) = self.places[profile];
        let samples = self.group(group)?;
        let rows = start..start + count;
        if rows.end > samples.len() {
            let key = SectionKey { tenant: self.tenant, kind: SAMPLES, id: group };
            return Err(self.reader.corrupt(key, "fewer samples than the profiles claim"));
        }
        Ok(Samples {
            stacks: samples.stacks[rows.clone()].to_vec(),
            values: samples.values[rows.clone()].to_vec(),
            links: samples.links[rows.clone()].to_vec(),
            label_sets: samples.label_sets[rows].to_vec(),
        })
    }
}

fn take_count(input: &mut &[u8]) -> Option<usize> {
    // A constant column is two bytes whatever its count: what bounds a count is what a section may unpack to.
    usize::try_from(take_u64(input)?).ok().filter(|count| *count <= COUNT_MAX)
}

/// Entries of one table, rows of one group.
const COUNT_MAX: usize = 1 << 24;

/// A column of places in a table of `len`.
fn take_places(input: &mut &[u8], count: usize, len: usize) -> Option<Vec<u32>> {
    let values = take_ints(input, count)?;
    values
        .into_iter()
        .map(|value| u32::try_from(value).ok().filter(|place| (*place as usize) < len))
        .collect()
}

/// The same where 0 is "none" and other values are places plus one.
fn take_options(input: &mut &[u8], count: usize, len: usize) -> Option<Vec<Option<u32>>> {
    Some(take_places(input, count, len + 1)?.into_iter().map(|place| place.checked_sub(1)).collect())
}

fn take_series(mut input: &[u8]) -> Option<Vec<Arc<Labels>>> {
    let input = &mut input;
    let (&version, rest) = input.split_first()?;
    *input = rest;
    if version != VERSION {
        return None;
    }
    let count = take_count(input)?;
    let text = |input: &mut &[u8]| std::str::from_utf8(take_bytes(input)?).ok().map(Box::<str>::from);
    let mut series = Vec::new();
    for _ in 0..count {
        let pairs = take_count(input)?;
        let labels = (0..pairs).map(|_| Some((text(input)?, text(input)?))).collect::<Option<Vec<_>>>()?;
        series.push(Arc::new(Labels::from_pairs(labels)));
    }
    input.is_empty().then_some(series)
}

fn take_profiles(mut input: &[u8], series: usize) -> Option<(Vec<ProfileRow>, Vec<i64>)> {
    let input = &mut input;
    let count = take_count(input)?;
    let series = take_places(input, count, series)?;
    let times = take_ints(input, count)?;
    let durations = take_ints(input, count)?;
    let periods = take_ints(input, count)?;
    let totals = take_ints(input, count)?;
    let contents = take_ints(input, count)?;
    let sample_counts = take_places(input, count, COUNT_MAX)?;
    let group_of = take_ints(input, count)?;
    let (&has_ids, rest) = input.split_first()?;
    *input = rest;
    let ids = input.get(..if has_ids == 1 { count.checked_mul(16)? } else { 0 })?;
    let profile = |place: usize| ProfileRow {
        series: series[place],
        ts_ns: times[place],
        duration_ns: durations[place],
        period: periods[place],
        total: totals[place],
        content: contents[place] as u64,
        id: ids.get(place * 16..place * 16 + 16).and_then(|id| id.try_into().ok()).unwrap_or_default(),
        sample_count: sample_counts[place],
    };
    Some(((0..count).map(profile).collect(), group_of))
}

fn take_symbols(mut input: &[u8]) -> Option<Symbols> {
    let input = &mut input;
    let strings = take_strings(input)?;
    let string = strings.len();
    let count = take_count(input)?;
    let (names, system_names) = (take_places(input, count, string)?, take_places(input, count, string)?);
    let (filenames, start_lines) = (take_places(input, count, string)?, take_ints(input, count)?);
    let functions = (0..count)
        .map(|place| Function {
            name: names[place],
            system_name: system_names[place],
            filename: filenames[place],
            start_line: start_lines[place],
        })
        .collect();
    let function_count = count;
    let mappings = take_mappings(input, string)?;
    let locations = take_locations(input, mappings.len(), function_count)?;
    let count = take_count(input)?;
    let parents = take_places(input, count, count + 1)?;
    let of_nodes = take_places(input, count, locations.len())?;
    let nodes: Vec<Node> =
        parents.into_iter().zip(of_nodes).map(|(parent, location)| Node { parent, location }).collect();
    // A parent comes before its children, so no walk to the root is endless.
    let is_tree = nodes.iter().enumerate().all(|(place, node)| node.parent as usize <= place);
    (is_tree && input.is_empty()).then_some(Symbols { strings, functions, mappings, locations, nodes })
}

fn take_strings(input: &mut &[u8]) -> Option<Vec<Box<str>>> {
    let count = take_count(input)?;
    let lengths = take_ints(input, count)?;
    let mut strings = Vec::with_capacity(count);
    for len in lengths {
        let (text, rest) = input.split_at_checked(usize::try_from(len).ok()?)?;
        *input = rest;
        strings.push(std::str::from_utf8(text).ok()?.into());
    }
    Some(strings)
}

fn take_mappings(input: &mut &[u8], strings: usize) -> Option<Vec<Mapping>> {
    let count = take_count(input)?;
    let starts = take_ints(input, count)?;
    let limits = take_ints(input, count)?;
    let offsets = take_ints(input, count)?;
    let (filenames, build_ids) = (take_places(input, count, strings)?, take_places(input, count, strings)?);
    let flags = take_ints(input, count)?;
    let mapping = |place: usize| Mapping {
        memory_start: starts[place] as u64,
        memory_limit: limits[place] as u64,
        file_offset: offsets[place] as u64,
        filename: filenames[place],
        build_id: build_ids[place],
        has_functions: flags[place] & 1 != 0,
        has_filenames: flags[place] & 2 != 0,
        has_line_numbers: flags[place] & 4 != 0,
        has_inline_frames: flags[place] & 8 != 0,
    };
    Some((0..count).map(mapping).collect())
}

fn take_locations(input: &mut &[u8], mappings: usize, functions: usize) -> Option<Vec<Location>> {
    let count = take_count(input)?;
    let of_mappings = take_options(input, count, mappings)?;
    let addresses = take_ints(input, count)?;
    let line_counts = take_places(input, count, COUNT_MAX)?;
    let folded = take_ints(input, count)?;
    let line_count = take_count(input)?;
    let of_lines = take_options(input, line_count, functions)?;
    let numbers = take_ints(input, line_count)?;
    let line_columns = take_ints(input, line_count)?;
    let mut next = 0usize;
    (0..count)
        .map(|place| {
            let end = next.checked_add(line_counts[place] as usize).filter(|end| *end <= line_count)?;
            let line =
                |at: usize| Line { function: of_lines[at], line: numbers[at], column: line_columns[at] };
            let lines = (next..end).map(line).collect();
            next = end;
            Some(Location {
                mapping: of_mappings[place],
                address: addresses[place] as u64,
                lines,
                is_folded: folded[place] != 0,
            })
        })
        .collect()
}

fn take_links(mut input: &[u8]) -> Option<Vec<(TraceId, SpanId)>> {
    let count = take_count(&mut input)?;
    let (traces, spans) = input.split_at_checked(count.checked_mul(16)?)?;
    let ids = traces.chunks_exact(16).zip(spans.chunks_exact(8));
    let links: Vec<_> = ids
        .filter_map(|(trace, span)| Some((TraceId::from_bytes(trace)?, SpanId::from_bytes(span)?)))
        .collect();
    (links.len() == count && spans.len() == count * 8).then_some(links)
}

fn take_label_sets(mut input: &[u8], strings: usize) -> Option<Vec<Vec<Label>>> {
    let input = &mut input;
    let count = take_count(input)?;
    let lengths = take_places(input, count, COUNT_MAX)?;
    let label_count = take_count(input)?;
    let keys = take_places(input, label_count, strings)?;
    let texts = take_places(input, label_count, strings)?;
    let numbers = take_ints(input, label_count)?;
    let units = take_places(input, label_count, strings)?;
    let mut next = 0usize;
    lengths
        .into_iter()
        .map(|len| {
            let end = next.checked_add(len as usize).filter(|end| *end <= label_count)?;
            let label = |at: usize| Label {
                key: keys[at],
                text: texts[at],
                number: numbers[at],
                number_unit: units[at],
            };
            let set = (next..end).map(label).collect();
            next = end;
            Some(set)
        })
        .collect()
}

fn take_samples(mut input: &[u8], tables: &Details) -> Option<Samples> {
    let input = &mut input;
    let count = take_count(input)?;
    let samples = Samples {
        stacks: take_places(input, count, tables.symbols.nodes.len() + 1)?,
        values: take_ints(input, count)?,
        links: take_places(input, count, tables.links.len() + 1)?,
        label_sets: take_places(input, count, tables.label_sets.len() + 1)?,
    };
    input.is_empty().then_some(samples)
}
