//! Reading the index of one tenant in a block: the counterpart of [`super::index`], and the block's side of selection.

use std::sync::Arc;

use bytes::Bytes;
use roaring::RoaringBitmap;
use stdx::varint::{take_bytes, take_u64};
use store::container::ContainerError;
use store::{BlockReader, SectionKey};

use super::cache::{BlockId, Cache, Cached};
use super::index::{CHUNK_SERIES, FEW_MAX};
use super::kind;
use crate::series::labels::put_key;
use crate::series::postings::Union;
use crate::series::select::Index;

/// Names of labels, sorted.
pub struct Names {
    pub series: u32,
    pub names: Vec<NameEntry>,
}

pub struct NameEntry {
    pub text: Box<str>,
    pub values: u64,
    pub series: u64,
}

/// Values of one label, sorted.
pub struct Values {
    text: Vec<u8>,
    ends: Vec<u32>,
    /// For each value: how many series, and the series if it is one, else where its postings begin.
    postings: Vec<(u32, u32)>,
}

/// Label sets of one chunk of series, as numbers.
pub struct LabelSets {
    pairs: Vec<(u32, u32)>,
    ends: Vec<u32>,
}

fn parse_names(mut input: &[u8]) -> Option<Names> {
    let input = &mut input;
    let series = u32::try_from(take_u64(input)?).ok()?;
    let mut names = Vec::new();
    for _ in 0..take_u64(input)? {
        let text = std::str::from_utf8(take_bytes(input)?).ok()?.into();
        names.push(NameEntry { text, values: take_u64(input)?, series: take_u64(input)? });
    }
    Some(Names { series, names })
}

fn parse_values(mut input: &[u8]) -> Option<Values> {
    let input = &mut input;
    let count = usize::try_from(take_u64(input)?).ok()?;
    let mut values = Values { text: Vec::new(), ends: Vec::new(), postings: Vec::new() };
    values.ends.reserve(count.min(input.len()));
    values.postings.reserve(count.min(input.len()));
    let (mut before, mut at) = (0, 0u64);
    for _ in 0..count {
        let shared = usize::try_from(take_u64(input)?).ok()?;
        let start = values.text.len();
        if shared > start - before {
            return None;
        }
        values.text.extend_from_within(before..before + shared);
        values.text.extend_from_slice(take_bytes(input)?);
        std::str::from_utf8(&values.text[start..]).ok()?;
        values.ends.push(u32::try_from(values.text.len()).ok()?);
        let series = u32::try_from(take_u64(input)?).ok()?;
        let place = take_u64(input)?;
        values.postings.push((series, u32::try_from(if series == 1 { place } else { at }).ok()?));
        at += if series == 1 { 0 } else { place };
        before = start;
    }
    Some(values)
}

fn parse_labels(mut input: &[u8]) -> Option<LabelSets> {
    let mut sets = LabelSets { pairs: Vec::new(), ends: Vec::new() };
    while !input.is_empty() {
        for _ in 0..take_u64(&mut input)? {
            let name = u32::try_from(take_u64(&mut input)?).ok()?;
            sets.pairs.push((name, u32::try_from(take_u64(&mut input)?).ok()?));
        }
        sets.ends.push(sets.pairs.len() as u32);
    }
    Some(sets)
}

impl Values {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)? as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        Some(std::str::from_utf8(&self.text[start..end]).expect("checked when it was parsed"))
    }

    /// Number of the first value that is not before `text`.
    fn lower_bound(&self, text: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.get(middle).unwrap_or_default() < text { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn find(&self, text: &str) -> Option<usize> {
        let number = self.lower_bound(text);
        (self.get(number)? == text).then_some(number)
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 12
    }
}

/// One tenant's index in one block.
pub struct BlockIndex<'a> {
    pub block: &'a BlockReader,
    pub id: BlockId,
    pub tenant: u32,
    pub cache: &'a Cache,
    pub names: Arc<Names>,
}

impl<'a> BlockIndex<'a> {
    pub fn open(
        block: &'a BlockReader,
        id: BlockId,
        tenant: u32,
        cache: &'a Cache,
    ) -> Result<Self, ContainerError> {
        let key = SectionKey { tenant, kind: kind::NAMES, id: 0 };
        let cached = cache.get(id, key, || {
            let names = match block.section(key)? {
                Some(bytes) => parse_names(&bytes).ok_or_else(|| block.corrupt(key, "names do not parse"))?,
                None => Names { series: 0, names: Vec::new() },
            };
            let bytes = names.names.iter().map(|name| name.text.len() + size_of::<NameEntry>()).sum();
            Ok((Cached::Names(Arc::new(names)), bytes))
        })?;
        let Cached::Names(names) = cached else { return Err(block.corrupt(key, "cached as something else")) };
        Ok(Self { block, id, tenant, cache, names })
    }

    fn key(&self, kind: u16, id: u64) -> SectionKey {
        SectionKey { tenant: self.tenant, kind, id }
    }

    fn name_number(&self, name: &str) -> Option<u64> {
        let found = self.names.names.binary_search_by(|have| (*have.text).cmp(name));
        found.ok().map(|number| number as u64)
    }

