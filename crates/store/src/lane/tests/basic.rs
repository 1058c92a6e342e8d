//! One property a test: what lands, what is cut, merged, expired, deleted, refused.

use std::collections::BTreeSet;
use std::path::Path;

use ports::Disk;
use ports::sim::Survivors;

use super::engine::{World, all_items, append, record};
use crate::lane::*;

fn upto(end: u64) -> Vec<u64> {
    (0..end).collect()
}

fn fill(lane: &Lane<super::engine::Numbers>, from: u64, end: u64) {
    for item in from..end {
        assert!(append(lane, &[item]));
        lane.cut_now().unwrap();
    }
}

#[test]
fn items_are_seen_once_from_append_to_merge_and_after_reopening() {
    let world = World::new();
    let lane = world.open();
    for item in 0..200 {
        assert!(append(&lane, &[item]));
        assert_eq!(all_items(&lane).unwrap(), upto(item + 1));
        if item % 7 == 0 {
            lane.cut_now().unwrap();
            assert_eq!(all_items(&lane).unwrap(), upto(item + 1));
        }
        if item % 31 == 0 {
            while lane.maintain_now().unwrap() {
                assert_eq!(all_items(&lane).unwrap(), upto(item + 1));
            }
        }
    }
    let status = lane.status();
    assert!(status.files_by_level.len() > 1 && status.next_offset > 150, "{status:?}");
    assert!(status.journal_first > 0, "the journal was trimmed: {status:?}");
    assert_eq!(status.items + (200 - status.next_offset), 200);
    drop(lane);
    for _ in 0..3 {
        assert_eq!(all_items(&world.open()).unwrap(), upto(200));
    }
}

#[test]
fn a_replay_cuts_the_same_files() {
    let names = |world: &World| {
        let keys = world.keys("blocks/").unwrap();
        keys.into_iter().collect::<BTreeSet<_>>()
    };
    let cut_at_once = World::new();
    let lane = cut_at_once.open();
    for item in 0..100 {
        append(&lane, &[item * 7, item * 7 + 1, item * 7 + 2]);
        lane.cut_now().unwrap();
    }
    let cut_late = World { config: LaneConfig { heads_max: 100, ..World::new().config }, ..World::new() };
    let lane = cut_late.open();
    for item in 0..100 {
        append(&lane, &[item * 7, item * 7 + 1, item * 7 + 2]);
    }
    drop(lane);
    let after =
        World { config: cut_at_once.config.clone(), ..World::on(cut_late.disk.crash(Survivors::None)) };
    let lane = after.open();
    lane.cut_now().unwrap();
    // Seven windows; more cuts than that come from bytes.
    assert!(names(&after).len() > 12, "{:?}", names(&after));
    assert_eq!(names(&after), names(&cut_at_once));
}

#[test]
fn replaced_files_go_when_nobody_holds_them() {
    let world = World::new();
    let lane = world.open();
    fill(&lane, 0, 300);
    lane.cut_now().unwrap();
    let held = lane.snapshot();
    while lane.maintain_now().unwrap() {}
    assert!(lane.status().garbage > 0);
    for file in &held.files {
        file.reader().unwrap();
    }
    drop(held);
    lane.maintain_now().unwrap();
    assert_eq!(lane.status().garbage, 0);
    assert_eq!(world.keys("blocks/").unwrap().len(), lane.status().files);
    // Held over a crash: the list of what is to go is in the catalog.
    fill(&lane, 300, 600);
    lane.cut_now().unwrap();
    let held = lane.snapshot();
    while lane.maintain_now().unwrap() {}
    let after = World::on(world.disk.crash(Survivors::None));
    drop(held);
    let lane = after.open();
    lane.maintain_now().unwrap();
    assert_eq!(after.keys("blocks/").unwrap().len(), lane.status().files);
    assert_eq!(all_items(&lane).unwrap(), upto(600));
}

#[test]
fn retention_lets_go_by_time_and_bytes() {
    let mut world = World::new();
    world.config.retention = Some(Duration::from_millis(500));
    let lane = world.open();
    fill(&lane, 0, 1000);
    for _ in 0..100 {
        lane.cut_now().unwrap();
    }
    world.clock.jump_to_ms(1000);
    while lane.maintain_now().unwrap() {}
    let left = all_items(&lane).unwrap();
    assert!(left.len() < 620 && left.ends_with(&[998, 999]), "{} left", left.len());
    assert_eq!(left, (1000 - left.len() as u64..1000).collect::<Vec<_>>());
    drop(lane);
    world.config.retention = None;
    world.config.retention_bytes = Some(1500);
    let lane = world.open();
    lane.maintain_now().unwrap();
    assert!(lane.status().file_bytes <= 1500 && lane.status().files > 0);
    assert_eq!(lane.scrub_now().unwrap().audit_failure, None);
    assert_eq!(all_items(&lane).unwrap().last(), Some(&999));
}

