//! Commits, races, lost answers, corruption, and the boundary that keeps spent numbers spent.

use model::TenantId;
use ports::Damage;
use ports::sim::{SeededRng, SimStore, StoreFault};

use super::*;
use crate::engine::FileSummary;

fn open(store: &Arc<SimStore>, seed: u64) -> Result<Catalog, CatalogError> {
    Catalog::open(store.clone(), Arc::new(SeededRng::new(seed)), Signal::Logs, 0)
}

fn state(next_offset: u64) -> CatalogState {
    let file = FileEntry {
        name: format!("blocks/logs/0/0-{next_offset}.blk"),
        len: 77,
        summary: FileSummary {
            min_ns: -5,
            max_ns: 1 << 60,
            items: next_offset,
            tenants: vec![TenantId::anonymous()],
        },
    };
    CatalogState {
        next_offset,
        spans: vec![Span { offsets: 3..next_offset, level: 0, window_ms: -3, files: vec![file] }],
        garbage: vec![Garbage { name: "g".to_owned(), dropped_in: 4 }],
        quarantined: vec![Quarantined { name: "q".to_owned(), reason: "bad sector".to_owned() }],
        damage: vec![Damage { offsets: 5..6, reason: "flip".to_owned() }],
    }
}

#[test]
fn states_come_back() {
    let store = Arc::new(SimStore::new());
    let mut catalog = open(&store, 1).unwrap();
    assert_eq!((catalog.number(), catalog.state()), (0, &CatalogState::default()));
    for next in 10..14 {
        catalog.commit(state(next)).unwrap();
    }
    let again = open(&store, 2).unwrap();
    assert_eq!((again.number(), again.state(), again.previous()), (4, &state(13), &state(12)));
}

#[test]
fn a_gap_is_never_committed() {
    let mut catalog = open(&Arc::new(SimStore::new()), 1).unwrap();
    let mut bad = state(10);
    bad.next_offset = 11;
    assert!(matches!(catalog.commit(bad), Err(CatalogError::Inconsistent(_))));
    let mut overlap = state(10);
    overlap.spans.push(Span { offsets: 9..10, ..overlap.spans[0].clone() });
    assert!(matches!(catalog.commit(overlap), Err(CatalogError::Inconsistent(_))));
}

#[test]
fn the_loser_of_a_race_is_fenced() {
    let store = Arc::new(SimStore::new());
    let (mut one, mut two) = (open(&store, 1).unwrap(), open(&store, 2).unwrap());
    one.commit(state(10)).unwrap();
    assert!(matches!(two.commit(state(10)), Err(CatalogError::Fenced { .. })));
    assert_eq!(open(&store, 3).unwrap().state(), &state(10));
}

#[test]
fn a_lost_answer_is_looked_up() {
    let store = Arc::new(SimStore::new());
    let mut catalog = open(&store, 1).unwrap();
    store.fail_next(Some(StoreFault::Ambiguous));
    catalog.commit(state(10)).unwrap();
    store.fail_next(Some(StoreFault::Unavailable));
    catalog.commit(state(11)).unwrap();
    // Created, answer lost, then the look-up is answered short.
    store.fail_next(Some(StoreFault::Ambiguous));
    store.fail_next(None);
    store.fail_next(Some(StoreFault::Truncated));
    catalog.commit(state(12)).unwrap();
    assert_eq!((catalog.number(), open(&store, 2).unwrap().number()), (3, 3));
}

#[test]
fn weather_never_splits_the_truth() {
    for seed in 0..50 {
        let store = Arc::new(SimStore::new());
        let mut catalog = open(&store, 1).unwrap();
        store.set_weather(seed, 300);
        let mut committed = 0;
        for next in 10..30 {
            match catalog.commit(state(next)) {
                Ok(()) => committed = next,
                Err(CatalogError::Store(_)) => break,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        store.set_weather(0, 0);
        let found = open(&store, 2).unwrap().state().next_offset;
        assert!(found == committed || found == committed.max(9) + 1, "seed {seed}: {found} {committed}");
    }
}

#[test]
fn a_broken_newest_object_falls_back() {
    let store = Arc::new(SimStore::new());
    let mut catalog = open(&store, 1).unwrap();
    catalog.commit(state(10)).unwrap();
    catalog.commit(state(11)).unwrap();
    for key in store.keys() {
        if key.ends_with('2') {
            store.corrupt(&key, 30, 1);
        }
    }
    let mut catalog = open(&store, 2).unwrap();
    assert_eq!((catalog.state(), catalog.broken()), (&state(10), [2].as_slice()));
    catalog.commit(state(12)).unwrap();
    assert_eq!(open(&store, 3).unwrap().state(), &state(12));
    for key in store.keys() {
        store.corrupt(&key, 30, 2);
    }
    assert!(matches!(open(&store, 4), Err(CatalogError::Lost { .. })));
}

#[test]
fn spent_numbers_stay_spent() {
    let store = Arc::new(SimStore::new());
    let mut sleeper = open(&store, 1).unwrap();
    let mut catalog = open(&store, 2).unwrap();
    for next in 10..40 {
        catalog.commit(state(next)).unwrap();
        catalog.collect().unwrap();
    }
    assert!(store.keys().len() < 20, "{:?}", store.keys());
    // Number 1 is free again, and yet not to be had.
    assert!(matches!(sleeper.commit(state(10)), Err(CatalogError::Fenced { .. })));
    let again = open(&store, 3).unwrap();
    assert_eq!((again.number(), again.state()), (30, &state(39)));
}

#[test]
fn a_newer_version_is_refused() {
    let store = Arc::new(SimStore::new());
    let mut bytes = format::encode(&state(10), 1);
    bytes[8] = 9;
    bytes.truncate(bytes.len() - 4);
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    block_on(store.put_new("catalog/logs/0/00000000000000000001", bytes.into())).unwrap();
    assert!(matches!(open(&store, 1), Err(CatalogError::Newer { version: 9, .. })));
}

proptest::proptest! {
    #[test]
    fn hostile_bytes_never_panic(mut body: Vec<u8>, place in 0usize..500, flip: u8) {
        let resealed = |mut bytes: Vec<u8>| {
            let crc = crc32c::crc32c(&bytes);
            bytes.extend_from_slice(&crc.to_le_bytes());
            bytes
        };
        let mut good = format::encode(&state(10), 1);
        good.truncate(good.len() - 4);
        let place = place % good.len();
        good[place] ^= flip;
        let _ = format::decode("k", &resealed(good));
        let mut header = b"ORIELCAT\x01\0\0\0\0\0\0\0\0\0".to_vec();
        header.append(&mut body);
        let _ = format::decode("k", &resealed(header));
    }
}
