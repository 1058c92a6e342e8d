//! Writing the index of one tenant in a block: names, values, postings, label sets.
//!
//! ```text
//! NAMES    := series count | name count | (name, value count, series count)*                         sorted by name
//! VALUES   := value count | (bytes shared with the value before, rest length, rest, posting count, [1: series | else: posting bytes])*
//! POSTINGS := of each value with more than one series: up to 2048 as distances (varints), more as a roaring bitmap
//! LABELS   := of each series of the chunk: label count | (number of name, number of value)*
//! ```
//!
//! A value's number is its place among the sorted values of its name.

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use stdx::varint::{put_bytes, put_u64};
use store::{BlockWriter, Codec, SectionKey};

use super::kind;

/// Series in one LABELS section.
pub const CHUNK_SERIES: u32 = 1024;
/// More postings than this are a bitmap. Up to here distances win: the series of one target lie at equal distances, which zstd sees and a bitmap hides.
pub const FEW_MAX: u64 = 2048;
const INDEX_LEVEL: i32 = 3;

struct Pair {
    name: u32,
    value: Box<str>,
    count: u64,
    /// Distances, as varints.
    postings: Vec<u8>,
    last: u32,
    /// First series, for a value of one.
    first: u32,
}

#[derive(Default)]
struct Name {
    text: Box<str>,
    values: HashMap<Box<str>, u32>,
}

/// Gathers label sets in their order.
#[derive(Default)]
pub struct IndexWriter {
    names: Vec<Name>,
    by_name: HashMap<Box<str>, u32>,
    pairs: Vec<Pair>,
    /// Pairs of all series, and where each series' end.
    series_pairs: Vec<u32>,
    ends: Vec<u32>,
    before: Vec<u32>,
    now: Vec<u32>,
}

impl IndexWriter {
    pub fn series(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Adds the next series, whose labels sort after those before.
    pub fn add<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        let series = self.series();
        self.now.clear();
        for (place, (name, value)) in labels.enumerate() {
            let known = self.before.get(place).copied().filter(|&pair| {
                let pair = &self.pairs[pair as usize];
                *pair.value == *value && *self.names[pair.name as usize].text == *name
            });
            let index = known.unwrap_or_else(|| self.pair(name, value));
            let pair = &mut self.pairs[index as usize];
            if pair.count == 0 {
                pair.first = series;
            }
            put_u64(&mut pair.postings, u64::from(series - pair.last));
            (pair.last, pair.count) = (series, pair.count + 1);
            self.now.push(index);
        }
        self.series_pairs.extend_from_slice(&self.now);
        self.ends.push(self.series_pairs.len() as u32);
        std::mem::swap(&mut self.before, &mut self.now);
    }

    fn pair(&mut self, name: &str, value: &str) -> u32 {
        let name = match self.by_name.get(name) {
            Some(&known) => known,
            None => {
                let number = self.names.len() as u32;
                self.by_name.insert(name.into(), number);
                self.names.push(Name { text: name.into(), values: HashMap::new() });
                number
            }
        };
        let values = &mut self.names[name as usize].values;
        if let Some(&known) = values.get(value) {
            return known;
        }
        let number = self.pairs.len() as u32;
        values.insert(value.into(), number);
        let value = value.into();
        self.pairs.push(Pair { name, value, count: 0, postings: Vec::new(), last: 0, first: 0 });
        number
    }

    /// Writes the sections of `tenant`.
    pub fn finish(self, tenant: u32, out: &mut BlockWriter) {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_by(|&a, &b| self.names[a as usize].text.cmp(&self.names[b as usize].text));
        let mut numbers: Vec<(u32, u32)> = vec![(0, 0); self.pairs.len()];
        let mut names = Vec::new();
        put_u64(&mut names, self.ends.len() as u64);
        put_u64(&mut names, order.len() as u64);
        for (name_number, &name) in order.iter().enumerate() {
            let name = &self.names[name as usize];
            let mut pairs: Vec<u32> = name.values.values().copied().collect();
            pairs.sort_by(|&a, &b| self.pairs[a as usize].value.cmp(&self.pairs[b as usize].value));
            for (value_number, &pair) in pairs.iter().enumerate() {
                numbers[pair as usize] = (name_number as u32, value_number as u32);
            }
            put_bytes(&mut names, name.text.as_bytes());
            put_u64(&mut names, pairs.len() as u64);
            put_u64(&mut names, pairs.iter().map(|&pair| self.pairs[pair as usize].count).sum());
            self.put_name(SectionKey { tenant, kind: kind::VALUES, id: name_number as u64 }, &pairs, out);
        }
        out.add(SectionKey { tenant, kind: kind::NAMES, id: 0 }, &names, Codec::Zstd, INDEX_LEVEL);
        self.put_labels(tenant, &numbers, out);
    }

    fn put_name(&self, values_key: SectionKey, pairs: &[u32], out: &mut BlockWriter) {
        let (mut values, mut postings) = (Vec::new(), Vec::new());
        put_u64(&mut values, pairs.len() as u64);
        let mut before: &[u8] = &[];
        for &pair in pairs {
            let pair = &self.pairs[pair as usize];
            let text = pair.value.as_bytes();
            let shared = before.iter().zip(text).take_while(|(a, b)| a == b).count();
            put_u64(&mut values, shared as u64);
            put_bytes(&mut values, &text[shared..]);
            put_u64(&mut values, pair.count);
            if pair.count == 1 {
                put_u64(&mut values, u64::from(pair.first));
            } else {
                let start = postings.len();
                put_postings(pair, &mut postings);
                put_u64(&mut values, (postings.len() - start) as u64);
            }
            before = text;
        }
        out.add(values_key, &values, Codec::Zstd, INDEX_LEVEL);
        out.add(SectionKey { kind: kind::POSTINGS, ..values_key }, &postings, Codec::Zstd, INDEX_LEVEL);
    }

    fn put_labels(&self, tenant: u32, numbers: &[(u32, u32)], out: &mut BlockWriter) {
        let mut start = 0;
        for (chunk, ends) in self.ends.chunks(CHUNK_SERIES as usize).enumerate() {
            let mut bytes = Vec::new();
            for &end in ends {
                let pairs = &self.series_pairs[start..end as usize];
                put_u64(&mut bytes, pairs.len() as u64);
                for &pair in pairs {
                    let (name, value) = numbers[pair as usize];
                    put_u64(&mut bytes, u64::from(name));
                    put_u64(&mut bytes, u64::from(value));
                }
                start = end as usize;
            }
            let key = SectionKey { tenant, kind: kind::LABELS, id: chunk as u64 };
            out.add(key, &bytes, Codec::Zstd, INDEX_LEVEL);
        }
    }
}

fn put_postings(pair: &Pair, out: &mut Vec<u8>) {
    if pair.count <= FEW_MAX {
        out.extend_from_slice(&pair.postings);
        return;
    }
    let mut input = pair.postings.as_slice();
    let mut series = 0;
    let ids = std::iter::from_fn(|| {
        series += stdx::varint::take_u64(&mut input)? as u32;
        Some(series)
    });
    let mut bitmap = RoaringBitmap::from_sorted_iter(ids).expect("series come in their order");
    bitmap.optimize();
    bitmap.serialize_into(out).expect("writing to memory cannot fail");
}
