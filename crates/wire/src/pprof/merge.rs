//! Many profiles into one: strings, functions, mappings and locations that are equal become one, and samples of the same stack and labels add up.
//!
//! Sample types are aligned by name and unit; a profile that lacks one counts as zero in it. Locations with symbols are compared by mapping,
//! lines and address within the mapping, so that the same program loaded at another place is the same.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use rustc_hash::FxBuildHasher;

use super::profile::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};

type Places<K> = HashMap<K, u32, FxBuildHasher>;

/// Adds profiles up. The result does not depend on how equal things were numbered before.
#[derive(Debug, Default)]
pub struct Merger {
    merged: Profile,
    strings: Places<String>,
    functions: Places<Function>,
    mappings: Places<MappingKey>,
    locations: Places<Location>,
    samples: Places<(Vec<u32>, Vec<Label>)>,
    comments: HashSet<u32, FxBuildHasher>,
    any: bool,
}

/// What makes two mappings the same: the file by build id (or name) and its extent, not the place it was loaded at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct MappingKey {
    size: u64,
    offset: u64,
    build_id_or_file: u32,
}

/// The place of `key`, a new one by `add` if need be.
fn place<K: Eq + Hash + Clone>(places: &mut Places<K>, key: &K, add: impl FnOnce()) -> u32 {
    if let Some(place) = places.get(key) {
        return *place;
    }
    let place = places.len() as u32;
    places.insert(key.clone(), place);
    add();
    place
}

/// Places in the merged tables, by place in the tables of the profile that is being added.
struct Moved {
    strings: Vec<u32>,
    functions: Vec<u32>,
    mappings: Vec<u32>,
    locations: Vec<u32>,
    types: Vec<usize>,
}

/// Lookups in a profile that was built by hand may miss: entry 0 is as good as none.
fn at(places: &[u32], place: u32) -> u32 {
    places.get(place as usize).copied().unwrap_or_default()
}

impl Merger {
    pub fn add(&mut self, profile: &Profile) {
        let mut moved = Moved {
            strings: Vec::new(),
            functions: Vec::new(),
            mappings: Vec::new(),
            locations: Vec::new(),
            types: Vec::new(),
        };
        // The merged table starts with the empty string, whatever comes first.
        self.string("");
        moved.strings = profile.strings.iter().map(|text| self.string(text)).collect();
        self.head(profile, &mut moved);
        moved.functions = profile.functions.iter().map(|function| self.function(function, &moved)).collect();
        moved.mappings = profile.mappings.iter().map(|mapping| self.mapping(mapping, &moved)).collect();
        moved.locations =
            profile.locations.iter().map(|location| self.location(location, profile, &moved)).collect();
        profile.samples.iter().for_each(|sample| self.sample(sample, &moved));
    }

    /// Nothing added gives an empty profile. Values that add up to zero stay: the stack was seen.
    pub fn finish(self) -> Profile {
        self.merged
    }

    fn string(&mut self, text: &str) -> u32 {
        if let Some(place) = self.strings.get(text) {
            return *place;
        }
        place(&mut self.strings, &text.to_owned(), || self.merged.strings.push(text.to_owned()))
    }

    /// Sample types, and times and periods as `go tool pprof` merges them: earliest start, durations added, longest period.
    fn head(&mut self, profile: &Profile, moved: &mut Moved) {
        let value_type = |kind: ValueType| ValueType {
            kind: at(&moved.strings, kind.kind),
            unit: at(&moved.strings, kind.unit),
        };
        let merged = &mut self.merged;
        moved.types = profile
            .sample_types
            .iter()
            .map(|kind| {
                let kind = value_type(*kind);
                merged.sample_types.iter().position(|have| *have == kind).unwrap_or_else(|| {
                    merged.sample_types.push(kind);
                    merged.samples.iter_mut().for_each(|sample| sample.values.push(0));
                    merged.sample_types.len() - 1
                })
            })
            .collect();
        if !self.any {
            merged.period_type = value_type(profile.period_type);
            merged.drop_frames = at(&moved.strings, profile.drop_frames);
            merged.keep_frames = at(&moved.strings, profile.keep_frames);
            merged.default_sample_type = at(&moved.strings, profile.default_sample_type);
            merged.doc_url = at(&moved.strings, profile.doc_url);
            merged.time_nanos = profile.time_nanos;
        }
        self.any = true;
        if profile.time_nanos != 0 && (merged.time_nanos == 0 || profile.time_nanos < merged.time_nanos) {
            merged.time_nanos = profile.time_nanos;
        }
        merged.duration_nanos = merged.duration_nanos.saturating_add(profile.duration_nanos);
        merged.period = merged.period.max(profile.period);
        for comment in &profile.comments {
            let comment = at(&moved.strings, *comment);
            if self.comments.insert(comment) {
                merged.comments.push(comment);
            }
        }
    }

