//! A mapping under a name: fields by key, and the refusal of fields that nobody knows.

use crate::error::{Position, YamlError};
use crate::node::Node;

/// One `key: value`.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub key: Box<str>,
    pub key_position: Position,
    pub value: Node,
}

/// A borrowed mapping. Keys are unique.
#[derive(Clone, Copy, Debug)]
pub struct Map<'n> {
    pub position: Position,
    pub entries: &'n [Entry],
    type_name: &'n str,
}

impl<'n> Map<'n> {
    pub(crate) fn new(position: Position, entries: &'n [Entry], type_name: &'n str) -> Self {
        Self { position, entries, type_name }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key`; `None` when it is absent or null.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// The entry of `key`, null or not.
    pub fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| *entry.key == *key)
    }

    /// Like [`Self::get`], but its absence is an error.
    pub fn required(&self, key: &str) -> Result<&'n Node, YamlError> {
        self.get(key).ok_or_else(|| {
            YamlError::new(self.position, format!("field {key} is required in {}", self.type_name))
        })
    }

    /// An error at the mapping itself.
    pub fn error(&self, message: impl Into<String>) -> YamlError {
        YamlError::new(self.position, message)
    }

    /// The first field that is not `known`, as an error.
    pub fn deny_unknown(&self, known: &[&str]) -> Result<(), YamlError> {
        self.unknown(known).next().map_or(Ok(()), Err)
    }

    /// Every field that is not `known`, as an error in Go's words, with the nearest known name.
    pub fn unknown<'k>(&self, known: &'k [&'k str]) -> impl Iterator<Item = YamlError> + use<'n, 'k> {
        let type_name = self.type_name;
        self.entries.iter().filter(move |entry| !known.contains(&&*entry.key)).map(move |entry| {
            let message = format!("field {} not found in type {type_name}", entry.key);
            let suggestion = stdx::nearest::nearest(&entry.key, known.iter().copied());
            YamlError {
                suggestion: suggestion.map(str::to_owned),
                ..YamlError::new(entry.key_position, message)
            }
        })
    }

    // Fields with a default: absent and null are `None`.

    pub fn str(&self, key: &str) -> Result<Option<&'n str>, YamlError> {
        self.get(key).map(Node::str).transpose()
    }

    pub fn bool(&self, key: &str) -> Result<Option<bool>, YamlError> {
        self.get(key).map(Node::bool).transpose()
    }

    pub fn i64(&self, key: &str) -> Result<Option<i64>, YamlError> {
        self.get(key).map(Node::i64).transpose()
    }

    pub fn u64(&self, key: &str) -> Result<Option<u64>, YamlError> {
        self.get(key).map(Node::u64).transpose()
    }

    pub fn f64(&self, key: &str) -> Result<Option<f64>, YamlError> {
        self.get(key).map(Node::f64).transpose()
    }

    /// The items; none when absent.
    pub fn list(&self, key: &str) -> Result<&'n [Node], YamlError> {
        self.get(key).map_or(Ok(&[]), Node::list)
    }

    pub fn strings(&self, key: &str) -> Result<Vec<&'n str>, YamlError> {
        self.get(key).map_or(Ok(Vec::new()), Node::strings)
    }

    /// A field read by `read`, as in [`Node::parsed`].
    pub fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, YamlError> {
        self.get(key).map(|node| node.parsed(read)).transpose()
    }
}
