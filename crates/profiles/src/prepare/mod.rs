//! From a request body to a [`Part`]: labels and types become series, samples become stacks of a trie, limits are applied.
//!
//! Live, a profile over a limit is refused alone. On replay nothing is checked but what decoding needs: the journal may hold profiles that were refused,
//! so refusals depend on the record alone (its bytes and its time of receipt) and are the same then, given the same configuration.

mod otlp;
mod pprof;

use std::sync::Arc;

use model::{Format, Labels, SpanId, TraceId};
use rustc_hash::FxHashMap;
use wire::pprof::Label;

use crate::config::Config;
use crate::part::{Part, ProfileRow};
use crate::profile_type::{ProfileType, SERVICE_NAME};
use crate::symbols::Interner;

/// A request's profiles, and what became of those that are not among them.
pub(crate) struct Parsed {
    pub(crate) part: Part,
    pub(crate) refused: u64,
    /// Why the first was refused.
    pub(crate) reason: String,
}

pub(crate) fn parse(
    format: Format,
    body: &[u8],
    received_at_ms: i64,
    config: &Config,
) -> Result<Parsed, String> {
    let received_ns = received_at_ms.saturating_mul(1_000_000);
    let mut builder = Builder::new(config, received_ns, body);
    match format {
        Format::OtlpProto => builder.otlp(body)?,
        Format::Pprof => builder.pprof(body)?,
        other => {
            return Err(format!("profile store cannot read {other:?}: convert to OTLP protobuf or pprof"));
        }
    }
    Ok(builder.finish())
}

/// A part under construction.
struct Builder<'a> {
    config: &'a Config,
    received_ns: i64,
    body_hash: u64,
    part: Part,
    interner: Interner,
    series: FxHashMap<Arc<Labels>, u32>,
    links: FxHashMap<(TraceId, SpanId), u32>,
    label_sets: FxHashMap<Vec<Label>, u32>,
    refused: u64,
    reason: String,
}

/// What a profile is beside its samples.
struct Heading {
    series: Labels,
    ts_ns: i64,
    duration_ns: i64,
    period: i64,
    id: [u8; 16],
}

impl<'a> Builder<'a> {
    fn new(config: &'a Config, received_ns: i64, body: &[u8]) -> Self {
        Self {
            config,
            received_ns,
            body_hash: xxhash_rust::xxh3::xxh3_64(body),
            part: Part::default(),
            interner: Interner::default(),
            series: FxHashMap::default(),
            links: FxHashMap::default(),
            label_sets: FxHashMap::default(),
            refused: 0,
            reason: String::new(),
        }
    }

    fn finish(mut self) -> Parsed {
        self.part.details.symbols = self.interner.finish();
        Parsed { part: self.part, refused: self.refused, reason: self.reason }
    }

    fn refuse(&mut self, reason: String) {
        self.refused += 1;
        if self.refused == 1 {
            self.reason = reason;
        }
    }

    /// Begins a profile, or refuses it.
    fn begin(&mut self, heading: Heading) -> Option<ProfileRow> {
        if let Err(reason) = self.check(&heading) {
            self.refuse(reason);
            return None;
        }
        let labels = Arc::new(heading.series);
        let next = self.series.len() as u32;
        let series = *self.series.entry(labels.clone()).or_insert_with(|| {
            self.part.index.series.push(labels);
            next
        });
        // A retry brings the same body again; within a body every profile is its own.
        let content =
            self.body_hash ^ (self.part.index.profiles.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some(ProfileRow {
            series,
            ts_ns: heading.ts_ns,
            duration_ns: heading.duration_ns,
            period: heading.period,
            total: 0,
            content,
            id: heading.id,
            sample_count: 0,
        })
    }

    fn check(&self, heading: &Heading) -> Result<(), String> {
        let (config, labels) = (self.config, &heading.series);
        let own = labels.iter().filter(|(name, _)| !name.starts_with("__"));
        let (count, limit) = (own.clone().count(), config.max_label_names_per_series);
        if limit > 0 && count > limit {
            return Err(format!("profile series '{labels}' has {count} label names; limit {limit}"));
        }
        for (name, value) in own {
            if config.max_label_name_length > 0 && name.len() > config.max_label_name_length {
                return Err(format!("profile with labels '{labels}' has label name too long: '{name}'"));
            }
            if config.max_label_value_length > 0 && value.len() > config.max_label_value_length {
                return Err(format!("profile with labels '{labels}' has label value too long: '{value}'"));
            }
        }
        let nanos = |limit: std::time::Duration| i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        let (older, newer) = (nanos(config.reject_older_than), nanos(config.reject_newer_than));
        let is_old = older > 0 && heading.ts_ns < self.received_ns.saturating_sub(older);
        let is_new = newer > 0 && heading.ts_ns > self.received_ns.saturating_add(newer);
        if is_old || is_new {
            return Err(format!(
                "profile with labels '{labels}' is outside of ingestion window (profile timestamp: {} ns, {})",
                heading.ts_ns,
                if is_old {
                    "the ingestion window starts later"
                } else {
                    "the ingestion window ends earlier"
                }
            ));
        }
        Ok(())
    }

    fn add_sample(&mut self, row: &mut ProfileRow, stack: u32, value: i64, link: u32, label_set: u32) {
        let samples = &mut self.part.samples;
        samples.stacks.push(stack);
        samples.values.push(value);
        samples.links.push(link);
        samples.label_sets.push(label_set);
        row.sample_count += 1;
        row.total = row.total.saturating_add(value);
    }

    fn end(&mut self, row: ProfileRow) {
        self.part.index.profiles.push(row);
    }

    /// The number of a link plus one; 0 if there is none.
    fn link(&mut self, trace: TraceId, span: SpanId) -> u32 {
        if trace.is_zero() && span.is_zero() {
            return 0;
        }
        let next = self.links.len() as u32 + 1;
        *self.links.entry((trace, span)).or_insert_with(|| {
            self.part.details.links.push((trace, span));
            next
        })
    }

    fn label_set(&mut self, mut labels: Vec<Label>) -> u32 {
        if labels.is_empty() {
            return 0;
        }
        labels.sort_unstable();
        let next = self.label_sets.len() as u32 + 1;
        *self.label_sets.entry(labels).or_insert_with_key(|labels| {
            self.part.details.label_sets.push(labels.clone());
            next
        })
    }
}

/// Labels and a type as a series.
fn series(mut labels: Vec<(String, String)>, kind: &ProfileType) -> Labels {
    if !labels.iter().any(|(name, value)| name == SERVICE_NAME && !value.is_empty()) {
        labels.push((SERVICE_NAME.to_owned(), "unknown_service".to_owned()));
    }
    kind.series(labels)
}
