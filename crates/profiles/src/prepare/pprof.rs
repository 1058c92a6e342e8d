//! A pprof upload: one profile for each of its sample types.
//!
//! Sample labels `span_id` and `trace_id` link to spans (as the profilers' span labels do); other labels stay with the sample.

use std::collections::BTreeMap;

use model::{SpanId, TraceId};
use wire::pprof::{Profile, Sample};

use super::{Builder, Heading, series};
use crate::profile_type::{NAME, ProfileType};
use crate::symbols::{Foreign, Mover};
use crate::upload::PprofUpload;

impl Builder<'_> {
    pub(super) fn pprof(&mut self, body: &[u8]) -> Result<(), String> {
        let upload = PprofUpload::decode(body).ok_or("pprof upload has no valid header")?;
        let profile = Profile::decode(upload.pprof).map_err(|error| error.to_string())?;
        let limit = self.config.max_profile_stacktrace_samples;
        if limit > 0 && profile.samples.len() > limit {
            let count = profile.samples.len();
            return Err(format!("the profile has {count} samples; limit {limit}"));
        }
        let mut mover = Mover::new(Foreign {
            strings: profile.strings.iter().map(String::as_str).collect(),
            functions: &profile.functions,
            mappings: &profile.mappings,
            locations: &profile.locations,
        });
        for place in 0..profile.sample_types.len() {
            let Some(mut row) = self.begin(heading(&upload, &profile, place, self.received_ns)) else {
                continue;
            };
            for sample in profile.samples.iter().filter(|sample| sample.values[place] != 0) {
                let depth_max = self.config.max_profile_stacktrace_depth;
                let stack = mover.stack(&mut self.interner, &sample.locations, depth_max);
                let (link, label_set) = self.sample_labels(&profile, sample, &mut mover);
                self.add_sample(&mut row, stack, sample.values[place], link, label_set);
            }
            self.end(row);
        }
        Ok(())
    }

    fn sample_labels(&mut self, profile: &Profile, sample: &Sample, mover: &mut Mover<'_>) -> (u32, u32) {
        let (mut trace, mut span) = (TraceId::default(), SpanId::default());
        let mut labels = Vec::new();
        for label in &sample.labels {
            let text = profile.string(label.text);
            match profile.string(label.key) {
                "trace_id" if let Some(id) = TraceId::from_hex(text) => trace = id,
                "span_id" if let Some(id) = SpanId::from_hex(text) => span = id,
                _ => {
                    let mut label = *label;
                    label.key = mover.string(&mut self.interner, label.key);
                    label.text = mover.string(&mut self.interner, label.text);
                    label.number_unit = mover.string(&mut self.interner, label.number_unit);
                    labels.push(label);
                }
            }
        }
        (self.link(trace, span), self.label_set(labels))
    }
}

fn heading(upload: &PprofUpload<'_>, profile: &Profile, place: usize, received_ns: i64) -> Heading {
    let kind = profile.sample_types[place];
    let sample_type = profile.string(kind.kind).to_owned();
    let labels: BTreeMap<String, String> = upload.labels.iter().cloned().collect();
    let name = labels.get(NAME).filter(|name| !name.is_empty()).cloned();
    let kind = ProfileType {
        name: name.unwrap_or_else(|| ProfileType::usual_name(&sample_type).to_owned()),
        sample_unit: profile.string(kind.unit).to_owned(),
        period_type: profile.string(profile.period_type.kind).to_owned(),
        period_unit: profile.string(profile.period_type.unit).to_owned(),
        sample_type,
    };
    let ts_ns =
        [upload.from_ns, profile.time_nanos].into_iter().find(|ts_ns| *ts_ns != 0).unwrap_or(received_ns);
    let said_ns = upload.until_ns.saturating_sub(upload.from_ns).max(0);
    Heading {
        series: series(labels.into_iter().collect(), &kind),
        ts_ns,
        duration_ns: if profile.duration_nanos != 0 { profile.duration_nanos } else { said_ns },
        period: profile.period,
        id: [0; 16],
    }
}