    fn function(&mut self, function: &Function, moved: &Moved) -> u32 {
        let function = Function {
            name: at(&moved.strings, function.name),
            system_name: at(&moved.strings, function.system_name),
            filename: at(&moved.strings, function.filename),
            start_line: function.start_line,
        };
        place(&mut self.functions, &function, || self.merged.functions.push(function))
    }

    fn mapping(&mut self, mapping: &Mapping, moved: &Moved) -> u32 {
        let (filename, build_id) =
            (at(&moved.strings, mapping.filename), at(&moved.strings, mapping.build_id));
        // Kernels and loaders round sizes to pages.
        const PAGE: u64 = 0x1000;
        let size = mapping.memory_limit.wrapping_sub(mapping.memory_start);
        let key = MappingKey {
            size: size.checked_next_multiple_of(PAGE).unwrap_or(size),
            offset: mapping.file_offset,
            build_id_or_file: if build_id != 0 { build_id } else { filename },
        };
        let found = place(&mut self.mappings, &key, || {
            self.merged.mappings.push(Mapping { filename, build_id, ..*mapping });
        });
        let merged = &mut self.merged.mappings[found as usize];
        merged.has_functions |= mapping.has_functions;
        merged.has_filenames |= mapping.has_filenames;
        merged.has_line_numbers |= mapping.has_line_numbers;
        merged.has_inline_frames |= mapping.has_inline_frames;
        found
    }

    fn location(&mut self, location: &Location, profile: &Profile, moved: &Moved) -> u32 {
        let mapping = location.mapping.map(|place| at(&moved.mappings, place));
        let loaded_at = location
            .mapping
            .and_then(|place| profile.mappings.get(place as usize))
            .map_or(0, |mapping| mapping.memory_start);
        let merged_at = mapping.map_or(0, |place| self.merged.mappings[place as usize].memory_start);
        let lines = location
            .lines
            .iter()
            .map(|line| Line { function: line.function.map(|place| at(&moved.functions, place)), ..*line });
        let merged = Location {
            mapping,
            address: location.address.wrapping_sub(loaded_at).wrapping_add(merged_at),
            lines: lines.collect(),
            is_folded: location.is_folded,
        };
        place(&mut self.locations, &merged, || self.merged.locations.push(merged.clone()))
    }

    fn sample(&mut self, sample: &Sample, moved: &Moved) {
        let locations: Vec<u32> = sample.locations.iter().map(|place| at(&moved.locations, *place)).collect();
        let mut labels: Vec<Label> = sample
            .labels
            .iter()
            .map(|label| Label {
                key: at(&moved.strings, label.key),
                text: at(&moved.strings, label.text),
                number: label.number,
                number_unit: at(&moved.strings, label.number_unit),
            })
            .collect();
        labels.sort_unstable();
        let key = (locations, labels);
        let types = self.merged.sample_types.len();
        let found = place(&mut self.samples, &key, || {
            let (locations, labels) = key.clone();
            self.merged.samples.push(Sample { locations, values: vec![0; types], labels });
        });
        let values = &mut self.merged.samples[found as usize].values;
        for (value, kind) in sample.values.iter().zip(&moved.types) {
            values[*kind] = values[*kind].saturating_add(*value);
        }
    }
}
