//! The owned profile. Ids of the wire (any numbers) become places in its tables, so every reference is an index that is known to hit.

use std::collections::HashMap;

use model::Compression;
use rustc_hash::FxBuildHasher;

use super::{LocationView, PROFILE, ProfileView, SampleView, ValueTypeView};
use crate::compress::{CompressError, compress, decompress};
use crate::proto::{Malformed, View, Writer, validate};

/// Why bytes are no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProfile {
    #[error(transparent)]
    Compression(#[from] CompressError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("malformed profile: {0}")]
    Invalid(String),
}

/// Sample types that a profile may have; real ones have up to five.
pub const SAMPLE_TYPES_MAX: usize = 256;

fn invalid<T>(what: impl Into<String>) -> Result<T, BadProfile> {
    Err(BadProfile::Invalid(what.into()))
}

/// Places are indices into the profile's tables; strings are indices into `strings`, whose entry 0 is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub sample_types: Vec<ValueType>,
    pub samples: Vec<Sample>,
    pub mappings: Vec<Mapping>,
    pub locations: Vec<Location>,
    pub functions: Vec<Function>,
    pub strings: Vec<String>,
    pub drop_frames: u32,
    pub keep_frames: u32,
    pub time_nanos: i64,
    pub duration_nanos: i64,
    pub period_type: ValueType,
    pub period: i64,
    pub comments: Vec<u32>,
    pub default_sample_type: u32,
    pub doc_url: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueType {
    pub kind: u32,
    pub unit: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Places in `locations`, leaf first.
    pub locations: Vec<u32>,
    /// One for each sample type.
    pub values: Vec<i64>,
    pub labels: Vec<Label>,
}

