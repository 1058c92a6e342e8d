//! Reading a segment: which frames and records are good, where the tail is torn, and what is corrupt.
//!
//! Pure: bytes in, records and damage out. The rule: whatever cannot be read is a torn tail if nothing valid follows it in the last
//! segment; anywhere else acknowledged records are gone, and that is [`Damage`].

use std::ops::Range;

use bytes::Bytes;
use ports::Damage;

use super::format::{FRAME_HEADER_LEN, FrameHeader, SEGMENT_HEADER_LEN, take_record};

/// What is known of a segment before its frames are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub first: u64,
    /// `None`: the segment header is broken.
    pub nonce: Option<u32>,
    /// Where its records end, in bytes and offsets, as the next segment remembers it. `None`: it is the last.
    pub end: Option<(u64, u64)>,
}

/// What the frames told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Offset after the last record.
    pub next: u64,
    /// Bytes up to the end of the last good frame.
    pub end: u64,
    pub damage: Vec<Damage>,
}

/// Calls `each` with every good record from offset `from` on, in order.
pub(crate) fn scan(
    bytes: &Bytes,
    known: Known,
    from: u64,
    each: &mut dyn FnMut(u64, Bytes) -> std::io::Result<()>,
) -> std::io::Result<Scanned> {
    let mut state = Scanned { next: known.first, end: SEGMENT_HEADER_LEN as u64, damage: Vec::new() };
    let mut position = SEGMENT_HEADER_LEN as u64;
    let stop = known.end.map_or(bytes.len() as u64, |(end, _)| end.min(bytes.len() as u64));
    let mut nonce = known.nonce;
    while position < stop {
        let Some(frame) = frame_at(bytes, position, nonce).filter(|frame| frame.first >= state.next) else {
            match find_frame(bytes, position + 8..stop, nonce, state.next) {
                Some(found) => position = found,
                None => break,
            }
            continue;
        };
        let after = position + frame.total_len();
        let (records, damage) = read_frame(bytes, position, &frame);
        let follows = || find_frame(bytes, position + FRAME_HEADER_LEN as u64..stop, nonce, frame.end());
        if !damage.is_empty() && known.end.is_none() && follows().is_none() {
            break;
        }
        nonce = Some(frame.nonce);
        state.lose(state.next..frame.first, "frames are unreadable");
        for (offset, record) in records {
            if offset >= from {
                each(offset, record)?;
            }
        }
        for lost in damage {
            state.lose(lost, "record checksum mismatch");
        }
        state.next = frame.end();
        state.end = after;
        position = after;
    }
    if let Some((_, next)) = known.end {
        state.lose(state.next..next, "the segment ends early");
        state.next = state.next.max(next);
    }
    Ok(state)
}

impl Scanned {
    fn lose(&mut self, offsets: Range<u64>, reason: &str) {
        if !offsets.is_empty() {
            self.damage.push(Damage { offsets, reason: reason.to_owned() });
        }
    }
}

fn frame_at(bytes: &[u8], position: u64, nonce: Option<u32>) -> Option<FrameHeader> {
    FrameHeader::decode(bytes.get(usize::try_from(position).ok()?..)?, nonce)
}

/// The next place in `range` where a frame with records from `next` on (or a mark) begins.
fn find_frame(bytes: &[u8], range: Range<u64>, nonce: Option<u32>, next: u64) -> Option<u64> {
    let start = range.start.next_multiple_of(8);
    (start..range.end)
        .step_by(8)
        .find(|position| frame_at(bytes, *position, nonce).is_some_and(|frame| frame.first >= next))
}

type Records = Vec<(u64, Bytes)>;

/// The good records of a frame, and the offsets of the bad ones.
fn read_frame(bytes: &Bytes, position: u64, frame: &FrameHeader) -> (Records, Vec<Range<u64>>) {
    let start = position as usize + FRAME_HEADER_LEN;
    let mut body = bytes.slice(start.min(bytes.len())..(start + frame.len as usize).min(bytes.len()));
    let (mut records, mut damage) = (Vec::new(), Vec::new());
    let end = frame.end();
    let mut offset = frame.first;
    while offset < end {
        match take_record(&mut body) {
            Ok(record) => records.push((offset, record)),
            Err(Some(rest)) => {
                damage.push(offset..offset + 1);
                body = rest;
            }
            Err(None) => {
                damage.push(offset..end);
                break;
            }
        }
        offset += 1;
    }
    (records, damage)
}
