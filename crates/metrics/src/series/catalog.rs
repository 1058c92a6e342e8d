//! All series of one tenant that heads know: their labels by number, and the index over them.
//!
//! A series is its number ([`SeriesId`]); numbers are dense, and one that is given back is used again, but only after no head generation
//! can hold it (the registry sees to that). Labels are kept as pairs of interned strings in one arena. The counts of the index are the
//! cardinality accounts: kept as series come and go, never recounted.

use std::convert::Infallible;

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;
use stdx::varint::{put_u64, take_u64};

use super::labels::{put_key, put_label};
use super::postings::{Postings, Union};
use super::select::Index;
use super::symbols::{Symbol, Symbols, grow};

/// Number of a series within its tenant, while it is active.
pub type SeriesId = u32;

/// What a posting takes, roughly: two bytes in a bitmap's array, more with its containers.
const POSTING_BYTES: usize = 3;
/// Marks a number that no series has.
const NOWHERE: u32 = u32::MAX;
/// The label arena is rewritten when more than this, and half of it, is waste.
const WASTE_MIN: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Place {
    start: u32,
    len: u32,
}

struct Value {
    symbol: Symbol,
    postings: Postings,
}

#[derive(Default)]
struct Name {
    values: Vec<Value>,
    by_symbol: HashMap<Symbol, u32, FxBuildHasher>,
}

/// Labels and index of one tenant's series.
#[derive(Default)]
pub struct Catalog {
    symbols: Symbols,
    names: HashMap<Symbol, Name, FxBuildHasher>,
    places: Vec<Place>,
    arena: Vec<u8>,
    waste: usize,
    /// Labels of all series together.
    pairs_used: usize,
    all: RoaringBitmap,
}

/// No more room: the label arena of one tenant is bounded by its addresses.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Catalog {
    pub fn len(&self) -> u64 {
        self.all.len()
    }

    /// Gives series `id` its labels (sorted, checked). `id` has none yet.
    pub fn add(&mut self, id: SeriesId, labels: &[(&str, &str)]) -> Result<(), Full> {
        let text_len: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        if !self.symbols.has_room(text_len) || self.arena.len() > u32::MAX as usize - labels.len() * 10 {
            return Err(Full);
        }
        let start = self.arena.len();
        grow(&mut self.arena, labels.len() * 10);
        for (name, value) in labels {
            let (name, value) = (self.symbols.intern(name), self.symbols.intern(value));
            put_u64(&mut self.arena, u64::from(name));
            put_u64(&mut self.arena, u64::from(value));
            self.names.entry(name).or_default().insert(value, id);
        }
        let place = Place { start: start as u32, len: (self.arena.len() - start) as u32 };
        if self.places.len() <= id as usize {
            let more = id as usize + 1 - self.places.len();
            if self.places.capacity() - self.places.len() < more {
                self.places.reserve_exact(more.max(self.places.len() / 4).max(1024));
            }
            self.places.resize(id as usize + 1, Place { start: NOWHERE, len: 0 });
        }
        self.places[id as usize] = place;
        self.pairs_used += labels.len();
        self.all.insert(id);
        Ok(())
    }

    /// Forgets series `id`.
    pub fn remove(&mut self, id: SeriesId) {
        if !self.all.remove(id) {
            return;
        }
        let pairs = self.pairs(id).collect::<Vec<_>>();
        self.pairs_used -= pairs.len();
        for (name, value) in pairs {
            if let Some(of_name) = self.names.get_mut(&name) {
                of_name.remove(value, id);
                if of_name.values.is_empty() {
                    self.names.remove(&name);
                }
            }
            self.symbols.release(name);
            self.symbols.release(value);
        }
        self.waste += self.places[id as usize].len as usize;
        self.places[id as usize].start = NOWHERE;
        if self.waste > WASTE_MIN && self.waste > self.arena.len() / 2 {
            self.rewrite();
        }
    }

    fn rewrite(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.waste);
        for place in self.places.iter_mut().filter(|place| place.start != NOWHERE) {
            let start = arena.len() as u32;
            let from = place.start as usize;
            arena.extend_from_slice(&self.arena[from..from + place.len as usize]);
            place.start = start;
        }
        (self.arena, self.waste) = (arena, 0);
    }

    fn pairs(&self, id: SeriesId) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        let bytes = match self.places.get(id as usize) {
            Some(place) if place.start != NOWHERE => {
                &self.arena[place.start as usize..(place.start + place.len) as usize]
            }
            _ => &[],
        };
        Pairs(bytes)
    }

    /// The labels of series `id`, sorted by name; none if there is no such series.
    pub fn labels(&self, id: SeriesId) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.pairs(id).map(|(name, value)| (self.symbols.get(name), self.symbols.get(value)))
    }

    /// Appends the sort key of series `id`.
    pub fn put_key(&self, out: &mut Vec<u8>, id: SeriesId) {
        self.labels(id).for_each(|(name, value)| put_key(out, name, value));
    }

    /// Appends the wire form of series `id`.
    pub fn put_wire(&self, out: &mut Vec<u8>, id: SeriesId) {
        self.labels(id).for_each(|(name, value)| put_label(out, name, value));
    }

    pub fn names(&self) -> impl Iterator<Item = &str> + '_ {
        self.names.keys().map(|&name| self.symbols.get(name))
    }

    /// Values of `name` with the number of series that have each.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, u64)> + 'a {
        let of_name = self.symbols.find(name).and_then(|name| self.names.get(&name));
        let values = of_name.map_or(&[][..], |of_name| &of_name.values);
        values.iter().map(|value| (self.symbols.get(value.symbol), value.postings.len()))
    }

    /// Bytes that the values of `name` take, each counted as often as it is used.
    pub fn value_bytes(&self, name: &str) -> u64 {
        self.values(name).map(|(value, series)| value.len() as u64 * series).sum()
    }

    pub fn pair_count(&self) -> u64 {
        self.names.values().map(|name| name.values.len() as u64).sum()
    }

    fn postings(&self, name: &str, value: &str) -> Option<&Postings> {
        let of_name = self.names.get(&self.symbols.find(name)?)?;
        let place = *of_name.by_symbol.get(&self.symbols.find(value)?)?;
        Some(&of_name.values[place as usize].postings)
    }

    /// Rough bytes of memory; counting walks names, not values or series.
    pub fn bytes(&self) -> usize {
        let index: usize = self
            .names
            .values()
            .map(|name| name.values.capacity() * size_of::<Value>() + name.by_symbol.allocation_size())
            .sum();
        self.symbols.bytes()
            + self.arena.capacity()
            + self.places.capacity() * size_of::<Place>()
            + self.all.serialized_size()
            + self.pairs_used * POSTING_BYTES
            + index
    }
}

