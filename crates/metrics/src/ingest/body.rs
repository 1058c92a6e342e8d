//! Bodies by format, and the native histogram message that both remote writes share.

use std::sync::Arc;

use model::histogram::{HistogramError, MAX_SCHEMA};
use model::sample::NativeHistogram;
use model::{Format, Signal};
use wire::proto::{Fault, View};
use wire::remote::histogram::HistogramView;
use wire::series_batch::histogram::put_histogram;

use super::verdict::show;
use super::{Parsed, otlp, remote_write1, remote_write2, series_batch};
use crate::config::Config;

/// Highest schema that may come in; above [`MAX_SCHEMA`] the resolution is lowered.
const RESERVED_SCHEMA_MAX: i8 = 52;

/// Scans a body. The error refuses it as a whole.
pub fn scan<'a>(format: Format, body: &'a [u8], config: &Config) -> Result<Parsed<'a>, String> {
    if body.len() > u32::MAX as usize / 2 {
        return Err(format!("body of {} bytes is larger than the metrics store takes at once", body.len()));
    }
    match format {
        Format::RemoteWrite1 => remote_write1::scan(body).map_err(|fault| fault.to_string()),
        Format::RemoteWrite2 => remote_write2::scan(body).map_err(|bad| bad.to_string()),
        Format::OtlpProto => otlp::scan(body, &config.otlp).map_err(|bad| bad.to_string()),
        Format::OtlpJson => {
            let proto =
                wire::otlp::request_from_json(Signal::Metrics, body).map_err(|bad| bad.to_string())?;
            otlp::scan(&proto, &config.otlp).map_err(|bad| bad.to_string())
        }
        Format::SeriesBatch => series_batch::scan(body).map_err(|bad| bad.to_string()),
        other => Err(format!("the metrics store cannot read {other:?}")),
    }
}

/// The histogram, if its parts fit each other.
pub fn checked(histogram: NativeHistogram) -> Result<NativeHistogram, String> {
    let valid = match &histogram {
        NativeHistogram::Integer(integer) => integer.validate(),
        NativeHistogram::Float(float) => float.validate(),
    };
    valid.map_err(|error| error.to_string())?;
    Ok(histogram)
}

/// A schema between the highest that can be computed with and the highest that is reserved is brought down.
fn lowered(histogram: NativeHistogram) -> Result<NativeHistogram, HistogramError> {
    let reserved = MAX_SCHEMA + 1..=RESERVED_SCHEMA_MAX;
    Ok(match histogram {
        NativeHistogram::Integer(mut integer) if reserved.contains(&integer.schema) => {
            Arc::make_mut(&mut integer).reduce_resolution(MAX_SCHEMA)?;
            NativeHistogram::Integer(integer)
        }
        NativeHistogram::Float(mut float) if reserved.contains(&float.schema) => {
            Arc::make_mut(&mut float).reduce_resolution(MAX_SCHEMA)?;
            NativeHistogram::Float(float)
        }
        other => other,
    })
}

/// Adds a histogram message to the row begun last; one that contradicts itself is refused alone.
pub fn push_histogram(parsed: &mut Parsed<'_>, view: &HistogramView<'_>, start_ms: i64) {
    let whole = view
        .to_model()
        .map_err(|bad| bad.to_string())
        .and_then(|histogram| lowered(histogram).map_err(|bad| bad.to_string()))
        .and_then(checked);
    match whole {
        Ok(histogram) => {
            let mut packed = Vec::new();
            put_histogram(&mut packed, &histogram);
            parsed.push_histogram(view.timestamp_ms, start_ms, &packed);
        }
        Err(reason) => {
            let row = parsed.rows.last().map(|row| parsed.labels(row).to_vec()).unwrap_or_default();
            let labels = crate::series::labels::parse(&row).unwrap_or_default();
            parsed.verdict.reject(1, || format!("{reason} for series {}", show(&labels)));
        }
    }
}

/// Reads a histogram message of remote write 1.
pub fn scan_histogram(parsed: &mut Parsed<'_>, bytes: &[u8]) -> Result<(), Fault> {
    // A view stops at the first fault; walking the fields first tells whether there is one.
    let mut reader = wire::proto::Reader::new(bytes);
    while reader.field()?.is_some() {}
    push_histogram(parsed, &HistogramView::read(bytes), 0);
    Ok(())
}
