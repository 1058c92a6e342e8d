//! From a request body to samples that can be applied.
//!
//! Flow: a body of any format is scanned into label bytes and raw samples ([`Parsed`]) -> [`resolve`] finds or creates their series, judges time
//! and order, and groups what it takes by shard ([`Prepared`]) -> the head applies that without a further decision.
//!
//! Refusals are made here, before the journal. If a request is taken in part, the part is what the journal gets ([`Parsed::without`]), so that a
//! replay never has to decide again.

pub mod body;
pub mod otlp;
pub mod remote_write1;
pub mod remote_write2;
pub mod resolve;
pub mod series_batch;
pub mod verdict;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::sample::Metadata;
use wire::series_batch::SeriesBatchBuilder;
use wire::series_batch::histogram::take_histogram;

use crate::delete::Deletion;
use crate::series::{SeriesId, TenantSeries};

/// A sample as it lies in a request.
#[derive(Clone, Copy, Debug)]
pub struct RawSample {
    pub t_ms: i64,
    pub start_ms: i64,
    /// Bits of the float, or the index of the histogram.
    pub bits: u64,
    pub is_histogram: bool,
}

/// One label set of a request and its samples.
#[derive(Clone, Debug)]
pub struct Row {
    /// Labels in wire form: within the body, or within [`Parsed::bytes`].
    pub labels: Range<u32>,
    pub in_body: bool,
    pub samples: Range<u32>,
}

#[derive(Clone, Debug)]
pub struct ParsedExemplar {
    pub row: u32,
    pub t_ms: i64,
    pub value_bits: u64,
    /// Within [`Parsed::bytes`].
    pub labels: Range<usize>,
}

/// A request, scanned.
#[derive(Default)]
pub struct Parsed<'a> {
    pub body: &'a [u8],
    pub rows: Vec<Row>,
    pub samples: Vec<RawSample>,
    /// Label sets that are not in the body, packed histograms, labels of exemplars.
    pub bytes: Vec<u8>,
    /// Within `bytes`.
    pub histograms: Vec<Range<usize>>,
    pub exemplars: Vec<ParsedExemplar>,
    pub metadata: Vec<(String, Metadata)>,
    /// What could not even be scanned, item by item.
    pub verdict: verdict::Verdict,
}

impl<'a> Parsed<'a> {
    pub fn of(body: &'a [u8]) -> Self {
        Self { body, ..Self::default() }
    }

    pub fn labels(&self, row: &Row) -> &[u8] {
        let from = if row.in_body { self.body } else { &self.bytes };
        &from[row.labels.start as usize..row.labels.end as usize]
    }

    /// Begins a row whose labels are not in the body in wire form.
    pub fn begin_row(&mut self, labels: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(labels);
        let first = self.samples.len() as u32;
        let labels = start as u32..self.bytes.len() as u32;
        self.rows.push(Row { labels, in_body: false, samples: first..first });
    }

    /// Adds a sample to the row begun last.
    pub fn push(&mut self, sample: RawSample) {
        self.samples.push(sample);
        if let Some(row) = self.rows.last_mut() {
            row.samples.end = self.samples.len() as u32;
        }
    }

    /// Adds a histogram (packed by `wire::series_batch::histogram`) to the row begun last.
    pub fn push_histogram(&mut self, t_ms: i64, start_ms: i64, packed: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packed);
        self.histograms.push(start..self.bytes.len());
        let bits = self.histograms.len() as u64 - 1;
        self.push(RawSample { t_ms, start_ms, bits, is_histogram: true });
    }

    /// Adds an exemplar to the row begun last; `labels` in wire form.
    pub fn push_exemplar(&mut self, t_ms: i64, value_bits: u64, labels: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(labels);
        let row = self.rows.len().saturating_sub(1) as u32;
        self.exemplars.push(ParsedExemplar { row, t_ms, value_bits, labels: start..self.bytes.len() });
    }

    /// What is left of the request when these samples (ascending) are taken out, as a series batch.
    pub fn without(&self, rejected: &[u32]) -> Bytes {
        let mut batch = SeriesBatchBuilder::new();
        self.metadata.iter().for_each(|(family, entry)| batch.metadata(family, entry));
        let mut exemplars = self.exemplars.iter().peekable();
        for (index, row) in self.rows.iter().enumerate() {
            let mut begun = false;
            for place in row.samples.clone().filter(|place| rejected.binary_search(place).is_err()) {
                if !begun {
                    batch.series_wire(self.labels(row));
                    begun = true;
                }
                let sample = &self.samples[place as usize];
                if !sample.is_histogram {
                    batch.float(sample.t_ms, sample.start_ms, f64::from_bits(sample.bits));
                } else if let Some(value) =
                    take_histogram(&mut &self.bytes[self.histograms[sample.bits as usize].clone()])
                {
                    batch.histogram(sample.t_ms, sample.start_ms, &value);
                }
            }
            while let Some(exemplar) = exemplars.next_if(|exemplar| exemplar.row as usize <= index) {
                if let (true, Some(labels)) =
                    (begun, wire::series_batch::read_labels(&self.bytes[exemplar.labels.clone()]))
                {
                    batch.exemplar(labels, exemplar.t_ms, f64::from_bits(exemplar.value_bits));
                }
            }
        }
        batch.finish()
    }
}

/// A sample whose series is known and whose time has been judged.
#[derive(Clone, Copy, Debug)]
pub struct PreparedSample {
    pub id: SeriesId,
    /// Place within the record.
    pub position: u32,
    pub t_ms: i64,
    pub start_ms: i64,
    /// Bits of the float, or the index of the histogram.
    pub bits: u64,
    /// Not after the series' latest sample.
    pub late: bool,
    pub is_histogram: bool,
}

#[derive(Clone, Debug)]
pub struct PreparedExemplar {
    pub id: SeriesId,
    pub position: u32,
    pub t_ms: i64,
    pub value_bits: u64,
    /// Within [`Prepared::bytes`].
    pub labels: Range<usize>,
}

/// A record that is ready for the head.
pub struct Prepared {
    pub series: Arc<TenantSeries>,
    /// Grouped by shard, see `runs`.
    pub samples: Vec<PreparedSample>,
    /// (shard, range of `samples`)
    pub runs: Vec<(usize, Range<usize>)>,
    pub bytes: Vec<u8>,
    pub histograms: Vec<Range<usize>>,
    pub exemplars: Vec<PreparedExemplar>,
    pub metadata: Vec<(String, Metadata)>,
    pub deletion: Option<Deletion>,
}

impl Prepared {
    pub fn new(series: Arc<TenantSeries>) -> Self {
        Self {
            series,
            samples: Vec::new(),
            runs: Vec::new(),
            bytes: Vec::new(),
            histograms: Vec::new(),
            exemplars: Vec::new(),
            metadata: Vec::new(),
            deletion: None,
        }
    }

    pub fn by_shard(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        self.runs.iter().cloned()
    }

    /// The packed histogram of a sample; `None` for a float.
    pub fn payload(&self, sample: &PreparedSample) -> Option<&[u8]> {
        sample.is_histogram.then(|| &self.bytes[self.histograms[sample.bits as usize].clone()])
    }
}