#[test]
fn bounds_refuse_and_recover() {
    let world = World::new();
    let lane = world.open();
    let mut item = 0;
    while append(&lane, &[item]) {
        item += 1;
    }
    let refused = lane.begin(record(&[item]), vec![item]).err().unwrap();
    assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
    lane.cut_now().unwrap();
    assert!(append(&lane, &[item]));
    assert_eq!(all_items(&lane).unwrap(), upto(item + 1));
}

#[test]
fn a_head_that_outgrows_its_memory_is_cut_early() {
    let mut world = World::new();
    world.config.cut_bytes = 1 << 40;
    world.config.head_bytes_max = 30_000;
    let lane = world.open();
    let items: Vec<u64> = (0..1000).collect();
    let mut big = record(&items);
    big.plain_len = 600 << 10;
    let mut accepted = 0;
    for _ in 0..20 {
        match lane.begin(big.clone(), items.clone()) {
            Ok(_) => accepted += 1,
            Err(AppendError::Full { .. }) => lane.cut_now().unwrap(),
            Err(error) => panic!("{error}"),
        }
        lane.commit_now();
    }
    assert!(lane.status().files > 3, "{:?}", lane.status());
    assert_eq!(all_items(&lane).unwrap().len(), accepted * 1000);
}

#[test]
fn corruption_is_found_quarantined_and_never_silent() {
    let world = World::new();
    let lane = world.open();
    fill(&lane, 0, 90);
    lane.cut_now().unwrap();
    let victim = lane.snapshot().files[1].name.clone();
    let path = Path::new("/data/objects").join(&victim);
    world.disk.corrupt(&path, 12, 1);
    let report = lane.scrub_now().unwrap();
    assert_eq!((report.rounds, report.audit_failure), (1, None));
    for lane in [lane, world.open()] {
        assert_eq!(lane.status().quarantined.len(), 1);
        let error = all_items(&lane).unwrap_err();
        assert!(error.to_string().contains("quarantine") && error.to_string().contains(&victim), "{error}");
        while lane.maintain_now().unwrap() {}
        assert!(lane.snapshot().files.iter().any(|file| file.name == victim), "it stays, and is not merged");
    }
    // Put back from a backup, it is read again.
    let lane = world.open();
    world.disk.corrupt(&path, 12, 1);
    lane.scrub_now().unwrap();
    assert_eq!((lane.status().quarantined.len(), all_items(&lane).unwrap()), (0, upto(90)));
    assert_eq!(all_items(&world.open()).unwrap(), upto(90));
    world.disk.corrupt(&path, 12, 1);
    lane.scrub_now().unwrap();
    // Found by a merge, too.
    let lane = world.open();
    fill(&lane, 90, 180);
    lane.cut_now().unwrap();
    let fresh = lane.snapshot().files.iter().rev().map(|file| file.name.clone()).nth(1).unwrap();
    world.disk.corrupt(&Path::new("/data/objects").join(&fresh), 12, 1);
    while lane.maintain_now().unwrap() {}
    assert_eq!(lane.status().quarantined.len(), 2);
    // A missing file is seen by the audit.
    let lost = lane.snapshot().files.last().unwrap().name.clone();
    world.disk.remove(&Path::new("/data/objects").join(&lost)).unwrap();
    assert!(lane.scrub_now().unwrap().audit_failure.unwrap().contains("missing"));
}