impl Name {
    fn insert(&mut self, value: Symbol, id: SeriesId) {
        let next = self.values.len() as u32;
        let place = *self.by_symbol.entry(value).or_insert(next);
        if place == next {
            self.values.push(Value { symbol: value, postings: Postings::default() });
        }
        self.values[place as usize].postings.insert(id);
    }

    fn remove(&mut self, value: Symbol, id: SeriesId) {
        let Some(&place) = self.by_symbol.get(&value) else { return };
        let postings = &mut self.values[place as usize].postings;
        postings.remove(id);
        if postings.is_empty() {
            self.by_symbol.remove(&value);
            self.values.swap_remove(place as usize);
            if let Some(moved) = self.values.get(place as usize) {
                self.by_symbol.insert(moved.symbol, place);
            }
        }
    }
}

struct Pairs<'a>(&'a [u8]);

impl Iterator for Pairs<'_> {
    type Item = (Symbol, Symbol);

    fn next(&mut self) -> Option<Self::Item> {
        Some((take_u64(&mut self.0)? as Symbol, take_u64(&mut self.0)? as Symbol))
    }
}

impl Index for Catalog {
    type Error = Infallible;

    fn all(&self) -> Result<RoaringBitmap, Infallible> {
        Ok(self.all.clone())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, Infallible> {
        Ok(self.postings(name, value).map(Postings::to_bitmap).unwrap_or_default())
    }

    fn value_count(&self, name: &str) -> Result<usize, Infallible> {
        let of_name = self.symbols.find(name).and_then(|name| self.names.get(&name));
        Ok(of_name.map_or(0, |of_name| of_name.values.len()))
    }

    fn union(
        &self,
        name: &str,
        prefix: &str,
        accept: &mut dyn FnMut(&str) -> bool,
        into: &mut Union,
    ) -> Result<(), Infallible> {
        let of_name = self.symbols.find(name).and_then(|name| self.names.get(&name));
        for value in of_name.map_or(&[][..], |of_name| &of_name.values) {
            let text = self.symbols.get(value.symbol);
            if text.starts_with(prefix) && accept(text) {
                into.add(&value.postings);
            }
        }
        Ok(())
    }

    fn value_of(&self, series: u32, name: &str) -> Result<String, Infallible> {
        let found = self.labels(series).find(|(have, _)| *have == name);
        Ok(found.map_or("", |(_, value)| value).to_owned())
    }
}

/// Labels named in an error text.
const WORST_LABELS: usize = 3;

impl Catalog {
    /// The labels with the most values, as an error text shows them.
    pub fn worst_labels(&self) -> String {
        let mut labels: Vec<(usize, &str)> = self
            .names
            .iter()
            .map(|(&name, of_name)| (of_name.values.len(), self.symbols.get(name)))
            .collect();
        labels.sort_by(|a, b| b.cmp(a));
        let shown = labels.iter().take(WORST_LABELS).map(|(count, name)| format!("{name} ({count})"));
        shown.collect::<Vec<_>>().join(", ")
    }
}
