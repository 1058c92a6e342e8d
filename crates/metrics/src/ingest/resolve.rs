//! Finds the series of a scanned request, creates those that are new, and judges the time of every sample.
//!
//! Rows are taken shard by shard, so each lock is taken once. A known series costs one probe by the hash of its label bytes. Rows that are not
//! found are parsed, checked and brought into canonical form (sorted, no empty values); what is then still unknown is created under the
//! tenant's catalog lock.

use std::sync::Arc;

use model::quote::is_plain_label_name;
use xxhash_rust::xxh3::xxh3_64;

use super::verdict::{BadTime, Verdict, show};
use super::{Parsed, Prepared, PreparedExemplar, PreparedSample, RawSample, Row};
use crate::config::{Config, NameScheme};
use crate::series::labels::put_label;
use crate::series::registry::{Entry, LabelHash};
use crate::series::{Registry, SeriesId, TenantSeries};

/// How to judge a request.
pub struct Judge<'a> {
    pub config: &'a Config,
    pub received_at_ms: i64,
    /// From a client, not from the journal: time, names and limits are checked.
    pub live: bool,
    /// An import: samples of any time are welcome.
    pub any_time: bool,
    /// Memory is short: no new series.
    pub refuse_new: bool,
}

/// What came of a request.
pub struct Resolved {
    pub prepared: Prepared,
    pub verdict: Verdict,
    /// Indices of the refused samples, ascending.
    pub rejected: Vec<u32>,
    pub late: u64,
}

struct Work<'a, 'b> {
    registry: &'a Registry,
    parsed: &'a Parsed<'b>,
    judge: &'a Judge<'a>,
    generation: u32,
    samples: Vec<PreparedSample>,
    runs: Vec<(usize, std::ops::Range<usize>)>,
    /// Series by row, for exemplars; empty if there are none.
    ids: Vec<SeriesId>,
    verdict: Verdict,
    rejected: Vec<u32>,
    late: u64,
}

const NO_SERIES: SeriesId = SeriesId::MAX;

/// A row that is not known by its bytes.
struct Miss<'a> {
    row: u32,
    hash: LabelHash,
    labels: Vec<(&'a str, &'a str)>,
}

/// Brings a scanned request into the form that the head applies.
pub fn resolve(
    registry: &Registry,
    series: Arc<TenantSeries>,
    parsed: Parsed<'_>,
    judge: &Judge<'_>,
) -> Resolved {
    let row_count = parsed.rows.len();
    let mut work = Work {
        registry,
        parsed: &parsed,
        judge,
        generation: registry.generation(),
        samples: Vec::with_capacity(parsed.samples.len()),
        runs: Vec::with_capacity(series.shard_count()),
        ids: if parsed.exemplars.is_empty() { Vec::new() } else { vec![NO_SERIES; row_count] },
        verdict: parsed.verdict.clone(),
        rejected: Vec::new(),
        late: 0,
    };
    let missed = work.known(&series);
    if !missed.is_empty() {
        work.unknown(&series, &missed);
    }
    let Work { samples, runs, ids, verdict, mut rejected, late, .. } = work;
    rejected.sort_unstable();
    let exemplars = prepare_exemplars(&parsed, &ids);
    let Parsed { bytes, histograms, metadata, .. } = parsed;
    let prepared = Prepared { series, samples, runs, bytes, histograms, exemplars, metadata, deletion: None };
    Resolved { prepared, verdict, rejected, late }
}

fn prepare_exemplars(parsed: &Parsed<'_>, ids: &[SeriesId]) -> Vec<PreparedExemplar> {
    let exemplars = parsed.exemplars.iter().enumerate().map(|(position, exemplar)| PreparedExemplar {
        id: ids[exemplar.row as usize],
        position: position as u32,
        t_ms: exemplar.t_ms,
        value_bits: exemplar.value_bits,
        labels: exemplar.labels.clone(),
    });
    exemplars.filter(|exemplar| exemplar.id != NO_SERIES).collect()
}

