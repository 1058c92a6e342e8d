//! The labels of an OTLP point: its attributes, what of resource and scope is promoted, `job` and `instance`.

use std::fmt::Write;
use std::ops::Range;

use wire::otlp::common::{AnyValueView, Attributes, KeyValueView, ResourceView, ScopeView};

use super::names::label_name;
use crate::config::OtlpConfig;
use crate::series::labels::put_label;

/// A label set in the making; texts lie in one string that is kept between points.
#[derive(Clone, Default)]
pub struct LabelSet {
    text: String,
    pairs: Vec<(Range<usize>, Range<usize>)>,
}

impl LabelSet {
    pub fn clear(&mut self) {
        self.text.clear();
        self.pairs.clear();
    }

    fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.pairs.iter().position(|(have, _)| &self.text[have.clone()] == name)
    }

    /// Sets a label, whatever it was.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = self.put(value);
        match self.find(name) {
            Some(place) => self.pairs[place].1 = value,
            None => {
                let name = self.put(name);
                self.pairs.push((name, value));
            }
        }
    }

    /// Sets a label unless it is there.
    fn set_new(&mut self, name: &str, value: &str) {
        if self.find(name).is_none() {
            self.set(name, value);
        }
    }

    /// Adds an attribute; names that became the same share one label, values joined by `;`.
    fn join(&mut self, name: &str, value: &str) {
        match self.find(name) {
            Some(place) => {
                let joined = format!("{};{value}", &self.text[self.pairs[place].1.clone()]);
                self.pairs[place].1 = self.put(&joined);
            }
            None => self.set(name, value),
        }
    }

    /// Appends the wire form with some labels more, sorted by name. Empty values are no labels.
    pub fn put_wire(&self, more: &[(&str, &str)], out: &mut Vec<u8>) {
        let own =
            self.pairs.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]));
        let own = own.filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        let mut all: smallvec::SmallVec<[(&str, &str); 32]> = own.chain(more.iter().copied()).collect();
        all.sort_unstable();
        all.iter()
            .filter(|(_, value)| !value.is_empty())
            .for_each(|(name, value)| put_label(out, name, value));
    }
}

/// A value as the text of a label.
pub fn value_text<'a>(value: AnyValueView<'a>, scratch: &'a mut String) -> &'a str {
    if let AnyValueView::String(text) = value {
        return text.as_str();
    }
    scratch.clear();
    put_value(value, false, scratch);
    scratch
}

/// `quoted`: within an array or a map, as JSON.
fn put_value(value: AnyValueView<'_>, quoted: bool, out: &mut String) {
    match value {
        AnyValueView::Empty | AnyValueView::StringIndex(_) => out.push_str(if quoted { "null" } else { "" }),
        AnyValueView::String(text) if !quoted => out.push_str(text.as_str()),
        AnyValueView::String(text) => put_json_string(text.as_str(), out),
        AnyValueView::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValueView::Int(value) => write!(out, "{value}").expect("writing to a string"),
        AnyValueView::Double(value) => out.push_str(&double_text(value)),
        AnyValueView::Bytes(bytes) => {
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            if quoted { put_json_string(&text, out) } else { out.push_str(&text) }
        }
        AnyValueView::Array(array) => {
            out.push('[');
            for (place, value) in array.values.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                put_value(value, true, out);
            }
            out.push(']');
        }
        AnyValueView::KeyValueList(list) => {
            let mut entries: Vec<KeyValueView<'_>> = list.values.iter().collect();
            entries.sort_by_key(|entry| entry.key.as_str());
            out.push('{');
            for (place, entry) in entries.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                put_json_string(entry.key.as_str(), out);
                out.push(':');
                put_value(entry.value(), true, out);
            }
            out.push('}');
        }
    }
}

fn put_json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                write!(out, "\\u{:04x}", c as u32).expect("writing to a string");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Plain digits within usual magnitudes, an exponent beyond, as JavaScript and Go's JSON have it.
pub fn double_text(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_finite() && magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => format!("{value}"),
    }
}

