//! OTLP profiles, `v1development` as of protocol 1.10: everything refers by index into the dictionary tables, whose entry 0 is "none".

use super::common::{ANY_VALUE, AnyValueView, RESOURCE, ResourceView, SCOPE, ScopeView, root_view};
use crate::proto::Message;
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Fixed, Many, One, Packed, Signed, Text, View, many_of, view};

pub static PROFILES: Message = Message::new(
    "ExportProfilesServiceRequest",
    &[
        many(1, "resource_profiles", Kind::Message(&RESOURCE_PROFILES)),
        one(2, "dictionary", Kind::Message(&DICTIONARY)),
    ],
);

static DICTIONARY: Message = Message::new(
    "ProfilesDictionary",
    &[
        many(1, "mapping_table", Kind::Message(&MAPPING)),
        many(2, "location_table", Kind::Message(&LOCATION)),
        many(3, "function_table", Kind::Message(&FUNCTION)),
        many(4, "link_table", Kind::Message(&LINK)),
        many(5, "string_table", Kind::String),
        many(6, "attribute_table", Kind::Message(&KEY_VALUE_AND_UNIT)),
        many(7, "stack_table", Kind::Message(&STACK)),
    ],
);

static RESOURCE_PROFILES: Message = Message::new(
    "ResourceProfiles",
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scope_profiles", Kind::Message(&SCOPE_PROFILES)),
        one(3, "schema_url", Kind::String),
    ],
);

static SCOPE_PROFILES: Message = Message::new(
    "ScopeProfiles",
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "profiles", Kind::Message(&PROFILE)),
        one(3, "schema_url", Kind::String),
    ],
);

static PROFILE: Message = Message::new(
    "Profile",
    &[
        one(1, "sample_type", Kind::Message(&VALUE_TYPE)),
        many(2, "samples", Kind::Message(&SAMPLE)),
        one(3, "time_unix_nano", Kind::Fixed64),
        one(4, "duration_nano", Kind::Uint64),
        one(5, "period_type", Kind::Message(&VALUE_TYPE)),
        one(6, "period", Kind::Int64),
        one(7, "profile_id", Kind::Id(16)),
        one(8, "dropped_attributes_count", Kind::Uint32),
        one(9, "original_payload_format", Kind::String),
        one(10, "original_payload", Kind::Bytes),
        many(11, "attribute_indices", Kind::Int32),
    ],
);

static LINK: Message =
    Message::new("Link", &[one(1, "trace_id", Kind::Id(16)), one(2, "span_id", Kind::Id(8))]);

static VALUE_TYPE: Message =
    Message::new("ValueType", &[one(1, "type_strindex", Kind::Int32), one(2, "unit_strindex", Kind::Int32)]);

static SAMPLE: Message = Message::item(
    "Sample",
    &[
        one(1, "stack_index", Kind::Int32),
        many(2, "attribute_indices", Kind::Int32),
        one(3, "link_index", Kind::Int32),
        many(4, "values", Kind::Int64),
        many(5, "timestamps_unix_nano", Kind::Fixed64),
    ],
);

static MAPPING: Message = Message::new(
    "Mapping",
    &[
        one(1, "memory_start", Kind::Uint64),
        one(2, "memory_limit", Kind::Uint64),
        one(3, "file_offset", Kind::Uint64),
        one(4, "filename_strindex", Kind::Int32),
        many(5, "attribute_indices", Kind::Int32),
    ],
);

static STACK: Message = Message::new("Stack", &[many(1, "location_indices", Kind::Int32)]);

static LOCATION: Message = Message::new(
    "Location",
    &[
        one(1, "mapping_index", Kind::Int32),
        one(2, "address", Kind::Uint64),
        many(3, "lines", Kind::Message(&LINE)),
        many(4, "attribute_indices", Kind::Int32),
    ],
);

static LINE: Message = Message::new(
    "Line",
    &[one(1, "function_index", Kind::Int32), one(2, "line", Kind::Int64), one(3, "column", Kind::Int64)],
);

