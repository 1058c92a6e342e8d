//! Repeatable mutations of bytes.

/// Bytes that lurk at the edges of formats.
const LURKING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, b'"', b'{', b'[', b'\\', b'-'];

/// Random numbers (xorshift64*) and what is done with them.
pub struct Mutator(u64);

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }

    /// `seed` after one to eight changes, some of which take bytes of `other`.
    pub fn mutate(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..1 + self.below(8) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        if bytes.is_empty() {
            bytes.push(self.next() as u8);
        }
        let at = self.below(bytes.len());
        match self.below(9) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = LURKING[self.below(LURKING.len())],
            2 => bytes[at] = self.next() as u8,
            3 => bytes.insert(at, LURKING[self.below(LURKING.len())]),
            4 => drop(bytes.remove(at)),
            5 => bytes.truncate(at),
            6 => {
                let end = (at + 1 + self.below(64)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            7 => drop(bytes.drain(at..(at + 1 + self.below(16)).min(bytes.len()))),
            _ if other.is_empty() => (),
            _ => {
                let from = self.below(other.len());
                let end = (from + 1 + self.below(64)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
}
