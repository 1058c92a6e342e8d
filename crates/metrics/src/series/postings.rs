//! The series that have one label value: inline while they are few, a roaring bitmap from then on.

use roaring::RoaringBitmap;
use smallvec::SmallVec;

/// More than this go into a bitmap.
const FEW_MAX: usize = 16;

/// Sorted, each once.
pub enum Postings {
    Few(SmallVec<[u32; 4]>),
    Many(RoaringBitmap),
}

impl Default for Postings {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl Postings {
    pub fn insert(&mut self, id: u32) {
        match self {
            Self::Few(few) => {
                if let Err(place) = few.binary_search(&id) {
                    few.insert(place, id);
                    if few.len() > FEW_MAX {
                        *self = Self::Many(few.iter().copied().collect());
                    }
                }
            }
            Self::Many(many) => {
                many.insert(id);
            }
        }
    }

    pub fn remove(&mut self, id: u32) {
        match self {
            Self::Few(few) => few.retain(|have| *have != id),
            Self::Many(many) => {
                many.remove(id);
            }
        }
    }

    pub fn len(&self) -> u64 {
        match self {
            Self::Few(few) => few.len() as u64,
            Self::Many(many) => many.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    pub fn to_bitmap(&self) -> RoaringBitmap {
        match self {
            Self::Few(few) => few.iter().copied().collect(),
            Self::Many(many) => many.clone(),
        }
    }
}

/// Gathers the union of many postings: small ones as plain numbers that are sorted once, bitmaps as bitmaps.
#[derive(Default)]
pub struct Union {
    few: Vec<u32>,
    many: RoaringBitmap,
}

impl Union {
    pub fn add(&mut self, postings: &Postings) {
        match postings {
            Postings::Few(few) => self.few.extend_from_slice(few),
            Postings::Many(many) => self.many |= many,
        }
    }

    pub fn add_ids(&mut self, ids: &[u32]) {
        self.few.extend_from_slice(ids);
    }

    pub fn add_bitmap(&mut self, ids: &RoaringBitmap) {
        self.many |= ids;
    }

    pub fn finish(mut self) -> RoaringBitmap {
        self.few.sort_unstable();
        self.few.dedup();
        let few = RoaringBitmap::from_sorted_iter(self.few).expect("sorted and without duplicates");
        self.many |= few;
        self.many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_grow_into_bitmaps_and_shrink() {
        let mut postings = Postings::default();
        for id in (0..100).rev() {
            postings.insert(id);
            postings.insert(id);
        }
        assert!(matches!(postings, Postings::Many(_)));
        (0..99).for_each(|id| postings.remove(id));
        assert_eq!((postings.len(), postings.to_bitmap().min()), (1, Some(99)));
        postings.remove(99);
        assert!(postings.is_empty());
        let mut union = Union::default();
        union.add_ids(&[3, 1, 3]);
        union.add_bitmap(&[2, 3].into_iter().collect());
        assert_eq!(union.finish().into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }
}
