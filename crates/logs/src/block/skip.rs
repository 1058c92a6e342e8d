//! What lets a query pass over a row group without reading its lines: for substrings a bitmap of trigrams and a filter of sampled 8-grams, for trace
//! ids a filter of their own. Decision and figures: `docs/decisions/` (skip filters for log lines).
//!
//! - Every trigram of a needle must be in the bitmap: rules out words that a group never saw.
//! - One 8-gram in eight, chosen by its hash, is in the filter: rules out ids and other long needles, wherever they lie in a token.
//!
//! A filter may say "maybe" for what is not there, never "no" for what is.

use stdx::varint::{put_u64, take_u64};

const TRIGRAM_BITS: u32 = 17;
/// Grams go into a filter of this many bits, which is then folded until about one bit in eight is set.
const GRAM_BITS: u32 = 21;
/// A folded gram filter has at most this many bits: 1.6 % of the lines of a full group.
const GRAM_BITS_MAX: u32 = 18;
const ID_PROBES: u32 = 4;
const ID_BITS_PER_KEY: usize = 8;

/// Collects one row group.
pub(crate) struct SkipBuilder {
    trigrams: Vec<u64>,
    grams: Vec<u64>,
}

impl Default for SkipBuilder {
    fn default() -> Self {
        Self { trigrams: vec![0; 1 << (TRIGRAM_BITS - 6)], grams: vec![0; 1 << (GRAM_BITS - 6)] }
    }
}

fn set(bits: &mut [u64], place: usize) {
    bits[place >> 6] |= 1 << (place & 63);
}

fn has(bits: &[u64], place: usize) -> bool {
    bits[place >> 6] >> (place & 63) & 1 == 1
}

fn trigram(bytes: [u8; 3]) -> usize {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    (word.wrapping_mul(0x9E37_79B1) >> (32 - TRIGRAM_BITS)) as usize
}

/// The gram's hash if it is one of the sampled.
fn gram(bytes: [u8; 8]) -> Option<u32> {
    let word = u64::from_le_bytes(bytes);
    let hash = (word ^ word >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 61 == 0).then_some((hash >> 29) as u32)
}

impl SkipBuilder {
    /// All lines of a group as one piece. Grams over the border of two lines do no harm but to add a few bits.
    pub(crate) fn add_lines(&mut self, text: &[u8]) {
        for window in text.windows(3) {
            set(&mut self.trigrams, trigram(window.try_into().expect("3 bytes")));
        }
        for window in text.windows(8) {
            if let Some(hash) = gram(window.try_into().expect("8 bytes")) {
                set(&mut self.grams, hash as usize & ((1 << GRAM_BITS) - 1));
            }
        }
    }

    /// Writes the filters and is empty again.
    pub(crate) fn finish(&mut self, ids: &[u8], id_width: usize, out: &mut Vec<u8>) {
        self.trigrams.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        let set_bits: usize = self.grams.iter().map(|word| word.count_ones() as usize).sum();
        let wanted = (set_bits * 8).next_power_of_two().trailing_zeros().clamp(6, GRAM_BITS_MAX);
        let words = 1usize << (wanted - 6);
        for place in words..self.grams.len() {
            self.grams[place % words] |= self.grams[place];
        }
        out.push(wanted as u8);
        self.grams[..words].iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        self.trigrams.fill(0);
        self.grams.fill(0);
        let count = ids.len().checked_div(id_width).unwrap_or(0);
        let words = (count * ID_BITS_PER_KEY).div_ceil(64);
        put_u64(out, words as u64);
        let mut bits = vec![0u64; words];
        for id in ids.chunks_exact(id_width.max(1)) {
            probes(id, words).for_each(|place| set(&mut bits, place));
        }
        bits.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

fn probes(id: &[u8], words: usize) -> impl Iterator<Item = usize> {
    let hash = xxhash_rust::xxh3::xxh3_64(id);
    let (first, step) = (hash as u32, (hash >> 32) as u32 | 1);
    let bits = words as u64 * 64;
    (0..ID_PROBES)
        .map(move |probe| ((u64::from(first.wrapping_add(step.wrapping_mul(probe))) * bits) >> 32) as usize)
}

/// The filters of one row group.
pub(crate) struct SkipFilter {
    trigrams: Vec<u64>,
    grams: Vec<u64>,
    ids: Vec<u64>,
}

impl SkipFilter {
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let trigrams = take_words(input, 1 << (TRIGRAM_BITS - 6))?;
        let (&bits, rest) = input.split_first()?;
        *input = rest;
        if !(6..=32).contains(&bits) {
            return None;
        }
        let grams = take_words(input, 1 << (bits - 6))?;
        let words = usize::try_from(take_u64(input)?).ok()?;
        let ids = take_words(input, words)?;
        Some(Self { trigrams, grams, ids })
    }

    /// Whether a line may contain `needle`.
    pub(crate) fn may_contain(&self, needle: &[u8]) -> bool {
        let mask = self.grams.len() * 64 - 1;
        needle.windows(3).all(|window| has(&self.trigrams, trigram(window.try_into().expect("3 bytes"))))
            && needle
                .windows(8)
                .filter_map(|window| gram(window.try_into().expect("8 bytes")))
                .all(|hash| has(&self.grams, hash as usize & mask))
    }

    /// Whether an entry may have this trace id. Always, if the filter has none: ids may be kept in another form.
    pub(crate) fn may_have_id(&self, id: &[u8]) -> bool {
        let words = self.ids.len();
        words == 0 || probes(id, words).all(|place| has(&self.ids, place))
    }
}

fn take_words(input: &mut &[u8], count: usize) -> Option<Vec<u64>> {
    let (bytes, rest) = input.split_at_checked(count.checked_mul(8)?)?;
    *input = rest;
    Some(bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_denied_and_most_of_the_rest_is() {
        let ids: Vec<String> =
            (0..2000u64).map(|i| format!("{:016x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
        let text: String = ids.iter().map(|id| format!("GET /orders/{id} took 5ms")).collect();
        let raw: Vec<u8> =
            (0..2000u128).flat_map(|i| (i * 0x9E37_79B9_7F4A_7C15_F39C).to_le_bytes()).collect();
        let mut builder = SkipBuilder::default();
        builder.add_lines(text.as_bytes());
        let mut out = Vec::new();
        builder.finish(&raw, 16, &mut out);
        let filter = SkipFilter::decode(&out).unwrap();
        assert!(ids.iter().all(|id| filter.may_contain(id.as_bytes())));
        assert!(raw.chunks(16).all(|id| filter.may_have_id(id)));
        assert!(!filter.may_contain(b"OutOfMemory"));
        let strangers: Vec<String> = (0..1000u128)
            .map(|i| format!("{:032x}", i.wrapping_mul(0xD1B5_4A32_D192_ED03_9E37_79B9_7F4A_7C15)))
            .collect();
        let passed = strangers.iter().filter(|id| filter.may_contain(id.as_bytes())).count();
        assert!(passed < 150, "{passed} of 1000 strangers passed");
        let passed = (0..1000u128).filter(|i| filter.may_have_id(&(i + (1 << 90)).to_le_bytes())).count();
        assert!(passed < 60, "{passed} of 1000 strange ids passed");
        for len in 0..out.len() {
            assert!(SkipFilter::decode(&out[..len]).is_none());
        }
    }
}