impl<'a> Work<'a, '_> {
    /// Takes the rows whose label bytes are known, and returns the others.
    fn known(&mut self, series: &TenantSeries) -> Vec<(u32, LabelHash)> {
        let rows = &self.parsed.rows;
        let hashes: Vec<LabelHash> =
            rows.iter().map(|row| self.registry.hash(self.parsed.labels(row))).collect();
        let mut missed = Vec::new();
        for (shard_index, order) in by_shard(series, hashes.iter().copied()).into_iter().enumerate() {
            if order.is_empty() {
                continue;
            }
            let start = self.samples.len();
            let mut shard = series.shard(shard_index).lock();
            for row in order {
                let hash = hashes[row as usize];
                match shard.find(hash) {
                    Some(entry) => self.take(entry, row),
                    None => missed.push((row, hash)),
                }
            }
            self.end_run(shard_index, start);
        }
        missed
    }

    fn end_run(&mut self, shard: usize, start: usize) {
        if self.samples.len() > start {
            self.runs.push((shard, start..self.samples.len()));
        }
    }

    #[inline]
    fn take(&mut self, entry: &mut Entry, row_index: u32) {
        entry.seen = self.generation;
        if let Some(id) = self.ids.get_mut(row_index as usize) {
            *id = entry.id;
        }
        let row = &self.parsed.rows[row_index as usize];
        for position in row.samples.clone() {
            let sample = &self.parsed.samples[position as usize];
            let compared = self.compared_bits(sample);
            match self.judge_time(entry, sample, compared) {
                Ok(late) => {
                    if !late {
                        (entry.last_ms, entry.last_bits) = (sample.t_ms, compared);
                    }
                    self.late += u64::from(late);
                    self.samples.push(PreparedSample {
                        id: entry.id,
                        position,
                        t_ms: sample.t_ms,
                        start_ms: sample.start_ms,
                        bits: sample.bits,
                        late,
                        is_histogram: sample.is_histogram,
                    });
                }
                Err(bad) => self.reject_time(row, position, bad),
            }
        }
    }

    #[inline]
    fn compared_bits(&self, sample: &RawSample) -> u64 {
        if !sample.is_histogram {
            return sample.bits;
        }
        xxh3_64(&self.parsed.bytes[self.parsed.histograms[sample.bits as usize].clone()])
    }

    /// Whether the sample comes late, or why it is refused.
    #[inline]
    fn judge_time(&self, entry: &Entry, sample: &RawSample, compared: u64) -> Result<bool, BadTime> {
        let t_ms = sample.t_ms;
        if !self.judge.live || self.judge.any_time {
            return Ok(t_ms <= entry.last_ms);
        }
        let future_ms = self.judge.config.future_bound.as_millis() as i64;
        if t_ms > self.judge.received_at_ms.saturating_add(future_ms) {
            return Err(BadTime::TooFarInFuture);
        }
        if t_ms > entry.last_ms {
            return Ok(false);
        }
        if t_ms == entry.last_ms {
            if compared == entry.last_bits {
                return Ok(true);
            }
            let (existing_bits, floats) = (entry.last_bits, !sample.is_histogram);
            return Err(BadTime::Duplicate { t_ms, existing_bits, new_bits: compared, floats });
        }
        let window_ms = self.judge.config.out_of_order_window.as_millis() as i64;
        match window_ms {
            0 => Err(BadTime::OutOfOrder),
            window if entry.last_ms.saturating_sub(t_ms) > window => Err(BadTime::TooOld),
            _ => Ok(true),
        }
    }

    #[cold]
    fn reject_time(&mut self, row: &Row, position: u32, bad: BadTime) {
        self.rejected.push(position);
        let labels = crate::series::labels::parse(self.parsed.labels(row)).unwrap_or_default();
        self.verdict.reject(1, || format!("{bad} for series {}", show(&labels)));
    }

    #[cold]
    fn reject_row(&mut self, row: u32, limited: bool, reason: impl FnOnce() -> String) {
        let samples = self.parsed.rows[row as usize].samples.clone();
        let count = samples.len() as u64;
        self.rejected.extend(samples);
        if limited { self.verdict.limit(count, reason) } else { self.verdict.reject(count, reason) }
    }

    /// Parses, checks and creates what is not known by its bytes.
    fn unknown(&mut self, series: &TenantSeries, missed: &[(u32, LabelHash)]) {
        let mut misses = Vec::with_capacity(missed.len());
        for &(row, hash) in missed {
            let bytes = self.parsed.labels(&self.parsed.rows[row as usize]);
            match canonical(bytes, self.judge) {
                Ok((labels, unchanged)) => {
                    let hash = if unchanged { hash } else { self.hash_of(&labels) };
                    misses.push(Miss { row, hash, labels });
                }
                Err(reason) => self.reject_row(row, false, || reason),
            }
        }
        let misses = self.create(series, misses);
        let order = by_shard(series, misses.iter().map(|miss| miss.hash));
        for (shard_index, order) in order.into_iter().enumerate().filter(|(_, order)| !order.is_empty()) {
            let start = self.samples.len();
            let mut shard = series.shard(shard_index).lock();
            for index in order {
                let miss = &misses[index as usize];
                if let Some(entry) = shard.find(miss.hash) {
                    self.take(entry, miss.row);
                }
            }
            self.end_run(shard_index, start);
        }
    }

    fn hash_of(&self, labels: &[(&str, &str)]) -> LabelHash {
        let mut bytes = Vec::new();
        labels.iter().for_each(|(name, value)| put_label(&mut bytes, name, value));
        self.registry.hash(&bytes)
    }

    /// Creates the series that are not there, and returns the rows that have one now.
    fn create<'m>(&mut self, series: &TenantSeries, mut misses: Vec<Miss<'m>>) -> Vec<Miss<'m>> {
        let is_known =
            |miss: &Miss<'_>| series.shard(series.shard_of(miss.hash)).lock().find(miss.hash).is_some();
        if misses.iter().all(is_known) {
            return misses;
        }
        let mut catalog = series.catalog.write();
        let limit = self.judge.config.limits.max_active_series;
        misses.retain(|miss| {
            if is_known(miss) {
                return true;
            }
            if self.judge.live && self.judge.refuse_new {
                self.reject_row(miss.row, true, || {
                    format!("memory is above its soft limit: new series {} refused", show(&miss.labels))
                });
                return false;
            }
            if self.judge.live && limit > 0 && catalog.len() >= limit {
                let worst = catalog.worst_labels();
                self.reject_row(miss.row, true, || {
                    format!(
                        "limit max_active_series of {limit} is reached for tenant {}: new series {} refused; \
                         labels with the most values: {worst}",
                        series.tenant,
                        show(&miss.labels)
                    )
                });
                return false;
            }
            match series.create(&mut catalog, miss.hash, &miss.labels, self.generation) {
                Ok(_) => {
                    self.registry.created.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    true
                }
                Err(_) => {
                    self.reject_row(miss.row, true, || {
                        format!("no room for the labels of new series {}", show(&miss.labels))
                    });
                    false
                }
            }
        });
        misses
    }
}

