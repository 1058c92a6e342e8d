//! gzip and zlib around one reusable inflate state. The gzip envelope is read here, because the state can be reset for raw deflate only.

use std::io::Write;

use flate2::{Decompress, FlushDecompress, Status};

use super::CompressError;

/// Least room that is made for output at a time.
const ROOM_MIN: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Inflater {
    raw: Option<Decompress>,
    zlib: Option<Decompress>,
}

impl Inflater {
    /// One or more gzip members, each with its checksum and length.
    pub fn gzip(&mut self, mut input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
        const FORMAT: &str = "gzip";
        let end = out.len() + limit;
        loop {
            input = gzip_header(input).ok_or_else(|| CompressError::corrupt(FORMAT, "invalid header"))?;
            let start = out.len();
            let state = self.raw.get_or_insert_with(|| Decompress::new(false));
            state.reset(false);
            let used = inflate(state, FORMAT, input, end, limit, out)?;
            let Some((tail, rest)) = input[used..].split_first_chunk::<8>() else {
                return Err(CompressError::corrupt(FORMAT, "unexpected EOF"));
            };
            let mut sum = flate2::Crc::new();
            sum.update(&out[start..]);
            let expect = u64::from_le_bytes(*tail);
            if u64::from(sum.sum()) | u64::from(sum.amount()) << 32 != expect {
                return Err(CompressError::corrupt(FORMAT, "invalid checksum"));
            }
            if rest.is_empty() {
                return Ok(());
            }
            input = rest;
        }
    }

    /// HTTP's `deflate`: zlib by the letter, but raw deflate is what some clients send, so both are read.
    pub fn zlib(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
        const FORMAT: &str = "deflate";
        let wrapped = matches!(input, [method, flags, ..]
            if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31));
        let state = if wrapped { &mut self.zlib } else { &mut self.raw };
        let state = state.get_or_insert_with(|| Decompress::new(wrapped));
        state.reset(wrapped);
        let end = out.len() + limit;
        let used = inflate(state, FORMAT, input, end, limit, out)?;
        if used < input.len() {
            return Err(CompressError::corrupt(FORMAT, "bytes after the end of the stream"));
        }
        Ok(())
    }
}

/// Inflates one stream onto `out`, whose length must not pass `end`; gives the number of input bytes used.
fn inflate(
    state: &mut Decompress,
    format: &'static str,
    input: &[u8],
    end: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<usize, CompressError> {
    let before = out.len();
    loop {
        if out.len() > end {
            return Err(CompressError::TooLarge { limit });
        }
        if out.len() == out.capacity() {
            // One byte past the limit may be produced, which is how we learn that it was passed.
            let room = ROOM_MIN.max(out.len() - before).max(input.len());
            out.reserve_exact(room.min(end + 1 - out.len()));
        }
        let (used, have) = (state.total_in() as usize, out.len());
        let status = state
            .decompress_vec(&input[used..], out, FlushDecompress::None)
            .map_err(|why| CompressError::corrupt(format, why))?;
        match status {
            Status::StreamEnd if out.len() > end => return Err(CompressError::TooLarge { limit }),
            Status::StreamEnd => return Ok(state.total_in() as usize),
            _ if out.len() == have && state.total_in() as usize == used && out.len() < out.capacity() => {
                return Err(CompressError::corrupt(format, "unexpected EOF"));
            }
            _ => (),
        }
    }
}

/// What follows the header of a gzip member (RFC 1952).
fn gzip_header(input: &[u8]) -> Option<&[u8]> {
    const HEADER_CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let ([0x1f, 0x8b, 8, flags, ..], mut rest) = input.split_first_chunk::<10>()? else { return None };
    if flags & 0xe0 != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (len, tail) = rest.split_first_chunk::<2>()?;
        rest = tail.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Level 0 to 9; 6 if none is given, as everywhere.
fn level(level: Option<i32>) -> flate2::Compression {
    flate2::Compression::new(level.map_or(6, |level| level.clamp(0, 9) as u32))
}

pub(super) fn gzip(by: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    let mut encoder = flate2::write::GzEncoder::new(out, level(by));
    encoder.write_all(input).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail");
}

pub(super) fn zlib(by: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    let mut encoder = flate2::write::ZlibEncoder::new(out, level(by));
    encoder.write_all(input).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail");
}
