//! Scans a remote write 2 request: labels behind their symbols are written in wire form, by which known series are found.

use model::sample::Metadata;
use wire::remote::write2::{BadRequest, Request, TimeSeriesView};
use wire::series_batch::put_label;

use super::{Parsed, RawSample};

pub fn scan(body: &[u8]) -> Result<Parsed<'static>, BadRequest> {
    let request = Request::new(body)?;
    let mut parsed = Parsed::default();
    parsed.samples.reserve(request.samples);
    let mut wire = Vec::new();
    for series in request.timeseries() {
        wire.clear();
        let mut name = "";
        for (label, value) in request.labels(series.labels_refs) {
            if label == "__name__" {
                name = value;
            }
            put_label(&mut wire, label, value);
        }
        parsed.begin_row(&wire);
        scan_series(&mut parsed, &request, &series);
        if let Some(metadata) = series.metadata.get() {
            let text = |reference| request.symbol(reference).to_owned();
            let entry = Metadata {
                kind: metadata.metric_kind(),
                help: text(metadata.help_ref),
                unit: text(metadata.unit_ref),
            };
            let told = entry != Metadata::default();
            if told
                && !name.is_empty()
                && parsed.metadata.last().is_none_or(|(n, e)| n != name || *e != entry)
            {
                parsed.metadata.push((name.to_owned(), entry));
            }
        }
    }
    Ok(parsed)
}

fn scan_series(parsed: &mut Parsed<'_>, request: &Request<'_>, series: &TimeSeriesView<'_>) {
    let start = |own: i64| if own != 0 { own } else { series.created_timestamp_ms };
    for sample in series.samples {
        parsed.push(RawSample {
            t_ms: sample.timestamp_ms,
            start_ms: start(sample.start_timestamp_ms),
            bits: sample.value.to_bits(),
            is_histogram: false,
        });
    }
    for histogram in series.histograms {
        let start_ms = start(histogram.start_timestamp_ms);
        super::body::push_histogram(parsed, &histogram, start_ms);
    }
    for exemplar in series.exemplars {
        let mut labels = Vec::new();
        request.labels(exemplar.labels_refs).for_each(|(name, value)| put_label(&mut labels, name, value));
        parsed.push_exemplar(exemplar.timestamp_ms, exemplar.value.to_bits(), &labels);
    }
}
