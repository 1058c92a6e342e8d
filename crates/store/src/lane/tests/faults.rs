//! The world misbehaves: object stores in bad weather, full, read-only and failing disks.

use parking_lot::Mutex;
use ports::sim::{SeededRng, SimDisk, SimStore, StoreFault, Survivors};

use super::engine::{Numbers, World, all_items, append, record};
use crate::lane::*;

fn on_store(world: &World, store: Arc<SimStore>, seed: u64) -> Result<Arc<Lane<Numbers>>, StoreError> {
    let deps =
        Deps::new(Arc::new(world.disk.clone()), world.clock.clone(), Arc::new(SeededRng::new(seed)), store);
    Lane::open(Numbers, deps, world.config.clone())
}

#[test]
fn nothing_is_lost_or_doubled_in_bad_weather() {
    for seed in 0..25 {
        let world = World::new();
        let store = Arc::new(SimStore::new());
        let mut lane = on_store(&world, store.clone(), seed).unwrap();
        let mut accepted = Vec::new();
        for item in 0..150u64 {
            store.set_weather(seed * 1000 + item, 250);
            if append(&lane, &[item]) {
                accepted.push(item);
            }
            if item % 3 == 0 {
                let _ = lane.cut_now();
            }
            if item % 10 == 0 {
                let _ = lane.maintain_now();
            }
            if item % 40 == 39 {
                drop(lane);
                store.set_weather(0, 0);
                lane = on_store(&world, store.clone(), seed + item).unwrap();
            }
            store.set_weather(0, 0);
            let status = lane.status();
            assert!(status.quarantined.is_empty(), "seed {seed}: weather is no corruption: {status:?}");
            assert_eq!(all_items(&lane).unwrap(), accepted, "seed {seed}");
        }
        lane.cut_now().unwrap();
        while lane.maintain_now().unwrap() {}
        assert_eq!(all_items(&lane).unwrap(), accepted, "seed {seed}");
        assert_eq!(lane.scrub_now().unwrap().audit_failure, None);
        assert_eq!(all_items(&on_store(&world, store, 99).unwrap()).unwrap(), accepted, "seed {seed}");
    }
}

#[test]
fn a_store_that_is_away_fills_heads_then_refuses_then_drains() {
    let world = World::new();
    let store = Arc::new(SimStore::new());
    let lane = on_store(&world, store.clone(), 1).unwrap();
    for _ in 0..1000 {
        store.fail_next(Some(StoreFault::Unavailable));
    }
    let mut item = 0;
    while append(&lane, &[item]) {
        assert!(lane.cut_now().is_err() || lane.status().files == 0);
        item += 1;
    }
    assert!(matches!(lane.begin(record(&[item]), vec![item]), Err(AppendError::Full { .. })));
    assert!(!lane.status().cut_error.is_empty());
    assert_eq!(all_items(&lane).unwrap(), (0..item).collect::<Vec<_>>());
    while lane.cut_now().is_err() {}
    assert!(append(&lane, &[item]));
    assert_eq!(all_items(&lane).unwrap(), (0..=item).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_keeps_and_recovers() {
    for capacity in [9_000, 12_000, 15_000, 20_000] {
        let world = World::new();
        let lane = world.open();
        world.disk.set_capacity(Some(capacity));
        let (mut item, mut accepted, mut refused) = (0, Vec::new(), 0);
        while refused < 5 {
            if append(&lane, &[item]) {
                accepted.push(item);
            } else {
                refused += 1;
            }
            let _ = lane.cut_now();
            let _ = lane.maintain_now();
            item += 1;
            assert!(item < 2000, "it never got full");
        }
        let known = |items: &[u64]| accepted.iter().all(|item| items.contains(item));
        assert!(known(&all_items(&lane).unwrap()));
        // It starts on a full disk, too, or says why not; nothing is gone.
        let full = World::on(world.disk.crash(Survivors::All));
        assert!(known(&all_items(&full.open()).unwrap()), "capacity {capacity}");
        world.disk.set_capacity(None);
        lane.commit_now();
        lane.cut_now().unwrap();
        assert!(append(&lane, &[item]), "capacity {capacity}");
        while lane.maintain_now().unwrap() {}
        let items = all_items(&world.open()).unwrap();
        assert!(known(&items) && items.is_sorted_by(|a, b| a < b), "capacity {capacity}: {items:?}");
    }
}

/// The journal must not take the room that its own files need: nobody would ever make room again.
#[test]
fn a_disk_full_of_journal_makes_room_by_itself() {
    let mut world = World::new();
    world.config.cut_bytes = 1 << 30;
    world.config.cut_interval = Duration::from_secs(1);
    world.config.retention_bytes = Some(2_000);
    let lane = world.open();
    world.disk.set_capacity(Some(60_000));
    let (mut accepted, mut refused) = (0, 0);
    for item in 0..3000 {
        if append(&lane, &[item]) {
            accepted += 1;
        } else {
            refused += 1;
        }
        lane.cut_now().unwrap();
        lane.maintain_now().unwrap();
        lane.commit_now();
    }
    assert!(refused > 0 && accepted > 2900, "{accepted} accepted, {refused} refused");
}

#[test]
fn a_read_only_disk_refuses_and_answers() {
    let world = World::new();
    let lane = world.open();
    for item in 0..20 {
        assert!(append(&lane, &[item]));
    }
    world.disk.set_read_only(true);
    assert!(!append(&lane, &[20]));
    let refused = lane.begin(record(&[21]), vec![21]).err().unwrap();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");
    assert!(refused.to_string().contains("read-only"), "{refused}");
    assert!(crate::object::block_on(lane.flush()).is_err());
    assert!(all_items(&lane).unwrap().starts_with(&(0..20).collect::<Vec<_>>()));
    world.disk.set_read_only(false);
    lane.commit_now();
    assert!(append(&lane, &[22]));
}

#[test]
fn a_failed_sync_ends_the_process_and_loses_nothing() {
    for syncs in 0..12 {
        let world = World::new();
        let fatal = Arc::new(Mutex::new(Vec::new()));
        let told = fatal.clone();
        let deps = world.deps().with_fatal(Arc::new(move |what| told.lock().push(what.to_owned())));
        let lane = Lane::open(Numbers, deps, world.config.clone()).unwrap();
        world.disk.fail_sync_after(syncs);
        let mut accepted = Vec::new();
        for item in 0..20 {
            if append(&lane, &[item]) {
                accepted.push(item);
            }
        }
        assert_eq!(fatal.lock().len(), 1, "{syncs}: {:?}", fatal.lock());
        for survivors in [Survivors::None, Survivors::All, Survivors::Some(syncs)] {
            let after: SimDisk = world.disk.crash(survivors);
            let items = all_items(&World::on(after).open()).unwrap();
            assert!(items.starts_with(&accepted), "{syncs} {survivors:?}: {items:?} {accepted:?}");
        }
    }
}
