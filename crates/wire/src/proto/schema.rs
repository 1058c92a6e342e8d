//! Message tables: what each field number of a message is. Data for the validator and for OTLP/JSON; views spell out their own fields.

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Kind {
    Double,
    Fixed64,
    Sfixed64,
    Fixed32,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Bool,
    /// Names and numbers of the values.
    Enum(&'static [(&'static str, i32)]),
    String,
    Bytes,
    /// Bytes of this length or none; hexadecimal in JSON.
    Id(usize),
    Message(&'static Message),
}

/// How often a field occurs and whether its default value is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// At most once; absent and default are the same.
    One,
    /// At most once; presence counts (`optional`, or a member of a oneof).
    Optional,
    Many,
}

pub struct FieldSchema {
    pub number: u32,
    /// The name in the `.proto` file, in snake case.
    pub name: &'static str,
    pub kind: Kind,
    pub label: Label,
}

pub struct Message {
    pub name: &'static str,
    pub fields: &'static [FieldSchema],
    /// Whether the validator counts these: log records, spans, data points, samples.
    pub item: bool,
    /// Place in `fields` by field number, 255 where there is none.
    place: [u8; Message::NUMBERS],
}

impl Message {
    /// Field numbers in the tables are below this.
    pub const NUMBERS: usize = 32;

    pub const fn new(name: &'static str, fields: &'static [FieldSchema]) -> Self {
        let mut place = [u8::MAX; Self::NUMBERS];
        let mut index = 0;
        while index < fields.len() {
            place[fields[index].number as usize] = index as u8;
            index += 1;
        }
        Self { name, fields, item: false, place }
    }

    pub const fn item(name: &'static str, fields: &'static [FieldSchema]) -> Self {
        let mut message = Self::new(name, fields);
        message.item = true;
        message
    }

    #[inline(always)]
    pub fn field(&self, number: u32) -> Option<&'static FieldSchema> {
        let place = *self.place.get(number as usize)?;
        self.fields.get(usize::from(place))
    }
}

pub const fn one(number: u32, name: &'static str, kind: Kind) -> FieldSchema {
    FieldSchema { number, name, kind, label: Label::One }
}

pub const fn optional(number: u32, name: &'static str, kind: Kind) -> FieldSchema {
    FieldSchema { number, name, kind, label: Label::Optional }
}

pub const fn many(number: u32, name: &'static str, kind: Kind) -> FieldSchema {
    FieldSchema { number, name, kind, label: Label::Many }
}

impl Kind {
    /// The wire type of a single value.
    #[inline(always)]
    pub const fn wire(&self) -> u8 {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
            Kind::Fixed32 => 5,
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => 0,
            Kind::Sint32 | Kind::Sint64 | Kind::Bool | Kind::Enum(_) => 0,
            Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => 2,
        }
    }
}
