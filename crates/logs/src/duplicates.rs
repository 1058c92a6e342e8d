//! Finds exact duplicates in a sequence that is sorted by stream and time. Content is looked at only where stream and time are equal.

use std::collections::HashSet;

/// `K`: stream and time. `R`: what leads to the content.
pub(crate) struct Duplicates<K, R> {
    last: Option<(K, R)>,
    /// Contents at `last`'s key; empty until a second comes.
    contents: HashSet<u128>,
}

impl<K, R> Default for Duplicates<K, R> {
    fn default() -> Self {
        Self { last: None, contents: HashSet::new() }
    }
}

impl<K: PartialEq, R> Duplicates<K, R> {
    /// Whether an equal one with this key came before.
    #[inline]
    pub(crate) fn is_one(&mut self, key: K, row: R, content: impl FnMut(&R) -> u128) -> bool {
        match &self.last {
            Some((last, _)) if *last == key => self.check(row, content),
            _ => {
                self.last = Some((key, row));
                if !self.contents.is_empty() {
                    self.contents.clear();
                }
                false
            }
        }
    }

    #[cold]
    fn check(&mut self, row: R, mut content: impl FnMut(&R) -> u128) -> bool {
        if self.contents.is_empty()
            && let Some((_, first)) = &self.last
        {
            self.contents.insert(content(first));
        }
        !self.contents.insert(content(&row))
    }
}
