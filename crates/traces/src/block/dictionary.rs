//! Distinct texts, numbered by first appearance.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::codec::Texts;

/// Interns byte strings. Numbers depend on the order of first appearance alone, never on the hash.
#[derive(Default)]
pub(crate) struct Dictionary {
    texts: Texts,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Dictionary {
    #[inline]
    pub(crate) fn intern(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        let texts = &self.texts;
        if let Some(place) = self.places.find(hash, |place| texts.get(*place as usize) == text) {
            return *place;
        }
        let place = self.texts.len() as u32;
        self.texts.push(text);
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.places.insert_unique(hash, place, |place| hasher.hash_one(texts.get(*place as usize)));
        place
    }

    pub(crate) fn get(&self, place: u32) -> &[u8] {
        self.texts.get(place as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_first_appearance() {
        let mut dictionary = Dictionary::default();
        let numbers: Vec<u32> =
            ["b", "a", "b", "", "a"].iter().map(|text| dictionary.intern(text.as_bytes())).collect();
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!((dictionary.len(), dictionary.get(1)), (3, b"a".as_slice()));
    }
}
