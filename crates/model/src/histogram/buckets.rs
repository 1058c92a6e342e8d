//! One side of a sparse histogram: spans that say which buckets exist, and one count for each.

use super::bounds::target_index;
use super::cell::Cell;
use std::sync::Arc;

/// A run of neighbouring buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Gap to the span before; for the first span, the index of its first bucket (may be negative).
    pub offset: i32,
    pub length: u32,
}

/// Spans and counts. The spans are shared: histograms of one series mostly have one layout.
#[derive(Clone, Debug, Default)]
pub struct Buckets<C> {
    pub spans: Arc<[Span]>,
    pub counts: Vec<C>,
}

impl<C: Copy> Buckets<C> {
    pub fn new(spans: impl Into<Arc<[Span]>>, counts: Vec<C>) -> Self {
        Self { spans: spans.into(), counts }
    }

    /// Buckets in ascending order of index. Counts without a span and spans without counts are left out.
    pub fn iter(&self) -> impl Iterator<Item = (i32, C)> + '_ {
        indices(&self.spans).zip(self.counts.iter().copied())
    }

    /// Buckets in descending order of index.
    pub fn iter_reverse(&self) -> impl Iterator<Item = (i32, C)> + '_ {
        // Counts without a span are left out here too: they are the last ones.
        let described: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        let present = self.counts.len().min(usize::try_from(described).unwrap_or(usize::MAX));
        indices_reverse(&self.spans, present).zip(self.counts[..present].iter().rev().copied())
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn clear(&mut self) {
        self.spans = Arc::default();
        self.counts.clear();
    }

    /// Whether both describe the same buckets: spans of no length and spans that touch do not matter.
    pub fn same_layout<D>(&self, other: &Buckets<D>) -> bool {
        if Arc::ptr_eq(&self.spans, &other.spans) || self.spans == other.spans {
            return true;
        }
        runs(&self.spans).eq(runs(&other.spans))
    }
}

impl<C: Cell> Buckets<C> {
    /// Drops empty buckets and joins spans that are at most `most_empty` apart (the gap is then filled with zeros).
    pub fn compact(&mut self, most_empty: usize) {
        let tidy = self.counts.iter().all(|count| !count.is_empty())
            && self.spans.iter().enumerate().all(|(place, span)| {
                span.length > 0
                    && (place == 0 || i64::from(span.offset) > i64::try_from(most_empty).unwrap_or(i64::MAX))
            });
        if tidy {
            return;
        }
        let mut compacted = Builder::with_capacity(self.counts.len());
        for (index, count) in self.iter().filter(|(_, count)| !count.is_empty()) {
            compacted.push_near(index, count, most_empty);
        }
        *self = compacted.finish();
    }

    /// Merges the buckets to those of schema `target`, which is at most `origin`.
    pub fn reduce_resolution(&self, origin: i8, target: i8) -> Self {
        let mut reduced = Builder::with_capacity(self.counts.len());
        for (index, count) in self.iter() {
            reduced.add(target_index(index, origin, target), count);
        }
        reduced.finish()
    }
}

/// Builds one side from buckets in ascending order.
pub(super) struct Builder<C> {
    spans: Vec<Span>,
    counts: Vec<C>,
    /// Index of the last bucket.
    last: i32,
}

impl<C: Cell> Builder<C> {
    pub fn with_capacity(buckets: usize) -> Self {
        Self { spans: Vec::new(), counts: Vec::with_capacity(buckets), last: 0 }
    }

    /// Appends a bucket; `index` is above all before.
    pub fn push(&mut self, index: i32, count: C) {
        match self.spans.last_mut() {
            Some(span) if index == self.last.wrapping_add(1) => span.length = span.length.saturating_add(1),
            Some(_) => {
                let offset = index.wrapping_sub(self.last).wrapping_sub(1);
                self.spans.push(Span { offset, length: 1 });
            }
            None => self.spans.push(Span { offset: index, length: 1 }),
        }
        self.counts.push(count);
        self.last = index;
    }

    /// Appends a bucket, or adds to the last one when it is the same.
    pub fn add(&mut self, index: i32, count: C) {
        match self.counts.last_mut() {
            Some(last) if index == self.last => last.add(count),
            _ => self.push(index, count),
        }
    }

    /// Appends a bucket and fills a gap of at most `most_empty` buckets before it.
    fn push_near(&mut self, index: i32, count: C, most_empty: usize) {
        if !self.spans.is_empty() && most_empty > 0 {
            let gap = i64::from(index) - i64::from(self.last) - 1;
            if gap > 0 && gap <= i64::try_from(most_empty).unwrap_or(i64::MAX) && gap <= MOST_FILLED {
                for _ in 0..gap {
                    self.push(self.last.wrapping_add(1), C::default());
                }
            }
        }
        self.push(index, count);
    }

    pub fn finish(self) -> Buckets<C> {
        Buckets { spans: self.spans.into(), counts: self.counts }
    }
}

/// A gap wider than this is never filled: two populated buckets at the ends of the index space must not cost gigabytes.
const MOST_FILLED: i64 = 1 << 16;

fn indices(spans: &[Span]) -> impl Iterator<Item = i32> + '_ {
    let mut next = 0i32;
    spans.iter().flat_map(move |span| {
        let first = next.wrapping_add(span.offset);
        next = first.wrapping_add_unsigned(span.length);
        (0..span.length).map(move |place| first.wrapping_add_unsigned(place))
    })
}

/// The first `limit` indices, last first.
fn indices_reverse(spans: &[Span], limit: usize) -> impl Iterator<Item = i32> + '_ {
    let mut left = u32::try_from(limit).unwrap_or(u32::MAX);
    let mut end = 0i32;
    let mut used = 0;
    let mut length_of_last = 0;
    while left > 0 && used < spans.len() {
        length_of_last = spans[used].length.min(left);
        left -= length_of_last;
        end = end.wrapping_add(spans[used].offset).wrapping_add_unsigned(length_of_last);
        used += 1;
    }
    spans[..used].iter().enumerate().rev().flat_map(move |(place, span)| {
        let length = if place + 1 == used { length_of_last } else { span.length };
        let first = end.wrapping_sub_unsigned(length);
        end = first.wrapping_sub(span.offset);
        (0..length).rev().map(move |place| first.wrapping_add_unsigned(place))
    })
}

/// First bucket and length of each maximal run.
fn runs(spans: &[Span]) -> impl Iterator<Item = (i32, u32)> + '_ {
    let mut end = 0i32;
    let mut populated = spans
        .iter()
        .filter_map(move |span| {
            let first = end.wrapping_add(span.offset);
            end = first.wrapping_add_unsigned(span.length);
            (span.length > 0).then_some((first, span.length))
        })
        .peekable();
    std::iter::from_fn(move || {
        let (first, mut length) = populated.next()?;
        while let Some((_, more)) =
            populated.next_if(|(next, _)| *next == first.wrapping_add_unsigned(length))
        {
            length = length.saturating_add(more);
        }
        Some((first, length))
    })
}
