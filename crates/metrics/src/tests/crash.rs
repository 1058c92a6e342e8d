//! After a crash at any moment: what was acknowledged is there, nothing is there that was never sent, and opening twice tells the same.
//! And what must not end the process: floods of series.

use std::collections::BTreeSet;
use std::time::Duration;

use ports::sim::Survivors;

use super::*;
use crate::config::RetentionRule;

/// Numbers of the samples that are there.
fn numbers(store: &MetricStore) -> BTreeSet<u64> {
    let set = store.select(&scope(i64::MIN, i64::MAX), &named("n"), Hints::default()).unwrap();
    set.flat_map(|series| series.unwrap().columns.values).map(|value| value as u64).collect()
}

#[test]
fn every_prefix_of_a_run_reopens_whole() {
    let world = World::new();
    let store = world.open();
    // (changes of the disk, samples acknowledged by then)
    let mut moments = vec![(world.disk.changes(), 0u64)];
    for number in 0..12u64 {
        let mut request = WriteRequestBuilder::default();
        let series = (number % 3).to_string();
        request.series([("__name__", "n"), ("s", series.as_str())], |series| {
            series.sample(NOW + number as i64, number as f64);
        });
        // The moment of the acknowledgement itself, not some time after it.
        let acknowledged = async {
            store.consume(batch_of(Format::RemoteWrite1, request.finish().into())).await.unwrap();
            world.disk.changes()
        };
        moments.push((committed(&store, acknowledged), number + 1));
        if number % 4 == 3 {
            run(store.flush()).unwrap();
        }
    }
    while store.lane().maintain_now().unwrap() {}
    for changes in 0..=world.disk.changes() {
        let acknowledged = moments.iter().rev().find(|(at, _)| *at <= changes).map_or(0, |(_, count)| *count);
        let sent = moments.iter().find(|(at, _)| *at >= changes).map_or(12, |(_, count)| *count);
        for survivors in [Survivors::None, Survivors::All, Survivors::Some(changes as u64)] {
            let mut after = World::new();
            after.disk = world.disk.crash_after(changes, survivors);
            let found = numbers(&after.open());
            let context = format!("after {changes} changes, {survivors:?}");
            assert!((0..acknowledged).all(|number| found.contains(&number)), "{context}: {found:?}");
            assert!(found.iter().all(|number| *number < sent), "{context}: {found:?}");
            assert_eq!(numbers(&after.open()), found, "{context}: opening twice differs");
        }
    }
}

#[test]
fn a_flood_of_series_ends_at_the_lines_and_known_series_go_on() {
    let mut world = World::new();
    world.config.memory_soft_bytes = 8 << 20;
    world.config.memory_hard_bytes = 64 << 20;
    let store = world.open();
    write(&store, &[("__name__", "known")], &[(NOW, 1.0)]).unwrap();
    let wide = "v".repeat(200);
    let mut refused = 0;
    for round in 0..200 {
        let sent = write_batch(&store, |batch| {
            for number in 0..500 {
                let pod = format!("{wide}{round}-{number}");
                batch.series([("__name__", "flood"), ("pod", pod.as_str())]);
                batch.float(NOW, 0, 1.0);
            }
        });
        refused += u64::from(matches!(sent, Err(Refused::Limited { .. })));
    }
    assert!(refused > 0, "nothing was refused");
    let memory = store.memory_bytes();
    assert!(memory < 48 << 20, "{memory} bytes");
    assert_eq!(write(&store, &[("__name__", "known")], &[(NOW + 1, 2.0)]).unwrap().items, 1);
    run(store.close()).unwrap();
    assert_eq!(read(&world.open(), &named("known")), [r#"{__name__="known"} 1.0@0 2.0@1"#]);
}

#[test]
fn retention_rules_hide_at_once_and_merges_give_the_space_back() {
    let mut world = World::new();
    let rule = RetentionRule { matchers: named("short"), time: Duration::from_secs(10) };
    world.config.retention_rules = vec![rule];
    let store = world.open();
    for name in ["short", "long"] {
        write(&store, &[("__name__", name)], &[(NOW - 20_000, 1.0), (NOW - 5_000, 2.0)]).unwrap();
    }
    run(store.flush()).unwrap();
    assert_eq!(read(&store, &named("short")), [r#"{__name__="short"} 2.0@-5000"#]);
    world.clock.advance_ms(6_000);
    assert_eq!(read(&store, &named("short")).len(), 0);
    assert_eq!(read(&store, &named("long")), [r#"{__name__="long"} 1.0@-20000 2.0@-5000"#]);
    write(&store, &[("__name__", "long")], &[(NOW, 3.0)]).unwrap();
    run(store.flush()).unwrap();
    while store.lane().maintain_now().unwrap() {}
    let items: u64 = store.lane().snapshot().files.iter().map(|file| file.summary.items).sum();
    assert_eq!(items, 4, "one expired sample is gone for good, as of the latest record");
}
