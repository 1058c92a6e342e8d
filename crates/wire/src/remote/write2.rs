//! Remote write 2: `io.prometheus.write.v2.Request`. Strings are in one table of symbols; series refer to them by number.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use model::sample::{MetricKind, NativeHistogram};

use super::histogram::{HISTOGRAM, HistogramView, write as write_histogram};
use super::write1::METRIC_TYPES;
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Packed, Text, Unsigned, View, view};
use crate::proto::{Malformed, Message, Writer, validate};

pub static REQUEST: Message = Message::new(
    "Request",
    &[many(4, "symbols", Kind::String), many(5, "timeseries", Kind::Message(&TIME_SERIES))],
);

static TIME_SERIES: Message = Message::new(
    "TimeSeries",
    &[
        many(1, "labels_refs", Kind::Uint32),
        many(2, "samples", Kind::Message(&SAMPLE)),
        many(3, "histograms", Kind::Message(&HISTOGRAM)),
        many(4, "exemplars", Kind::Message(&EXEMPLAR)),
        one(5, "metadata", Kind::Message(&METADATA)),
        one(6, "created_timestamp", Kind::Int64),
    ],
);

static SAMPLE: Message = Message::item(
    "Sample",
    &[
        one(1, "value", Kind::Double),
        one(2, "timestamp", Kind::Int64),
        one(3, "start_timestamp", Kind::Int64),
    ],
);

static EXEMPLAR: Message = Message::new(
    "Exemplar",
    &[many(1, "labels_refs", Kind::Uint32), one(2, "value", Kind::Double), one(3, "timestamp", Kind::Int64)],
);

static METADATA: Message = Message::new(
    "Metadata",
    &[
        one(1, "type", Kind::Enum(METRIC_TYPES)),
        one(3, "help_ref", Kind::Uint32),
        one(4, "unit_ref", Kind::Uint32),
    ],
);

/// Why a request of version 2 is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A 1.x message sent under the name of 2.0 comes out so.
    #[error("symbols must start with the empty string")]
    Symbols,
    #[error("invalid labelRefs length {0}")]
    OddReferences(usize),
    #[error("labelRefs {name} (name) or {value} (value) outside of symbols table (size {size})")]
    Reference { name: u64, value: u64, size: usize },
    #[error("{what} {reference} outside of symbols table (size {size})")]
    MetadataReference { what: &'static str, reference: u32, size: usize },
}

view! {
    RequestView<'a> {
        4 symbols: Many<'a, Text<'a>>,
        5 timeseries: Many<'a, TimeSeriesView<'a>>,
    }
    TimeSeriesView<'a> {
        /// Pairs of name and value.
        1 labels_refs: Packed<'a, Unsigned>,
        2 samples: Many<'a, SampleView<'a>>,
        3 histograms: Many<'a, HistogramView<'a>>,
        4 exemplars: Many<'a, ExemplarView<'a>>,
        5 metadata: One<'a, MetadataView<'a>>,
        /// Of release candidates before start timestamps moved to the samples; the start of all samples that say none. 0: unknown.
        6 created_timestamp_ms: i64,
    }
    SampleView<'a> {
        1 value: f64,
        2 timestamp_ms: i64,
        /// 0: unknown.
        3 start_timestamp_ms: i64,
    }
    ExemplarView<'a> {
        1 labels_refs: Packed<'a, Unsigned>,
        2 value: f64,
        3 timestamp_ms: i64,
    }
    MetadataView<'a> {
        1 kind: i32,
        3 help_ref: u32,
        4 unit_ref: u32,
    }
}

impl MetadataView<'_> {
    /// A number that stands for no kind is unknown.
    pub fn metric_kind(&self) -> MetricKind {
        u8::try_from(self.kind).ok().and_then(MetricKind::from_number).unwrap_or_default()
    }
}

/// A request whose every reference is known to hit a symbol.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    symbols: Vec<Text<'a>>,
    view: RequestView<'a>,
    /// Samples and histograms.
    pub samples: usize,
}

impl<'a> Request<'a> {
    /// Proves the body and all references in it, once.
    pub fn new(bytes: &'a [u8]) -> Result<Self, BadRequest> {
        let count = validate(&REQUEST, bytes)?;
        let request = Self::collect(bytes, count.items);
        request.check()?;
        Ok(request)
    }

