//! The block container: one immutable file of checksummed sections, the same for all signals. Format page: `docs/formats/container.md`.
//!
//! ```text
//! magic "ORIELBLK" | section bytes ... | table | trailer (40 bytes)
//! trailer: table position u64 | table length u64 | table crc32c u32 | version u16 | signal u8 | 0 u8 | reserved u64 | magic
//! ```
//!
//! Invariants: every stored byte is under a CRC32C; a reader learns all sections from one read of the file's end; a section is found by
//! (tenant, kind, id) and is opaque here. Encodings of a section's inside belong to the signal that wrote it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{Signal, TenantId};
use stdx::varint::{put_bytes, put_u64, take_bytes, take_u64};

use crate::cache::{CacheKey, SectionCache};

pub const VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"ORIELBLK";
const TRAILER_LEN: usize = 40;
/// Read at once from the end of a file; a longer table needs a second read.
const TAIL_READ_LEN: u64 = 64 * 1024;
/// A section may not claim to unpack to more than this.
const SECTION_LEN_MAX: usize = 1 << 30;

/// By what the caller would do: corrupt data is quarantined, an I/O error is tried again, a newer version asks for a newer Oriel.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("block {name} is corrupt: {reason}")]
    Corrupt { name: String, reason: String },
    #[error("block {name} has format version {version}, this build reads up to {VERSION}: use a newer oriel")]
    Newer { name: String, version: u16 },
    #[error("could not read block {name}: {source}")]
    Io { name: String, source: std::io::Error },
}

/// Names a section. `id` is the signal's own (a column, a row group, ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SectionKey {
    /// Index into the file's tenant table.
    pub tenant: u32,
    pub kind: u16,
    pub id: u64,
}

/// How a section's bytes are packed as a whole. `None` where the signal's own encoding has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    None = 0,
    Lz4 = 1,
    Zstd = 2,
}

/// Where a block's bytes are: memory, a local file, an object. Blocking.
pub trait RangeRead: Send + Sync + 'static {
    fn name(&self) -> &str;
    fn len(&self) -> u64;
    fn read(&self, position: u64, len: usize) -> std::io::Result<Bytes>;
}

#[derive(Clone, Copy, Debug)]
struct Section {
    position: u64,
    stored_len: u64,
    plain_len: u64,
    crc: u32,
    codec: u8,
}

/// Writes a block into memory. Sections keep the order in which they are added; put together what is read together.
pub struct BlockWriter {
    signal: Signal,
    bytes: Vec<u8>,
    tenants: Vec<TenantId>,
    table: Vec<(SectionKey, Section)>,
}

impl BlockWriter {
    pub fn new(signal: Signal) -> Self {
        Self { signal, bytes: MAGIC.to_vec(), tenants: Vec::new(), table: Vec::new() }
    }

    /// The index of `tenant` in this file, for section keys.
    pub fn tenant(&mut self, tenant: &TenantId) -> u32 {
        let place = self.tenants.iter().position(|have| have == tenant).unwrap_or_else(|| {
            self.tenants.push(tenant.clone());
            self.tenants.len() - 1
        });
        place as u32
    }

    /// Adds a section. `level` is zstd's. What does not shrink is stored as it is.
    pub fn add(&mut self, key: SectionKey, plain: &[u8], codec: Codec, level: i32) {
        let packed = match codec {
            Codec::None => None,
            Codec::Lz4 => Some(lz4_flex::block::compress(plain)),
            Codec::Zstd => Some(zstd::bulk::compress(plain, level).expect("compressing memory into memory")),
        };
        let (stored, codec) = match &packed {
            Some(packed) if packed.len() < plain.len() => (packed.as_slice(), codec),
            _ => (plain, Codec::None),
        };
        let section = Section {
            position: self.bytes.len() as u64,
            stored_len: stored.len() as u64,
            plain_len: plain.len() as u64,
            crc: crc32c::crc32c(stored),
            codec: codec as u8,
        };
        self.bytes.extend_from_slice(stored);
        self.table.push((key, section));
    }

    /// Makes room for what will come, so that a large block is not copied as it grows.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn finish(mut self) -> Vec<u8> {
        let mut table = Vec::new();
        put_u64(&mut table, self.tenants.len() as u64);
        for tenant in &self.tenants {
            put_bytes(&mut table, tenant.as_str().as_bytes());
        }
        put_u64(&mut table, self.table.len() as u64);
        for (key, section) in &self.table {
            for value in [
                u64::from(key.tenant),
                u64::from(key.kind),
                key.id,
                section.position,
                section.stored_len,
                section.plain_len,
                u64::from(section.codec),
            ] {
                put_u64(&mut table, value);
            }
            table.extend_from_slice(&section.crc.to_le_bytes());
        }
        let position = self.bytes.len() as u64;
        let crc = crc32c::crc32c(&table);
        self.bytes.extend_from_slice(&table);
        self.bytes.extend_from_slice(&position.to_le_bytes());
        self.bytes.extend_from_slice(&(table.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        self.bytes.extend_from_slice(&VERSION.to_le_bytes());
        self.bytes.extend_from_slice(&[self.signal as u8, 0]);
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(MAGIC);
        self.bytes
    }
}

/// An open block. Cheap to share; sections are read and checked when asked for.
pub struct BlockReader {
    source: Arc<dyn RangeRead>,
    signal: Signal,
    tenants: Vec<TenantId>,
    sections: HashMap<SectionKey, Section>,
    order: Vec<SectionKey>,
    /// Unpacked sections in memory, and our name there.
    cache: Option<(Arc<SectionCache>, u64)>,
}

impl BlockReader {
    /// As [`open`](Self::open), keeping unpacked sections in `cache`.
    pub fn open_cached(source: Arc<dyn RangeRead>, cache: Arc<SectionCache>) -> Result<Self, ContainerError> {
        let reader = cache.name_reader();
        Ok(Self { cache: Some((cache, reader)), ..Self::open(source)? })
    }

