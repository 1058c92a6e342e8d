//! Lazy borrowed views: a message's scalar fields read in one shallow pass, its nested and repeated fields as ranges to be read when asked.
//!
//! `view!` makes a struct from `number name: slot` lines. A slot is a number, `Text`, bytes, `Option` of these (presence), `One` nested
//! message, `Many` nested messages or strings, or `Packed` numbers. Views are `Copy`-cheap, allocate nothing and are total: what does not
//! fit its slot is skipped. Validate first (`proto::validate`) to be told instead.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use stdx::varint::unzigzag;

use super::reader::{Reader, Value};

/// A message read from bytes.
pub trait View<'a>: Sized {
    fn read(bytes: &'a [u8]) -> Self;
}

/// Where a field stands in its message, tag included.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub number: u32,
    pub message: &'a [u8],
    pub start: usize,
    pub end: usize,
}

/// Takes one occurrence of a field. Later occurrences of a single field win.
pub trait Slot<'a>: Default {
    fn take(&mut self, value: Value<'a>, at: At<'a>);
}

/// The range of `inner` in `outer`, for stores that keep a body and ranges into it. `None` if `inner` is no part of `outer`.
pub fn range_within(outer: &[u8], inner: &[u8]) -> Option<Range<usize>> {
    let start = (inner.as_ptr() as usize).checked_sub(outer.as_ptr() as usize)?;
    (start.checked_add(inner.len())? <= outer.len()).then(|| start..start + inner.len())
}

/// Bytes that a valid message holds as a string.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    pub fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Empty if the bytes are no UTF-8, which a validated message rules out.
    #[inline]
    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// A nested message that occurs at most once, unread.
#[derive(Clone, Copy, Debug)]
pub struct One<'a, T> {
    bytes: Option<&'a [u8]>,
    view: PhantomData<fn() -> T>,
}

impl<T> Default for One<'_, T> {
    fn default() -> Self {
        Self { bytes: None, view: PhantomData }
    }
}

impl<'a, T: View<'a>> One<'a, T> {
    pub fn get(self) -> Option<T> {
        self.bytes.map(T::read)
    }

    /// The message, or the one with nothing set.
    pub fn or_empty(self) -> T {
        T::read(self.bytes.unwrap_or_default())
    }

    pub fn bytes(self) -> Option<&'a [u8]> {
        self.bytes
    }
}

/// A repeated field of messages or strings: the stretch of its message that holds all occurrences, read again by each iteration.
#[derive(Clone, Copy, Debug)]
pub struct Many<'a, T> {
    message: &'a [u8],
    number: u32,
    start: usize,
    end: usize,
    view: PhantomData<fn() -> T>,
}

impl<T> Default for Many<'_, T> {
    fn default() -> Self {
        Self { message: &[], number: 0, start: 0, end: 0, view: PhantomData }
    }
}

impl<'a, T: View<'a>> Many<'a, T> {
    #[inline]
    pub fn iter(&self) -> ManyIter<'a, T> {
        ManyIter { reader: Reader::new(self.region()), number: self.number, view: PhantomData }
    }

    /// The byte slices of the occurrences, unread.
    pub fn slices(&self) -> ManyIter<'a, &'a [u8]> {
        ManyIter { reader: Reader::new(self.region()), number: self.number, view: PhantomData }
    }

    /// From the tag of the first occurrence to the end of the last; equal bytes are equal content.
    pub fn region(&self) -> &'a [u8] {
        &self.message[self.start..self.end]
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Counts by walking the occurrences.
    pub fn count(&self) -> usize {
        self.slices().count()
    }
}

impl<'a, T: View<'a>> IntoIterator for Many<'a, T> {
    type Item = T;
    type IntoIter = ManyIter<'a, T>;

    fn into_iter(self) -> ManyIter<'a, T> {
        self.iter()
    }
}

#[derive(Clone, Debug)]
pub struct ManyIter<'a, T> {
    reader: Reader<'a>,
    number: u32,
    view: PhantomData<fn() -> T>,
}

impl<'a, T: View<'a>> Iterator for ManyIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        while let Ok(Some(field)) = self.reader.field() {
            if let (true, Value::Bytes(bytes)) = (field.number == self.number, field.value) {
                return Some(T::read(bytes));
            }
        }
        None
    }
}

impl<'a> View<'a> for &'a [u8] {
    fn read(bytes: &'a [u8]) -> Self {
        bytes
    }
}

impl<'a> View<'a> for Text<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

/// A number that can be an element of a packed field.
pub trait Element: Sized {
    fn of(value: Value<'_>) -> Option<Self>;
    /// Reads one element from packed bytes.
    fn unpack(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Wire encodings of packed elements: `fixed64`/`double` are eight bytes, the others varints.
macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident($inner:ty): $read:ident $variant:ident, $raw:ident => $value:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name(pub $inner);

        impl Element for $name {
            #[inline]
            fn of(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::$variant($raw) => Some(Self($value)),
                    _ => None,
                }
            }

            #[inline]
            fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
                reader.$read().ok().map(|$raw| Self($value))
            }
        }

        impl<'a> Slot<'a> for $name {
            #[inline(always)]
            fn take(&mut self, value: Value<'a>, _: At<'a>) {
                if let Some(number) = Self::of(value) {
                    *self = number;
                }
            }
        }