static FUNCTION: Message = Message::new(
    "Function",
    &[
        one(1, "name_strindex", Kind::Int32),
        one(2, "system_name_strindex", Kind::Int32),
        one(3, "filename_strindex", Kind::Int32),
        one(4, "start_line", Kind::Int64),
    ],
);

static KEY_VALUE_AND_UNIT: Message = Message::new(
    "KeyValueAndUnit",
    &[
        one(1, "key_strindex", Kind::Int32),
        one(2, "value", Kind::Message(&ANY_VALUE)),
        one(3, "unit_strindex", Kind::Int32),
    ],
);

root_view! {
    /// An `ExportProfilesServiceRequest`.
    ProfilesView, PROFILES, resource_profiles: ResourceProfilesView
}

impl<'a> ProfilesView<'a> {
    /// The tables that all profiles of the request refer to.
    pub fn dictionary(&self) -> DictionaryView<'a> {
        let last = many_of::<&[u8]>(self.bytes, 2).iter().last();
        DictionaryView::read(last.unwrap_or_default())
    }
}

view! {
    DictionaryView<'a> {
        1 mapping_table: Many<'a, MappingView<'a>>,
        2 location_table: Many<'a, LocationView<'a>>,
        3 function_table: Many<'a, FunctionView<'a>>,
        4 link_table: Many<'a, LinkView<'a>>,
        5 string_table: Many<'a, Text<'a>>,
        6 attribute_table: Many<'a, KeyValueAndUnitView<'a>>,
        7 stack_table: Many<'a, StackView<'a>>,
    }
    ResourceProfilesView<'a> {
        1 resource: One<'a, ResourceView<'a>>,
        2 scope_profiles: Many<'a, ScopeProfilesView<'a>>,
        3 schema_url: Text<'a>,
    }
    ScopeProfilesView<'a> {
        1 scope: One<'a, ScopeView<'a>>,
        2 profiles: Many<'a, ProfileView<'a>>,
        3 schema_url: Text<'a>,
    }
    ProfileView<'a> {
        1 sample_type: One<'a, ValueTypeView<'a>>,
        2 samples: Many<'a, SampleView<'a>>,
        3 time_unix_nano: u64,
        4 duration_nano: u64,
        5 period_type: One<'a, ValueTypeView<'a>>,
        6 period: i64,
        /// Empty or 16 bytes.
        7 profile_id: &'a [u8],
        8 dropped_attributes_count: u32,
        9 original_payload_format: Text<'a>,
        10 original_payload: &'a [u8],
        11 attribute_indices: Packed<'a, Signed>,
    }
    LinkView<'a> {
        1 trace_id_bytes: &'a [u8],
        2 span_id_bytes: &'a [u8],
    }
    ValueTypeView<'a> {
        1 type_strindex: i32,
        2 unit_strindex: i32,
    }
    SampleView<'a> {
        1 stack_index: i32,
        2 attribute_indices: Packed<'a, Signed>,
        3 link_index: i32,
        4 values: Packed<'a, Signed>,
        5 timestamps_unix_nano: Packed<'a, Fixed>,
    }
    MappingView<'a> {
        1 memory_start: u64,
        2 memory_limit: u64,
        3 file_offset: u64,
        4 filename_strindex: i32,
        5 attribute_indices: Packed<'a, Signed>,
    }
    StackView<'a> {
        1 location_indices: Packed<'a, Signed>,
    }
    LocationView<'a> {
        1 mapping_index: i32,
        2 address: u64,
        3 lines: Many<'a, LineView<'a>>,
        4 attribute_indices: Packed<'a, Signed>,
    }
    LineView<'a> {
        1 function_index: i32,
        2 line: i64,
        3 column: i64,
    }
    FunctionView<'a> {
        1 name_strindex: i32,
        2 system_name_strindex: i32,
        3 filename_strindex: i32,
        4 start_line: i64,
    }
    KeyValueAndUnitView<'a> {
        1 key_strindex: i32,
        2 value: One<'a, AnyValueView<'a>>,
        3 unit_strindex: i32,
    }
}
