//! Zstandard. A frame whose content size is said and believable is decompressed in one call straight into place; any other, in steps.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::CompressError;

/// The level for responses and exports.
pub const LEVEL_DEFAULT: i32 = 3;

/// Largest window that a frame may ask for, as a power of two: 32 MiB, the most that Go's encoder (the Collector's) asks for at its best
/// level. It is allocated once per context, whatever comes, and only touched as far as content really arrives.
const WINDOW_LOG_MAX: u32 = 25;

/// A claimed content size is believed up to this many bytes for each byte that came, or `BELIEVED_MIN`.
const BELIEVED_RATIO: usize = 64;
const BELIEVED_MIN: usize = 256 << 10;

/// Least room that is made for output at a time.
const ROOM_MIN: usize = 64 << 10;

const FORMAT: &str = "zstd";

#[derive(Default)]
pub(super) struct Unzstd {
    context: Option<DCtx<'static>>,
}

impl Unzstd {
    pub fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
        let context = match &mut self.context {
            Some(context) => context,
            empty => {
                let mut context = DCtx::create();
                context
                    .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
                    .map_err(|code| CompressError::corrupt(FORMAT, get_error_name(code)))?;
                empty.insert(context)
            }
        };
        let believed = BELIEVED_MIN.max(input.len().saturating_mul(BELIEVED_RATIO));
        match zstd::zstd_safe::get_frame_content_size(input) {
            Ok(Some(size)) if size > limit as u64 => Err(CompressError::TooLarge { limit }),
            Ok(Some(size)) if size <= believed as u64 && one_call(context, input, size as usize, out) => {
                Ok(())
            }
            _ => in_steps(context, input, limit, out),
        }
    }
}

/// Whether the whole input was one frame of `size` bytes of content; if not, `out` is unchanged.
fn one_call(context: &mut DCtx<'static>, input: &[u8], size: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + size, 0);
    let done = matches!(context.decompress(&mut out[start..], input), Ok(written) if written == size);
    if !done {
        out.truncate(start);
    }
    done
}

fn in_steps(
    context: &mut DCtx<'static>,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    context.init().map_err(|code| CompressError::corrupt(FORMAT, get_error_name(code)))?;
    let start = out.len();
    let mut from = InBuffer::around(input);
    loop {
        let have = out.len() - start;
        if have > limit {
            return Err(CompressError::TooLarge { limit });
        }
        // One byte past the limit may be produced, which is how we learn that it was passed.
        let room = ROOM_MIN.max(have).min(limit + 1 - have);
        out.resize(start + have + room, 0);
        let mut to = OutBuffer::around_pos(&mut out[..], start + have);
        let before = from.pos();
        let hint = context
            .decompress_stream(&mut to, &mut from)
            .map_err(|code| CompressError::corrupt(FORMAT, get_error_name(code)))?;
        let written = to.pos() - start - have;
        out.truncate(start + have + written);
        let exhausted = from.pos() == input.len();
        match hint {
            0 if exhausted && have + written > limit => return Err(CompressError::TooLarge { limit }),
            0 if exhausted && !input.is_empty() => return Ok(()),
            _ if exhausted && written == 0 => return Err(CompressError::corrupt(FORMAT, "unexpected EOF")),
            _ if written == 0 && from.pos() == before => {
                return Err(CompressError::corrupt(FORMAT, "the stream makes no progress"));
            }
            _ => (),
        }
    }
}

thread_local! {
    static COMPRESSOR: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
}

pub(super) fn compress(level: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + zstd::zstd_safe::compress_bound(input.len()), 0);
    let written = COMPRESSOR
        .with_borrow_mut(|context| context.compress(&mut out[start..], input, level.unwrap_or(LEVEL_DEFAULT)))
        .expect("the buffer has the maximal length");
    out.truncate(start + written);
}
