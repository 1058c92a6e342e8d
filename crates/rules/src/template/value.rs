//! Values of a template: what Go would hold in an `interface{}`, as far as alerts need it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{AlertData, AlertValue, QuerySample};

#[derive(Clone, Debug)]
pub enum Value {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Rc<str>),
    /// Labels: a name that is absent is the empty text.
    Labels(Rc<BTreeMap<String, String>>),
    /// Anything by name: a name that is absent is nil.
    Map(Rc<BTreeMap<String, Value>>),
    List(Rc<Vec<Value>>),
    Sample(Rc<QuerySample>),
    /// Seconds since 1970.
    Time(f64),
    /// Nanoseconds.
    Duration(i64),
    Alert(Rc<AlertData>),
}

impl Value {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// Go's name of the type, for error texts.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Labels(_) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::List(_) => "template.queryResult",
            Self::Sample(_) => "*template.sample",
            Self::Time(_) => "*time.Time",
            Self::Duration(_) => "*time.Duration",
            Self::Alert(_) => "template.AlertData",
        }
    }

    /// What `if`, `with`, `and` and `or` make of it.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Integer(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Sample(_) | Self::Time(_) | Self::Alert(_) => true,
            Self::Duration(nanoseconds) => *nanoseconds != 0,
        }
    }

    pub(super) fn field(&self, name: &str) -> Result<Self, String> {
        let text = |text: Option<&String>| Self::text(text.map_or("", String::as_str));
        Ok(match self {
            Self::Labels(labels) => text(labels.get(name)),
            Self::Map(map) => map.get(name).cloned().unwrap_or(Self::Nil),
            Self::Sample(sample) => match name {
                "Labels" => Self::Labels(Rc::new(sample.labels.clone())),
                "Value" => Self::Float(sample.value),
                _ => return Err(self.no_field(name)),
            },
            Self::Alert(alert) => match name {
                "Labels" => Self::Labels(Rc::new(alert.labels.clone())),
                "ExternalLabels" => Self::Labels(Rc::new(alert.external_labels.clone())),
                "ExternalURL" => Self::text(&alert.external_url),
                "Value" => match &alert.value {
                    AlertValue::Number(number) => Self::Float(*number),
                    AlertValue::Text(text) => Self::text(text),
                },
                _ => return Err(self.no_field(name)),
            },
            Self::Nil => return Err(format!("nil data; no entry for key \"{name}\"")),
            _ => return Err(self.no_field(name)),
        })
    }

    fn no_field(&self, name: &str) -> String {
        format!("can't evaluate field {name} in type {}", self.type_name())
    }
}
