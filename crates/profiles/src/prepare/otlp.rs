//! An OTLP profiles request (`v1development`). Attributes of resource, scope and profile become series labels; sample attributes stay with the sample.
//!
//! Processor profiles that count samples (`samples:count` with period `cpu:nanoseconds`) become `cpu:nanoseconds`, as Pyroscope does it. A sample with several
//! values or times counts with their sum (without values: with the number of its times) at the profile's time.

use model::profile::ProfilesDictionary;
use model::{SpanId, TraceId};
use wire::otlp::common::{AnyValueView, Attributes, ScopeView};
use wire::otlp::profiles::{DictionaryView, ProfileView, ProfilesView, SampleView};
use wire::otlp::text::{label_name, write_text};
use wire::pprof::{Function, Label, Line, Location, Mapping};

use super::{Builder, Heading, series};
use crate::profile_type::{ProfileType, SERVICE_NAME};
use crate::symbols::{Foreign, Mover};

/// The dictionary in pprof's shapes; every reference was checked.
struct Dictionary {
    owned: ProfilesDictionary,
    attributes: Vec<Attribute>,
    functions: Vec<Function>,
    mappings: Vec<Mapping>,
    locations: Vec<Location>,
    stacks: Vec<Vec<u32>>,
}

/// An entry of the attribute table. Strings are places in the string table.
struct Attribute {
    key: u32,
    text: String,
    number: Option<i64>,
    unit: u32,
}

fn place(index: i32, len: usize, what: &str) -> Result<u32, String> {
    match u32::try_from(index) {
        // An empty table has "none" at 0 all the same.
        Ok(place) if (place as usize) < len || place == 0 => Ok(place),
        _ => Err(format!("malformed profile: {what} {index} outside of the table of {len}")),
    }
}

/// Index 0 is "none".
fn some(place: u32) -> Option<u32> {
    (place > 0).then_some(place)
}

impl Dictionary {
    fn new(view: DictionaryView<'_>) -> Result<Self, String> {
        let owned = ProfilesDictionary::from(view);
        let strings = owned.strings.len();
        let string = |index| place(index, strings, "string");
        let attributes = attributes(view, &owned)?;
        let functions = owned.functions.iter().map(|function| {
            Ok(Function {
                name: string(function.name_strindex)?,
                system_name: string(function.system_name_strindex)?,
                filename: string(function.filename_strindex)?,
                start_line: function.start_line,
            })
        });
        let functions = functions.collect::<Result<Vec<_>, String>>()?;
        let mappings = owned.mappings.iter().map(|mapping| {
            Ok(Mapping {
                memory_start: mapping.memory_start,
                memory_limit: mapping.memory_limit,
                file_offset: mapping.file_offset,
                filename: string(mapping.filename_strindex)?,
                build_id: build_id(&owned, &attributes, &mapping.attribute_indices)?,
                ..Mapping::default()
            })
        });
        let mappings = mappings.collect::<Result<Vec<_>, String>>()?;
        let locations = owned.locations.iter().map(|location| {
            let lines = location.lines.iter().map(|line| {
                let function = place(line.function_index, functions.len(), "function")?;
                Ok(Line { function: some(function), line: line.line, column: line.column })
            });
            Ok(Location {
                mapping: some(place(location.mapping_index, mappings.len(), "mapping")?),
                address: location.address,
                lines: lines.collect::<Result<_, String>>()?,
                is_folded: false,
            })
        });
        let locations = locations.collect::<Result<Vec<_>, String>>()?;
        let stack =
            |stack: &Vec<i32>| stack.iter().map(|index| place(*index, locations.len(), "location")).collect();
        let stacks = owned.stacks.iter().map(stack).collect::<Result<Vec<_>, String>>()?;
        Ok(Self { functions, mappings, locations, stacks, attributes, owned })
    }

    fn string(&self, index: i32) -> Result<&str, String> {
        let place = place(index, self.owned.strings.len(), "string")?;
        Ok(self.owned.strings.get(place as usize).map_or("", String::as_str))
    }

    fn at(&self, place: u32) -> &str {
        self.owned.strings.get(place as usize).map_or("", String::as_str)
    }

