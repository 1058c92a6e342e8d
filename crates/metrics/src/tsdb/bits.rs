//! Bits off the front of a chunk, and Prometheus's variable-width integers over them.

/// Reads most significant bits first; `None` at the end.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Widths behind the prefixes `10`, `110`, ... ; `0` alone is zero.
const WIDTHS: [u32; 8] = [3, 6, 9, 12, 18, 25, 56, 64];

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn take(&mut self, count: u32) -> Option<u64> {
        if self.at + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0u64;
        let mut left = count as usize;
        while left > 0 {
            let free = 8 - self.at % 8;
            let take = left.min(free);
            let part = u64::from(self.bytes[self.at / 8]) >> (free - take) & ((1 << take) - 1);
            value = value << take | part;
            self.at += take;
            left -= take;
        }
        Some(value)
    }

    pub fn float(&mut self) -> Option<f64> {
        self.take(64).map(f64::from_bits)
    }

    /// Bits of a `varbit_uint`, and how wide they were.
    fn raw(&mut self) -> Option<(u64, u32)> {
        for (place, &width) in WIDTHS.iter().enumerate() {
            if self.take(1)? == 0 {
                return if place == 0 {
                    Some((0, 0))
                } else {
                    self.take(WIDTHS[place - 1]).map(|v| (v, WIDTHS[place - 1]))
                };
            }
            if width == 64 {
                return self.take(64).map(|value| (value, 64));
            }
        }
        None
    }

    pub fn unsigned(&mut self) -> Option<u64> {
        self.raw().map(|(value, _)| value)
    }

    pub fn signed(&mut self) -> Option<i64> {
        let (value, width) = self.raw()?;
        if width == 0 || width == 64 {
            return Some(value as i64);
        }
        let half = 1i64 << (width - 1);
        let value = value as i64;
        Some(if value > half { value - (1 << width) } else { value })
    }
}

/// A float that is read as the exclusive-or with the one before.
#[derive(Clone, Copy, Default)]
pub struct Xor {
    pub bits: u64,
    leading: u32,
    trailing: u32,
}

impl Xor {
    pub fn of(value: f64) -> Self {
        Self { bits: value.to_bits(), leading: 0, trailing: 0 }
    }

    pub fn next(&mut self, bits: &mut Bits<'_>) -> Option<f64> {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                self.leading = bits.take(5)? as u32;
                let meaningful = match bits.take(6)? as u32 {
                    0 => 64,
                    meaningful => meaningful,
                };
                self.trailing = 64u32.checked_sub(self.leading + meaningful)?;
            }
            self.bits ^= bits.take(64 - self.leading - self.trailing)? << self.trailing;
        }
        Some(f64::from_bits(self.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_their_widths() {
        // 0 | 10 + 3 bits: 4, then -3 (5) | 110 + 6 bits: 32
        let text = "0".to_owned() + "10100" + "10101" + "110100000";
        let mut bytes = vec![0u8; 3];
        for (place, bit) in text.chars().enumerate() {
            bytes[place / 8] |= u8::from(bit == '1') << (7 - place % 8);
        }
        let mut bits = Bits::new(&bytes);
        assert_eq!(
            [bits.signed(), bits.signed(), bits.signed(), bits.signed()],
            [Some(0), Some(4), Some(-3), Some(32)]
        );
        assert_eq!(Bits::new(&[0xff; 9]).unsigned(), Some(u64::MAX));
        assert_eq!(Bits::new(&[0xff; 8]).unsigned(), None);
    }
}