#[test]
fn journal_corruption_is_told_and_stays_told() {
    let mut world = World::new();
    world.config.cut_bytes = 1 << 30;
    world.config.cut_interval = Duration::from_secs(1);
    let lane = world.open();
    fill(&lane, 0, 50);
    drop(lane);
    let (segment, bytes) = world
        .disk
        .files()
        .into_iter()
        .find(|(path, _)| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    let needle = 20i64.to_le_bytes();
    let place = bytes.windows(8).skip(64).position(|window| window == needle).unwrap() + 64;
    world.disk.corrupt(&segment, place as u64 + 17 + 9, 1);
    for _ in 0..2 {
        let lane = world.open();
        assert_eq!(lane.snapshot().damage.len(), 1);
        assert_eq!(all_items(&lane).unwrap().len(), 49);
    }
    let lane = world.open();
    crate::object::block_on(lane.flush()).unwrap();
    drop(lane);
    let lane = world.open();
    assert_eq!((lane.snapshot().damage.len(), lane.status().damage.len()), (1, 1));
    assert_eq!(all_items(&lane).unwrap().len(), 49);
}

/// Whatever the newest commit was about, losing its object loses nothing else.
#[test]
fn a_broken_newest_catalog_costs_nothing() {
    let world = World::new();
    let lane = world.open();
    let (mut seen, mut merges) = (0, 0);
    for item in 0..300 {
        assert!(append(&lane, &[item]));
        lane.cut_now().unwrap();
        merges += u64::from(item % 17 == 0 && lane.maintain_now().unwrap());
        let newest = world.keys("catalog/").unwrap().pop();
        let Some(newest) =
            newest.filter(|newest| newest.as_str() > format!("catalog/logs/0/{seen:020}").as_str())
        else {
            continue;
        };
        seen = newest.rsplit('/').next().unwrap().parse::<u64>().unwrap();
        let broken = World { config: world.config.clone(), ..World::on(world.disk.crash(Survivors::All)) };
        broken.disk.corrupt(&Path::new("/data/objects").join(&newest), 20, 1);
        for _ in 0..2 {
            let lane = broken.open();
            assert_eq!(all_items(&lane).unwrap(), upto(item + 1), "without {newest}");
            assert!(lane.snapshot().damage.is_empty());
            assert_eq!(lane.scrub_now().unwrap().audit_failure, None);
        }
        let lane = broken.open();
        fill(&lane, item + 1, item + 30);
        while lane.maintain_now().unwrap() {}
        drop(lane);
        assert_eq!(all_items(&broken.open()).unwrap(), upto(item + 30), "going on without {newest}");
    }
    assert!(merges > 3 && seen > 20, "{merges} merges, {seen} commits");
}

#[test]
fn a_second_writer_is_fenced() {
    let world = World::new();
    let (one, two) = (world.open(), world.open());
    fill(&one, 0, 1);
    crate::object::block_on(one.flush()).unwrap();
    assert!(two.begin(record(&[7]), vec![7]).is_ok());
    assert!(crate::object::block_on(two.flush()).is_err());
    assert!(matches!(two.begin(record(&[8]), vec![8]), Err(AppendError::Unavailable { .. })));
}

#[test]
fn threads_append_cut_flush_and_close() {
    let dir = tempfile::tempdir().unwrap();
    let config = LaneConfig {
        cut_bytes: 4000,
        reserve_bytes: 0,
        segment_bytes: 64 << 10,
        heads_max: 64,
        ..LaneConfig::new(dir.path())
    };
    let deps = || Deps::local(dir.path(), telemetry::Registry::new()).unwrap();
    let lane = Lane::open(super::engine::Numbers, deps(), config.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let lane = &lane;
            scope.spawn(move || {
                for item in 0..200 {
                    let item = thread * 1000 + item;
                    crate::object::block_on(lane.append(record(&[item]), vec![item])).unwrap();
                    assert!(all_items(lane).unwrap().contains(&item));
                }
            });
        }
    });
    let expect: BTreeSet<u64> = (0..4).flat_map(|thread| thread * 1000..thread * 1000 + 200).collect();
    let found = |lane: &Lane<_>| {
        let items = all_items(lane).unwrap();
        assert_eq!(items.len(), 800);
        items.into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(found(&lane), expect);
    crate::object::block_on(lane.flush()).unwrap();
    assert_eq!(lane.status().next_offset, 800);
    crate::object::block_on(lane.append(record(&[9999]), vec![])).unwrap();
    crate::object::block_on(lane.close()).unwrap();
    let refused = crate::object::block_on(lane.append(record(&[1]), vec![1])).unwrap_err();
    assert_eq!(refused.to_string(), "logs store is shutting down");
    // Work that ends late is not published: the next one to open the lane would be fenced by it.
    let late = crate::object::block_on(lane.flush()).unwrap_err();
    assert_eq!(late.to_string(), "logs store is closed");
    drop(lane);
    let lane = Lane::open(super::engine::Numbers, deps(), config).unwrap();
    let mut expect = expect;
    expect.insert(9999);
    let items = all_items(&lane).unwrap();
    assert_eq!((items.len(), items.into_iter().collect::<BTreeSet<_>>()), (801, expect));
}