    fn attribute(&self, index: i64) -> Result<Option<&Attribute>, String> {
        let index = i32::try_from(index).unwrap_or(-1);
        let place = place(index, self.attributes.len(), "attribute")?;
        Ok(some(place).and_then(|place| self.attributes.get(place as usize)))
    }
}

fn attributes(view: DictionaryView<'_>, owned: &ProfilesDictionary) -> Result<Vec<Attribute>, String> {
    let string = |index| place(index, owned.strings.len(), "string");
    let attribute = |attribute: wire::otlp::profiles::KeyValueAndUnitView<'_>| {
        let value = attribute.value.get().unwrap_or(AnyValueView::Empty);
        Ok(Attribute {
            key: string(attribute.key_strindex)?,
            text: value_text(value, |index| {
                Ok(owned.strings.get(string(index)? as usize).cloned().unwrap_or_default())
            })?,
            number: if let AnyValueView::Int(number) = value { Some(number) } else { None },
            unit: string(attribute.unit_strindex)?,
        })
    };
    view.attribute_table.iter().map(attribute).collect()
}

fn value_text(
    value: AnyValueView<'_>,
    string: impl Fn(i32) -> Result<String, String>,
) -> Result<String, String> {
    if let AnyValueView::StringIndex(index) = value {
        return string(index);
    }
    let mut text = Vec::new();
    write_text(value, &mut text);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The string of a mapping's build id attribute; 0 if it has none, or one that is not in the string table: then the file tells mappings apart.
fn build_id(owned: &ProfilesDictionary, attributes: &[Attribute], of_mapping: &[i32]) -> Result<u32, String> {
    for index in of_mapping {
        let attribute = place(*index, attributes.len(), "attribute")?;
        let Some(attribute) = attributes.get(attribute as usize) else { continue };
        let key = owned.strings.get(attribute.key as usize).map_or("", String::as_str);
        if key.starts_with("process.executable.build_id") {
            let known = owned.strings.iter().position(|have| *have == attribute.text);
            return Ok(known.map_or(0, |place| place as u32));
        }
    }
    Ok(0)
}

impl Builder<'_> {
    pub(super) fn otlp(&mut self, body: &[u8]) -> Result<(), String> {
        wire::otlp::profiles::validate(body).map_err(|error| error.to_string())?;
        let request = ProfilesView::trusted(body);
        let dictionary = Dictionary::new(request.dictionary())?;
        let mut mover = Mover::new(Foreign {
            strings: dictionary.owned.strings.iter().map(String::as_str).collect(),
            functions: &dictionary.functions,
            mappings: &dictionary.mappings,
            locations: &dictionary.locations,
        });
        for resource_profiles in request.resource_profiles() {
            let mut of_resource = Vec::new();
            put_attributes(&mut of_resource, &dictionary, resource_profiles.resource.or_empty().attributes)?;
            for scope_profiles in resource_profiles.scope_profiles.iter() {
                let mut labels = of_resource.clone();
                let scope: ScopeView<'_> = scope_profiles.scope.or_empty();
                put_attributes(&mut labels, &dictionary, scope.attributes)?;
                for profile in scope_profiles.profiles.iter() {
                    self.otlp_profile(&dictionary, &mut mover, &labels, &profile)?;
                }
            }
        }
        Ok(())
    }

    fn otlp_profile(
        &mut self,
        dictionary: &Dictionary,
        mover: &mut Mover<'_>,
        shared: &[(String, String)],
        profile: &ProfileView<'_>,
    ) -> Result<(), String> {
        let mut labels = shared.to_vec();
        for index in profile.attribute_indices.iter() {
            if let Some(attribute) = dictionary.attribute(index.0)? {
                push_new(
                    &mut labels,
                    label_name(dictionary.at(attribute.key)).into_owned(),
                    attribute.text.clone(),
                );
            }
        }
        let (kind, factor) = profile_type(dictionary, profile)?;
        let limit = self.config.max_profile_stacktrace_samples;
        let count = profile.samples.count();
        let ts_ns = i64::try_from(profile.time_unix_nano).unwrap_or(i64::MAX);
        let heading = Heading {
            series: series(labels, &kind),
            ts_ns: if ts_ns == 0 { self.received_ns } else { ts_ns },
            duration_ns: i64::try_from(profile.duration_nano).unwrap_or(i64::MAX),
            period: profile.period,
            id: profile.profile_id.try_into().unwrap_or_default(),
        };
        if limit > 0 && count > limit {
            self.refuse(format!(
                "profile with labels '{}' has {count} samples; limit {limit}",
                heading.series
            ));
            return Ok(());
        }
        // References are proved even in a profile that is then refused.
        let row = self.begin(heading);
        let Some(mut row) = row else { return Ok(()) };
        for sample in profile.samples.iter() {
            self.otlp_sample(dictionary, mover, &mut row, &sample, factor)?;
        }
        self.end(row);
        Ok(())
    }

    fn otlp_sample(
        &mut self,
        dictionary: &Dictionary,
        mover: &mut Mover<'_>,
        row: &mut crate::part::ProfileRow,
        sample: &SampleView<'_>,
        factor: i64,
    ) -> Result<(), String> {
        let stack = place(sample.stack_index, dictionary.stacks.len(), "stack")?;
        let locations = dictionary.stacks.get(stack as usize).map_or(&[] as &[u32], Vec::as_slice);
        let stack = mover.stack(&mut self.interner, locations, self.config.max_profile_stacktrace_depth);
        let value = if sample.values.is_empty() {
            sample.timestamps_unix_nano.iter().count() as i64
        } else {
            sample.values.iter().fold(0i64, |sum, value| sum.saturating_add(value.0))
        };
        let link = place(sample.link_index, dictionary.owned.links.len(), "link")?;
        let link = match some(link).and_then(|link| dictionary.owned.links.get(link as usize)) {
            Some(link) => self.link(link.trace_id, link.span_id),
            None => self.link(TraceId::default(), SpanId::default()),
        };
        let mut labels = Vec::new();
        for index in sample.attribute_indices.iter() {
            let Some(attribute) = dictionary.attribute(index.0)? else { continue };
            let key = self.interner.string(dictionary.at(attribute.key));
            let number_unit = self.interner.string(dictionary.at(attribute.unit));
            labels.push(match attribute.number {
                Some(number) => Label { key, text: 0, number, number_unit },
                None => Label { key, text: self.interner.string(&attribute.text), number: 0, number_unit },
            });
        }
        let label_set = self.label_set(labels);
        let value = value.saturating_mul(factor);
        if value != 0 {
            self.add_sample(row, stack, value, link, label_set);
        }
        Ok(())
    }
}

