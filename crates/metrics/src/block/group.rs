//! A group: the samples of neighbouring series, packed as one section.
//!
//! ```text
//! group  := series count | meta length | histogram length | meta | histograms | planes
//! series := sample count | flags u8 (1 floats, 2 histograms, 4 start times) | time column, zig-zag from the series before
//!           | [3: distances of the histograms among the samples: count, varints] | [1: float column] | [2: bytes of histograms]
//!           | [4: kind u8 (0 start, 1 time - start), integer column]
//! ```
//!
//! Times are not here: series of one target share them, so they are columns of their own ([`super::times`]), named by number.

use std::ops::Range;

use bytes::Bytes;
use model::sample::NativeHistogram;
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

use super::floats::{self, Column, FloatScratch};
use super::histograms;
use super::integers::{self, Header, Scratch};
use super::planes::{Cursor, Planes, PlanesWriter};
use crate::query::Columns;

const FLOATS: u8 = 1;
const HISTOGRAMS: u8 = 2;
const STARTS: u8 = 4;
/// A series of more samples than this is no series of ours.
const SAMPLES_MAX: u64 = 1 << 28;

/// A group being written.
#[derive(Default)]
pub struct GroupWriter {
    count: u64,
    meta: Vec<u8>,
    histograms: Vec<u8>,
    planes: PlanesWriter,
    time_column: i64,
    floats: FloatScratch,
    integers: Scratch,
    bits: Vec<u64>,
}

impl GroupWriter {
    /// Bytes so far, before compression.
    pub fn len(&self) -> usize {
        self.meta.len() + self.histograms.len() + self.planes.len()
    }

    pub fn series(&self) -> u64 {
        self.count
    }

    /// Adds a series with at least one sample; its times are column `time_column`.
    pub fn add(&mut self, columns: &Columns, time_column: u32) {
        let (samples, histograms) = (columns.t_ms.len(), columns.histograms.len());
        let has_starts = columns.start_ms.iter().any(|&start| start != 0);
        let flags = if histograms < samples { FLOATS } else { 0 }
            | if histograms > 0 { HISTOGRAMS } else { 0 }
            | if has_starts { STARTS } else { 0 };
        put_u64(&mut self.meta, samples as u64);
        self.meta.push(flags);
        put_i64(&mut self.meta, i64::from(time_column) - self.time_column);
        self.time_column = i64::from(time_column);
        if flags & (FLOATS | HISTOGRAMS) == FLOATS | HISTOGRAMS {
            self.add_places(columns);
        }
        if flags & FLOATS != 0 {
            self.bits.clear();
            let mut places = columns.histograms.iter().map(|(place, _)| *place as usize).peekable();
            let floats = columns.values.iter().enumerate();
            let floats = floats.filter(|(index, _)| places.next_if_eq(index).is_none());
            self.bits.extend(floats.map(|(_, value)| value.to_bits()));
            floats::put(&self.bits, &mut self.floats, &mut self.meta, &mut self.planes);
        }
        if histograms > 0 {
            let start = self.histograms.len();
            let column: Vec<NativeHistogram> = columns.histograms.iter().map(|(_, h)| h.clone()).collect();
            histograms::put(&column, &mut self.histograms);
            put_u64(&mut self.meta, (self.histograms.len() - start) as u64);
        }
        if has_starts {
            self.add_starts(columns);
        }
        self.count += 1;
    }

    fn add_places(&mut self, columns: &Columns) {
        put_u64(&mut self.meta, columns.histograms.len() as u64);
        let mut next = 0;
        for (place, _) in &columns.histograms {
            put_u64(&mut self.meta, u64::from(place - next));
            next = place + 1;
        }
    }

