//! The bytes of a segment file: header, frames, records. Format page: `docs/formats/journal.md`.
//!
//! ```text
//! segment: header (64 bytes) | frame | frame | ... | zeros up to the length reserved
//! frame:   header (32 bytes) | records | zeros to a multiple of 8          one group commit; no records: a mark
//! record:  len u32 | crc32c u32 | packing u8 | format u8 | compression u8 | tenant len u8 | received at i64 | plain len u32
//!          | payload len u32 | tenant | packed payload
//! ```
//!
//! A frame is written only after the one before it was synced, so a frame header that checks out proves that everything before it was
//! durable once. That is what tells a torn tail from corruption.

use std::io;

use bytes::{BufMut, Bytes};
use model::{Compression, Format, Signal, TenantId};
use parking_lot::Mutex;
use ports::{Packed, Record};

pub(crate) const VERSION: u16 = 1;
pub(crate) const SEGMENT_HEADER_LEN: usize = 64;
pub(crate) const FRAME_HEADER_LEN: usize = 32;
const SEGMENT_MAGIC: &[u8; 8] = b"ORIELJNL";
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"ORFR");
const RECORD_HEADER_LEN: usize = 28;
/// Length and checksum, not counted in a record's length.
const RECORD_PREFIX_LEN: usize = 8;
/// A record's payload, packed or not, is no longer than this.
pub(crate) const PAYLOAD_LEN_MAX: usize = 256 << 20;
/// Shorter payloads are not worth a compressor's call.
const PACK_LEN_MIN: usize = 128;

/// How the journal itself compressed a payload that came uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Packing {
    AsIs = 0,
    Lz4 = 1,
    Zstd = 2,
}

/// What a segment says of itself and of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub signal: Signal,
    pub partition: u32,
    pub first: u64,
    pub previous: Option<Previous>,
    /// Random; frames repeat it, so that no payload can pass for a frame.
    pub nonce: u32,
}

/// Where the segment before ended when this one was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub first: u64,
    /// Bytes.
    pub end: u64,
    /// Offset after its last record. Offsets from here to our first were never given to anybody.
    pub next: u64,
}

/// What became of reading a segment header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    Good(SegmentHeader),
    Newer(u16),
    Bad,
}

impl SegmentHeader {
    pub fn encode(&self) -> Vec<u8> {
        let none = Previous { first: u64::MAX, end: 0, next: 0 };
        let previous = self.previous.unwrap_or(none);
        let mut out = Vec::with_capacity(SEGMENT_HEADER_LEN);
        out.put_slice(SEGMENT_MAGIC);
        out.put_u16_le(VERSION);
        out.put_u8(self.signal as u8);
        out.put_u8(0);
        out.put_u32_le(self.partition);
        out.put_u64_le(self.first);
        out.put_u64_le(previous.first);
        out.put_u64_le(previous.end);
        out.put_u64_le(previous.next);
        out.put_u32_le(self.nonce);
        out.put_bytes(0, 8);
        out.put_u32_le(crc32c::crc32c(&out));
        out
    }

    pub fn decode(bytes: &[u8]) -> HeaderRead {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_LEN>() else { return HeaderRead::Bad };
        if &bytes[..8] != SEGMENT_MAGIC || u32_at(bytes, 60) != crc32c::crc32c(&bytes[..60]) {
            return HeaderRead::Bad;
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version > VERSION {
            return HeaderRead::Newer(version);
        }
        let Some(signal) = Signal::from_number(bytes[10]) else { return HeaderRead::Bad };
        let previous = Previous { first: u64_at(bytes, 24), end: u64_at(bytes, 32), next: u64_at(bytes, 40) };
        HeaderRead::Good(Self {
            signal,
            partition: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            previous: (previous.first != u64::MAX).then_some(previous),
            nonce: u32_at(bytes, 48),
        })
    }
}

/// The header of one group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub nonce: u32,
    /// Bytes of records, without the padding.
    pub len: u32,
    pub count: u32,
    pub first: u64,
}

