//! Writes selected series as a block of Prometheus: XOR chunks of 120 samples, index version 2.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use model::{Labels, Matcher};
use ports::Disk;
use stdx::varint::{put_bytes, put_i64, put_u64};
use wire::remote::xor::XorWriter;

use super::{TsdbError, io, write_file};
use crate::query::{Columns, Hints, Scope};
use crate::store::MetricStore;

/// As Prometheus has it.
const SAMPLES_PER_CHUNK: usize = 120;
const SEGMENT_LEN_MAX: usize = 512 << 20;
const CHUNKS_HEADER: [u8; 8] = [0x85, 0xBD, 0x40, 0xDD, 1, 0, 0, 0];
const INDEX_HEADER: [u8; 5] = [0xBA, 0xAA, 0xD7, 0x00, 2];
const TOMBSTONES: [u8; 9] = [0x01, 0x30, 0xBA, 0x30, 1, 0, 0, 0, 0];

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedBlock {
    pub ulid: String,
    pub series: u64,
    pub samples: u64,
    pub chunks: u64,
    pub min_ms: i64,
    pub max_ms: i64,
}

struct Chunk {
    min_ms: i64,
    max_ms: i64,
    reference: u64,
}

/// Exports the series that all matchers accept under `dir`, in a directory named by a new ULID. Nothing found writes nothing.
pub fn export(
    store: &MetricStore,
    scope: &Scope,
    matchers: &[Matcher],
    disk: &Arc<dyn Disk>,
    dir: &Path,
    now_ms: i64,
    rng: &dyn ports::Rng,
) -> Result<Option<ExportedBlock>, TsdbError> {
    let mut segments = Segments { segments: vec![CHUNKS_HEADER.to_vec()] };
    let mut series: Vec<(Labels, Vec<Chunk>)> = Vec::new();
    let ulid = ulid(now_ms, rng);
    let mut block =
        ExportedBlock { ulid, series: 0, samples: 0, chunks: 0, min_ms: i64::MAX, max_ms: i64::MIN };
    for found in store.select(scope, matchers, Hints::default())? {
        let found = found?;
        if !found.columns.histograms.is_empty() {
            return Err(TsdbError::Unsupported(format!(
                "series {} holds native histograms, which cannot be exported yet: leave them out of the selector",
                found.labels
            )));
        }
        let chunks = segments.add(&found.columns);
        block.series += 1;
        block.samples += found.columns.len() as u64;
        block.chunks += chunks.len() as u64;
        block.min_ms = block.min_ms.min(found.columns.t_ms[0]);
        block.max_ms = block.max_ms.max(found.columns.t_ms[found.columns.len() - 1]);
        series.push((found.labels, chunks));
    }
    if series.is_empty() {
        return Ok(None);
    }
    let path = dir.join(&block.ulid);
    let chunks_dir = path.join("chunks");
    disk.create_dir_all(&chunks_dir).map_err(io(&chunks_dir))?;
    for (number, segment) in segments.segments.iter().enumerate() {
        write_file(disk, &chunks_dir.join(format!("{:06}", number + 1)), segment)?;
    }
    write_file(disk, &path.join("index"), &index(&series))?;
    write_file(disk, &path.join("tombstones"), &TOMBSTONES)?;
    // Last: a directory without it is not a block.
    write_file(disk, &path.join("meta.json"), meta(&block).as_bytes())?;
    disk.sync_dir(&chunks_dir).map_err(io(&chunks_dir))?;
    disk.sync_dir(&path).map_err(io(&path))?;
    disk.sync_dir(dir).map_err(io(dir))?;
    Ok(Some(block))
}

struct Segments {
    segments: Vec<Vec<u8>>,
}

impl Segments {
    fn add(&mut self, columns: &Columns) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for start in (0..columns.len()).step_by(SAMPLES_PER_CHUNK) {
            let end = (start + SAMPLES_PER_CHUNK).min(columns.len());
            let mut writer = XorWriter::default();
            for place in start..end {
                writer.push(columns.t_ms[place], columns.values[place]);
            }
            let data = writer.finish();
            if self.segments.last().is_some_and(|last| last.len() + data.len() + 16 > SEGMENT_LEN_MAX) {
                self.segments.push(CHUNKS_HEADER.to_vec());
            }
            let number = self.segments.len() as u64 - 1;
            let segment = self.segments.last_mut().expect("there is always one");
            let reference = number << 32 | segment.len() as u64;
            put_u64(segment, data.len() as u64);
            let body = segment.len();
            segment.push(1);
            segment.extend_from_slice(&data);
            let crc = crc32c::crc32c(&segment[body..]);
            segment.extend_from_slice(&crc.to_be_bytes());
            chunks.push(Chunk { min_ms: columns.t_ms[start], max_ms: columns.t_ms[end - 1], reference });
        }
        chunks
    }
}

