//! Scans a remote write 1 request (`prometheus.WriteRequest`): label bytes stay where they are, samples are read out.
//!
//! The fast path is what Prometheus and every agent send: labels first and together, then samples with value before time. Anything else that
//! protobuf allows is read too, just slower.

use model::sample::{Metadata, MetricKind};
use stdx::varint::take_u64;
use wire::proto::{Fault, Reader, Value};

use super::{Parsed, RawSample, Row};

const LABEL: u8 = 0x0a;
const SAMPLE: u8 = 0x12;
const EXEMPLAR: u8 = 0x1a;
const HISTOGRAM: u8 = 0x22;

/// Scans `body`. An error refuses the request as a whole: nothing in it can be trusted.
pub fn scan(body: &[u8]) -> Result<Parsed<'_>, Fault> {
    let mut parsed = Parsed::of(body);
    // A series of one sample takes about this many bytes.
    parsed.rows.reserve(body.len() / 256);
    parsed.samples.reserve(body.len() / 256);
    let mut reader = Reader::new(body);
    while !reader.is_empty() {
        let (number, wire) = reader.tag()?;
        match (number, reader.value(number, wire)?) {
            (1, Value::Bytes(series)) => scan_series(&mut parsed, series)?,
            (3, Value::Bytes(metadata)) => {
                let entry = read_metadata(metadata)?;
                parsed.metadata.push(entry);
            }
            _ => {}
        }
    }
    Ok(parsed)
}

/// A length-delimited field whose tag has been seen.
#[inline]
fn take_message<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let len = take_u64(input).ok_or(Fault::Truncated)?;
    let (message, rest) =
        usize::try_from(len).ok().and_then(|len| input.split_at_checked(len)).ok_or(Fault::Truncated)?;
    *input = rest;
    Ok(message)
}

fn scan_series(parsed: &mut Parsed<'_>, series: &[u8]) -> Result<(), Fault> {
    let base = series.as_ptr() as usize - parsed.body.as_ptr() as usize;
    let mut input = series;
    while let Some((&LABEL, rest)) = input.split_first() {
        input = rest;
        take_message(&mut input)?;
    }
    let labels_len = series.len() - input.len();
    let first = parsed.samples.len() as u32;
    let labels = base as u32..(base + labels_len) as u32;
    parsed.rows.push(Row { labels, in_body: true, samples: first..first });
    while let Some((&tag, rest)) = input.split_first() {
        match tag {
            SAMPLE => {
                input = rest;
                let sample = read_sample(take_message(&mut input)?)?;
                parsed.push(sample);
            }
            EXEMPLAR => {
                input = rest;
                read_exemplar(parsed, take_message(&mut input)?)?;
            }
            HISTOGRAM => {
                input = rest;
                super::body::scan_histogram(parsed, take_message(&mut input)?)?;
            }
            LABEL => {
                input = rest;
                late_label(parsed, take_message(&mut input)?);
            }
            _ => {
                let mut reader = Reader::new(input);
                reader.field()?;
                input = reader.rest();
            }
        }
    }
    Ok(())
}

/// A label that does not stand with the others: the row's labels move out of the body.
#[cold]
fn late_label(parsed: &mut Parsed<'_>, label: &[u8]) {
    let Some(row) = parsed.rows.last().cloned() else { return };
    let mut labels = parsed.labels(&row).to_vec();
    labels.push(LABEL);
    stdx::varint::put_bytes(&mut labels, label);
    let start = parsed.bytes.len() as u32;
    parsed.bytes.extend_from_slice(&labels);
    if let Some(row) = parsed.rows.last_mut() {
        (row.labels, row.in_body) = (start..parsed.bytes.len() as u32, false);
    }
}

#[inline]
fn read_sample(sample: &[u8]) -> Result<RawSample, Fault> {
    if let Some((&[0x09, a, b, c, d, e, f, g, h, 0x10], mut rest)) = sample.split_first_chunk::<10>()
        && let (Some(t), true) = (take_u64(&mut rest), rest.is_empty())
    {
        let bits = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        return Ok(RawSample { t_ms: t as i64, start_ms: 0, bits, is_histogram: false });
    }
    let mut raw = RawSample { t_ms: 0, start_ms: 0, bits: 0, is_histogram: false };
    let mut reader = Reader::new(sample);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Fixed64(bits)) => raw.bits = bits,
            (2, Value::Varint(t)) => raw.t_ms = t as i64,
            _ => {}
        }
    }
    Ok(raw)
}

fn read_exemplar(parsed: &mut Parsed<'_>, exemplar: &[u8]) -> Result<(), Fault> {
    let (mut labels, mut bits, mut t_ms) = (Vec::new(), 0, 0);
    let mut reader = Reader::new(exemplar);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(label)) => {
                labels.push(LABEL);
                stdx::varint::put_bytes(&mut labels, label);
            }
            (2, Value::Fixed64(value)) => bits = value,
            (3, Value::Varint(t)) => t_ms = t as i64,
            _ => {}
        }
    }
    parsed.push_exemplar(t_ms, bits, &labels);
    Ok(())
}

fn read_metadata(metadata: &[u8]) -> Result<(String, Metadata), Fault> {
    let (mut family, mut entry) = (String::new(), Metadata::default());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut reader = Reader::new(metadata);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            // MetricType of remote write has the numbers of MetricKind.
            (1, Value::Varint(kind)) => {
                entry.kind = u8::try_from(kind).ok().and_then(MetricKind::from_number).unwrap_or_default();
            }
            (2, Value::Bytes(name)) => family = text(name),
            (4, Value::Bytes(help)) => entry.help = text(help),
            (5, Value::Bytes(unit)) => entry.unit = text(unit),
            _ => {}
        }
    }
    Ok((family, entry))
}