const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

fn add_attributes(
    set: &mut LabelSet,
    attributes: Attributes<'_>,
    config: &OtlpConfig,
    take: impl Fn(&str) -> bool,
) {
    let mut sorted: smallvec::SmallVec<[KeyValueView<'_>; 16]> =
        attributes.iter().filter(|attribute| take(attribute.key.as_str())).collect();
    sorted.sort_by_key(|attribute| attribute.key.as_str());
    let mut scratch = String::new();
    for attribute in &sorted {
        let name = label_name(attribute.key.as_str(), config);
        set.join(&name, value_text(attribute.value(), &mut scratch));
    }
}

/// What resource and scope give to every point under them. Attributes of a point that have the same name win.
#[derive(Default)]
pub struct Inherited {
    promoted: Vec<(String, String)>,
    job: String,
    instance: String,
}

impl Inherited {
    pub fn of(
        resource: &ResourceView<'_>,
        scope: &ScopeView<'_>,
        scope_schema_url: &str,
        config: &OtlpConfig,
    ) -> Self {
        let text = |key: &str| {
            let value = wire::otlp::common::attribute(resource.attributes, key);
            value.map(|value| value_text(value, &mut String::new()).to_owned()).unwrap_or_default()
        };
        let mut promoted = Vec::new();
        let wanted = |key: &str| {
            if config.promote_all_resource_attributes {
                !config.ignore_resource_attributes.iter().any(|ignored| ignored == key)
            } else {
                config.promote_resource_attributes.iter().any(|promote| promote == key)
            }
        };
        let mut scratch = String::new();
        for attribute in resource.attributes.iter().filter(|attribute| wanted(attribute.key.as_str())) {
            let name = label_name(attribute.key.as_str(), config).into_owned();
            promoted.push((name, value_text(attribute.value(), &mut scratch).to_owned()));
        }
        if config.promote_scope_metadata && !scope.name.is_empty() {
            promoted.push(("otel_scope_name".into(), scope.name.as_str().into()));
            promoted.push(("otel_scope_version".into(), scope.version.as_str().into()));
            promoted.push(("otel_scope_schema_url".into(), scope_schema_url.into()));
            for attribute in scope.attributes.iter() {
                let name = label_name(&format!("otel_scope_{}", attribute.key.as_str()), config).into_owned();
                promoted.push((name, value_text(attribute.value(), &mut scratch).to_owned()));
            }
        }
        let (namespace, name) = (text("service.namespace"), text("service.name"));
        let job = match (name.is_empty(), namespace.is_empty()) {
            (true, _) => String::new(),
            (false, true) => name,
            (false, false) => format!("{namespace}/{name}"),
        };
        Self { promoted, job, instance: text("service.instance.id") }
    }

    /// The labels of a point, but for its name.
    pub fn fill(&self, set: &mut LabelSet, attributes: Attributes<'_>, config: &OtlpConfig) {
        set.clear();
        add_attributes(set, attributes, config, |_| true);
        self.promoted.iter().for_each(|(name, value)| set.set_new(name, value));
        self.fill_identity(set);
    }

    fn fill_identity(&self, set: &mut LabelSet) {
        for (name, value) in [("job", &self.job), ("instance", &self.instance)] {
            if !value.is_empty() {
                set.set(name, value);
            }
        }
    }

    /// The labels of `target_info`; false: there is nothing to tell, or nothing to tell it of.
    pub fn fill_target_info(
        &self,
        set: &mut LabelSet,
        resource: &ResourceView<'_>,
        config: &OtlpConfig,
    ) -> bool {
        set.clear();
        let identifying = |key: &str| IDENTIFYING.contains(&key);
        if !resource.attributes.iter().any(|attribute| !identifying(attribute.key.as_str())) {
            return false;
        }
        let keep = config.keep_identifying_resource_attributes;
        add_attributes(set, resource.attributes, config, |key| keep || !identifying(key));
        self.fill_identity(set);
        !self.job.is_empty() || !self.instance.is_empty()
    }
}