/// Either `text` or `number` says the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    pub key: u32,
    pub text: u32,
    pub number: i64,
    pub number_unit: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mapping {
    pub memory_start: u64,
    pub memory_limit: u64,
    pub file_offset: u64,
    pub filename: u32,
    pub build_id: u32,
    pub has_functions: bool,
    pub has_filenames: bool,
    pub has_line_numbers: bool,
    pub has_inline_frames: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// Place in `mappings`.
    pub mapping: Option<u32>,
    pub address: u64,
    /// The innermost inlined function first.
    pub lines: Vec<Line>,
    pub is_folded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Line {
    /// Place in `functions`.
    pub function: Option<u32>,
    pub line: i64,
    pub column: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Function {
    pub name: u32,
    pub system_name: u32,
    pub filename: u32,
    pub start_line: i64,
}

/// The protobuf inside an uploaded body, which may be gzipped, at most `limit` bytes.
pub fn read_body(body: &[u8], limit: usize) -> Result<Vec<u8>, BadProfile> {
    let compression = if body.starts_with(&[0x1f, 0x8b]) { Compression::Gzip } else { Compression::None };
    let mut out = Vec::new();
    decompress(compression, body, limit, &mut out)?;
    Ok(out)
}

/// Places by id, and what is said of an id that is not there.
struct Ids {
    what: &'static str,
    places: HashMap<u64, u32, FxBuildHasher>,
}

impl Ids {
    fn new(what: &'static str, ids: impl Iterator<Item = u64>) -> Result<Self, BadProfile> {
        let mut places = HashMap::default();
        for (place, id) in ids.enumerate() {
            if id == 0 {
                return invalid(format!("{what} with reserved id 0"));
            }
            if places.insert(id, place as u32).is_some() {
                return invalid(format!("multiple {what}s with id {id}"));
            }
        }
        Ok(Self { what, places })
    }

    fn place(&self, id: u64) -> Result<u32, BadProfile> {
        match self.places.get(&id) {
            Some(place) => Ok(*place),
            None => invalid(format!("no {} with id {id}", self.what)),
        }
    }

    /// 0 stands for none.
    fn optional(&self, id: u64) -> Result<Option<u32>, BadProfile> {
        if id == 0 { Ok(None) } else { self.place(id).map(Some) }
    }
}

/// The checks and tables that decoding needs.
struct Decoder {
    strings: Vec<String>,
    mappings: Ids,
    functions: Ids,
    locations: Ids,
    values: usize,
}

impl Decoder {
    fn string(&self, place: i64) -> Result<u32, BadProfile> {
        match u32::try_from(place) {
            Ok(place) if (place as usize) < self.strings.len() => Ok(place),
            _ => invalid(format!("string {place} outside of the table of {}", self.strings.len())),
        }
    }

    fn value_type(&self, view: ValueTypeView<'_>) -> Result<ValueType, BadProfile> {
        Ok(ValueType { kind: self.string(view.kind)?, unit: self.string(view.unit)? })
    }

    fn sample(&self, view: SampleView<'_>) -> Result<Sample, BadProfile> {
        let values: Vec<i64> = view.value.iter().map(|value| value.0).collect();
        if values.len() != self.values {
            return invalid(format!(
                "mismatch: sample has {} values vs. {} types",
                values.len(),
                self.values
            ));
        }
        let locations = view.location_id.iter().map(|id| self.locations.place(id.0));
        let labels = view.label.iter().map(|label| {
            Ok(Label {
                key: self.string(label.key)?,
                text: self.string(label.str)?,
                number: label.num,
                number_unit: self.string(label.num_unit)?,
            })
        });
        Ok(Sample {
            locations: locations.collect::<Result<_, _>>()?,
            values,
            labels: labels.collect::<Result<_, BadProfile>>()?,
        })
    }

    fn location(&self, view: LocationView<'_>) -> Result<Location, BadProfile> {
        let lines = view.line.iter().map(|line| {
            let function = self.functions.optional(line.function_id)?;
            Ok(Line { function, line: line.line, column: line.column })
        });
        Ok(Location {
            mapping: self.mappings.optional(view.mapping_id)?,
            address: view.address,
            lines: lines.collect::<Result<_, BadProfile>>()?,
            is_folded: view.is_folded,
        })
    }
}

impl Profile {
    /// Proves bytes and everything that refers to something in them.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadProfile> {
        validate(&PROFILE, bytes)?;
        let view = ProfileView::read(bytes);
        let mut strings: Vec<String> = view.string_table.iter().map(|text| text.as_str().into()).collect();
        if strings.is_empty() {
            strings.push(String::new());
        }
        if !strings[0].is_empty() {
            return invalid("string table does not start with the empty string");
        }
        let decoder = Decoder {
            strings,
            mappings: Ids::new("mapping", view.mapping.iter().map(|mapping| mapping.id))?,
            functions: Ids::new("function", view.function.iter().map(|function| function.id))?,
            locations: Ids::new("location", view.location.iter().map(|location| location.id))?,
            values: view.sample_type.count(),
        };
        if decoder.values > SAMPLE_TYPES_MAX {
            return invalid(format!("{} sample types, at most {SAMPLE_TYPES_MAX} are taken", decoder.values));
        }
        if decoder.values == 0 && !view.sample.is_empty() {
            return invalid("missing sample type information");
        }
        let mut profile = decoder.tables(&view)?;
        profile.strings = decoder.strings;
        Ok(profile)
    }

    /// Protobuf bytes; ids are places plus one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        let value_type = |writer: &mut Writer<'_>, kind: &ValueType| {
            writer.varint(1, u64::from(kind.kind));
            writer.varint(2, u64::from(kind.unit));
        };
        self.sample_types.iter().for_each(|kind| writer.message(1, |nested| value_type(nested, kind)));
        self.samples.iter().for_each(|sample| writer.message(2, |nested| sample.encode(nested)));
        for (place, mapping) in self.mappings.iter().enumerate() {
            writer.message(3, |nested| mapping.encode(place, nested));
        }
        for (place, location) in self.locations.iter().enumerate() {
            writer.message(4, |nested| location.encode(place, nested));
        }
        for (place, function) in self.functions.iter().enumerate() {
            writer.message(5, |nested| function.encode(place, nested));
        }
        self.strings.iter().for_each(|text| writer.always_bytes(6, text.as_bytes()));
        writer.varint(7, u64::from(self.drop_frames));
        writer.varint(8, u64::from(self.keep_frames));
        writer.int(9, self.time_nanos);
        writer.int(10, self.duration_nanos);
        if self.period_type != ValueType::default() {
            writer.message(11, |nested| value_type(nested, &self.period_type));
        }
        writer.int(12, self.period);
        writer.packed_varint(13, self.comments.iter().map(|comment| u64::from(*comment)));
        writer.varint(14, u64::from(self.default_sample_type));
        writer.varint(15, u64::from(self.doc_url));
        out
    }

    /// As `go tool pprof` and uploads want it.
    pub fn encode_gzip(&self) -> Vec<u8> {
        let mut out = Vec::new();
        compress(Compression::Gzip, None, &self.encode(), &mut out);
        out
    }

    /// The string at a place; empty for one that does not exist (of a profile built by hand).
    pub fn string(&self, place: u32) -> &str {
        self.strings.get(place as usize).map_or("", String::as_str)
    }

    /// Which of the sample types is called `kind`, such as `cpu` or `inuse_space`.
    pub fn sample_type(&self, kind: &str) -> Option<usize> {
        self.sample_types.iter().position(|have| self.string(have.kind) == kind)
    }

    /// Names of a sample's functions, leaf first; inlined ones before the function they are in.
    /// A location without symbols is its address.
    pub fn frames<'p>(
        &'p self,
        sample: &'p Sample,
    ) -> impl DoubleEndedIterator<Item = std::borrow::Cow<'p, str>> {
        sample.locations.iter().filter_map(|place| self.locations.get(*place as usize)).flat_map(|location| {
            let names = location.lines.iter().map(|line| {
                let function = line.function.and_then(|place| self.functions.get(place as usize));
                self.string(function.map_or(0, |function| function.name)).into()
            });
            let address = location.lines.is_empty().then(|| format!("{:#x}", location.address).into());
            names.chain(address)
        })
    }
}

