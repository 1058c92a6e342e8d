//! Time columns of a block: each distinct sequence of timestamps once, however many series have it.
//!
//! ```text
//! chunk := column count | meta length | meta | planes          (a section holds the columns of one chunk of numbers)
//! column := sample count | integer column
//! ```

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use stdx::varint::{put_u64, take_u64};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::integers::{self, Header, Scratch};
use super::planes::{Cursor, Planes, PlanesWriter};

/// Columns in one section.
pub const CHUNK_COLUMNS: u32 = 256;
const SAMPLES_MAX: u64 = 1 << 28;

/// Gathers columns. They are compared by a 128-bit hash under a seed that nobody outside knows; the seed does not show in the result.
pub struct TimesWriter {
    seed: u64,
    bytes: Vec<u8>,
    known: HashMap<u128, u32, FxBuildHasher>,
    count: u32,
    meta: Vec<u8>,
    planes: PlanesWriter,
    scratch: Scratch,
    /// Finished sections.
    chunks: Vec<Vec<u8>>,
}

impl TimesWriter {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            bytes: Vec::new(),
            known: HashMap::default(),
            count: 0,
            meta: Vec::new(),
            planes: PlanesWriter::default(),
            scratch: Scratch::default(),
            chunks: Vec::new(),
        }
    }

    /// The number of the column with these times.
    pub fn add(&mut self, t_ms: &[i64]) -> u32 {
        self.bytes.clear();
        self.bytes.extend(t_ms.iter().flat_map(|t| t.to_le_bytes()));
        let hash = xxh3_128_with_seed(&self.bytes, self.seed);
        if let Some(&known) = self.known.get(&hash) {
            return known;
        }
        put_u64(&mut self.meta, t_ms.len() as u64);
        integers::put(t_ms, &mut self.scratch, &mut self.meta, &mut self.planes);
        let number = self.count;
        self.known.insert(hash, number);
        self.count += 1;
        if self.count.is_multiple_of(CHUNK_COLUMNS) {
            self.end_chunk(CHUNK_COLUMNS);
        }
        number
    }

    fn end_chunk(&mut self, columns: u32) {
        let mut out = Vec::new();
        put_u64(&mut out, u64::from(columns));
        put_u64(&mut out, self.meta.len() as u64);
        out.extend_from_slice(&self.meta);
        std::mem::take(&mut self.planes).finish(&mut out);
        self.meta.clear();
        self.chunks.push(out);
    }

    pub fn finish(mut self) -> Vec<Vec<u8>> {
        match self.count % CHUNK_COLUMNS {
            0 => {}
            rest => self.end_chunk(rest),
        }
        self.chunks
    }
}

/// Reads all columns of a chunk.
pub fn read_chunk(mut section: &[u8]) -> Option<Vec<Arc<[i64]>>> {
    let input = &mut section;
    let count = take_u64(input).filter(|&count| count <= u64::from(CHUNK_COLUMNS))?;
    let meta_len = usize::try_from(take_u64(input)?).ok()?;
    let (mut meta, rest) = input.split_at_checked(meta_len)?;
    let planes = Planes::read(rest)?;
    let (mut cursor, mut scratch, mut out) = (Cursor::default(), Scratch::default(), Vec::new());
    let mut columns = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let len = take_u64(&mut meta).filter(|&len| len <= SAMPLES_MAX)? as usize;
        if len == 0 {
            return None;
        }
        let header = Header::take(&mut meta)?;
        header.read(len, &planes, &mut cursor, &mut scratch, &mut out)?;
        columns.push(Arc::from(out.as_slice()));
    }
    Some(columns)
}
