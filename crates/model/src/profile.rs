//! Profiles, as OTLP `v1development` has them: samples that refer by index into one dictionary of tables. Entry 0 of every table is "none".

use crate::attributes::{AnyValue, ResourceGroup};
use crate::{SpanId, TraceId};

/// A request's worth of profiles and the tables they share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles {
    pub resources: Vec<ResourceGroup<Profile>>,
    pub dictionary: ProfilesDictionary,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfilesDictionary {
    pub mappings: Vec<Mapping>,
    pub locations: Vec<Location>,
    pub functions: Vec<Function>,
    pub links: Vec<ProfileLink>,
    pub strings: Vec<String>,
    pub attributes: Vec<KeyValueAndUnit>,
    /// Places in `locations`, leaf first.
    pub stacks: Vec<Vec<i32>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub sample_type: ValueType,
    pub samples: Vec<ProfileSample>,
    pub time_unix_nano: u64,
    pub duration_nano: u64,
    pub period_type: ValueType,
    pub period: i64,
    /// All zero: none.
    pub profile_id: [u8; 16],
    pub dropped_attributes_count: u32,
    pub original_payload_format: String,
    pub original_payload: Vec<u8>,
    pub attribute_indices: Vec<i32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileSample {
    pub stack_index: i32,
    pub attribute_indices: Vec<i32>,
    pub link_index: i32,
    pub values: Vec<i64>,
    pub timestamps_unix_nano: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueType {
    pub type_strindex: i32,
    pub unit_strindex: i32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    pub memory_start: u64,
    pub memory_limit: u64,
    pub file_offset: u64,
    pub filename_strindex: i32,
    pub attribute_indices: Vec<i32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    pub mapping_index: i32,
    pub address: u64,
    pub lines: Vec<Line>,
    pub attribute_indices: Vec<i32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Line {
    pub function_index: i32,
    pub line: i64,
    pub column: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Function {
    pub name_strindex: i32,
    pub system_name_strindex: i32,
    pub filename_strindex: i32,
    pub start_line: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProfileLink {
    pub trace_id: TraceId,
    pub span_id: SpanId,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyValueAndUnit {
    pub key_strindex: i32,
    pub value: AnyValue,
    pub unit_strindex: i32,
}
