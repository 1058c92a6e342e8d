//! The series batch: samples of many series as scrapes, text imports and our own rules hand them on. Format page: `docs/formats/series-batch.md`.
//!
//! ```text
//! version u8 = 1 | entry*
//! entry    := 1 series: labels (length, wire form), sample count, sample*, exemplar count, exemplar*
//!           | 2 metadata: family, kind u8, help, unit
//! sample   := kind u8 (1 histogram, 2 start time) | time zig-zag, as the difference to the sample before | [start zig-zag, as time - start]
//!             | value f64 or histogram (length, bytes)
//! exemplar := labels (length, wire form) | time zig-zag | value f64
//! ```
//!
//! Labels are in the form in which remote write 1 sends them, sorted by name, so that a store finds a known series by these bytes. Writing does
//! not allocate per sample. Reading never trusts a length and calls back per series; checks of meaning (names, order) belong to the store.

pub mod histogram;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use model::sample::{Metadata, MetricKind, NativeHistogram};
use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};

use histogram::put_histogram;

pub const VERSION: u8 = 1;
const SERIES: u8 = 1;
const METADATA: u8 = 2;
const KIND_HISTOGRAM: u8 = 1;
const KIND_START: u8 = 2;

fn varint_len(value: usize) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}

/// Appends one label in wire form: field 1 of `prometheus.TimeSeries`.
pub fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let len = 2 + varint_len(name.len()) + name.len() + varint_len(value.len()) + value.len();
    out.push(0x0a);
    put_u64(out, len as u64);
    out.push(0x0a);
    put_bytes(out, name.as_bytes());
    out.push(0x12);
    put_bytes(out, value.as_bytes());
}

/// Reads labels in wire form, in whatever order they are. `None`: not labels, or not UTF-8.
pub fn read_labels(mut input: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut labels = Vec::with_capacity(16);
    while let Some((&tag, rest)) = input.split_first() {
        input = rest;
        if tag != 0x0a {
            return None;
        }
        labels.push(read_label(take_bytes(&mut input)?)?);
    }
    Some(labels)
}

fn read_label(mut input: &[u8]) -> Option<(&str, &str)> {
    let (mut name, mut value) = ("", "");
    while !input.is_empty() {
        match take_u64(&mut input)? {
            0x0a => name = std::str::from_utf8(take_bytes(&mut input)?).ok()?,
            0x12 => value = std::str::from_utf8(take_bytes(&mut input)?).ok()?,
            _ => return None,
        }
    }
    Some((name, value))
}

/// Builds a batch: `series`, then its samples and exemplars, then the next series.
#[derive(Debug)]
pub struct SeriesBatchBuilder {
    out: Vec<u8>,
    samples: Vec<u8>,
    sample_count: u64,
    exemplars: Vec<u8>,
    exemplar_count: u64,
    last_ms: i64,
    open: bool,
    items: u64,
}

impl Default for SeriesBatchBuilder {
    fn default() -> Self {
        Self {
            out: vec![VERSION],
            samples: Vec::new(),
            sample_count: 0,
            exemplars: Vec::new(),
            exemplar_count: 0,
            last_ms: 0,
            open: false,
            items: 0,
        }
    }
}

impl SeriesBatchBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a series. `labels` must be sorted by name; labels with an empty value are left out.
    pub fn series<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.close();
        let mut wire = std::mem::take(&mut self.samples);
        wire.clear();
        for (name, value) in labels {
            if !value.is_empty() {
                put_label(&mut wire, name, value);
            }
        }
        self.begin(&wire);
        wire.clear();
        self.samples = wire;
    }

    /// Begins a series whose labels are in wire form already.
    pub fn series_wire(&mut self, labels: &[u8]) {
        self.close();
        self.begin(labels);
    }

    fn begin(&mut self, labels: &[u8]) {
        self.out.push(SERIES);
        put_bytes(&mut self.out, labels);
        self.open = true;
    }

    fn close(&mut self) {
        if !self.open {
            return;
        }
        put_u64(&mut self.out, self.sample_count);
        self.out.extend_from_slice(&self.samples);
        put_u64(&mut self.out, self.exemplar_count);
        self.out.extend_from_slice(&self.exemplars);
        self.samples.clear();
        self.exemplars.clear();
        (self.sample_count, self.exemplar_count, self.open) = (0, 0, false);
    }

    fn sample(&mut self, t_ms: i64, start_ms: i64, kind: u8) {
        debug_assert!(self.open, "a sample needs a series");
        let start = if start_ms == 0 { 0 } else { KIND_START };
        self.samples.push(kind | start);
        put_i64(&mut self.samples, t_ms.wrapping_sub(self.last_ms));
        if start_ms != 0 {
            put_i64(&mut self.samples, t_ms.wrapping_sub(start_ms));
        }
        self.last_ms = t_ms;
        self.sample_count += 1;
        self.items += 1;
    }

    /// Adds a float sample to the series begun last. `start_ms` 0: unknown.
    pub fn float(&mut self, t_ms: i64, start_ms: i64, value: f64) {
        self.sample(t_ms, start_ms, 0);
        self.samples.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Adds a histogram sample to the series begun last.
    pub fn histogram(&mut self, t_ms: i64, start_ms: i64, value: &NativeHistogram) {
        self.sample(t_ms, start_ms, KIND_HISTOGRAM);
        let mut bytes = Vec::new();
        put_histogram(&mut bytes, value);
        put_bytes(&mut self.samples, &bytes);
    }

    /// Adds an exemplar to the series begun last; its labels need not be sorted.
    pub fn exemplar<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        t_ms: i64,
        value: f64,
    ) {
        debug_assert!(self.open, "an exemplar needs a series");
        let mut wire = Vec::new();
        labels.into_iter().for_each(|(name, value)| put_label(&mut wire, name, value));
        put_bytes(&mut self.exemplars, &wire);
        put_i64(&mut self.exemplars, t_ms);
        self.exemplars.extend_from_slice(&value.to_bits().to_le_bytes());
        self.exemplar_count += 1;
    }

    /// Adds what is known of a metric family. Closes the series begun last.
    pub fn metadata(&mut self, family: &str, metadata: &Metadata) {
        self.close();
        self.out.push(METADATA);
        put_bytes(&mut self.out, family.as_bytes());
        self.out.push(metadata.kind as u8);
        put_bytes(&mut self.out, metadata.help.as_bytes());
        put_bytes(&mut self.out, metadata.unit.as_bytes());
    }

    /// Samples so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    pub fn is_empty(&self) -> bool {
        self.out.len() == 1
    }

    /// Bytes so far, roughly.
    pub fn len(&self) -> usize {
        self.out.len() + self.samples.len() + self.exemplars.len()
    }

    /// The batch as a payload of `Format::SeriesBatch`.
    pub fn finish(mut self) -> Bytes {
        self.close();
        self.out.into()
    }
}

