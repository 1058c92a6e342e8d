//! The write-ahead log of Prometheus: segments of pages of fragments of records.
//!
//! ```text
//! page 32 KiB := fragment*, then zeros          fragment := type u8 | length u16 | crc32c u32 | data        (big-endian)
//! type: low 3 bits 1 full, 2 first, 3 middle, 4 last; 8: snappy, 16: zstd (of the whole record)
//! ```
//!
//! A torn end of the last segment ends the log, as a crash leaves it; anything else is an error.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use model::histogram::{Buckets, CounterResetHint, FloatHistogram, Histogram, Span};
use model::sample::{Metadata, MetricKind, NativeHistogram};
use ports::Disk;
use stdx::varint::{take_bytes, take_i64, take_u64};

use super::{TsdbError, malformed, names, read_file};

const PAGE_LEN: usize = 32 * 1024;
const HEADER_LEN: usize = 7;
/// A record that unpacks to more is none.
const RECORD_LEN_MAX: usize = 256 << 20;

/// What a log tells, in order.
pub enum Entry {
    Series { reference: u64, labels: Vec<(String, String)> },
    Float { reference: u64, t_ms: i64, value: f64 },
    Histogram { reference: u64, t_ms: i64, value: NativeHistogram },
    Exemplar { reference: u64, t_ms: i64, value: f64, labels: Vec<(String, String)> },
    Metadata { reference: u64, metadata: Metadata },
    Tombstone { reference: u64, min_ms: i64, max_ms: i64 },
}

/// Reads a directory's log: the last checkpoint, then the segments after it.
pub fn read(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    each: &mut dyn FnMut(Entry) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let all = names(disk, dir)?;
    let checkpoint =
        all.iter().filter_map(|name| name.strip_prefix("checkpoint.")?.parse::<u64>().ok()).max();
    if let Some(number) = checkpoint {
        let name = all
            .iter()
            .find(|name| name.strip_prefix("checkpoint.").and_then(|rest| rest.parse().ok()) == Some(number));
        if let Some(name) = name {
            read_segments(disk, &dir.join(name), 0, false, each)?;
        }
    }
    read_segments(disk, dir, checkpoint.map_or(0, |number| number + 1), true, each)
}

fn read_segments(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    from: u64,
    torn_end: bool,
    each: &mut dyn FnMut(Entry) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let numbered = |name: &String| name.parse::<u64>().ok().map(|number| (number, name.clone()));
    let mut segments: Vec<(u64, String)> = names(disk, dir)?.iter().filter_map(numbered).collect();
    segments.retain(|(number, _)| *number >= from);
    segments.sort_unstable();
    let count = segments.len();
    for (place, (_, name)) in segments.into_iter().enumerate() {
        let path = dir.join(name);
        let bytes = read_file(disk, &path)?;
        let whole = read_segment(&path, &bytes, each)?;
        let may_be_torn = torn_end && place + 1 == count;
        if !whole && !may_be_torn {
            return Err(malformed(&path, "a record is torn or its checksum does not match"));
        }
    }
    Ok(())
}

/// False: the segment ends in a torn record.
fn read_segment(
    path: &Path,
    bytes: &[u8],
    each: &mut dyn FnMut(Entry) -> Result<(), TsdbError>,
) -> Result<bool, TsdbError> {
    let mut record = Vec::new();
    for page in bytes.chunks(PAGE_LEN) {
        let mut rest = page;
        while rest.len() >= HEADER_LEN && rest[0] != 0 {
            let (kind, len) = (rest[0], usize::from(u16::from_be_bytes([rest[1], rest[2]])));
            let crc = u32::from_be_bytes([rest[3], rest[4], rest[5], rest[6]]);
            let Some(data) = rest.get(HEADER_LEN..HEADER_LEN + len) else { return Ok(false) };
            if crc32c::crc32c(data) != crc {
                return Ok(false);
            }
            if matches!(kind & 7, 1 | 2) {
                record.clear();
            }
            record.extend_from_slice(data);
            if matches!(kind & 7, 1 | 4) {
                let plain =
                    unpack(kind, &record).ok_or_else(|| malformed(path, "a record does not unpack"))?;
                read_record(&plain, each)?.ok_or_else(|| malformed(path, "a record does not parse"))?;
            }
            rest = &rest[HEADER_LEN + len..];
        }
    }
    Ok(true)
}

