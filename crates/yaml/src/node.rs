//! A node and its typed getters. A getter fails with the place and Go's words: "cannot unmarshal !!str `abc` into int".

use crate::error::{Position, YamlError};
use crate::map::{Entry, Map};
use crate::scalar;

#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub position: Position,
    pub kind: Kind,
}

/// How a scalar was written: only a plain one may be a number, a boolean or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Style {
    Plain,
    /// In quotes, as a block, or tagged `!!str`.
    Text,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    Scalar { text: Box<str>, style: Style },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl Node {
    /// An error at this node.
    pub fn error(&self, message: impl Into<String>) -> YamlError {
        YamlError::new(self.position, message)
    }

    /// Empty, `~` or `null`: the field is as good as absent.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: Style::Plain } if scalar::is_null(text))
    }

    /// The mapping; nothing at all is an empty one. `type_name` says in errors of [`Map::deny_unknown`] what it describes.
    pub fn map<'n>(&'n self, type_name: &'n str) -> Result<Map<'n>, YamlError> {
        match &self.kind {
            Kind::Map(entries) => Ok(Map::new(self.position, entries, type_name)),
            _ if self.is_null() => Ok(Map::new(self.position, &[], type_name)),
            _ => Err(self.mismatch(type_name)),
        }
    }

    /// The items; nothing at all is none.
    pub fn list(&self) -> Result<&[Self], YamlError> {
        match &self.kind {
            Kind::List(items) => Ok(items),
            _ if self.is_null() => Ok(&[]),
            _ => Err(self.mismatch("list")),
        }
    }

    /// Any scalar as it was written; nothing is the empty string.
    pub fn str(&self) -> Result<&str, YamlError> {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => Ok(""),
            Kind::Scalar { text, .. } => Ok(text),
            _ => Err(self.mismatch("string")),
        }
    }

    /// `true`, `false`, and the older `yes`, `no`, `on`, `off`.
    pub fn bool(&self) -> Result<bool, YamlError> {
        self.plain().and_then(scalar::boolean).ok_or_else(|| self.mismatch("bool"))
    }

    pub fn i64(&self) -> Result<i64, YamlError> {
        let number = self.plain().and_then(scalar::integer);
        number.and_then(|number| i64::try_from(number).ok()).ok_or_else(|| self.mismatch("int"))
    }

    pub fn u64(&self) -> Result<u64, YamlError> {
        let number = self.plain().and_then(scalar::integer);
        number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| self.mismatch("uint"))
    }

    pub fn f64(&self) -> Result<f64, YamlError> {
        self.plain().and_then(scalar::float).ok_or_else(|| self.mismatch("float64"))
    }

    /// The string, read by `read`; its error gets the place.
    pub fn parsed<T, E: std::fmt::Display>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, YamlError> {
        read(self.str()?).map_err(|error| self.error(error.to_string()))
    }

    /// One string, or a list of them.
    pub fn strings(&self) -> Result<Vec<&str>, YamlError> {
        self.list()?.iter().map(Self::str).collect()
    }

    fn plain(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, style: Style::Plain } => Some(text),
            _ => None,
        }
    }

    /// "cannot unmarshal !!seq into string".
    fn mismatch(&self, wanted: &str) -> YamlError {
        const SHOWN: usize = 10;
        let what = match &self.kind {
            Kind::List(_) => "!!seq".to_owned(),
            Kind::Map(_) => "!!map".to_owned(),
            Kind::Scalar { text, style } => {
                let tag = match style {
                    Style::Text => "!!str",
                    Style::Plain => scalar::tag(text),
                };
                if text.chars().count() > SHOWN {
                    let head: String = text.chars().take(SHOWN - 3).collect();
                    format!("{tag} `{head}...`")
                } else {
                    format!("{tag} `{text}`")
                }
            }
        };
        self.error(format!("cannot unmarshal {what} into {wanted}"))
    }
}
