//! Scans a series batch: the payload of scrapes and imports, and what the journal keeps of a request that was taken in part.

use model::sample::Metadata;
use wire::series_batch::histogram::take_histogram;
use wire::series_batch::{self, BadBatch, RawExemplar, RawValue, Visitor};

use super::{Parsed, RawSample};

struct Scan<'a>(Parsed<'a>);

impl Visitor for Scan<'_> {
    fn series(&mut self, labels: &[u8]) {
        self.0.begin_row(labels);
    }

    fn sample(&mut self, sample: series_batch::RawSample<'_>) {
        let (t_ms, start_ms) = (sample.t_ms, sample.start_ms);
        match sample.value {
            RawValue::Float(bits) => self.0.push(RawSample { t_ms, start_ms, bits, is_histogram: false }),
            RawValue::Histogram(packed) => {
                let mut rest = packed;
                let whole = take_histogram(&mut rest).filter(|_| rest.is_empty());
                match whole
                    .ok_or_else(|| "histogram cannot be read".to_owned())
                    .and_then(super::body::checked)
                {
                    Ok(_) => self.0.push_histogram(t_ms, start_ms, packed),
                    Err(reason) => self.0.verdict.reject(1, || reason),
                }
            }
        }
    }

    fn exemplar(&mut self, exemplar: RawExemplar<'_>) {
        self.0.push_exemplar(exemplar.t_ms, exemplar.value_bits, exemplar.labels);
    }

    fn metadata(&mut self, family: &str, metadata: Metadata) {
        self.0.metadata.push((family.to_owned(), metadata));
    }
}

pub fn scan(body: &[u8]) -> Result<Parsed<'_>, BadBatch> {
    let mut scan = Scan(Parsed::of(body));
    series_batch::read(body, &mut scan)?;
    Ok(scan.0)
}