/// Appends length, body and checksum.
fn put_section(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(&crc32c::crc32c(body).to_be_bytes());
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn index(series: &[(Labels, Vec<Chunk>)]) -> Vec<u8> {
    let mut out = INDEX_HEADER.to_vec();
    let mut toc = Vec::new();
    let mut mark = |out: &Vec<u8>| toc.extend_from_slice(&(out.len() as u64).to_be_bytes());
    let symbols: BTreeSet<&str> =
        series.iter().flat_map(|(labels, _)| labels.iter().flat_map(|(name, value)| [name, value])).collect();
    let numbers: BTreeMap<&str, u64> = symbols.iter().copied().zip(0..).collect();
    mark(&out);
    let mut body = (symbols.len() as u32).to_be_bytes().to_vec();
    symbols.iter().for_each(|symbol| put_bytes(&mut body, symbol.as_bytes()));
    put_section(&mut out, &body);
    mark(&out);
    let mut postings: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for (labels, chunks) in series {
        pad(&mut out, 16);
        let reference = (out.len() / 16) as u32;
        postings.entry(("", "")).or_default().push(reference);
        labels.iter().for_each(|pair| postings.entry(pair).or_default().push(reference));
        let body = series_body(labels, chunks, &numbers);
        put_u64(&mut out, body.len() as u64);
        out.extend_from_slice(&body);
        out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    }
    // Label indices are no longer read by anybody; an empty table stands for them.
    mark(&out);
    pad(&mut out, 4);
    mark(&out);
    put_section(&mut out, &0u32.to_be_bytes());
    mark(&out);
    let mut table = (postings.len() as u32).to_be_bytes().to_vec();
    for ((name, value), references) in &postings {
        pad(&mut out, 4);
        put_u64(&mut table, 2);
        put_bytes(&mut table, name.as_bytes());
        put_bytes(&mut table, value.as_bytes());
        put_u64(&mut table, out.len() as u64);
        let mut body = (references.len() as u32).to_be_bytes().to_vec();
        references.iter().for_each(|reference| body.extend_from_slice(&reference.to_be_bytes()));
        put_section(&mut out, &body);
    }
    mark(&out);
    put_section(&mut out, &table);
    // In the order of the table of contents: symbols, series, label indices and their table, postings and theirs.
    out.extend_from_slice(&toc);
    out.extend_from_slice(&crc32c::crc32c(&toc).to_be_bytes());
    out
}

fn series_body(labels: &Labels, chunks: &[Chunk], numbers: &BTreeMap<&str, u64>) -> Vec<u8> {
    let mut body = Vec::new();
    put_u64(&mut body, labels.len() as u64);
    for (name, value) in labels.iter() {
        put_u64(&mut body, numbers[name]);
        put_u64(&mut body, numbers[value]);
    }
    put_u64(&mut body, chunks.len() as u64);
    let mut before: Option<&Chunk> = None;
    for chunk in chunks {
        match before {
            None => put_i64(&mut body, chunk.min_ms),
            Some(before) => put_u64(&mut body, chunk.min_ms.wrapping_sub(before.max_ms) as u64),
        }
        put_u64(&mut body, chunk.max_ms.wrapping_sub(chunk.min_ms) as u64);
        match before {
            None => put_u64(&mut body, chunk.reference),
            Some(before) => put_i64(&mut body, chunk.reference.wrapping_sub(before.reference) as i64),
        }
        before = Some(chunk);
    }
    body
}

fn meta(block: &ExportedBlock) -> String {
    let ExportedBlock { ulid, series, samples, chunks, min_ms, max_ms } = block;
    let meta = serde_json::json!({
        "ulid": ulid,
        "minTime": min_ms,
        "maxTime": max_ms.saturating_add(1),
        "stats": {"numSamples": samples, "numSeries": series, "numChunks": chunks},
        "compaction": {"level": 1, "sources": [ulid]},
        "version": 1,
    });
    format!("{meta:#}")
}

/// 48 bits of milliseconds and 80 of randomness in Crockford's base 32.
fn ulid(now_ms: i64, rng: &dyn ports::Rng) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let random = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    let number = u128::from(now_ms.max(0).unsigned_abs() & 0xffff_ffff_ffff) << 80 | random >> 48;
    (0..26).rev().map(|place| DIGITS[(number >> (5 * place) & 31) as usize] as char).collect()
}