impl FrameHeader {
    pub fn encode(&self) -> [u8; FRAME_HEADER_LEN] {
        let mut out = [0; FRAME_HEADER_LEN];
        out[0..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&self.nonce.to_le_bytes());
        out[8..12].copy_from_slice(&self.len.to_le_bytes());
        out[12..16].copy_from_slice(&self.count.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.to_le_bytes());
        let crc = crc32c::crc32c(&out[..24]);
        out[24..28].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None`: no frame of this segment begins here. An unknown nonce (broken segment header) takes any.
    pub fn decode(bytes: &[u8], nonce: Option<u32>) -> Option<Self> {
        let bytes = bytes.first_chunk::<FRAME_HEADER_LEN>()?;
        if u32_at(bytes, 0) != FRAME_MAGIC || u32_at(bytes, 24) != crc32c::crc32c(&bytes[..24]) {
            return None;
        }
        let frame = Self {
            nonce: u32_at(bytes, 4),
            len: u32_at(bytes, 8),
            count: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
        };
        nonce.is_none_or(|nonce| nonce == frame.nonce).then_some(frame)
    }

    /// Offset after its last record.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Bytes from the start of this frame to where the next one may begin.
    pub fn total_len(&self) -> u64 {
        (FRAME_HEADER_LEN as u64 + u64::from(self.len)).next_multiple_of(8)
    }
}

/// Makes records ready for the journal; any number of threads at once.
pub(crate) struct Packer {
    packing: Packing,
    /// Compression contexts that nobody uses now: making one costs more than compressing a small record.
    spare: Mutex<Vec<zstd::bulk::Compressor<'static>>>,
}

/// Fast beats small here: a record lives until the next cut. `docs/decisions/002-journal-packing.md` has the figures.
const ZSTD_LEVEL: i32 = -1;
/// Contexts kept for later; more threads than this make their own.
const SPARE_MAX: usize = 16;

impl Packer {
    pub fn new(packing: Packing) -> Self {
        Self { packing, spare: Mutex::default() }
    }

    /// Compresses (if it pays), checks and frames one record.
    pub fn pack(&self, record: &Record) -> io::Result<Packed> {
        let payload = &record.payload;
        if payload.len() > PAYLOAD_LEN_MAX {
            let reason = format!("record of {} bytes, the most is {PAYLOAD_LEN_MAX}", payload.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let tenant = record.tenant.as_str().as_bytes();
        let head_len = RECORD_HEADER_LEN + tenant.len();
        let packing = match record.compression {
            Compression::None if payload.len() >= PACK_LEN_MIN => self.packing,
            _ => Packing::AsIs,
        };
        let mut out = vec![0; head_len];
        let packing = self.append_payload(&mut out, payload, packing)?;
        let tenant_len = u8::try_from(tenant.len()).expect("tenant names are at most 150 bytes");
        out[8..12].copy_from_slice(&[
            packing as u8,
            record.format as u8,
            record.compression as u8,
            tenant_len,
        ]);
        out[12..20].copy_from_slice(&record.received_at_ms.to_le_bytes());
        out[20..24].copy_from_slice(&record.plain_len.to_le_bytes());
        out[24..28].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        out[28..head_len].copy_from_slice(tenant);
        let len = ((out.len() - RECORD_PREFIX_LEN) as u32).to_le_bytes();
        out[0..4].copy_from_slice(&len);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&len), &out[RECORD_PREFIX_LEN..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        Ok(Packed(out.into()))
    }

    fn append_payload(&self, out: &mut Vec<u8>, payload: &[u8], packing: Packing) -> io::Result<Packing> {
        let start = out.len();
        let packed_len = match packing {
            Packing::AsIs => payload.len(),
            Packing::Lz4 => {
                out.resize(start + lz4_flex::block::get_maximum_output_size(payload.len()), 0);
                lz4_flex::block::compress_into(payload, &mut out[start..]).map_err(io::Error::other)?
            }
            Packing::Zstd => {
                out.resize(start + zstd::zstd_safe::compress_bound(payload.len()), 0);
                self.compress(payload, &mut out[start..])?
            }
        };
        if packing != Packing::AsIs && packed_len < payload.len() {
            out.truncate(start + packed_len);
            out.shrink_to_fit();
            return Ok(packing);
        }
        out.truncate(start);
        out.extend_from_slice(payload);
        Ok(Packing::AsIs)
    }

    fn compress(&self, payload: &[u8], into: &mut [u8]) -> io::Result<usize> {
        let spare = self.spare.lock().pop();
        let mut compressor = spare.map_or_else(|| zstd::bulk::Compressor::new(ZSTD_LEVEL), Ok)?;
        let len = compressor.compress_to_buffer(payload, into)?;
        let mut spare = self.spare.lock();
        if spare.len() < SPARE_MAX {
            spare.push(compressor);
        }
        Ok(len)
    }
}

/// Takes one record off the front of `input` after checking it. `Err(rest)`: it is broken; `rest` is what follows it, if its length can be
/// believed.
pub(crate) fn take_record(input: &mut Bytes) -> Result<Bytes, Option<Bytes>> {
    if input.len() < RECORD_HEADER_LEN {
        return Err(None);
    }
    let len = u32_at(input, 0) as usize;
    if len > input.len() - RECORD_PREFIX_LEN || len < RECORD_HEADER_LEN - RECORD_PREFIX_LEN {
        return Err(None);
    }
    let crc = u32_at(input, 4);
    let mut record = input.clone();
    let rest = record.split_off(RECORD_PREFIX_LEN + len);
    if crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[RECORD_PREFIX_LEN..]) != crc {
        return Err(Some(rest));
    }
    *input = rest;
    Ok(record)
}

/// When a checked record came in, and its payload's plain length: all that the cut rule asks.
pub(crate) fn peek(record: &[u8]) -> (i64, u32) {
    (u64_at(record, 12) as i64, u32_at(record, 20))
}

/// The record behind checked bytes. An error means a record that this build does not understand.
pub(crate) fn unpack(mut bytes: Bytes) -> Result<Record, String> {
    if bytes.len() < RECORD_HEADER_LEN {
        return Err("shorter than its header".to_owned());
    }
    let head = bytes.split_to(RECORD_HEADER_LEN);
    if bytes.len() < usize::from(head[11]) {
        return Err("shorter than its tenant".to_owned());
    }
    let tenant = bytes.split_to(usize::from(head[11]));
    let tenant = std::str::from_utf8(&tenant).map_err(|error| error.to_string())?;
    let payload_len = u32_at(&head, 24) as usize;
    if payload_len > PAYLOAD_LEN_MAX {
        return Err(format!("payload claims {payload_len} bytes"));
    }
    let payload: Bytes = match head[8] {
        0 => bytes,
        1 => lz4_flex::block::decompress(&bytes, payload_len).map_err(|error| error.to_string())?.into(),
        2 => zstd::bulk::decompress(&bytes, payload_len).map_err(|error| error.to_string())?.into(),
        other => return Err(format!("unknown packing {other}")),
    };
    if payload.len() != payload_len {
        return Err(format!("payload of {} bytes claims {payload_len}", payload.len()));
    }
    Ok(Record {
        tenant: TenantId::new(tenant).map_err(|error| error.to_string())?,
        format: Format::from_number(head[9]).ok_or_else(|| format!("unknown format {}", head[9]))?,
        compression: Compression::from_number(head[10])
            .ok_or_else(|| format!("unknown compression {}", head[10]))?,
        received_at_ms: u64_at(&head, 12) as i64,
        plain_len: u32_at(&head, 20),
        payload,
    })
}

/// Makes the checksums of a mutated segment fit, as far as its lengths lead.
pub(super) fn reseal(bytes: &mut [u8]) {
    let seal = |bytes: &mut [u8], covered: usize| {
        let crc = crc32c::crc32c(&bytes[..covered]);
        bytes[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
    };
    let Some((header, mut rest)) = bytes.split_at_mut_checked(SEGMENT_HEADER_LEN) else { return };
    seal(header, 60);
    while rest.len() >= FRAME_HEADER_LEN {
        seal(rest, 24);
        let total = (FRAME_HEADER_LEN as u64 + u64::from(u32_at(rest, 8))).next_multiple_of(8);
        let total = usize::try_from(total).unwrap_or(usize::MAX).min(rest.len());
        let (frame, after) = rest.split_at_mut(total);
        let mut records = &mut frame[FRAME_HEADER_LEN..];
        while records.len() >= RECORD_PREFIX_LEN {
            let len = (RECORD_PREFIX_LEN + u32_at(records, 0) as usize).min(records.len());
            let (record, following) = records.split_at_mut(len);
            let crc = crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[RECORD_PREFIX_LEN..]);
            record[4..8].copy_from_slice(&crc.to_le_bytes());
            records = following;
        }
        rest = after;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
