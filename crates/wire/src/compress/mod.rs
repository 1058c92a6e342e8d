//! Compression at the doors: request bodies in under a hard cap, responses and exports out.
//!
//! `decompress` appends at most `limit` bytes to a vector that the caller reuses. Memory grows with what has really been produced, never with
//! a length that a header claims: claims are believed only within a ratio to the bytes that came. Contexts are kept per thread (or per
//! `Decompressor`), since setting one up costs more than a small body.
//! Not here: limits by tenant and the status codes of doors.

mod deflate;
mod zstandard;

use std::cell::RefCell;
use std::io::{Read, Write};

use model::Compression;

pub use zstandard::LEVEL_DEFAULT as ZSTD_LEVEL_DEFAULT;

/// Why a body was not decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressError {
    /// 413, or `RESOURCE_EXHAUSTED`.
    #[error("decompressed body is larger than the limit of {limit} bytes")]
    TooLarge { limit: usize },
    /// 400, or `INVALID_ARGUMENT`.
    #[error("{format}: {detail}")]
    Corrupt { format: &'static str, detail: String },
}

impl CompressError {
    fn corrupt(format: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { format, detail: detail.to_string() }
    }
}

/// The compression of a `Content-Encoding` (or `grpc-encoding`, with `grpc_compression`); `None` if it is unknown.
pub fn http_compression(content_encoding: &str) -> Option<Compression> {
    let name = content_encoding.trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "" | "identity" => Compression::None,
        "gzip" | "x-gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        "deflate" | "zlib" => Compression::Deflate,
        "snappy" => Compression::Snappy,
        "x-snappy-framed" => Compression::SnappyFramed,
        "lz4" => Compression::Lz4Frame,
        _ => return None,
    })
}

/// The compression of a `grpc-encoding`; its `snappy` is the framed one.
pub fn grpc_compression(grpc_encoding: &str) -> Option<Compression> {
    match grpc_encoding {
        "" | "identity" => Some(Compression::None),
        "gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        "snappy" => Some(Compression::SnappyFramed),
        "deflate" => Some(Compression::Deflate),
        _ => None,
    }
}

/// Bytes that a snappy or LZ4 block can at most give for each byte of it; a header that claims more lies.
const SNAPPY_RATIO_MAX: usize = 32;
const LZ4_RATIO_MAX: usize = 256;

/// Decompression contexts, kept for reuse.
#[derive(Default)]
pub struct Decompressor {
    deflate: deflate::Inflater,
    zstd: zstandard::Unzstd,
    snappy: snap::raw::Decoder,
}

thread_local! {
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::default();
}

/// Appends the decompressed `input` to `out`, at most `limit` bytes of it, with this thread's contexts.
pub fn decompress(
    compression: Compression,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    DECOMPRESSOR.with_borrow_mut(|contexts| contexts.decompress(compression, input, limit, out))
}

impl Decompressor {
    /// Appends the decompressed `input` to `out`, at most `limit` bytes of it. After an error `out` is as long as it was.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let before = out.len();
        let result = match compression {
            Compression::None => plain(input, limit, out),
            Compression::Gzip => self.deflate.gzip(input, limit, out),
            Compression::Deflate => self.deflate.zlib(input, limit, out),
            Compression::Zstd => self.zstd.decompress(input, limit, out),
            Compression::Snappy => snappy_block(&mut self.snappy, input, limit, out),
            Compression::SnappyFramed => stream("snappy", snap::read::FrameDecoder::new(input), limit, out),
            Compression::Lz4Frame => lz4_frames(input, limit, out),
            Compression::Lz4Block => lz4_block(input, limit, out),
        };
        if result.is_err() {
            out.truncate(before);
        }
        result
    }
}

fn plain(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    if input.len() > limit {
        return Err(CompressError::TooLarge { limit });
    }
    out.extend_from_slice(input);
    Ok(())
}

fn snappy_block(
    decoder: &mut snap::raw::Decoder,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    const FORMAT: &str = "snappy";
    // As Go says it.
    const CORRUPT: &str = "corrupt input";
    let claimed = snap::raw::decompress_len(input).map_err(|_| CompressError::corrupt(FORMAT, CORRUPT))?;
    if claimed > limit {
        return Err(CompressError::TooLarge { limit });
    }
    if claimed > input.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(CompressError::corrupt(
            FORMAT,
            "corrupt input: the claimed length cannot come of so few bytes",
        ));
    }
    let start = out.len();
    out.resize(start + claimed, 0);
    decoder.decompress(input, &mut out[start..]).map_err(|_| CompressError::corrupt(FORMAT, CORRUPT))?;
    Ok(())
}

