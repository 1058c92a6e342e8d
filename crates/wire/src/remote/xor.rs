//! Prometheus' XOR chunk of float samples, the interchange form of streamed remote read and of its block files.
//!
//! A chunk is the number of samples (u16, big endian) and a bit stream: the first sample whole (zig-zag varint time, 64 value bits), the
//! second by time difference, every other by difference of differences in one of five prefix-coded widths; values by XOR with the one
//! before, reusing the window of meaningful bits where it fits. Our own files use other encodings (`metrics`).

use stdx::varint::{unzigzag, zigzag};

/// Most samples that one chunk can count.
pub const SAMPLES_MAX: usize = u16::MAX as usize;

/// Bit widths of differences of differences behind the prefixes `10`, `110`, `1110`; `1111` is 64 bits, `0` is no difference.
const WIDTHS: [u32; 3] = [14, 17, 20];

/// Builds a chunk, sample by sample, times ascending.
#[derive(Clone, Debug)]
pub struct XorWriter {
    bytes: Vec<u8>,
    /// Bits unused in the last byte.
    free: u32,
    samples: u16,
    time_ms: i64,
    delta: u64,
    value: u64,
    leading: u32,
    trailing: u32,
}

impl Default for XorWriter {
    fn default() -> Self {
        Self {
            bytes: vec![0, 0],
            free: 0,
            samples: 0,
            time_ms: 0,
            delta: 0,
            value: 0,
            // No window of meaningful bits yet.
            leading: u32::MAX,
            trailing: 0,
        }
    }
}

impl XorWriter {
    /// False, and nothing done, if the chunk holds `SAMPLES_MAX` already.
    pub fn push(&mut self, time_ms: i64, value: f64) -> bool {
        let Some(samples) = self.samples.checked_add(1) else { return false };
        match self.samples {
            0 => {
                self.varint(zigzag(time_ms));
                self.bits(value.to_bits(), 64);
            }
            1 => {
                self.delta = time_ms.wrapping_sub(self.time_ms) as u64;
                self.varint(self.delta);
                self.xor(value.to_bits());
            }
            _ => {
                let delta = time_ms.wrapping_sub(self.time_ms) as u64;
                self.time_difference(delta.wrapping_sub(self.delta) as i64);
                self.delta = delta;
                self.xor(value.to_bits());
            }
        }
        (self.time_ms, self.value, self.samples) = (time_ms, value.to_bits(), samples);
        true
    }

    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[..2].copy_from_slice(&self.samples.to_be_bytes());
        self.bytes
    }

    fn time_difference(&mut self, difference: i64) {
        if difference == 0 {
            return self.bits(0, 1);
        }
        for (step, width) in WIDTHS.into_iter().enumerate() {
            // The range is one off from two's complement: -(2^(n-1)-1) ..= 2^(n-1).
            let half = 1i64 << (width - 1);
            if (-(half - 1)..=half).contains(&difference) {
                let prefix = (1u64 << (step + 2)) - 2;
                self.bits(prefix, step as u32 + 2);
                return self.bits(difference as u64 & ((1 << width) - 1), width);
            }
        }
        self.bits(0b1111, 4);
        self.bits(difference as u64, 64);
    }

    fn xor(&mut self, value: u64) {
        let difference = value ^ self.value;
        if difference == 0 {
            return self.bits(0, 1);
        }
        self.bits(1, 1);
        let (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
        if self.leading != u32::MAX && leading >= self.leading && trailing >= self.trailing {
            self.bits(0, 1);
            return self.bits(difference >> self.trailing, 64 - self.leading - self.trailing);
        }
        (self.leading, self.trailing) = (leading, trailing);
        let meaningful = 64 - leading - trailing;
        self.bits(1, 1);
        self.bits(u64::from(leading), 5);
        // 64 does not fit into six bits and 0 does not occur, so 0 stands for 64.
        self.bits(u64::from(meaningful & 63), 6);
        self.bits(difference >> trailing, meaningful);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bits(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.bits(value, 8);
    }

    /// Appends the low `count` bits of `value`, highest first.
    fn bits(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = count.min(self.free);
            let part = value >> (count - take) & ((1 << take) - 1);
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (part << (self.free - take)) as u8;
            self.free -= take;
            count -= take;
        }
    }
}

/// Reads the samples of a chunk. Ends at the first fault: compare what was read with `expected`.
#[derive(Clone, Debug)]
pub struct XorReader<'a> {
    bytes: &'a [u8],
    /// Place of the next bit.
    bit: usize,
    samples: u16,
    read: u16,
    time_ms: i64,
    delta: u64,
    value: u64,
    leading: u32,
    trailing: u32,
}

impl<'a> XorReader<'a> {
    /// `None` if there is not even a count.
    pub fn new(chunk: &'a [u8]) -> Option<Self> {
        let (count, bytes) = chunk.split_first_chunk::<2>()?;
        let samples = u16::from_be_bytes(*count);
        Some(Self {
            bytes,
            bit: 0,
            samples,
            read: 0,
            time_ms: 0,
            delta: 0,
            value: 0,
            leading: 0,
            trailing: 0,
        })
    }

    /// How many samples the chunk claims.
    pub fn expected(&self) -> usize {
        usize::from(self.samples)
    }

    fn sample(&mut self) -> Option<(i64, f64)> {
        match self.read {
            0 => {
                self.time_ms = unzigzag(self.varint()?);
                self.value = self.bits(64)?;
            }
            1 => {
                self.delta = self.varint()?;
                self.time_ms = self.time_ms.wrapping_add(self.delta as i64);
                self.xor()?;
            }
            _ => {
                let difference = self.time_difference()?;
                self.delta = self.delta.wrapping_add(difference as u64);
                self.time_ms = self.time_ms.wrapping_add(self.delta as i64);
                self.xor()?;
            }
        }
        self.read += 1;
        Some((self.time_ms, f64::from_bits(self.value)))
    }

    fn time_difference(&mut self) -> Option<i64> {
        if self.bits(1)? == 0 {
            return Some(0);
        }
        for width in WIDTHS {
            if self.bits(1)? == 0 {
                let raw = self.bits(width)? as i64;
                return Some(if raw > 1 << (width - 1) { raw - (1 << width) } else { raw });
            }
        }
        self.bits(64).map(|raw| raw as i64)
    }

    fn xor(&mut self) -> Option<()> {
        if self.bits(1)? == 0 {
            return Some(());
        }
        if self.bits(1)? == 1 {
            self.leading = self.bits(5)? as u32;
            let meaningful = match self.bits(6)? as u32 {
                0 => 64,
                meaningful => meaningful,
            };
            self.trailing = 64u32.checked_sub(self.leading + meaningful)?;
        }
        let difference = self.bits(64 - self.leading - self.trailing)?;
        self.value ^= difference << self.trailing;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for place in 0..10 {
            let byte = self.bits(8)?;
            value |= (byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bits(&mut self, count: u32) -> Option<u64> {
        if self.bit + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let (mut value, mut left) = (0u64, count as usize);
        while left > 0 {
            let free = 8 - self.bit % 8;
            let take = left.min(free);
            let part = u64::from(self.bytes[self.bit / 8]) >> (free - take) & ((1 << take) - 1);
            value = value << take | part;
            self.bit += take;
            left -= take;
        }
        Some(value)
    }
}

impl Iterator for XorReader<'_> {
    type Item = (i64, f64);

    fn next(&mut self) -> Option<(i64, f64)> {
        if self.read == self.samples {
            return None;
        }
        let sample = self.sample();
        if sample.is_none() {
            self.samples = self.read;
        }
        sample
    }
}
