//! Profile types: `process_cpu:cpu:nanoseconds:cpu:nanoseconds`, and the labels that carry them in every series.

use std::fmt;
use std::str::FromStr;

use model::Labels;

/// What a profile measures.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileType {
    /// Such as `process_cpu` or `memory`.
    pub name: String,
    pub sample_type: String,
    pub sample_unit: String,
    pub period_type: String,
    pub period_unit: String,
}

/// Labels of every series. Their values are those of its type.
pub const NAME: &str = "__name__";
pub const PROFILE_TYPE: &str = "__profile_type__";
pub const TYPE: &str = "__type__";
pub const UNIT: &str = "__unit__";
pub const PERIOD_TYPE: &str = "__period_type__";
pub const PERIOD_UNIT: &str = "__period_unit__";
pub const SERVICE_NAME: &str = "service_name";

/// The text that Pyroscope answers with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got({count}): {text:?}"
)]
pub struct BadProfileType {
    pub count: usize,
    pub text: String,
}

impl FromStr for ProfileType {
    type Err = BadProfileType;

    fn from_str(text: &str) -> Result<Self, BadProfileType> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [name, sample_type, sample_unit, period_type, period_unit]
            | [name, sample_type, sample_unit, period_type, period_unit, "delta"] => Ok(Self {
                name: (*name).to_owned(),
                sample_type: (*sample_type).to_owned(),
                sample_unit: (*sample_unit).to_owned(),
                period_type: (*period_type).to_owned(),
                period_unit: (*period_unit).to_owned(),
            }),
            _ => Err(BadProfileType { count: parts.len(), text: text.to_owned() }),
        }
    }
}

impl fmt::Display for ProfileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sample_type, sample_unit, period_type, period_unit } = self;
        write!(f, "{name}:{sample_type}:{sample_unit}:{period_type}:{period_unit}")
    }
}

impl ProfileType {
    /// The name by which Pyroscope's clients know a sample type that comes without one.
    pub fn usual_name(sample_type: &str) -> &str {
        match sample_type {
            "cpu" | "samples" => "process_cpu",
            "alloc_objects" | "alloc_space" | "inuse_objects" | "inuse_space" | "allocations" => "memory",
            "contentions" | "delay" => "mutex",
            "goroutine" | "goroutines" => "goroutines",
            other => other,
        }
    }

    /// `labels` with those of this type.
    pub(crate) fn series(&self, labels: impl IntoIterator<Item = (String, String)>) -> Labels {
        let own = [
            (NAME, self.name.clone()),
            (PROFILE_TYPE, self.to_string()),
            (TYPE, self.sample_type.clone()),
            (UNIT, self.sample_unit.clone()),
            (PERIOD_TYPE, self.period_type.clone()),
            (PERIOD_UNIT, self.period_unit.clone()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        Labels::from_pairs(labels.into_iter().chain(own))
    }

    /// The type of a series.
    pub fn of(series: &Labels) -> Option<Self> {
        series.get(PROFILE_TYPE).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_written_and_bad_ones_told() {
        let text = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
        assert_eq!(text.parse::<ProfileType>().unwrap().to_string(), text);
        assert_eq!(format!("{text}:delta").parse::<ProfileType>().unwrap().to_string(), text);
        assert_eq!(
            "cpu".parse::<ProfileType>().unwrap_err().to_string(),
            "profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got(1): \"cpu\""
        );
    }
}
