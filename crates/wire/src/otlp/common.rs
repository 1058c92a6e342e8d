//! What all signals share: attribute values, attributes, resource, scope.

use crate::proto::schema::{Kind, many, one, optional};
use crate::proto::view::{Many, One, Text, View, view};
use crate::proto::{Message, Reader, Value};

pub static ANY_VALUE: Message = Message::new(
    "AnyValue",
    &[
        optional(1, "string_value", Kind::String),
        optional(2, "bool_value", Kind::Bool),
        optional(3, "int_value", Kind::Int64),
        optional(4, "double_value", Kind::Double),
        optional(5, "array_value", Kind::Message(&ARRAY_VALUE)),
        optional(6, "kvlist_value", Kind::Message(&KEY_VALUE_LIST)),
        optional(7, "bytes_value", Kind::Bytes),
        optional(8, "string_value_strindex", Kind::Int32),
    ],
);

pub static ARRAY_VALUE: Message = Message::new("ArrayValue", &[many(1, "values", Kind::Message(&ANY_VALUE))]);

pub static KEY_VALUE_LIST: Message =
    Message::new("KeyValueList", &[many(1, "values", Kind::Message(&KEY_VALUE))]);

pub static KEY_VALUE: Message = Message::new(
    "KeyValue",
    &[
        one(1, "key", Kind::String),
        one(2, "value", Kind::Message(&ANY_VALUE)),
        one(3, "key_strindex", Kind::Int32),
    ],
);

pub static SCOPE: Message = Message::new(
    "InstrumentationScope",
    &[
        one(1, "name", Kind::String),
        one(2, "version", Kind::String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "dropped_attributes_count", Kind::Uint32),
    ],
);

static ENTITY_REF: Message = Message::new(
    "EntityRef",
    &[
        one(1, "schema_url", Kind::String),
        one(2, "type", Kind::String),
        many(3, "id_keys", Kind::String),
        many(4, "description_keys", Kind::String),
    ],
);

pub static RESOURCE: Message = Message::new(
    "Resource",
    &[
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "dropped_attributes_count", Kind::Uint32),
        many(3, "entity_refs", Kind::Message(&ENTITY_REF)),
    ],
);

pub type Attributes<'a> = Many<'a, KeyValueView<'a>>;

view! {
    KeyValueView<'a> {
        1 key: Text<'a>,
        2 value_message: One<'a, AnyValueView<'a>>,
        /// Profiles only: the key's place in the dictionary's string table.
        3 key_strindex: i32,
    }
    ScopeView<'a> {
        1 name: Text<'a>,
        2 version: Text<'a>,
        3 attributes: Attributes<'a>,
        4 dropped_attributes_count: u32,
    }
    EntityRefView<'a> {
        1 schema_url: Text<'a>,
        2 kind: Text<'a>,
        3 id_keys: Many<'a, Text<'a>>,
        4 description_keys: Many<'a, Text<'a>>,
    }
    ResourceView<'a> {
        1 attributes: Attributes<'a>,
        2 dropped_attributes_count: u32,
        3 entity_refs: Many<'a, EntityRefView<'a>>,
    }
    ArrayView<'a> {
        1 values: Many<'a, AnyValueView<'a>>,
    }
    KeyValueListView<'a> {
        1 values: Attributes<'a>,
    }
}

impl<'a> KeyValueView<'a> {
    pub fn value(&self) -> AnyValueView<'a> {
        self.value_message.get().unwrap_or(AnyValueView::Empty)
    }
}

/// An attribute's value or a log record's body.
#[derive(Clone, Copy, Debug)]
pub enum AnyValueView<'a> {
    Empty,
    String(Text<'a>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(ArrayView<'a>),
    KeyValueList(KeyValueListView<'a>),
    Bytes(&'a [u8]),
    /// Profiles only: a place in the dictionary's string table.
    StringIndex(i32),
}

impl<'a> View<'a> for AnyValueView<'a> {
    #[inline]
    fn read(bytes: &'a [u8]) -> Self {
        let mut view = Self::Empty;
        let mut reader = Reader::new(bytes);
        while let Ok(Some(field)) = reader.field() {
            view = match (field.number, field.value) {
                (1, Value::Bytes(text)) => Self::String(Text::read(text)),
                (2, Value::Varint(raw)) => Self::Bool(raw != 0),
                (3, Value::Varint(raw)) => Self::Int(raw as i64),
                (4, Value::Fixed64(raw)) => Self::Double(f64::from_bits(raw)),
                (5, Value::Bytes(array)) => Self::Array(ArrayView::read(array)),
                (6, Value::Bytes(list)) => Self::KeyValueList(KeyValueListView::read(list)),
                (7, Value::Bytes(bytes)) => Self::Bytes(bytes),
                (8, Value::Varint(raw)) => Self::StringIndex(raw as i32),
                _ => continue,
            };
        }
        view
    }
}

impl<'a> AnyValueView<'a> {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

/// The first attribute called `key`.
pub fn attribute<'a>(attributes: Attributes<'a>, key: &str) -> Option<AnyValueView<'a>> {
    attributes.iter().find(|attribute| attribute.key == *key).map(|attribute| attribute.value())
}

/// Declares the root view of a signal: validated or trusted bytes and the iteration over its resources.
macro_rules! root_view {
    ($(#[$doc:meta])* $name:ident, $schema:ident, $resources:ident: $resource_view:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            bytes: &'a [u8],
        }

        impl<'a> $name<'a> {
            /// Proves `bytes` and counts the items in them.
            pub fn new(bytes: &'a [u8]) -> Result<Self, $crate::proto::Malformed> {
                $crate::proto::validate(&$schema, bytes)?;
                Ok(Self { bytes })
            }

            /// For bytes that were validated before. On others, iteration stops at the first fault.
            pub fn trusted(bytes: &'a [u8]) -> Self {
                Self { bytes }
            }

            pub fn bytes(&self) -> &'a [u8] {
                self.bytes
            }

            pub fn $resources(&self) -> $crate::proto::view::ManyIter<'a, $resource_view<'a>> {
                $crate::proto::view::many_of(self.bytes, 1).iter()
            }
        }

        /// Proves a request of this signal and counts its items.
        pub fn validate(bytes: &[u8]) -> Result<$crate::proto::Count, $crate::proto::Malformed> {
            $crate::proto::validate(&$schema, bytes)
        }
    };
}

pub(crate) use root_view;