/// An LZ4 block behind its length in four little-endian bytes.
fn lz4_block(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    const FORMAT: &str = "lz4";
    let (len, block) = input
        .split_first_chunk::<4>()
        .ok_or_else(|| CompressError::corrupt(FORMAT, "unexpected end of input"))?;
    let claimed = u32::from_le_bytes(*len) as usize;
    if claimed > limit {
        return Err(CompressError::TooLarge { limit });
    }
    if claimed > block.len().saturating_mul(LZ4_RATIO_MAX) {
        return Err(CompressError::corrupt(FORMAT, "the claimed length cannot come of so few bytes"));
    }
    let start = out.len();
    out.resize(start + claimed, 0);
    let written = lz4_flex::block::decompress_into(block, &mut out[start..])
        .map_err(|why| CompressError::corrupt(FORMAT, why))?;
    if written != claimed {
        return Err(CompressError::corrupt(FORMAT, "the length is not the one claimed"));
    }
    Ok(())
}

/// LZ4 frames. The decoder takes a missing end for an end, so that the framing is checked here first.
fn lz4_frames(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    let mut rest = input;
    while !rest.is_empty() {
        rest = after_lz4_frame(rest).ok_or_else(|| CompressError::corrupt("lz4", "unexpected EOF"))?;
    }
    stream("lz4", lz4_flex::frame::FrameDecoder::new(input), limit, out)
}

/// What follows the first frame; `None` if it is cut short. A wrong magic number is left to the decoder to name.
fn after_lz4_frame(input: &[u8]) -> Option<&[u8]> {
    const MAGIC: u32 = 0x184d_2204;
    const SKIPPABLE: u32 = 0x184d_2a50;
    let (magic, rest) = input.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*magic) {
        MAGIC => (),
        magic if magic & !0xf == SKIPPABLE => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            return rest.get(u32::from_le_bytes(*len) as usize..);
        }
        _ => return Some(&[]),
    }
    let flags = *rest.first()?;
    let flag = |bit: u8| usize::from(flags >> bit & 1);
    // Flags, block size, content size, dictionary id, header checksum.
    let mut rest = rest.get(3 + 8 * flag(3) + 4 * flag(0)..)?;
    loop {
        let (size, block) = rest.split_first_chunk::<4>()?;
        match u32::from_le_bytes(*size) {
            0 => return block.get(4 * flag(2)..),
            size => rest = block.get((size & 0x7fff_ffff) as usize + 4 * flag(4)..)?,
        }
    }
}

/// A framed format: frames are small and bounded, so the reader's own buffers are too.
fn stream(
    format: &'static str,
    reader: impl Read,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let start = out.len();
    reader.take(limit as u64 + 1).read_to_end(out).map_err(|why| CompressError::corrupt(format, why))?;
    if out.len() - start > limit { Err(CompressError::TooLarge { limit }) } else { Ok(()) }
}

/// Appends the compressed `input` to `out`. `level` is the format's own (`None`: its usual one); snappy and LZ4 have none.
pub fn compress(compression: Compression, level: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    match compression {
        Compression::None => out.extend_from_slice(input),
        Compression::Gzip => deflate::gzip(level, input, out),
        Compression::Deflate => deflate::zlib(level, input, out),
        Compression::Zstd => zstandard::compress(level, input, out),
        Compression::Snappy => {
            let start = out.len();
            out.resize(start + snap::raw::max_compress_len(input.len()), 0);
            let written = snap::raw::Encoder::new()
                .compress(input, &mut out[start..])
                .expect("bodies are below snappy's 4 GiB and the buffer has the maximal length");
            out.truncate(start + written);
        }
        Compression::SnappyFramed => {
            let mut encoder = snap::write::FrameEncoder::new(out);
            encoder.write_all(input).and_then(|()| encoder.flush()).expect("writing to memory cannot fail");
        }
        Compression::Lz4Frame => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
            encoder.write_all(input).expect("writing to memory cannot fail");
            encoder.finish().expect("writing to memory cannot fail");
        }
        Compression::Lz4Block => {
            let len = u32::try_from(input.len()).expect("bodies are below 4 GiB");
            out.extend_from_slice(&len.to_le_bytes());
            let start = out.len();
            out.resize(start + lz4_flex::block::get_maximum_output_size(input.len()), 0);
            let written = lz4_flex::block::compress_into(input, &mut out[start..])
                .expect("the buffer has the maximal length");
            out.truncate(start + written);
        }
    }
}

#[cfg(test)]
mod tests;
