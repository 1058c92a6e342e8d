//! The bytes of a catalog object.
//!
//! ```text
//! magic "ORIELCAT" | version u16 | nonce u64 | state (varints) | crc32c u32 of all before
//! ```

use std::ops::Range;

use model::TenantId;
use ports::{Damage, StoreError};
use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};

use super::state::{CatalogState, FileEntry, Garbage, Quarantined, Span};
use crate::engine::FileSummary;

pub const VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"ORIELCAT";
const HEADER_LEN: usize = 18;
const CRC_LEN: usize = 4;

/// By what the caller would do.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Fall back to the number before.
    #[error("catalog {key} is corrupt: {reason}")]
    Corrupt { key: String, reason: String },
    /// Stop: the data is newer than this build.
    #[error(
        "catalog {key} has format version {version}, this build reads up to {VERSION}: use a newer oriel"
    )]
    Newer { key: String, version: u16 },
    /// Stop: somebody else owns this partition now.
    #[error("catalog {key} was not written by us: {reason}; this process must not write any more")]
    Fenced { key: String, reason: String },
    /// Stop: nothing to fall back to.
    #[error("no readable catalog object under {prefix}, but there have been some: restore one from a backup")]
    Lost { prefix: String },
    /// A bug: never written.
    #[error("refusing to commit a catalog with a gap or an overlap: {0}")]
    Inconsistent(String),
    /// Try again later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn encode(state: &CatalogState, nonce: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&nonce.to_le_bytes());
    put_u64(&mut out, state.next_offset);
    put_u64(&mut out, state.spans.len() as u64);
    for span in &state.spans {
        put_range(&mut out, &span.offsets);
        out.push(span.level);
        put_i64(&mut out, span.window_ms);
        put_u64(&mut out, span.files.len() as u64);
        for file in &span.files {
            put_file(&mut out, file);
        }
    }
    put_u64(&mut out, state.garbage.len() as u64);
    for garbage in &state.garbage {
        put_bytes(&mut out, garbage.name.as_bytes());
        put_u64(&mut out, garbage.dropped_in);
    }
    put_u64(&mut out, state.quarantined.len() as u64);
    for quarantined in &state.quarantined {
        put_bytes(&mut out, quarantined.name.as_bytes());
        put_bytes(&mut out, quarantined.reason.as_bytes());
    }
    put_u64(&mut out, state.damage.len() as u64);
    for damage in &state.damage {
        put_range(&mut out, &damage.offsets);
        put_bytes(&mut out, damage.reason.as_bytes());
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The nonce, if the object is whole.
pub(super) fn nonce(bytes: &[u8]) -> Option<u64> {
    let (checked, crc) = bytes.split_last_chunk::<CRC_LEN>()?;
    (u32::from_le_bytes(*crc) == crc32c::crc32c(checked)).then_some(())?;
    Some(u64::from_le_bytes(checked.get(10..HEADER_LEN)?.try_into().ok()?))
}

pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<CatalogState, CatalogError> {
    let corrupt = |reason: &str| CatalogError::Corrupt { key: key.to_owned(), reason: reason.to_owned() };
    let (checked, crc) =
        bytes.split_last_chunk::<CRC_LEN>().ok_or_else(|| corrupt("shorter than its checksum"))?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(checked) {
        return Err(corrupt("checksum mismatch"));
    }
    if checked.len() < HEADER_LEN || &checked[..8] != MAGIC {
        return Err(corrupt("no magic"));
    }
    let version = u16::from_le_bytes([checked[8], checked[9]]);
    if version > VERSION {
        return Err(CatalogError::Newer { key: key.to_owned(), version });
    }
    let state = take_state(&checked[HEADER_LEN..]).ok_or_else(|| corrupt("does not parse"))?;
    state.check().map_err(|reason| corrupt(&reason))?;
    Ok(state)
}

fn put_range(out: &mut Vec<u8>, range: &Range<u64>) {
    put_u64(out, range.start);
    put_u64(out, range.end);
}

fn put_file(out: &mut Vec<u8>, file: &FileEntry) {
    put_bytes(out, file.name.as_bytes());
    put_u64(out, file.len);
    put_i64(out, file.summary.min_ns);
    put_i64(out, file.summary.max_ns);
    put_u64(out, file.summary.items);
    put_u64(out, file.summary.tenants.len() as u64);
    for tenant in &file.summary.tenants {
        put_bytes(out, tenant.as_str().as_bytes());
    }
}

fn take_state(mut input: &[u8]) -> Option<CatalogState> {
    let input = &mut input;
    let state = CatalogState {
        next_offset: take_u64(input)?,
        spans: take_list(input, take_span)?,
        garbage: take_list(input, |input| {
            Some(Garbage { name: take_text(input)?, dropped_in: take_u64(input)? })
        })?,
        quarantined: take_list(input, |input| {
            Some(Quarantined { name: take_text(input)?, reason: take_text(input)? })
        })?,
        damage: take_list(input, |input| {
            Some(Damage { offsets: take_u64(input)?..take_u64(input)?, reason: take_text(input)? })
        })?,
    };
    input.is_empty().then_some(state)
}

fn take_span(input: &mut &[u8]) -> Option<Span> {
    let offsets = take_u64(input)?..take_u64(input)?;
    let (level, rest) = input.split_first()?;
    *input = rest;
    Some(Span { offsets, level: *level, window_ms: take_i64(input)?, files: take_list(input, take_file)? })
}

fn take_file(input: &mut &[u8]) -> Option<FileEntry> {
    Some(FileEntry {
        name: take_text(input)?,
        len: take_u64(input)?,
        summary: FileSummary {
            min_ns: take_i64(input)?,
            max_ns: take_i64(input)?,
            items: take_u64(input)?,
            tenants: take_list(input, |input| TenantId::new(&take_text(input)?).ok())?,
        },
    })
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_bytes(input)?.to_vec()).ok()
}

/// A counted list. Every item takes at least one byte, so a count beyond the input is a lie found early.
fn take_list<T>(input: &mut &[u8], mut item: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(take_u64(input)?).ok().filter(|count| *count <= input.len())?;
    (0..count).map(|_| item(input)).collect()
}
