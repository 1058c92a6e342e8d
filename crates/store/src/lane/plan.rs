//! What to merge and what to let go: pure decisions over the catalog.

use std::collections::HashSet;
use std::ops::Range;

use crate::catalog::{CatalogState, Span};

/// Bounds of merging.
#[derive(Clone, Copy, Debug)]
pub(super) struct MergeBounds {
    pub fan_in: usize,
    pub bytes_max: u64,
    pub window_ms: i64,
}

/// The next neighbours to merge, as a range of spans. Oldest work first.
///
/// Either `fan_in` neighbours of one level in one window; or fewer, if one more would pass `bytes_max`; or whatever neighbours a closed
/// window still has. A span whose merge with its neighbour would pass `bytes_max` is done.
pub(super) fn next_merge(state: &CatalogState, bounds: MergeBounds) -> Option<Range<usize>> {
    let spans = &state.spans;
    let quarantined: HashSet<&str> = state.quarantined.iter().map(|file| file.name.as_str()).collect();
    let sound = |span: &Span| !span.files.iter().any(|file| quarantined.contains(file.name.as_str()));
    let window = |span: &Span| span.window_ms.div_euclid(bounds.window_ms.max(1));
    let newest = window(spans.last()?);
    let mut start = 0;
    while start < spans.len() {
        let closed = window(&spans[start]) < newest;
        let belongs = |span: &Span| {
            sound(span)
                && window(span) == window(&spans[start])
                && (closed || span.level == spans[start].level)
        };
        let (mut end, mut bytes, mut full) = (start, 0, false);
        while end < spans.len() && belongs(&spans[end]) {
            let more = bytes_of(&spans[end]);
            if bytes + more > bounds.bytes_max {
                full = true;
                break;
            }
            bytes += more;
            end += 1;
            if !closed && end - start == bounds.fan_in {
                full = true;
                break;
            }
        }
        if end - start >= 2 && (full || closed) {
            return Some(start..end);
        }
        start = end.max(start + 1);
    }
    None
}

fn bytes_of(span: &Span) -> u64 {
    span.files.iter().map(|file| file.len).sum()
}

/// Names of files to let go: too old, or the oldest of too many bytes.
pub(super) fn expired(
    state: &CatalogState,
    cutoff_ns: Option<i64>,
    bytes_max: Option<u64>,
) -> HashSet<String> {
    let mut gone: HashSet<String> = HashSet::new();
    if let Some(cutoff_ns) = cutoff_ns {
        let old = state.files().filter(|file| file.summary.max_ns < cutoff_ns);
        gone.extend(old.map(|file| file.name.clone()));
    }
    if let Some(bytes_max) = bytes_max {
        let mut live: Vec<_> = state.files().filter(|file| !gone.contains(&file.name)).collect();
        live.sort_by_key(|file| file.summary.max_ns);
        let mut bytes: u64 = live.iter().map(|file| file.len).sum();
        for file in live {
            if bytes <= bytes_max {
                break;
            }
            bytes -= file.len;
            gone.insert(file.name.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::FileEntry;
    use crate::engine::FileSummary;

    const BOUNDS: MergeBounds = MergeBounds { fan_in: 4, bytes_max: 100, window_ms: 1000 };

    /// Spans of (level, window, bytes).
    fn state(spans: &[(u8, i64, u64)]) -> CatalogState {
        let mut state = CatalogState { next_offset: spans.len() as u64, ..CatalogState::default() };
        for (place, (level, window, len)) in spans.iter().enumerate() {
            let summary = FileSummary { max_ns: place as i64, ..FileSummary::default() };
            let files = vec![FileEntry { name: place.to_string(), len: *len, summary }];
            let offsets = place as u64..place as u64 + 1;
            state.spans.push(Span { offsets, level: *level, window_ms: window * 1000, files });
        }
        state
    }

    #[test]
    fn neighbours_of_one_level_and_window_merge() {
        let check = |spans: &[(u8, i64, u64)], expect: Option<Range<usize>>| {
            assert_eq!(next_merge(&state(spans), BOUNDS), expect, "{spans:?}");
        };
        check(&[], None);
        check(&[(0, 0, 1); 3], None);
        check(&[(0, 0, 1); 4], Some(0..4));
        check(&[(1, 0, 9), (0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)], Some(1..5));
        // A window that is over takes what it has, of any level.
        check(&[(1, 0, 9), (0, 0, 1), (0, 1, 1)], Some(0..2));
        check(&[(2, 0, 9), (0, 1, 1)], None);
        // Never over the bound; what cannot grow is done.
        check(&[(0, 0, 60), (0, 0, 30), (0, 0, 30)], Some(0..2));
        check(&[(1, 0, 60), (1, 0, 60), (1, 1, 60)], None);
        check(&[(0, 0, 600), (0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)], Some(1..5));
    }

    #[test]
    fn what_is_in_quarantine_is_left_alone() {
        let mut state = state(&[(0, 0, 1); 9]);
        let reason = "bad".to_owned();
        state.quarantined.push(crate::catalog::Quarantined { name: "2".to_owned(), reason });
        assert_eq!(next_merge(&state, BOUNDS), Some(3..7));
    }

    #[test]
    fn old_files_and_too_many_bytes_go() {
        let state = state(&[(0, 0, 10); 5]);
        let gone = |cutoff, bytes| {
            let mut gone: Vec<_> = expired(&state, cutoff, bytes).into_iter().collect();
            gone.sort();
            gone
        };
        assert_eq!(gone(None, None), Vec::<String>::new());
        assert_eq!(gone(Some(2), None), ["0", "1"]);
        assert_eq!(gone(None, Some(25)), ["0", "1", "2"]);
        assert_eq!(gone(Some(1), Some(40)), ["0"]);
    }
}