    /// A cumulative series starts rarely; one of deltas starts at a fixed distance. Whichever changes less often is written.
    fn add_starts(&mut self, columns: &Columns) {
        let distances: Vec<i64> =
            columns.t_ms.iter().zip(&columns.start_ms).map(|(t, start)| t.wrapping_sub(*start)).collect();
        let changes = |column: &[i64]| column.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let by_distance = changes(&distances) < changes(&columns.start_ms);
        self.meta.push(u8::from(by_distance));
        let column = if by_distance { &distances } else { &columns.start_ms };
        integers::put(column, &mut self.integers, &mut self.meta, &mut self.planes);
    }

    /// The section's bytes; the writer begins anew.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() + 64);
        put_u64(&mut out, self.count);
        put_u64(&mut out, self.meta.len() as u64);
        put_u64(&mut out, self.histograms.len() as u64);
        out.extend_from_slice(&self.meta);
        out.extend_from_slice(&self.histograms);
        self.planes.finish(&mut out);
        self.meta.clear();
        self.histograms.clear();
        self.planes = PlanesWriter::default();
        (self.count, self.time_column) = (0, 0);
        out
    }
}

/// Room for decoding, kept between series.
#[derive(Default)]
pub struct ReadScratch {
    floats: FloatScratch,
    integers: Scratch,
    values: Vec<f64>,
}

/// A group, opened: its bytes, and where each series begins in them, so that series can be read in any order.
pub struct Group {
    bytes: Bytes,
    meta: Range<usize>,
    histograms: Range<usize>,
    planes_start: usize,
    places: Vec<Place>,
}

/// Where a series begins.
#[derive(Clone, Copy)]
struct Place {
    meta: u32,
    histograms: u32,
    time_column: u32,
    cursor: Cursor,
}

/// One series, as far as its header tells.
struct Head<'a> {
    samples: usize,
    time_column: i64,
    places: Vec<u32>,
    histogram_count: usize,
    floats: Option<Column<'a>>,
    histograms_len: usize,
    starts: Option<(bool, Header)>,
}

impl Group {
    /// Reads the headers of all series. `None`: malformed.
    pub fn open(bytes: Bytes) -> Option<Self> {
        let mut input = &*bytes;
        let count = take_u64(&mut input)?;
        let meta_len = usize::try_from(take_u64(&mut input)?).ok()?;
        let histograms_len = usize::try_from(take_u64(&mut input)?).ok()?;
        let meta_start = bytes.len() - input.len();
        let histograms_start = meta_start.checked_add(meta_len)?;
        let planes_start = histograms_start.checked_add(histograms_len)?;
        let mut meta = bytes.get(meta_start..histograms_start)?;
        let planes = Planes::read(bytes.get(planes_start..)?)?;
        let mut places = Vec::with_capacity((count as usize).min(meta_len));
        let (mut cursor, mut histograms, mut time_column) = (Cursor::default(), 0usize, 0i64);
        for _ in 0..count {
            let start = (meta_len - meta.len()) as u32;
            let head = Head::take(&mut meta)?;
            time_column = time_column.checked_add(head.time_column)?;
            let time_column = u32::try_from(time_column).ok()?;
            places.push(Place { meta: start, histograms: histograms as u32, time_column, cursor });
            histograms = histograms.checked_add(head.histograms_len).filter(|&end| end <= histograms_len)?;
            head.skip(&planes, &mut cursor)?;
        }
        let (meta, histograms) = (meta_start..histograms_start, histograms_start..planes_start);
        Some(Self { bytes, meta, histograms, planes_start, places })
    }

