//! YAML of the field's configuration files, as a tree where every node knows its line and column.
//!
//! `parse` builds the tree: aliases and merge keys (`<<`) are resolved, duplicate keys refused, and depth, size and the
//! growth through aliases are bounded by [`Limits`]. `node` has the typed getters, whose errors are worded like those of
//! Go's YAML, which users of Prometheus, Alertmanager and the Collector know; a field that nobody knows gets a suggestion.
//! A file format is then a function from [`Node`] to a struct: no derive, no field that is read and ignored.

mod error;
mod map;
mod node;
mod parse;
mod scalar;

pub use error::{Position, YamlError};
pub use map::{Entry, Map};
pub use node::{Kind, Node, Style};
pub use parse::{Limits, parse, parse_all, parse_with};