    pub fn open(source: Arc<dyn RangeRead>) -> Result<Self, ContainerError> {
        let name = source.name().to_owned();
        let corrupt =
            |reason: &str| ContainerError::Corrupt { name: name.clone(), reason: reason.to_owned() };
        let io = |source| ContainerError::Io { name: name.clone(), source };
        let len = source.len();
        if len < (MAGIC.len() + TRAILER_LEN) as u64 {
            return Err(corrupt("shorter than a trailer"));
        }
        let tail_len = len.min(TAIL_READ_LEN);
        let tail = source.read(len - tail_len, tail_len as usize).map_err(io)?;
        let trailer =
            tail.len().checked_sub(TRAILER_LEN).map(|at| &tail[at..]).ok_or_else(|| corrupt("short read"))?;
        if &trailer[32..40] != MAGIC {
            return Err(corrupt("no magic at the end"));
        }
        let version = u16::from_le_bytes([trailer[20], trailer[21]]);
        if version > VERSION {
            return Err(ContainerError::Newer { name, version });
        }
        let signal = Signal::from_number(trailer[22]).ok_or_else(|| corrupt("unknown signal"))?;
        let position = u64::from_le_bytes(trailer[0..8].try_into().expect("8 bytes"));
        let table_len = u64::from_le_bytes(trailer[8..16].try_into().expect("8 bytes"));
        let crc = u32::from_le_bytes(trailer[16..20].try_into().expect("4 bytes"));
        if position.checked_add(table_len).and_then(|end| end.checked_add(TRAILER_LEN as u64)) != Some(len) {
            return Err(corrupt("table does not end at the trailer"));
        }
        let tail_start = len - tail_len;
        let table = if position >= tail_start {
            tail.slice((position - tail_start) as usize..(position - tail_start + table_len) as usize)
        } else {
            source.read(position, table_len as usize).map_err(io)?
        };
        if crc32c::crc32c(&table) != crc {
            return Err(corrupt("table checksum mismatch"));
        }
        let (tenants, order, sections) =
            parse_table(&table, position).ok_or_else(|| corrupt("table does not parse"))?;
        Ok(Self { source, signal, tenants, sections, order, cache: None })
    }

