//! pprof (`perftools.profiles.Profile`): views, an owned form that is checked whole, merging, and the folded text form.
//!
//! A profile comes in as protobuf, gzipped or not (`read_body`). `Profile::decode` proves every index and id, so that whoever walks a profile
//! afterwards needs no checks. `Merger` brings many profiles onto common tables and adds up equal stacks.
//! Not here: labels by series, symbol tables of blocks (`profiles`), flame graphs (`api`).

mod folded;
mod merge;
mod profile;

pub use folded::{BadFolded, parse_folded, write_folded};
pub use merge::Merger;
pub use profile::{
    BadProfile, Function, Label, Line, Location, Mapping, Profile, Sample, ValueType, read_body,
};

use crate::proto::Message;
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Packed, Signed, Text, Unsigned, view};

pub static PROFILE: Message = Message::new(
    "Profile",
    &[
        many(1, "sample_type", Kind::Message(&VALUE_TYPE)),
        many(2, "sample", Kind::Message(&SAMPLE)),
        many(3, "mapping", Kind::Message(&MAPPING)),
        many(4, "location", Kind::Message(&LOCATION)),
        many(5, "function", Kind::Message(&FUNCTION)),
        many(6, "string_table", Kind::String),
        one(7, "drop_frames", Kind::Int64),
        one(8, "keep_frames", Kind::Int64),
        one(9, "time_nanos", Kind::Int64),
        one(10, "duration_nanos", Kind::Int64),
        one(11, "period_type", Kind::Message(&VALUE_TYPE)),
        one(12, "period", Kind::Int64),
        many(13, "comment", Kind::Int64),
        one(14, "default_sample_type", Kind::Int64),
        one(15, "doc_url", Kind::Int64),
    ],
);
static VALUE_TYPE: Message =
    Message::new("ValueType", &[one(1, "type", Kind::Int64), one(2, "unit", Kind::Int64)]);
static SAMPLE: Message = Message::item(
    "Sample",
    &[
        many(1, "location_id", Kind::Uint64),
        many(2, "value", Kind::Int64),
        many(3, "label", Kind::Message(&LABEL)),
    ],
);
static LABEL: Message = Message::new(
    "Label",
    &[
        one(1, "key", Kind::Int64),
        one(2, "str", Kind::Int64),
        one(3, "num", Kind::Int64),
        one(4, "num_unit", Kind::Int64),
    ],
);
static MAPPING: Message = Message::new(
    "Mapping",
    &[
        one(1, "id", Kind::Uint64),
        one(2, "memory_start", Kind::Uint64),
        one(3, "memory_limit", Kind::Uint64),
        one(4, "file_offset", Kind::Uint64),
        one(5, "filename", Kind::Int64),
        one(6, "build_id", Kind::Int64),
        one(7, "has_functions", Kind::Bool),
        one(8, "has_filenames", Kind::Bool),
        one(9, "has_line_numbers", Kind::Bool),
        one(10, "has_inline_frames", Kind::Bool),
    ],
);
static LOCATION: Message = Message::new(
    "Location",
    &[
        one(1, "id", Kind::Uint64),
        one(2, "mapping_id", Kind::Uint64),
        one(3, "address", Kind::Uint64),
        many(4, "line", Kind::Message(&LINE)),
        one(5, "is_folded", Kind::Bool),
    ],
);
static LINE: Message = Message::new(
    "Line",
    &[one(1, "function_id", Kind::Uint64), one(2, "line", Kind::Int64), one(3, "column", Kind::Int64)],
);
static FUNCTION: Message = Message::new(
    "Function",
    &[
        one(1, "id", Kind::Uint64),
        one(2, "name", Kind::Int64),
        one(3, "system_name", Kind::Int64),
        one(4, "filename", Kind::Int64),
        one(5, "start_line", Kind::Int64),
    ],
);

view! {
    ProfileView<'a> {
        1 sample_type: Many<'a, ValueTypeView<'a>>,
        2 sample: Many<'a, SampleView<'a>>,
        3 mapping: Many<'a, MappingView<'a>>,
        4 location: Many<'a, LocationView<'a>>,
        5 function: Many<'a, FunctionView<'a>>,
        6 string_table: Many<'a, Text<'a>>,
        7 drop_frames: i64,
        8 keep_frames: i64,
        9 time_nanos: i64,
        10 duration_nanos: i64,
        11 period_type: One<'a, ValueTypeView<'a>>,
        12 period: i64,
        13 comment: Packed<'a, Signed>,
        14 default_sample_type: i64,
        15 doc_url: i64,
    }
    ValueTypeView<'a> {
        1 kind: i64,
        2 unit: i64,
    }
    SampleView<'a> {
        1 location_id: Packed<'a, Unsigned>,
        2 value: Packed<'a, Signed>,
        3 label: Many<'a, LabelView<'a>>,
    }
    LabelView<'a> {
        1 key: i64,
        2 str: i64,
        3 num: i64,
        4 num_unit: i64,
    }
    MappingView<'a> {
        1 id: u64,
        2 memory_start: u64,
        3 memory_limit: u64,
        4 file_offset: u64,
        5 filename: i64,
        6 build_id: i64,
        7 has_functions: bool,
        8 has_filenames: bool,
        9 has_line_numbers: bool,
        10 has_inline_frames: bool,
    }
    LocationView<'a> {
        1 id: u64,
        2 mapping_id: u64,
        3 address: u64,
        4 line: Many<'a, LineView<'a>>,
        5 is_folded: bool,
    }
    LineView<'a> {
        1 function_id: u64,
        2 line: i64,
        3 column: i64,
    }
    FunctionView<'a> {
        1 id: u64,
        2 name: i64,
        3 system_name: i64,
        4 filename: i64,
        5 start_line: i64,
    }
}

#[cfg(test)]
mod tests;
