//! The field iterator: tags, varints, fixed-width numbers and length-delimited slices off the front of a byte slice.

use super::DEPTH_MAX;

/// Why bytes are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("unexpected end of input")]
    Truncated,
    #[error("integer overflow: varint is longer than ten bytes")]
    Varint,
    #[error("illegal tag")]
    Tag,
    #[error("wrong wire type")]
    WireType,
    #[error("string is not valid UTF-8")]
    Utf8,
    #[error("invalid length for ID")]
    IdLength,
    #[error("packed numbers do not fill their field")]
    Packed,
    #[error("messages are nested deeper than {DEPTH_MAX} levels")]
    Depth,
}

/// One field's value, by wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// A deprecated group: skipped, its content is of no interest to any format we read.
    Group,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

/// Reads fields off the front of a slice. After an error its position is meaningless.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes not yet read.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest {
            [first, tail @ ..] if *first < 0x80 => {
                self.rest = tail;
                Ok(u64::from(*first))
            }
            [first, second, tail @ ..] if *second < 0x80 => {
                self.rest = tail;
                Ok(u64::from(first & 0x7f) | u64::from(*second) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        for (place, byte) in self.rest.iter().enumerate() {
            if place == 9 && *byte > 1 {
                return Err(Fault::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(Fault::Truncated)
    }

    #[inline(always)]
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        let (head, tail) = self.rest.split_first_chunk::<8>().ok_or(Fault::Truncated)?;
        self.rest = tail;
        Ok(u64::from_le_bytes(*head))
    }

    #[inline(always)]
    pub fn fixed32(&mut self) -> Result<u32, Fault> {
        let (head, tail) = self.rest.split_first_chunk::<4>().ok_or(Fault::Truncated)?;
        self.rest = tail;
        Ok(u32::from_le_bytes(*head))
    }

    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let len = usize::try_from(self.varint()?).map_err(|_| Fault::Truncated)?;
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    /// Field number and wire type.
    #[inline(always)]
    pub fn tag(&mut self) -> Result<(u32, u8), Fault> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Fault::Tag)?;
        if tag < 8 {
            return Err(Fault::Tag);
        }
        Ok((tag >> 3, tag as u8 & 7))
    }

    /// The value of wire type `wire` that follows the tag of field `number`.
    #[inline(always)]
    pub fn value(&mut self, number: u32, wire: u8) -> Result<Value<'a>, Fault> {
        match wire {
            0 => self.varint().map(Value::Varint),
            1 => self.fixed64().map(Value::Fixed64),
            2 => self.bytes().map(Value::Bytes),
            3 => self.skip_group(number).map(|()| Value::Group),
            5 => self.fixed32().map(Value::Fixed32),
            _ => Err(Fault::Tag),
        }
    }

    /// The next field, or `None` at the end.
    #[inline(always)]
    pub fn field(&mut self) -> Result<Option<Field<'a>>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire) = self.tag()?;
        Ok(Some(Field { number, value: self.value(number, wire)? }))
    }

    /// Skips to the end tag that closes group `number`, over any groups inside it.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Fault> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            match self.tag()? {
                (number, 3) if open.len() < DEPTH_MAX => open.push(number),
                (_, 3) => return Err(Fault::Depth),
                (number, 4) if number == *innermost => drop(open.pop()),
                (number, wire) => drop(self.value(number, wire)?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_wire_type_are_read_and_groups_skipped() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0, // 2: fixed64 1
            0x1a, 2, b'h', b'i', // 3: "hi"
            0x23, 0x08, 0x01, 0x2b, 0x2c, 0x24, // 4: group { 1: 1, 5: group {} }
            0x2d, 7, 0, 0, 0, // 5: fixed32 7
        ];
        let mut reader = Reader::new(&bytes);
        let mut values = Vec::new();
        while let Some(field) = reader.field().unwrap() {
            values.push((field.number, field.value));
        }
        let expect = [
            (1, Value::Varint(150)),
            (2, Value::Fixed64(1)),
            (3, Value::Bytes(b"hi")),
            (4, Value::Group),
            (5, Value::Fixed32(7)),
        ];
        assert_eq!(values, expect);
    }

    #[test]
    fn faults_are_named() {
        let check =
            |bytes: &[u8], expect: Fault| assert_eq!(Reader::new(bytes).field(), Err(expect), "{bytes:x?}");
        check(&[0x08], Fault::Truncated);
        check(&[0x80], Fault::Truncated);
        check(&[0x0a, 5, 1], Fault::Truncated);
        check(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Fault::Truncated);
        check(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Fault::Varint);
        check(&[0x00, 0x01], Fault::Tag);
        check(&[0x0e], Fault::Tag);
        check(&[0x0c], Fault::Tag);
        check(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], Fault::Tag);
        check(&[0x0b].repeat(200), Fault::Depth);
    }
}
