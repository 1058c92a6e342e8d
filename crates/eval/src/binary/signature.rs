//! By which labels the two sides of an operator find each other.

use model::Labels;
use promql::ast::Matching;
use rustc_hash::FxHashMap;

/// Computes signatures as small numbers, equal for label sets that match.
pub struct Signatures {
    on: bool,
    names: Vec<Box<str>>,
    known: FxHashMap<Vec<u8>, u32>,
    key: Vec<u8>,
}

const SEPARATOR: u8 = 0xff;

impl Signatures {
    pub fn new(matching: &Matching) -> Self {
        let mut names: Vec<Box<str>> = matching.labels.clone();
        if !matching.on {
            names.push(Labels::METRIC_NAME.into());
        }
        names.sort();
        names.dedup();
        Self { on: matching.on, names, known: FxHashMap::default(), key: Vec::new() }
    }

    pub fn of(&mut self, labels: &Labels) -> u32 {
        self.key.clear();
        if self.on {
            for name in &self.names {
                self.key.extend_from_slice(labels.get(name).as_bytes());
                self.key.push(SEPARATOR);
            }
        } else {
            let is_ignored = |name: &str| self.names.binary_search_by(|have| (**have).cmp(name)).is_ok();
            for (name, value) in labels.iter().filter(|(name, _)| !is_ignored(name)) {
                self.key.extend_from_slice(name.as_bytes());
                self.key.push(SEPARATOR);
                self.key.extend_from_slice(value.as_bytes());
                self.key.push(SEPARATOR);
            }
        }
        if let Some(known) = self.known.get(&self.key) {
            return *known;
        }
        let next = self.known.len() as u32;
        self.known.insert(self.key.clone(), next);
        next
    }

    /// How many different signatures there were.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The labels that took part in the match, for error texts and filled-in sides.
    pub fn match_labels(matching: &Matching, labels: &Labels) -> Labels {
        let named = |name: &str| matching.labels.iter().any(|label| **label == *name);
        match matching.on {
            true => labels.without(|name| !named(name)),
            false => labels.without(|name| named(name) || name == Labels::METRIC_NAME),
        }
    }
}