    /// For bytes that were checked before. On others, references that miss read as the empty string.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        Self::collect(bytes, 0)
    }

    fn collect(bytes: &'a [u8], samples: usize) -> Self {
        let view = RequestView::read(bytes);
        Self { symbols: view.symbols.iter().collect(), view, samples }
    }

    fn check(&self) -> Result<(), BadRequest> {
        if self.symbols.first().is_some_and(|first| !first.is_empty())
            || (self.symbols.is_empty() && !self.view.timeseries.is_empty())
        {
            return Err(BadRequest::Symbols);
        }
        for series in self.timeseries() {
            self.check_references(series.labels_refs)?;
            for exemplar in series.exemplars {
                self.check_references(exemplar.labels_refs)?;
            }
            let metadata = series.metadata.or_empty();
            for (what, reference) in [("help_ref", metadata.help_ref), ("unit_ref", metadata.unit_ref)] {
                if reference as usize >= self.symbols.len() {
                    let size = self.symbols.len();
                    return Err(BadRequest::MetadataReference { what, reference, size });
                }
            }
        }
        Ok(())
    }

    fn check_references(&self, references: Packed<'_, Unsigned>) -> Result<(), BadRequest> {
        let mut numbers = references.iter();
        let size = self.symbols.len();
        while let Some(name) = numbers.next() {
            let Some(value) = numbers.next() else {
                return Err(BadRequest::OddReferences(references.iter().count()));
            };
            if name.0.max(value.0) >= size as u64 {
                return Err(BadRequest::Reference { name: name.0, value: value.0, size });
            }
        }
        Ok(())
    }

    pub fn timeseries(&self) -> impl Iterator<Item = TimeSeriesView<'a>> + use<'a> {
        self.view.timeseries.iter()
    }

    pub fn symbols(&self) -> &[Text<'a>] {
        &self.symbols
    }

    /// The symbol of a reference.
    pub fn symbol(&self, reference: u32) -> &'a str {
        self.symbols.get(reference as usize).map(|symbol| symbol.as_str()).unwrap_or_default()
    }

    /// Names and values behind `labels_refs`.
    pub fn labels<'s>(
        &'s self,
        references: Packed<'a, Unsigned>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 's {
        let mut numbers = references.iter().map(|reference| reference.0 as u32);
        std::iter::from_fn(move || Some((self.symbol(numbers.next()?), self.symbol(numbers.next()?))))
    }
}

/// Builds a `Request`, series by series.
#[derive(Debug)]
pub struct RequestBuilder {
    places: HashMap<String, u32, FxBuildHasher>,
    symbols: Vec<u8>,
    series: Vec<u8>,
}

impl Default for RequestBuilder {
    fn default() -> Self {
        let mut builder = Self { places: HashMap::default(), symbols: Vec::new(), series: Vec::new() };
        builder.place("");
        builder
    }
}

/// Adds to one series.
#[derive(Debug)]
pub struct SeriesBuilder<'w, 'o> {
    writer: &'w mut Writer<'o>,
}

/// What a series' metadata says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metadata<'a> {
    pub kind: MetricKind,
    pub help: &'a str,
    pub unit: &'a str,
}

impl RequestBuilder {
    /// The number of a symbol, a new one if need be.
    pub fn place(&mut self, symbol: &str) -> u32 {
        if let Some(place) = self.places.get(symbol) {
            return *place;
        }
        let place = self.places.len() as u32;
        Writer::new(&mut self.symbols).always_bytes(4, symbol.as_bytes());
        self.places.insert(symbol.to_owned(), place);
        place
    }

    /// Numbers of names and values, for `series` and `SeriesBuilder::exemplar`.
    pub fn references<'l>(&mut self, labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> Vec<u32> {
        labels.into_iter().flat_map(|(name, value)| [self.place(name), self.place(value)]).collect()
    }

    pub fn series(
        &mut self,
        labels_refs: &[u32],
        metadata: Metadata<'_>,
        fill: impl FnOnce(&mut SeriesBuilder<'_, '_>),
    ) {
        let (help, unit) = (self.place(metadata.help), self.place(metadata.unit));
        Writer::new(&mut self.series).message(5, |series| {
            series.packed_varint(1, labels_refs.iter().map(|reference| u64::from(*reference)));
            fill(&mut SeriesBuilder { writer: series });
            series.message(5, |nested| {
                nested.int(1, metadata.kind as i64);
                nested.varint(3, u64::from(help));
                nested.varint(4, u64::from(unit));
            });
        });
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.symbols.append(&mut self.series);
        self.symbols
    }
}

impl SeriesBuilder<'_, '_> {
    /// `start_timestamp_ms` 0: unknown.
    pub fn sample(&mut self, timestamp_ms: i64, start_timestamp_ms: i64, value: f64) {
        self.writer.message(2, |sample| {
            sample.double(1, value);
            sample.int(2, timestamp_ms);
            sample.int(3, start_timestamp_ms);
        });
    }

    pub fn histogram(&mut self, timestamp_ms: i64, start_timestamp_ms: i64, histogram: &NativeHistogram) {
        self.writer.message(3, |nested| write_histogram(nested, histogram, timestamp_ms, start_timestamp_ms));
    }

    pub fn exemplar(&mut self, labels_refs: &[u32], timestamp_ms: i64, value: f64) {
        self.writer.message(4, |exemplar| {
            exemplar.packed_varint(1, labels_refs.iter().map(|reference| u64::from(*reference)));
            exemplar.double(2, value);
            exemplar.int(3, timestamp_ms);
        });
    }
}