/// The type, and by what values are multiplied.
fn profile_type(dictionary: &Dictionary, profile: &ProfileView<'_>) -> Result<(ProfileType, i64), String> {
    let sample = profile.sample_type.or_empty();
    let period = profile.period_type.or_empty();
    let text = |index| dictionary.string(index).map(str::to_owned);
    let mut kind = ProfileType {
        name: String::new(),
        sample_type: text(sample.type_strindex)?,
        sample_unit: text(sample.unit_strindex)?,
        period_type: text(period.type_strindex)?,
        period_unit: text(period.unit_strindex)?,
    };
    let mut factor = 1;
    let counts = kind.sample_type == "samples" && kind.sample_unit == "count";
    if counts && kind.period_type == "cpu" && kind.period_unit == "nanoseconds" && profile.period > 0 {
        (kind.sample_type, kind.sample_unit, factor) = ("cpu".into(), "nanoseconds".into(), profile.period);
    }
    kind.name = ProfileType::usual_name(&kind.sample_type).to_owned();
    Ok((kind, factor))
}

/// Adds attributes as labels; the first of several with one name stays.
fn put_attributes(
    labels: &mut Vec<(String, String)>,
    dictionary: &Dictionary,
    attributes: Attributes<'_>,
) -> Result<(), String> {
    for attribute in attributes.iter() {
        let key = match attribute.key_strindex {
            0 => attribute.key.as_str(),
            index => dictionary.string(index)?,
        };
        let value = value_text(attribute.value(), |index| dictionary.string(index).map(str::to_owned))?;
        let name = if key == "service.name" { SERVICE_NAME.into() } else { label_name(key) };
        push_new(labels, name.into_owned(), value);
    }
    Ok(())
}

fn push_new(labels: &mut Vec<(String, String)>, name: String, value: String) {
    if !labels.iter().any(|(have, _)| *have == name) {
        labels.push((name, value));
    }
}