/// Indices of hashes by the shard that they belong to.
fn by_shard(series: &TenantSeries, hashes: impl ExactSizeIterator<Item = LabelHash>) -> Vec<Vec<u32>> {
    let room = hashes.len() / series.shard_count() + 16;
    let mut order: Vec<Vec<u32>> = (0..series.shard_count()).map(|_| Vec::with_capacity(room)).collect();
    for (index, hash) in hashes.enumerate() {
        order[series.shard_of(hash)].push(index as u32);
    }
    order
}

/// Labels sorted and without empty values, and whether the bytes were that already. Otherwise the reason for which they are refused.
fn canonical<'b>(bytes: &'b [u8], judge: &Judge<'_>) -> Result<(Vec<(&'b str, &'b str)>, bool), String> {
    let mut labels = crate::series::labels::parse(bytes)
        .ok_or_else(|| "invalid metric name or labels: not valid UTF-8 or not a label set".to_owned())?;
    let count = labels.len();
    labels.retain(|(_, value)| !value.is_empty());
    let mut unchanged = labels.len() == count;
    if !labels.is_sorted_by_key(|(name, _)| *name) {
        labels.sort_by_key(|(name, _)| *name);
        unchanged = false;
    }
    if judge.live {
        check(&labels, judge.config)?;
    }
    Ok((labels, unchanged))
}

fn check(labels: &[(&str, &str)], config: &Config) -> Result<(), String> {
    let metric = labels.iter().find(|(name, _)| *name == "__name__").map(|(_, value)| *value);
    let metric_ok = metric.is_some_and(|metric| metric_name_ok(metric, config.names));
    if !metric_ok || !labels.iter().all(|(name, _)| label_name_ok(name, config.names)) {
        return Err(format!("invalid metric name or labels, got {}", show(labels)));
    }
    if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let name = pair[0].0;
        return Err(format!("invalid labels for series, labels {}, duplicated label {name}", show(labels)));
    }
    let limits = &config.limits;
    if labels.len() > limits.max_label_names_per_series {
        let (count, limit) = (labels.len(), limits.max_label_names_per_series);
        return Err(format!(
            "series has {count} labels, limit max_label_names_per_series is {limit}: {}",
            show(labels)
        ));
    }
    if let Some((name, _)) = labels.iter().find(|(name, _)| name.len() > limits.max_label_name_length) {
        let (len, limit) = (name.len(), limits.max_label_name_length);
        return Err(format!(
            "label name has {len} bytes, limit max_label_name_length is {limit}: {}",
            show(labels)
        ));
    }
    if let Some((name, value)) = labels.iter().find(|(_, value)| value.len() > limits.max_label_value_length)
    {
        let (len, limit) = (value.len(), limits.max_label_value_length);
        let metric = metric.unwrap_or_default();
        return Err(format!(
            "value of label {name} has {len} bytes, limit max_label_value_length is {limit}: metric {metric}"
        ));
    }
    Ok(())
}

/// Text is UTF-8 by type; only emptiness and the legacy alphabet are left to check.
fn label_name_ok(name: &str, scheme: NameScheme) -> bool {
    match scheme {
        NameScheme::Utf8 => !name.is_empty(),
        NameScheme::Legacy => is_plain_label_name(name),
    }
}

fn metric_name_ok(name: &str, scheme: NameScheme) -> bool {
    let legacy = || {
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
        name.bytes().enumerate().all(|(place, byte)| letter(byte) || (place > 0 && byte.is_ascii_digit()))
    };
    !name.is_empty() && (scheme == NameScheme::Utf8 || legacy())
}
