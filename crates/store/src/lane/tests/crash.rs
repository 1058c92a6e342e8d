//! The crash-prefix tester: a run over journal, cuts, catalog, merging and retention is recorded; then the world is stopped after every
//! single change to the disk, with unsynced changes lost, kept, or torn, and opened again.
//!
//! What must hold: acknowledged ⊆ recovered ⊆ submitted, each item once, in order, no damage, no gap; opening twice gives the same; and
//! the lane goes on from there.

use ports::sim::Survivors;

use super::engine::{Numbers, World, all_items, append};
use crate::lane::*;

/// After so many changes to the disk, so many items were submitted or acknowledged, and everything before an item may have expired.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    changes: usize,
    submitted: u64,
    acknowledged: u64,
    expired_before: u64,
}

const RETENTION_MS: u64 = 260;

struct Recording {
    world: World,
    moments: Vec<Moment>,
    now: Moment,
}

impl Recording {
    fn note(&mut self) {
        self.now.changes = self.world.disk.changes();
        self.moments.push(self.now);
    }

    fn append(&mut self, lane: &Lane<Numbers>, count: u64) {
        let items: Vec<u64> = (self.now.submitted..self.now.submitted + count).collect();
        self.now.submitted += count;
        self.note();
        assert!(append(lane, &items), "nothing is full here");
        self.now.acknowledged = self.now.submitted;
        self.world.clock.jump_to_ms(self.now.submitted as i64);
        self.note();
    }

    fn maintain(&mut self, lane: &Lane<Numbers>) {
        // What it lets go may be gone as soon as it begins.
        self.now.expired_before = self.now.submitted.saturating_sub(RETENTION_MS);
        self.note();
        while lane.maintain_now().unwrap() {}
        self.note();
    }
}

/// A life: appends of different sizes, cuts late and early, merges, retention, a restart and a crash in the middle.
fn record_a_life() -> Recording {
    let mut world = World::new();
    world.config.retention = Some(Duration::from_millis(RETENTION_MS));
    world.config.heads_max = 4;
    world.config.segment_bytes = 4096 + 64;
    let mut recording = Recording { world, moments: vec![Moment::default()], now: Moment::default() };
    recording.note();
    let mut lane = recording.world.open();
    for step in 0..56u64 {
        recording.append(&lane, 1 + step * 7 % 11);
        if step % 2 == 1 {
            lane.cut_now().unwrap();
            recording.note();
        }
        if step % 9 == 4 {
            recording.maintain(&lane);
        }
        if step == 33 {
            crate::object::block_on(lane.flush()).unwrap();
        }
        if step == 20 || step == 43 {
            drop(lane);
            lane = recording.world.open();
            recording.note();
        }
    }
    recording.maintain(&lane);
    recording
}

fn check(recording: &Recording, changes: usize, survivors: Survivors) {
    let context = format!("after {changes} changes, {survivors:?}");
    let moment = recording.moments.iter().rev().find(|moment| moment.changes <= changes).unwrap();
    // Work under way at `changes` may already have submitted or expired what the next moment says.
    let next = recording.moments.iter().find(|next| next.changes >= changes).unwrap_or(&recording.now);
    let mut world = World::on(recording.world.disk.crash_after(changes, survivors));
    world.config = recording.world.config.clone();
    world.clock.jump_to_ms(recording.now.submitted as i64);
    let lane = world.open();
    let items = all_items(&lane).unwrap();
    assert!(items.is_sorted_by(|a, b| a < b), "{context}: twice or out of order: {items:?}");
    let expired_before = moment.expired_before.max(next.expired_before);
    let must: Vec<u64> = (expired_before..moment.acknowledged).collect();
    let found: Vec<u64> =
        items.iter().copied().filter(|item| (expired_before..moment.acknowledged).contains(item)).collect();
    assert_eq!(found, must, "{context}: acknowledged items are missing");
    let submitted = moment.submitted.max(next.submitted);
    assert!(items.last().is_none_or(|last| *last < submitted), "{context}: never submitted: {items:?}");
    assert!(lane.snapshot().damage.is_empty(), "{context}: {:?}", lane.snapshot().damage);
    assert_eq!(lane.scrub_now().unwrap().audit_failure, None, "{context}");
    assert!(lane.status().quarantined.is_empty(), "{context}");
    drop(lane);
    let lane = world.open();
    assert_eq!(all_items(&lane).unwrap(), items, "{context}: opening twice differs");
    if changes.is_multiple_of(5) {
        go_on(&world, &lane, &items, &context);
    }
}

fn go_on(world: &World, lane: &Arc<Lane<Numbers>>, items: &[u64], context: &str) {
    let fresh: Vec<u64> = (1000..1020).collect();
    for item in &fresh {
        assert!(append(lane, &[*item]), "{context}");
        lane.cut_now().unwrap();
    }
    while lane.maintain_now().unwrap() {}
    let after = World { config: world.config.clone(), ..World::on(world.disk.crash(Survivors::None)) };
    let found = all_items(&after.open()).unwrap();
    let kept: Vec<u64> = found.iter().copied().filter(|item| *item < 1000).collect();
    assert!(kept.iter().all(|item| items.contains(item)) && found.ends_with(&fresh), "{context}: {found:?}");
}

#[test]
fn every_prefix_of_a_life_reopens() {
    let recording = record_a_life();
    let changes = recording.world.disk.changes();
    println!("{changes} changes to the disk");
    assert!(changes > 500, "the life is long enough to be worth crashing: {changes}");
    std::thread::scope(|scope| {
        for part in 0..2 {
            let recording = &recording;
            scope.spawn(move || {
                for changes in (part..=changes).step_by(2) {
                    check(recording, changes, Survivors::None);
                    check(recording, changes, Survivors::Some(changes as u64));
                    check(
                        recording,
                        changes,
                        if changes % 3 == 0 { Survivors::All } else { Survivors::Some(!(changes as u64)) },
                    );
                }
            });
        }
    });
}