impl Decoder {
    fn tables(&self, view: &ProfileView<'_>) -> Result<Profile, BadProfile> {
        let mappings = view.mapping.iter().map(|mapping| {
            Ok(Mapping {
                memory_start: mapping.memory_start,
                memory_limit: mapping.memory_limit,
                file_offset: mapping.file_offset,
                filename: self.string(mapping.filename)?,
                build_id: self.string(mapping.build_id)?,
                has_functions: mapping.has_functions,
                has_filenames: mapping.has_filenames,
                has_line_numbers: mapping.has_line_numbers,
                has_inline_frames: mapping.has_inline_frames,
            })
        });
        let functions = view.function.iter().map(|function| {
            Ok(Function {
                name: self.string(function.name)?,
                system_name: self.string(function.system_name)?,
                filename: self.string(function.filename)?,
                start_line: function.start_line,
            })
        });
        Ok(Profile {
            sample_types: view
                .sample_type
                .iter()
                .map(|kind| self.value_type(kind))
                .collect::<Result<_, _>>()?,
            samples: view.sample.iter().map(|sample| self.sample(sample)).collect::<Result<_, _>>()?,
            mappings: mappings.collect::<Result<_, BadProfile>>()?,
            locations: view
                .location
                .iter()
                .map(|location| self.location(location))
                .collect::<Result<_, _>>()?,
            functions: functions.collect::<Result<_, BadProfile>>()?,
            strings: Vec::new(),
            drop_frames: self.string(view.drop_frames)?,
            keep_frames: self.string(view.keep_frames)?,
            time_nanos: view.time_nanos,
            duration_nanos: view.duration_nanos,
            period_type: self.value_type(view.period_type.or_empty())?,
            period: view.period,
            comments: view.comment.iter().map(|comment| self.string(comment.0)).collect::<Result<_, _>>()?,
            default_sample_type: self.string(view.default_sample_type)?,
            doc_url: self.string(view.doc_url)?,
        })
    }
}

impl Sample {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.packed_varint(1, self.locations.iter().map(|place| u64::from(*place) + 1));
        writer.packed_varint(2, self.values.iter().map(|value| *value as u64));
        for label in &self.labels {
            writer.message(3, |nested| {
                nested.varint(1, u64::from(label.key));
                nested.varint(2, u64::from(label.text));
                nested.int(3, label.number);
                nested.varint(4, u64::from(label.number_unit));
            });
        }
    }
}

impl Mapping {
    fn encode(&self, place: usize, writer: &mut Writer<'_>) {
        writer.varint(1, place as u64 + 1);
        writer.varint(2, self.memory_start);
        writer.varint(3, self.memory_limit);
        writer.varint(4, self.file_offset);
        writer.varint(5, u64::from(self.filename));
        writer.varint(6, u64::from(self.build_id));
        writer.bool(7, self.has_functions);
        writer.bool(8, self.has_filenames);
        writer.bool(9, self.has_line_numbers);
        writer.bool(10, self.has_inline_frames);
    }
}

impl Location {
    fn encode(&self, place: usize, writer: &mut Writer<'_>) {
        let id = |place: Option<u32>| place.map_or(0, |place| u64::from(place) + 1);
        writer.varint(1, place as u64 + 1);
        writer.varint(2, id(self.mapping));
        writer.varint(3, self.address);
        for line in &self.lines {
            writer.message(4, |nested| {
                nested.varint(1, id(line.function));
                nested.int(2, line.line);
                nested.int(3, line.column);
            });
        }
        writer.bool(5, self.is_folded);
    }
}

impl Function {
    fn encode(&self, place: usize, writer: &mut Writer<'_>) {
        writer.varint(1, place as u64 + 1);
        writer.varint(2, u64::from(self.name));
        writer.varint(3, u64::from(self.system_name));
        writer.varint(4, u64::from(self.filename));
        writer.int(5, self.start_line);
    }
}