        impl From<$name> for $inner {
            fn from(number: $name) -> $inner {
                number.0
            }
        }
    )* };
}

elements! {
    Fixed(u64): fixed64 Fixed64, raw => raw;
    Double(f64): fixed64 Fixed64, raw => f64::from_bits(raw);
    Unsigned(u64): varint Varint, raw => raw;
    Signed(i64): varint Varint, raw => raw as i64;
    /// `sint32` and `sint64`.
    Zigzag(i64): varint Varint, raw => unzigzag(raw);
}

/// A repeated number, packed or not.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a, T> {
    message: &'a [u8],
    number: u32,
    start: usize,
    end: usize,
    element: PhantomData<fn() -> T>,
}

impl<T> Default for Packed<'_, T> {
    fn default() -> Self {
        Self { message: &[], number: 0, start: 0, end: 0, element: PhantomData }
    }
}

impl<'a, T: Element> Packed<'a, T> {
    pub fn iter(&self) -> PackedIter<'a, T> {
        let region = &self.message[self.start..self.end];
        PackedIter {
            fields: Reader::new(region),
            elements: Reader::new(&[]),
            number: self.number,
            element: PhantomData,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

#[derive(Clone, Debug)]
pub struct PackedIter<'a, T> {
    fields: Reader<'a>,
    elements: Reader<'a>,
    number: u32,
    element: PhantomData<fn() -> T>,
}

impl<T: Element> Iterator for PackedIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if !self.elements.is_empty() {
                match T::unpack(&mut self.elements) {
                    Some(element) => return Some(element),
                    None => self.elements = Reader::new(&[]),
                }
            }
            let field = self.fields.field().ok().flatten()?;
            if field.number != self.number {
                continue;
            }
            match field.value {
                Value::Bytes(bytes) => self.elements = Reader::new(bytes),
                value => {
                    if let Some(element) = T::of(value) {
                        return Some(element);
                    }
                }
            }
        }
    }
}

macro_rules! region_slot {
    ($($name:ident),*) => { $(
        impl<'a, T> Slot<'a> for $name<'a, T> {
            #[inline(always)]
            fn take(&mut self, _: Value<'a>, at: At<'a>) {
                if self.end == 0 {
                    (self.message, self.number, self.start) = (at.message, at.number, at.start);
                }
                self.end = at.end;
            }
        }
    )* };
}

region_slot!(Many, Packed);

macro_rules! scalar_slot {
    ($($scalar:ty: $($variant:pat => $value:expr),*;)*) => { $(
        impl<'a> Slot<'a> for $scalar {
            #[inline(always)]
            fn take(&mut self, value: Value<'a>, _: At<'a>) {
                match value {
                    $($variant => *self = $value,)*
                    _ => (),
                }
            }
        }
    )* };
}

scalar_slot! {
    u64: Value::Varint(raw) | Value::Fixed64(raw) => raw;
    i64: Value::Varint(raw) | Value::Fixed64(raw) => raw as i64;
    u32: Value::Varint(raw) => raw as u32, Value::Fixed32(raw) => raw;
    i32: Value::Varint(raw) => raw as i32;
    bool: Value::Varint(raw) => raw != 0;
    f64: Value::Fixed64(raw) => f64::from_bits(raw);
    &'a [u8]: Value::Bytes(bytes) => bytes;
    Text<'a>: Value::Bytes(bytes) => Text(bytes);
}

impl<'a, T> Slot<'a> for One<'a, T> {
    #[inline(always)]
    fn take(&mut self, value: Value<'a>, _: At<'a>) {
        if let Value::Bytes(bytes) = value {
            self.bytes = Some(bytes);
        }
    }
}

impl<'a, T: Slot<'a>> Slot<'a> for Option<T> {
    #[inline(always)]
    fn take(&mut self, value: Value<'a>, at: At<'a>) {
        self.get_or_insert_default().take(value, at);
    }
}

/// Declares view structs; see the module's head.
macro_rules! view {
    ($($(#[$doc:meta])* $name:ident<$a:lifetime> { $($(#[$field_doc:meta])* $number:literal $field:ident: $slot:ty,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<$a> {
            bytes: &$a [u8],
            $($(#[$field_doc])* pub $field: $slot,)*
        }

        impl<$a> $name<$a> {
            /// The bytes of this message. Their place in the body: `proto::range_within`.
            pub fn bytes(&self) -> &$a [u8] {
                self.bytes
            }
        }

        impl<$a> $crate::proto::View<$a> for $name<$a> {
            #[inline]
            fn read(bytes: &$a [u8]) -> Self {
                let mut view = Self { bytes, $($field: Default::default(),)* };
                let mut reader = $crate::proto::Reader::new(bytes);
                let mut start = 0;
                while let Ok(Some(field)) = reader.field() {
                    let end = bytes.len() - reader.remaining();
                    let at = $crate::proto::view::At { number: field.number, message: bytes, start, end };
                    start = end;
                    match field.number {
                        $($number => $crate::proto::view::Slot::take(&mut view.$field, field.value, at),)*
                        _ => (),
                    }
                }
                view
            }
        }
    )* };
}

pub(crate) use view;

/// A repeated field of a message that consists of little else.
pub fn many_of<T>(message: &[u8], number: u32) -> Many<'_, T> {
    Many { message, number, start: 0, end: message.len(), view: PhantomData }
}