fn unpack(kind: u8, record: &[u8]) -> Option<Vec<u8>> {
    let compression = match kind >> 3 & 3 {
        0 => return Some(record.to_vec()),
        1 => model::Compression::Snappy,
        2 => model::Compression::Zstd,
        _ => return None,
    };
    let mut out = Vec::new();
    wire::compress::decompress(compression, record, RECORD_LEN_MAX, &mut out).ok()?;
    Some(out)
}

type Each<'e> = &'e mut dyn FnMut(Entry) -> Result<(), TsdbError>;

/// `Ok(None)`: malformed. Records of unknown kind are skipped, as Prometheus does.
fn read_record(record: &[u8], each: Each<'_>) -> Result<Option<()>, TsdbError> {
    let Some((&kind, mut input)) = record.split_first() else { return Ok(Some(())) };
    let mut entries = Vec::new();
    let whole = match kind {
        1 => read_series(&mut input, &mut entries),
        2 => read_floats(&mut input, &mut entries),
        3 => read_tombstones(&mut input, &mut entries),
        4 => read_exemplars(&mut input, &mut entries),
        6 => read_metadata(&mut input, &mut entries),
        7..=10 => read_histograms(&mut input, kind == 8 || kind == 10, kind >= 9, &mut entries),
        11..=13 => {
            return Err(TsdbError::Unsupported(format!(
                "write-ahead log holds records of kind {kind} (start timestamps), which cannot be imported yet: let \
                 Prometheus write a block first"
            )));
        }
        _ => Some(()),
    };
    entries.into_iter().try_for_each(each)?;
    Ok(whole)
}

fn be64(input: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(u64::from_be_bytes(*bytes))
}

fn take_f64(input: &mut &[u8]) -> Option<f64> {
    be64(input).map(f64::from_bits)
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    Some(std::str::from_utf8(take_bytes(input)?).ok()?.to_owned())
}

fn take_labels(input: &mut &[u8]) -> Option<Vec<(String, String)>> {
    let count = take_u64(input).filter(|&count| count <= input.len() as u64)?;
    (0..count).map(|_| Some((take_text(input)?, take_text(input)?))).collect()
}

fn read_series(input: &mut &[u8], out: &mut Vec<Entry>) -> Option<()> {
    while !input.is_empty() {
        let reference = be64(input)?;
        out.push(Entry::Series { reference, labels: take_labels(input)? });
    }
    Some(())
}

/// Reference and time of the next sample, against those that the record begins with.
fn take_place(input: &mut &[u8], base: (u64, i64)) -> Option<(u64, i64)> {
    let reference = base.0.wrapping_add(take_i64(input)? as u64);
    Some((reference, base.1.wrapping_add(take_i64(input)?)))
}

fn take_base(input: &mut &[u8]) -> Option<(u64, i64)> {
    Some((be64(input)?, be64(input)? as i64))
}

fn read_floats(input: &mut &[u8], out: &mut Vec<Entry>) -> Option<()> {
    let base = if input.is_empty() { return Some(()) } else { take_base(input)? };
    while !input.is_empty() {
        let (reference, t_ms) = take_place(input, base)?;
        out.push(Entry::Float { reference, t_ms, value: take_f64(input)? });
    }
    Some(())
}

fn read_tombstones(input: &mut &[u8], out: &mut Vec<Entry>) -> Option<()> {
    while !input.is_empty() {
        let reference = be64(input)?;
        out.push(Entry::Tombstone { reference, min_ms: take_i64(input)?, max_ms: take_i64(input)? });
    }
    Some(())
}

fn read_exemplars(input: &mut &[u8], out: &mut Vec<Entry>) -> Option<()> {
    let base = if input.is_empty() { return Some(()) } else { take_base(input)? };
    while !input.is_empty() {
        let (reference, t_ms) = take_place(input, base)?;
        let value = take_f64(input)?;
        out.push(Entry::Exemplar { reference, t_ms, value, labels: take_labels(input)? });
    }
    Some(())
}

