//! The index of a Prometheus block: symbols and series. Versions 2 and 3; postings are not needed to read everything.

use std::path::Path;

use stdx::varint::{take_i64, take_u64};

use super::{TsdbError, malformed};

const MAGIC: u32 = 0xBAAA_D700;
const TOC_LEN: usize = 6 * 8 + 4;
/// Series begin at multiples of this.
const ALIGN: usize = 16;

/// Where a chunk is.
#[derive(Clone, Copy, Debug)]
pub struct ChunkRef {
    /// Number of the chunks file, and the place in it.
    pub segment: u32,
    pub offset: u32,
}

/// One series of a block.
pub struct IndexedSeries<'a> {
    /// Place in the index: what tombstones refer to.
    pub reference: u64,
    pub labels: Vec<(&'a str, &'a str)>,
    pub chunks: Vec<ChunkRef>,
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Calls `each` with every series, in the order of the index.
pub fn read<'a>(
    path: &Path,
    bytes: &'a [u8],
    mut each: impl FnMut(IndexedSeries<'a>) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let bad = |reason: &str| malformed(path, reason);
    if be32(bytes, 0) != Some(MAGIC) {
        return Err(bad("no magic at the start"));
    }
    match bytes.get(4) {
        Some(2 | 3) => {}
        other => {
            let version = other.copied().unwrap_or_default();
            return Err(TsdbError::Unsupported(format!(
                "{}: index version {version} cannot be read, only 2 and 3",
                path.display()
            )));
        }
    }
    let toc = bytes.len().checked_sub(TOC_LEN).ok_or_else(|| bad("shorter than its table of contents"))?;
    if Some(crc32c::crc32c(&bytes[toc..toc + TOC_LEN - 4])) != be32(bytes, toc + TOC_LEN - 4) {
        return Err(bad("checksum of the table of contents does not match"));
    }
    let section = |number: usize| be64(bytes, toc + 8 * number).and_then(|at| usize::try_from(at).ok());
    let symbols =
        section(0).and_then(|at| read_symbols(bytes, at)).ok_or_else(|| bad("symbols do not parse"))?;
    let start = section(1).ok_or_else(|| bad("no series"))?;
    // Label indices, postings: whatever comes next ends the series.
    let end = (2..6).filter_map(section).filter(|&at| at > start).min().unwrap_or(toc).min(toc);
    let mut at = start;
    while at < end {
        let Some((series, next)) = read_series(bytes, at, end, &symbols) else {
            return Err(bad(&format!("series at {at} does not parse or its checksum does not match")));
        };
        if let Some(series) = series {
            each(series)?;
        }
        at = next.next_multiple_of(ALIGN);
    }
    Ok(())
}

fn read_symbols(bytes: &[u8], at: usize) -> Option<Vec<&str>> {
    let len = be32(bytes, at)? as usize;
    let body = bytes.get(at + 4..at.checked_add(4)?.checked_add(len)?)?;
    if be32(bytes, at + 4 + len)? != crc32c::crc32c(body) {
        return None;
    }
    let count = be32(body, 0)? as usize;
    let mut input = body.get(4..)?;
    let mut symbols = Vec::with_capacity(count.min(input.len()));
    for _ in 0..count {
        symbols.push(std::str::from_utf8(stdx::varint::take_bytes(&mut input)?).ok()?);
    }
    Some(symbols)
}

/// The series at `at` (nothing, where there is only padding), and the place after it.
fn read_series<'a>(
    bytes: &'a [u8],
    at: usize,
    end: usize,
    symbols: &[&'a str],
) -> Option<(Option<IndexedSeries<'a>>, usize)> {
    let mut input = &bytes[at..end];
    let len = usize::try_from(take_u64(&mut input)?).ok()?;
    if len == 0 {
        return Some((None, at + 1));
    }
    let body = input.get(..len)?;
    if be32(input, len)? != crc32c::crc32c(body) {
        return None;
    }
    let next = end - input.len() + len + 4;
    let mut body = body;
    let mut labels = Vec::new();
    for _ in 0..take_u64(&mut body)? {
        let name = *symbols.get(usize::try_from(take_u64(&mut body)?).ok()?)?;
        labels.push((name, *symbols.get(usize::try_from(take_u64(&mut body)?).ok()?)?));
    }
    let chunks = read_chunk_refs(&mut body)?;
    Some((Some(IndexedSeries { reference: (at / ALIGN) as u64, labels, chunks }), next))
}

fn read_chunk_refs(body: &mut &[u8]) -> Option<Vec<ChunkRef>> {
    let (mut chunks, mut reference) = (Vec::new(), 0u64);
    for place in 0..take_u64(body)? {
        // Its times, which the chunk itself tells.
        if place == 0 {
            take_i64(body)?;
        } else {
            take_u64(body)?;
        }
        take_u64(body)?;
        reference = if place == 0 { take_u64(body)? } else { reference.wrapping_add(take_i64(body)? as u64) };
        chunks.push(ChunkRef { segment: (reference >> 32) as u32, offset: reference as u32 });
    }
    Some(chunks)
}