    pub fn signal(&self) -> Signal {
        self.signal
    }

    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Bytes of the whole file.
    pub fn len(&self) -> u64 {
        self.source.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn tenants(&self) -> &[TenantId] {
        &self.tenants
    }

    /// The index of `tenant` in this file, if it has data here.
    pub fn tenant(&self, tenant: &TenantId) -> Option<u32> {
        self.tenants.iter().position(|have| have == tenant).map(|place| place as u32)
    }

    /// All sections in the order in which they were written.
    pub fn keys(&self) -> &[SectionKey] {
        &self.order
    }

    pub fn has(&self, key: SectionKey) -> bool {
        self.sections.contains_key(&key)
    }

    /// Stored bytes of a section; 0 if it is not there.
    pub fn stored_len(&self, key: SectionKey) -> u64 {
        self.sections.get(&key).map_or(0, |section| section.stored_len)
    }

    /// Reads, checks and unpacks a section. `None` if the file has no such section.
    pub fn section(&self, key: SectionKey) -> Result<Option<Bytes>, ContainerError> {
        if !self.sections.contains_key(&key) {
            return Ok(None);
        }
        let Some((cache, reader)) = &self.cache else { return self.section_uncached(key) };
        let name = CacheKey { reader: *reader, section: key };
        if let Some(plain) = cache.get(name) {
            return Ok(Some(plain));
        }
        let plain = self.section_uncached(key)?;
        if let Some(plain) = &plain {
            cache.put(name, plain);
        }
        Ok(plain)
    }

    /// As [`section`](Self::section), from where the bytes are: for reading once (merging, scrubbing).
    pub fn section_uncached(&self, key: SectionKey) -> Result<Option<Bytes>, ContainerError> {
        let Some(section) = self.sections.get(&key) else { return Ok(None) };
        let stored = self
            .source
            .read(section.position, section.stored_len as usize)
            .map_err(|source| ContainerError::Io { name: self.name().to_owned(), source })?;
        if stored.len() as u64 != section.stored_len || crc32c::crc32c(&stored) != section.crc {
            return Err(self.corrupt(key, "checksum mismatch"));
        }
        let plain_len = section.plain_len as usize;
        let plain = match section.codec {
            0 => stored,
            1 => lz4_flex::block::decompress(&stored, plain_len)
                .map_err(|error| self.corrupt(key, &error.to_string()))?
                .into(),
            2 => zstd::bulk::decompress(&stored, plain_len)
                .map_err(|error| self.corrupt(key, &error.to_string()))?
                .into(),
            _ => return Err(self.corrupt(key, "unknown codec")),
        };
        if plain.len() != plain_len {
            return Err(self.corrupt(key, "length mismatch"));
        }
        Ok(Some(plain))
    }

    /// As [`section`](Self::section), for one that the format says must be there.
    pub fn require(&self, key: SectionKey) -> Result<Bytes, ContainerError> {
        self.section(key)?.ok_or_else(|| self.corrupt(key, "section is missing"))
    }

    /// An error that names this file and the section, for a signal whose own decoding failed.
    pub fn corrupt(&self, key: SectionKey, reason: &str) -> ContainerError {
        ContainerError::Corrupt {
            name: self.name().to_owned(),
            reason: format!("section {}/{}/{}: {reason}", key.tenant, key.kind, key.id),
        }
    }
}

type Table = (Vec<TenantId>, Vec<SectionKey>, HashMap<SectionKey, Section>);

fn parse_table(mut input: &[u8], sections_end: u64) -> Option<Table> {
    let input = &mut input;
    let tenant_count = take_u64(input)?;
    let mut tenants = Vec::new();
    for _ in 0..tenant_count {
        tenants.push(TenantId::new(std::str::from_utf8(take_bytes(input)?).ok()?).ok()?);
    }
    let count = usize::try_from(take_u64(input)?).ok()?;
    let mut order = Vec::with_capacity(count.min(input.len() / 11));
    let mut sections = HashMap::with_capacity(order.capacity());
    for _ in 0..count {
        let key = SectionKey {
            tenant: u32::try_from(take_u64(input)?).ok()?,
            kind: u16::try_from(take_u64(input)?).ok()?,
            id: take_u64(input)?,
        };
        let (position, stored_len, plain_len) = (take_u64(input)?, take_u64(input)?, take_u64(input)?);
        let codec = u8::try_from(take_u64(input)?).ok()?;
        let (crc, rest) = input.split_first_chunk::<4>()?;
        *input = rest;
        if position.checked_add(stored_len)? > sections_end || plain_len > SECTION_LEN_MAX as u64 {
            return None;
        }
        order.push(key);
        sections
            .insert(key, Section { position, stored_len, plain_len, crc: u32::from_le_bytes(*crc), codec });
    }
    input.is_empty().then_some((tenants, order, sections))
}

/// A block in memory: fresh from a writer, or in a test.
pub struct InMemory {
    name: String,
    bytes: Bytes,
}

impl InMemory {
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

impl RangeRead for InMemory {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, position: u64, len: usize) -> std::io::Result<Bytes> {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        match start.checked_add(len) {
            Some(end) if end <= self.bytes.len() => Ok(self.bytes.slice(start..end)),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, SectionKey, SectionKey) {
        let mut writer = BlockWriter::new(Signal::Logs);
        let tenant = writer.tenant(&TenantId::anonymous());
        let text = SectionKey { tenant, kind: 1, id: 0 };
        let noise = SectionKey { tenant, kind: 2, id: 7 };
        writer.add(text, &b"abc".repeat(1000), Codec::Zstd, 1);
        writer.add(noise, &[1, 2, 3], Codec::Lz4, 0);
        (writer.finish(), text, noise)
    }

    #[test]
    fn sections_come_back() {
        let (bytes, text, noise) = sample();
        let reader = BlockReader::open(Arc::new(InMemory::new("a", bytes))).unwrap();
        assert_eq!(reader.require(text).unwrap(), b"abc".repeat(1000));
        assert_eq!(reader.require(noise).unwrap().as_ref(), [1, 2, 3]);
        assert!(reader.section(SectionKey { id: 8, ..noise }).unwrap().is_none());
        assert_eq!(reader.tenant(&TenantId::anonymous()), Some(0));
    }

    #[test]
    fn every_flipped_bit_is_found_or_harmless() {
        let (bytes, text, noise) = sample();
        for place in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[place] ^= 0x10;
            let Ok(reader) = BlockReader::open(Arc::new(InMemory::new("a", bad))) else { continue };
            if let (Ok(Some(a)), Ok(Some(b))) = (reader.section(text), reader.section(noise)) {
                assert_eq!((a.as_ref(), b.as_ref()), (b"abc".repeat(1000).as_slice(), [1, 2, 3].as_slice()));
            }
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let (bytes, ..) = sample();
        for len in 0..bytes.len() {
            assert!(BlockReader::open(Arc::new(InMemory::new("a", bytes[..len].to_vec()))).is_err());
        }
    }
}