fn read_metadata(input: &mut &[u8], out: &mut Vec<Entry>) -> Option<()> {
    while !input.is_empty() {
        let reference = take_u64(input)?;
        let (&kind, rest) = input.split_first()?;
        *input = rest;
        let kind = MetricKind::from_number(kind).unwrap_or_default();
        let mut fields: HashMap<String, String> = HashMap::new();
        for _ in 0..take_u64(input)? {
            fields.insert(take_text(input)?, take_text(input)?);
        }
        let mut field = |name| fields.remove(name).unwrap_or_default();
        let metadata = Metadata { kind, unit: field("UNIT"), help: field("HELP") };
        out.push(Entry::Metadata { reference, metadata });
    }
    Some(())
}

fn take_spans(input: &mut &[u8]) -> Option<Vec<Span>> {
    let count = take_u64(input).filter(|&count| count <= input.len() as u64)?;
    let span = |_| {
        let offset = i32::try_from(take_i64(input)?).ok()?;
        Some(Span { offset, length: u32::try_from(take_u64(input)?).ok()? })
    };
    (0..count).map(span).collect()
}

fn read_histograms(input: &mut &[u8], float: bool, custom: bool, out: &mut Vec<Entry>) -> Option<()> {
    let base = if input.is_empty() { return Some(()) } else { take_base(input)? };
    while !input.is_empty() {
        let (reference, t_ms) = take_place(input, base)?;
        let (&hint, rest) = input.split_first()?;
        *input = rest;
        let hint = CounterResetHint::from_number(hint).unwrap_or_default();
        let value = take_histogram(input, float, custom, hint)?;
        out.push(Entry::Histogram { reference, t_ms, value });
    }
    Some(())
}

fn take_histogram(
    input: &mut &[u8],
    float: bool,
    custom: bool,
    reset_hint: CounterResetHint,
) -> Option<NativeHistogram> {
    let schema = i8::try_from(take_i64(input)?).ok()?;
    let zero_threshold = take_f64(input)?;

    let (zero_bits, count_bits) =
        if float { (be64(input)?, be64(input)?) } else { (take_u64(input)?, take_u64(input)?) };
    let sum = take_f64(input)?;
    let (positive_spans, negative_spans) = (take_spans(input)?, take_spans(input)?);
    let len = |input: &mut &[u8], least: usize| {
        take_u64(input).and_then(|len| usize::try_from(len).ok()).filter(|&len| len <= input.len() / least)
    };
    let (mut deltas, mut counts) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for side in 0..2 {
        if float {
            let count = len(input, 8)?;
            counts[side] = (0..count).map(|_| take_f64(input)).collect::<Option<Vec<f64>>>()?;
        } else {
            let count = len(input, 1)?;
            deltas[side] = (0..count).map(|_| take_i64(input)).collect::<Option<Vec<i64>>>()?;
        }
    }
    let mut custom_values = None;
    if custom {
        let count = len(input, 8)?;
        let bounds = (0..count).map(|_| take_f64(input)).collect::<Option<Vec<f64>>>()?;
        custom_values = Some(bounds.into());
    }
    let [positive, negative] = deltas;
    let [positive_counts, negative_counts] = counts;
    Some(if float {
        NativeHistogram::Float(Arc::new(FloatHistogram {
            reset_hint,
            schema,
            zero_threshold,
            zero_count: f64::from_bits(zero_bits),
            count: f64::from_bits(count_bits),
            sum,
            positive: Buckets::new(positive_spans, positive_counts),
            negative: Buckets::new(negative_spans, negative_counts),
            custom_values,
        }))
    } else {
        NativeHistogram::Integer(Arc::new(Histogram {
            reset_hint,
            schema,
            zero_threshold,
            zero_count: zero_bits,
            count: count_bits,
            sum,
            positive: Buckets::new(positive_spans, positive),
            negative: Buckets::new(negative_spans, negative),
            custom_values,
        }))
    })
}