/// The value of a sample as it lies in the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawValue<'a> {
    /// Bits of a float.
    Float(u64),
    /// For [`histogram::take_histogram`].
    Histogram(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawSample<'a> {
    pub t_ms: i64,
    pub start_ms: i64,
    pub value: RawValue<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawExemplar<'a> {
    /// Wire form.
    pub labels: &'a [u8],
    pub t_ms: i64,
    pub value_bits: u64,
}

/// Takes a batch in, piece by piece, in the order of the bytes.
pub trait Visitor {
    /// A series begins; `labels` in wire form.
    fn series(&mut self, labels: &[u8]);
    fn sample(&mut self, sample: RawSample<'_>);
    fn exemplar(&mut self, exemplar: RawExemplar<'_>);
    fn metadata(&mut self, family: &str, metadata: Metadata);
}

/// Why a batch could not be read. Pieces before the fault have been visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBatch {
    #[error("series batch is empty")]
    Empty,
    #[error("series batch has version {0}, this build reads {VERSION}")]
    Version(u8),
    #[error("series batch is truncated or malformed at byte {0}")]
    Malformed(usize),
}

/// Visits all of a batch.
pub fn read(batch: &[u8], visitor: &mut impl Visitor) -> Result<(), BadBatch> {
    let (&version, mut input) = batch.split_first().ok_or(BadBatch::Empty)?;
    if version != VERSION {
        return Err(BadBatch::Version(version));
    }
    let mut last_ms = 0;
    while !input.is_empty() {
        let at = batch.len() - input.len();
        read_entry(&mut input, &mut last_ms, visitor).ok_or(BadBatch::Malformed(at))?;
    }
    Ok(())
}

fn take_u8(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

fn take_bits(input: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(u64::from_le_bytes(*bytes))
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(input)?).ok()
}

fn read_entry(input: &mut &[u8], last_ms: &mut i64, visitor: &mut impl Visitor) -> Option<()> {
    match take_u8(input)? {
        SERIES => {
            visitor.series(take_bytes(input)?);
            for _ in 0..take_u64(input)? {
                visitor.sample(read_sample(input, last_ms)?);
            }
            for _ in 0..take_u64(input)? {
                let (labels, t_ms) = (take_bytes(input)?, take_i64(input)?);
                visitor.exemplar(RawExemplar { labels, t_ms, value_bits: take_bits(input)? });
            }
        }
        METADATA => {
            let family = take_text(input)?;
            let kind = MetricKind::from_number(take_u8(input)?)?;
            let (help, unit) = (take_text(input)?.to_owned(), take_text(input)?.to_owned());
            visitor.metadata(family, Metadata { kind, help, unit });
        }
        _ => return None,
    }
    Some(())
}

fn read_sample<'a>(input: &mut &'a [u8], last_ms: &mut i64) -> Option<RawSample<'a>> {
    let kind = take_u8(input)?;
    if kind > KIND_HISTOGRAM + KIND_START {
        return None;
    }
    let t_ms = last_ms.wrapping_add(take_i64(input)?);
    let start_ms = if kind & KIND_START != 0 { t_ms.wrapping_sub(take_i64(input)?) } else { 0 };
    let value = if kind & KIND_HISTOGRAM != 0 {
        RawValue::Histogram(take_bytes(input)?)
    } else {
        RawValue::Float(take_bits(input)?)
    };
    *last_ms = t_ms;
    Some(RawSample { t_ms, start_ms, value })
}
