//! Appends protobuf fields to a byte vector. Numbers that are zero and strings that are empty are left out by the plain methods, as proto3
//! has it for fields without presence; `always_*` write them whatever they are, for `optional` fields and members of a oneof.

use stdx::varint;

/// A message under construction. Nested messages are written in place; their length is put in front when they are complete.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// The bytes written so far, and whatever stood in the vector before.
    pub fn written(&self) -> &[u8] {
        self.out
    }

    #[inline]
    fn tag(&mut self, number: u32, wire: u32) {
        varint::put_u64(self.out, u64::from(number << 3 | wire));
    }

    #[inline]
    pub fn always_varint(&mut self, number: u32, value: u64) {
        self.tag(number, VARINT);
        varint::put_u64(self.out, value);
    }

    pub fn varint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.always_varint(number, value);
        }
    }

    /// `int32`, `int64` and enums: negative numbers take ten bytes.
    pub fn int(&mut self, number: u32, value: i64) {
        self.varint(number, value as u64);
    }

    /// `sint32` and `sint64`: zig-zag.
    pub fn sint(&mut self, number: u32, value: i64) {
        self.varint(number, varint::zigzag(value));
    }

    pub fn bool(&mut self, number: u32, value: bool) {
        self.varint(number, u64::from(value));
    }

    pub fn always_fixed64(&mut self, number: u32, value: u64) {
        self.tag(number, FIXED64);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub fn fixed64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.always_fixed64(number, value);
        }
    }

    pub fn always_fixed32(&mut self, number: u32, value: u32) {
        self.tag(number, FIXED32);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub fn fixed32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.always_fixed32(number, value);
        }
    }

    pub fn always_double(&mut self, number: u32, value: f64) {
        self.always_fixed64(number, value.to_bits());
    }

    /// Left out only if its bits are zero: negative zero is written.
    pub fn double(&mut self, number: u32, value: f64) {
        self.fixed64(number, value.to_bits());
    }

    pub fn always_bytes(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, BYTES);
        varint::put_bytes(self.out, bytes);
    }

    pub fn bytes(&mut self, number: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.always_bytes(number, bytes);
        }
    }

    pub fn string(&mut self, number: u32, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    /// A nested message, empty or not.
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Writer<'_>)) {
        self.try_message(number, |nested| {
            write(nested);
            Ok::<(), std::convert::Infallible>(())
        })
        .expect("writing a field into memory has no way to fail");
    }

    /// A nested message whose writing may fail; after a failure the bytes are unfinished.
    pub fn try_message<E>(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.tag(number, BYTES);
        let start = self.out.len();
        self.out.push(0);
        write(&mut Writer { out: self.out })?;
        self.close(start);
        Ok(())
    }

    /// Puts the length of what follows the place holder at `start` into it, moving the content up if the length needs more than a byte.
    fn close(&mut self, start: usize) {
        let len = self.out.len() - start - 1;
        if len < 0x80 {
            self.out[start] = len as u8;
            return;
        }
        let width = (70 - (len as u64).leading_zeros() as usize) / 7;
        self.out.resize(self.out.len() + width - 1, 0);
        self.out.copy_within(start + 1..start + 1 + len, start + width);
        let mut rest = len as u64;
        for byte in &mut self.out[start..start + width] {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        self.out[start + width - 1] &= 0x7f;
    }

    /// Packed `fixed64`, `sfixed64` (as bits) or, by `packed_double`, doubles. Nothing for no values.
    pub fn packed_fixed64(&mut self, number: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() == 0 {
            return;
        }
        self.tag(number, BYTES);
        varint::put_u64(self.out, values.len() as u64 * 8);
        values.for_each(|value| self.out.extend_from_slice(&value.to_le_bytes()));
    }

    pub fn packed_double(&mut self, number: u32, values: &[f64]) {
        self.packed_fixed64(number, values.iter().map(|value| value.to_bits()));
    }

    /// Packed varints: `uint*` as they are, `int*` by `as u64`, `sint*` by `stdx::varint::zigzag`.
    pub fn packed_varint(&mut self, number: u32, values: impl Iterator<Item = u64>) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            self.message(number, |packed| values.for_each(|value| varint::put_u64(packed.out, value)));
        }
    }

    /// A varint without a tag: an element of a packed field under construction.
    pub(crate) fn element(&mut self, value: u64) {
        varint::put_u64(self.out, value);
    }

    /// Forgets what was written after `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Bytes that are fields already.
    pub fn raw(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, Value};
    use super::*;

    #[test]
    fn nested_messages_of_every_length_width_have_minimal_lengths() {
        for len in [0usize, 1, 126, 127, 128, 129, 16382, 16383, 16384, 2_097_150, 2_097_152] {
            let body = vec![7u8; len];
            let mut nested = Vec::new();
            Writer::new(&mut nested).message(3, |message| message.raw(&body));
            let mut plain = Vec::new();
            Writer::new(&mut plain).always_bytes(3, &body);
            assert!(nested == plain, "length {len}");
        }
    }

    #[test]
    fn defaults_are_left_out() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.varint(1, 0);
        writer.string(2, "");
        writer.double(3, 0.0);
        writer.packed_double(4, &[]);
        writer.packed_varint(4, std::iter::empty());
        assert!(writer.written().is_empty());
        writer.double(3, -0.0);
        writer.sint(5, -1);
        writer.packed_varint(6, [1, 300].into_iter());
        let mut reader = Reader::new(&out);
        assert_eq!(reader.field().unwrap().unwrap().value, Value::Fixed64((-0.0f64).to_bits()));
        assert_eq!(reader.field().unwrap().unwrap().value, Value::Varint(1));
        assert_eq!(reader.field().unwrap().unwrap().value, Value::Bytes(&[1, 0xac, 2]));
    }
}