    pub fn values(&self, number: u64) -> Result<Arc<Values>, ContainerError> {
        let key = self.key(kind::VALUES, number);
        let cached = self.cache.get(self.id, key, || {
            let values = parse_values(&self.block.require(key)?)
                .ok_or_else(|| self.block.corrupt(key, "values do not parse"))?;
            let bytes = values.bytes();
            Ok((Cached::Values(Arc::new(values)), bytes))
        })?;
        match cached {
            Cached::Values(values) => Ok(values),
            _ => Err(self.block.corrupt(key, "cached as something else")),
        }
    }

    fn postings_bytes(&self, number: u64) -> Result<Bytes, ContainerError> {
        let key = self.key(kind::POSTINGS, number);
        let cached = self.cache.get(self.id, key, || {
            let bytes = self.block.require(key)?;
            let len = bytes.len();
            Ok((Cached::Bytes(bytes), len))
        })?;
        match cached {
            Cached::Bytes(bytes) => Ok(bytes),
            _ => Err(self.block.corrupt(key, "cached as something else")),
        }
    }

    fn label_sets(&self, chunk: u32) -> Result<Arc<LabelSets>, ContainerError> {
        let key = self.key(kind::LABELS, u64::from(chunk));
        let cached = self.cache.get(self.id, key, || {
            let sets = parse_labels(&self.block.require(key)?)
                .ok_or_else(|| self.block.corrupt(key, "labels do not parse"))?;
            let bytes = sets.pairs.capacity() * 8 + sets.ends.capacity() * 4;
            Ok((Cached::Labels(Arc::new(sets)), bytes))
        })?;
        match cached {
            Cached::Labels(sets) => Ok(sets),
            _ => Err(self.block.corrupt(key, "cached as something else")),
        }
    }

    /// Calls `each` with every label of a series, in order.
    fn each_label(&self, series: u32, mut each: impl FnMut(&str, &str)) -> Result<(), ContainerError> {
        let chunk = series / CHUNK_SERIES;
        let bad = || self.block.corrupt(self.key(kind::LABELS, u64::from(chunk)), "no such series");
        let sets = self.label_sets(chunk)?;
        let place = (series % CHUNK_SERIES) as usize;
        let end = *sets.ends.get(place).ok_or_else(bad)? as usize;
        let start = place.checked_sub(1).map_or(0, |before| sets.ends[before] as usize);
        for &(name, value) in &sets.pairs[start..end] {
            let values = self.values(u64::from(name))?;
            let text = values.get(value as usize).ok_or_else(bad)?;
            each(&self.names.names.get(name as usize).ok_or_else(bad)?.text, text);
        }
        Ok(())
    }

    /// Appends the sort key of a series.
    pub fn put_key(&self, series: u32, out: &mut Vec<u8>) -> Result<(), ContainerError> {
        self.each_label(series, |name, value| put_key(out, name, value))
    }

    fn postings(
        &self,
        name: u64,
        values: &Values,
        number: usize,
        into: &mut Union,
    ) -> Result<(), ContainerError> {
        let (count, place) = values.postings[number];
        if count == 1 {
            into.add_ids(&[place]);
            return Ok(());
        }
        let bytes = self.postings_bytes(name)?;
        let bad = || self.block.corrupt(self.key(kind::POSTINGS, name), "postings do not parse");
        let mut input = bytes.get(place as usize..).ok_or_else(bad)?;
        if u64::from(count) > FEW_MAX {
            into.add_bitmap(&RoaringBitmap::deserialize_from(input).map_err(|_| bad())?);
            return Ok(());
        }
        let (mut series, mut ids) = (0u32, Vec::with_capacity(count as usize));
        for _ in 0..count {
            series = series.wrapping_add(take_u64(&mut input).ok_or_else(bad)? as u32);
            ids.push(series);
        }
        into.add_ids(&ids);
        Ok(())
    }
}

impl Index for BlockIndex<'_> {
    type Error = ContainerError;

    fn all(&self) -> Result<RoaringBitmap, ContainerError> {
        Ok((0..self.names.series).collect())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, ContainerError> {
        let mut into = Union::default();
        if let Some(number) = self.name_number(name) {
            let values = self.values(number)?;
            if let Some(found) = values.find(value) {
                self.postings(number, &values, found, &mut into)?;
            }
        }
        Ok(into.finish())
    }

    fn value_count(&self, name: &str) -> Result<usize, ContainerError> {
        Ok(self.name_number(name).map_or(0, |number| self.names.names[number as usize].values as usize))
    }

    fn union(
        &self,
        name: &str,
        prefix: &str,
        accept: &mut dyn FnMut(&str) -> bool,
        into: &mut Union,
    ) -> Result<(), ContainerError> {
        let Some(number) = self.name_number(name) else { return Ok(()) };
        let values = self.values(number)?;
        for place in values.lower_bound(prefix)..values.len() {
            let text = values.get(place).unwrap_or_default();
            if !text.starts_with(prefix) {
                break;
            }
            if accept(text) {
                self.postings(number, &values, place, into)?;
            }
        }
        Ok(())
    }

    fn value_of(&self, series: u32, name: &str) -> Result<String, ContainerError> {
        let mut found = String::new();
        self.each_label(series, |have, value| {
            if have == name {
                found.push_str(value);
            }
        })?;
        Ok(found)
    }
}
