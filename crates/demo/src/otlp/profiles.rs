//! `ExportProfilesServiceRequest` (`v1development`): everything refers by index into tables whose entry 0 is "none".

use std::collections::HashMap;
use std::hash::Hash;

use model::{SpanId, TraceId};
use wire::proto::Writer;

use super::{Resource, in_resource};
use crate::profile::Sample;

/// A table that gives equal entries the same index.
struct Table<T> {
    entries: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn new(none: T) -> Self {
        Self { places: HashMap::from([(none.clone(), 0)]), entries: vec![none] }
    }

    fn place(&mut self, entry: T) -> u64 {
        *self.places.entry(entry.clone()).or_insert_with(|| {
            self.entries.push(entry);
            self.entries.len() as u64 - 1
        })
    }
}

struct Dictionary {
    strings: Table<String>,
    /// Function names by string index; location `n` is function `n`.
    functions: Table<u64>,
    stacks: Table<Vec<u64>>,
    links: Table<(TraceId, SpanId)>,
}

/// A processor profile and a heap profile of one process.
pub fn encode(resource: &Resource, cpu: &[Sample], heap: &[Sample], start_ns: u64, now_ns: u64) -> Vec<u8> {
    let mut tables = Dictionary {
        strings: Table::new(String::new()),
        functions: Table::new(0),
        stacks: Table::new(Vec::new()),
        links: Table::new((TraceId::default(), SpanId::default())),
    };
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.message(1, |per_resource| {
        in_resource(per_resource, resource, |scope| {
            for (samples, kind, unit, period) in
                [(cpu, "cpu", "nanoseconds", 1_000_000), (heap, "inuse_space", "bytes", 524_288)]
            {
                if !samples.is_empty() {
                    scope.message(2, |profile| {
                        write(profile, &mut tables, samples, (kind, unit, period), start_ns, now_ns)
                    });
                }
            }
        });
    });
    writer.message(2, |dictionary| write_tables(dictionary, &mut tables));
    out
}

fn write(
    profile: &mut Writer<'_>,
    tables: &mut Dictionary,
    samples: &[Sample],
    (kind, unit, period): (&str, &str, u64),
    start_ns: u64,
    now_ns: u64,
) {
    let (kind, unit) = (tables.strings.place(kind.to_owned()), tables.strings.place(unit.to_owned()));
    let value_type = |message: &mut Writer<'_>| {
        message.varint(1, kind);
        message.varint(2, unit);
    };
    profile.message(1, value_type);
    for sample in samples {
        // Innermost frame first.
        let locations = sample.stack.iter().rev().map(|frame| {
            let name = tables.strings.place((*frame).to_owned());
            tables.functions.place(name)
        });
        let locations = locations.collect();
        let stack = tables.stacks.place(locations);
        let link = sample.trace.map_or(0, |trace| tables.links.place(trace));
        profile.message(2, |message| {
            message.varint(1, stack);
            message.varint(3, link);
            message.packed_varint(4, std::iter::once(sample.value as u64));
        });
    }
    profile.fixed64(3, start_ns);
    profile.varint(4, now_ns - start_ns);
    profile.message(5, value_type);
    profile.varint(6, period);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&now_ns.to_be_bytes());
    id[8..].copy_from_slice(&(samples.len() as u64 ^ kind.rotate_left(32)).to_be_bytes());
    profile.bytes(7, &id);
}

fn write_tables(dictionary: &mut Writer<'_>, tables: &mut Dictionary) {
    dictionary.message(1, |_| {});
    for function in 0..tables.functions.entries.len() as u64 {
        dictionary.message(2, |location| {
            if function > 0 {
                location.message(3, |line| {
                    line.varint(1, function);
                    line.varint(2, 10 + function * 7 % 400);
                });
            }
        });
    }
    for name in &tables.functions.entries {
        dictionary.message(3, |function| function.varint(1, *name));
    }
    for (place, (trace_id, span_id)) in tables.links.entries.iter().enumerate() {
        dictionary.message(4, |link| {
            if place > 0 {
                link.bytes(1, &trace_id.0);
                link.bytes(2, &span_id.0);
            }
        });
    }
    for text in &tables.strings.entries {
        dictionary.always_bytes(5, text.as_bytes());
    }
    dictionary.message(6, |_| {});
    for stack in &tables.stacks.entries {
        dictionary.message(7, |message| message.packed_varint(1, stack.iter().copied()));
    }
}
