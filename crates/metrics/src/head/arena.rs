//! Where the streams of a head shard live: pages of bytes, cut into chunks that grow with their series.
//!
//! A stream is a chain of chunks: the first is small, because many series see few samples in a generation, and each next is larger up to a
//! bound. A chunk begins with the address of the next one. Nothing is freed one by one: the arena goes with its generation.

const PAGE_LEN: usize = 256 * 1024;
/// Chunk lengths by their place in the chain, address of the next included; the last repeats.
const CHUNK_LENS: [usize; 4] = [32, 64, 128, 256];
const LINK_LEN: usize = 4;
/// Chunks begin at multiples of this, so that 32-bit addresses reach 32 GiB.
const UNIT: usize = 8;
const NONE: u32 = u32::MAX;

/// One growing stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    first: u32,
    last: u32,
    /// Bytes in all chunks.
    len: u32,
    /// Free bytes in the last chunk.
    room: u16,
    /// Place of the last chunk in the chain, as far as it matters for its length.
    place: u16,
}

impl Default for Stream {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0, room: 0, place: 0 }
    }
}

impl Stream {
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

/// The arena is at the end of its addresses; the generation should have been cut long before.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// Pages, filled one after the other.
#[derive(Default)]
pub struct Arena {
    pages: Vec<Box<[u8]>>,
    used: usize,
}

impl Arena {
    fn allocate(&mut self, len: usize) -> Option<u32> {
        if self.pages.is_empty() || self.used + len > PAGE_LEN {
            self.pages.push(vec![0; PAGE_LEN].into_boxed_slice());
            self.used = 0;
        }
        let at = (self.pages.len() - 1) * PAGE_LEN + self.used;
        self.used += len;
        u32::try_from(at / UNIT).ok().filter(|&address| address != NONE)
    }

    #[inline]
    fn chunk(&mut self, address: u32) -> &mut [u8] {
        let at = address as usize * UNIT;
        &mut self.pages[at / PAGE_LEN][at % PAGE_LEN..]
    }

    #[inline]
    pub fn append(&mut self, stream: &mut Stream, mut bytes: &[u8]) -> Result<(), Full> {
        while !bytes.is_empty() {
            if stream.room == 0 {
                self.extend(stream)?;
            }
            let chunk_len = CHUNK_LENS[stream.place as usize];
            let start = chunk_len - stream.room as usize;
            let count = bytes.len().min(stream.room as usize);
            self.chunk(stream.last)[start..start + count].copy_from_slice(&bytes[..count]);
            stream.room -= count as u16;
            stream.len += count as u32;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn extend(&mut self, stream: &mut Stream) -> Result<(), Full> {
        let place =
            if stream.first == NONE { 0 } else { (stream.place + 1).min(CHUNK_LENS.len() as u16 - 1) };
        let len = CHUNK_LENS[place as usize];
        let address = self.allocate(len).ok_or(Full)?;
        if stream.first == NONE {
            stream.first = address;
        } else {
            let last = stream.last;
            self.chunk(last)[..LINK_LEN].copy_from_slice(&address.to_le_bytes());
        }
        (stream.last, stream.place, stream.room) = (address, place, (len - LINK_LEN) as u16);
        Ok(())
    }

    /// Appends the whole stream to `out`.
    pub fn read(&self, stream: &Stream, out: &mut Vec<u8>) {
        out.reserve(stream.len());
        let (mut address, mut left, mut place) = (stream.first, stream.len(), 0);
        while left > 0 {
            let at = address as usize * UNIT;
            let chunk = &self.pages[at / PAGE_LEN][at % PAGE_LEN..];
            let count = left.min(CHUNK_LENS[place] - LINK_LEN);
            out.extend_from_slice(&chunk[LINK_LEN..LINK_LEN + count]);
            left -= count;
            place = (place + 1).min(CHUNK_LENS.len() - 1);
            address = u32::from_le_bytes(chunk[..LINK_LEN].try_into().expect("4 bytes"));
        }
    }

    pub fn bytes(&self) -> usize {
        self.pages.len() * PAGE_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_streams_keep_their_bytes() {
        let mut arena = Arena::default();
        let mut streams = vec![(Stream::default(), Vec::new()); 300];
        for round in 0..200usize {
            for (index, (stream, want)) in streams.iter_mut().enumerate() {
                let bytes: Vec<u8> =
                    (0..(index + round) % 41).map(|byte| (byte * 7 + index + round) as u8).collect();
                arena.append(stream, &bytes).unwrap();
                want.extend_from_slice(&bytes);
            }
        }
        for (stream, want) in &streams {
            let mut got = Vec::new();
            arena.read(stream, &mut got);
            assert_eq!(&got, want);
        }
    }
}