    /// Bytes of memory.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<Place>()
    }

    /// The time column of a series.
    pub fn time_column(&self, series: usize) -> Option<u32> {
        self.places.get(series).map(|place| place.time_column)
    }

    /// Decodes the values, histograms and start times of a series whose times are `t_ms`.
    pub fn read(&self, series: usize, t_ms: &[i64], scratch: &mut ReadScratch) -> Option<Columns> {
        let place = self.places.get(series)?;
        let mut cursor = place.cursor;
        let planes = Planes::read(&self.bytes[self.planes_start..])?;
        let mut meta = self.bytes[self.meta.clone()].get(place.meta as usize..)?;
        let head = Head::take(&mut meta)?;
        if head.samples != t_ms.len() {
            return None;
        }
        let mut columns = Columns::default();
        let float_count = head.samples - head.histogram_count;
        if let Some(column) = &head.floats {
            let into = if head.histogram_count == 0 { &mut columns.values } else { &mut scratch.values };
            into.clear();
            into.reserve(float_count);
            column.read(float_count, &planes, &mut cursor, &mut scratch.floats, into)?;
        }
        if head.histogram_count > 0 {
            let start = self.histograms.start + place.histograms as usize;
            let all =
                histograms::read(&self.bytes[start..start + head.histograms_len], head.histogram_count)?;
            columns.values.resize(head.samples, 0.0);
            if float_count == 0 {
                columns.histograms = (0..).zip(all).collect();
            } else {
                columns.histograms = head.places.iter().copied().zip(all).collect();
                spread(&scratch.values, &head.places, &mut columns.values)?;
            }
        }
        if let Some((by_distance, header)) = &head.starts {
            let starts = &mut columns.start_ms;
            header.read(head.samples, &planes, &mut cursor, &mut scratch.integers, starts)?;
            if *by_distance {
                starts.iter_mut().zip(t_ms).for_each(|(start, t)| *start = t.wrapping_sub(*start));
            }
        }
        Some(columns)
    }
}

impl<'a> Head<'a> {
    fn take(meta: &mut &'a [u8]) -> Option<Self> {
        let samples = take_u64(meta).filter(|&samples| samples <= SAMPLES_MAX)? as usize;
        let (&flags, rest) = meta.split_first()?;
        *meta = rest;
        let time_column = take_i64(meta)?;
        let (mut places, mut histogram_count) = (Vec::new(), 0);
        if flags & (FLOATS | HISTOGRAMS) == FLOATS | HISTOGRAMS {
            places = take_places(meta, samples)?;
            histogram_count = places.len();
        } else if flags & HISTOGRAMS != 0 {
            histogram_count = samples;
        }
        let floats = if flags & FLOATS != 0 { Some(Column::take(meta)?) } else { None };
        let histograms_len =
            if flags & HISTOGRAMS != 0 { usize::try_from(take_u64(meta)?).ok()? } else { 0 };
        let mut starts = None;
        if flags & STARTS != 0 {
            let (&kind, rest) = meta.split_first()?;
            *meta = rest;
            starts = Some((kind == 1, Header::take(meta)?));
        }
        Some(Self { samples, time_column, places, histogram_count, floats, histograms_len, starts })
    }

    fn skip(&self, planes: &Planes<'_>, cursor: &mut Cursor) -> Option<()> {
        if let Some(column) = &self.floats {
            column.skip(self.samples - self.histogram_count, planes, cursor)?;
        }
        if let Some((_, header)) = &self.starts {
            header.skip(self.samples, planes, cursor)?;
        }
        Some(())
    }
}

/// Puts floats where no histogram is.
fn spread(floats: &[f64], places: &[u32], values: &mut [f64]) -> Option<()> {
    let (mut floats, mut places) = (floats.iter(), places.iter().peekable());
    for (index, value) in values.iter_mut().enumerate() {
        if places.next_if(|place| **place as usize == index).is_none() {
            *value = *floats.next()?;
        }
    }
    Some(())
}

fn take_places(meta: &mut &[u8], samples: usize) -> Option<Vec<u32>> {
    let count =
        usize::try_from(take_u64(meta)?).ok().filter(|&count| count < samples && count <= meta.len())?;
    let (mut places, mut next) = (Vec::with_capacity(count), 0u64);
    for _ in 0..count {
        let place = next.checked_add(take_u64(meta)?)?;
        places.push(u32::try_from(place).ok().filter(|&place| (place as usize) < samples)?);
        next = place + 1;
    }
    Some(places)
}
