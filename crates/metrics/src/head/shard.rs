//! One shard of a head generation: the open streams of its series, under one lock.

use wire::series_batch::histogram::take_histogram;

use super::arena::{Arena, Stream};
use super::stream::{Decoded, Packed, State};
use crate::ingest::PreparedSample;
use crate::query::Columns;
use crate::series::SeriesId;

/// One series of this generation.
struct Open {
    id: SeriesId,
    count: u32,
    stream: Stream,
    state: State,
}

/// An exemplar, in the order of the journal.
#[derive(Clone, Debug)]
pub struct HeadExemplar {
    pub id: SeriesId,
    pub offset: u64,
    pub position: u32,
    pub t_ms: i64,
    pub value_bits: u64,
    /// Labels in wire form.
    pub labels: Box<[u8]>,
}

/// Streams by series.
#[derive(Default)]
pub struct HeadShard {
    /// By slot (`id / shard count`): 1 + index into `open`, or 0.
    slots: Vec<u32>,
    open: Vec<Open>,
    arena: Arena,
    pub exemplars: Vec<HeadExemplar>,
    exemplar_bytes: usize,
    pub samples: u64,
}

impl HeadShard {
    #[inline]
    fn open(&mut self, id: SeriesId, shard_count: u32) -> usize {
        let slot = (id / shard_count) as usize;
        if slot >= self.slots.len() {
            let len = (slot + 1).next_multiple_of(1024).max(self.slots.len() + self.slots.len() / 4);
            self.slots.reserve_exact(len - self.slots.len());
            self.slots.resize(len, 0);
        }
        if self.slots[slot] == 0 {
            if self.open.len() == self.open.capacity() {
                self.open.reserve_exact((self.open.len() / 4).max(256));
            }
            self.open.push(Open { id, count: 0, stream: Stream::default(), state: State::default() });
            self.slots[slot] = self.open.len() as u32;
        }
        self.slots[slot] as usize - 1
    }

    /// Adds one sample. `payload` is the histogram's bytes, if it is one.
    #[inline]
    pub fn append(&mut self, shard_count: u32, offset: u64, sample: &PreparedSample, payload: Option<&[u8]>) {
        let index = self.open(sample.id, shard_count);
        let open = &mut self.open[index];
        let late = sample.late.then_some((offset, sample.position));
        let mut packed = Packed::new();
        match payload {
            None => open.state.pack(&mut packed, sample.t_ms, sample.start_ms, sample.bits, late),
            Some(bytes) => {
                open.state.pack_histogram(&mut packed, sample.t_ms, sample.start_ms, bytes.len(), late);
            }
        }
        let written = self.arena.append(&mut open.stream, packed.as_slice());
        let written = written.and_then(|()| self.arena.append(&mut open.stream, payload.unwrap_or_default()));
        // 32 GiB in one shard of one generation: the memory guard refuses writes long before.
        written.expect("a generation is cut before its arenas are full");
        open.count += 1;
        self.samples += 1;
    }

    pub fn add_exemplar(&mut self, exemplar: HeadExemplar) {
        self.exemplar_bytes += size_of::<HeadExemplar>() + exemplar.labels.len();
        self.exemplars.push(exemplar);
    }

    pub fn has(&self, id: SeriesId, shard_count: u32) -> bool {
        self.slots.get((id / shard_count) as usize).is_some_and(|&place| place != 0)
    }

    /// Copies the packed samples of a series: bytes and how many samples they are.
    pub fn copy(&self, id: SeriesId, shard_count: u32) -> Option<(Vec<u8>, usize)> {
        let place = *self.slots.get((id / shard_count) as usize)?;
        let open = &self.open[place.checked_sub(1)? as usize];
        let mut bytes = Vec::new();
        self.arena.read(&open.stream, &mut bytes);
        Some((bytes, open.count as usize))
    }

    /// Series of this shard, in no order.
    pub fn ids(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.open.iter().map(|open| open.id)
    }

    pub fn series(&self) -> usize {
        self.open.len()
    }

    pub fn bytes(&self) -> usize {
        self.slots.capacity() * 4
            + self.open.capacity() * size_of::<Open>()
            + self.arena.bytes()
            + self.exemplar_bytes
    }
}

/// Unpacks what [`HeadShard::copy`] gave, sorted and without duplicates.
pub fn decode(packed: &[u8], count: usize) -> Columns {
    let mut decoded = Decoded::read(packed, count).expect("only `State` writes streams");
    decoded.normalize();
    let histograms = decoded.histograms.iter().map(|(place, bytes)| {
        let histogram = take_histogram(&mut bytes.as_slice()).expect("checked before it was applied");
        (*place, histogram)
    });
    Columns {
        histograms: histograms.collect(),
        t_ms: decoded.t_ms,
        values: decoded.bits.into_iter().map(f64::from_bits).collect(),
        start_ms: decoded.start_ms,
    }
}
