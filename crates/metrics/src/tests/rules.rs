//! The rules of time, names and limits, and what survives what.

use std::time::Duration;

use model::histogram::{Buckets, Histogram, Span};
use model::sample::{Metadata, MetricKind, NativeHistogram};
use model::{MatchOp, Matcher};
use pipeline::Refused;

use super::*;
use crate::TimeRange;
use crate::config::NameScheme;

const A: [(&str, &str); 2] = [("__name__", "a"), ("job", "x")];

#[test]
fn samples_are_read_from_head_block_and_after_a_restart() {
    let world = World::new();
    let store = world.open();
    assert_eq!(write(&store, &A, &[(NOW, 1.0), (NOW + 10, 2.5)]).unwrap().items, 2);
    let want = [r#"{__name__="a", job="x"} 1.0@0 2.5@10"#];
    assert_eq!(read(&store, &named("a")), want);
    run(store.flush()).unwrap();
    assert_eq!(read(&store, &named("a")), want);
    write(&store, &A, &[(NOW + 20, f64::NAN)]).unwrap();
    let want = [r#"{__name__="a", job="x"} 1.0@0 2.5@10 NaN@20"#];
    assert_eq!(read(&store, &named("a")), want);
    run(store.close()).unwrap();
    assert_eq!(read(&world.open(), &named("a")), want);
}

#[test]
fn time_is_judged_in_the_words_of_prometheus() {
    let mut world = World::new();
    let check = |world: &World, samples: &[(i64, f64)], want: &str| {
        let store = world.open();
        write(&store, &A, &[(NOW, 1.0)]).unwrap();
        let got = write(&store, &A, samples).unwrap();
        assert_eq!((got.rejected, got.message.as_str()), (u64::from(!want.is_empty()), want));
        run(store.close()).unwrap();
        world.disk.files().iter().for_each(|(path, _)| ports::Disk::remove(&world.disk, path).unwrap());
    };
    check(&world, &[(NOW, 1.0)], "");
    let duplicate =
        "duplicate sample for timestamp 1700000000000; overrides not allowed: existing 1, new value 2";
    check(&world, &[(NOW, 2.0)], &format!("{duplicate} for series {{__name__=\"a\", job=\"x\"}}"));
    check(&world, &[(NOW - 3_600_000, 2.0)], "");
    check(&world, &[(NOW - 3_600_001, 2.0)], "too old sample for series {__name__=\"a\", job=\"x\"}");
    check(&world, &[(NOW + 600_000, 2.0)], "");
    let future = "out of bounds: timestamp is too far in the future for series {__name__=\"a\", job=\"x\"}";
    check(&world, &[(NOW + 600_001, 2.0)], future);
    check(&world, &[(i64::MAX, 2.0)], future);
    world.config.out_of_order_window = Duration::ZERO;
    check(&world, &[(NOW - 1, 2.0)], "out of order sample for series {__name__=\"a\", job=\"x\"}");
}

#[test]
fn a_batch_is_taken_in_part_and_the_part_survives() {
    let world = World::new();
    let store = world.open();
    let got = write(&store, &A, &[(NOW, 1.0), (NOW + 5, 2.0), (NOW + 5, 3.0), (NOW + 6, 4.0)]).unwrap();
    assert_eq!((got.items, got.rejected), (3, 1));
    let want = [r#"{__name__="a", job="x"} 1.0@0 2.0@5 4.0@6"#];
    assert_eq!(read(&store, &named("a")), want);
    run(store.close()).unwrap();
    assert_eq!(read(&world.open(), &named("a")), want);
}

#[test]
fn late_samples_find_their_place_and_the_first_of_a_time_stays() {
    let world = World::new();
    let store = world.open();
    write(&store, &A, &[(NOW, 1.0), (NOW + 20, 3.0)]).unwrap();
    write(&store, &A, &[(NOW + 10, 2.0)]).unwrap();
    run(store.flush()).unwrap();
    assert_eq!(write(&store, &A, &[(NOW + 10, 9.0), (NOW + 15, 2.5)]).unwrap().rejected, 0);
    let want = [r#"{__name__="a", job="x"} 1.0@0 2.0@10 2.5@15 3.0@20"#];
    assert_eq!(read(&store, &named("a")), want);
    run(store.flush()).unwrap();
    assert_eq!(read(&store, &named("a")), want);
    let late = [r#"{__name__="a", job="x"} 2.0@10 2.5@15"#];
    assert_eq!(read_range(&store, &named("a"), NOW + 10, NOW + 15), late);
}

#[test]
fn label_sets_are_checked_once_and_brought_into_order() {
    let mut world = World::new();
    let check = |world: &World, labels: &[(&str, &str)], want: &str| {
        let store = world.open();
        let got = write(&store, labels, &[(NOW, 1.0)]).unwrap();
        assert_eq!(got.message, want);
        run(store.close()).unwrap();
    };
    check(&world, &[("job", "x")], r#"invalid metric name or labels, got {job="x"}"#);
    check(
        &world,
        &[("__name__", "a"), ("", "x")],
        r#"invalid metric name or labels, got {="x", __name__="a"}"#,
    );
    let twice = r#"invalid labels for series, labels {__name__="a", b="2"}, duplicated label b"#;
    check(&world, &[("__name__", "a"), ("b", "1"), ("b", "2")], twice);
    check(&world, &[("__name__", "a.b"), ("c d", "é")], "");
    world.config.names = NameScheme::Legacy;
    check(&world, &[("__name__", "a.b")], r#"invalid metric name or labels, got {__name__="a.b"}"#);
    world.config.limits.max_label_value_length = 3;
    let long = "value of label job has 4 bytes, limit max_label_value_length is 3: metric a";
    check(&world, &[("__name__", "a"), ("job", "xxxx")], long);

    let store = World::new().open();
    write(&store, &[("job", "x"), ("gone", ""), ("__name__", "a")], &[(NOW, 1.0)]).unwrap();
    write(&store, &A, &[(NOW + 1, 2.0)]).unwrap();
    assert_eq!(read(&store, &named("a")), [r#"{__name__="a", job="x"} 1.0@0 2.0@1"#]);
}

#[test]
fn limits_name_themselves_and_the_worst_labels() {
    let mut world = World::new();
    world.config.limits.max_active_series = 2;
    let store = world.open();
    write(&store, &[("__name__", "a"), ("pod", "1")], &[(NOW, 1.0)]).unwrap();
    write(&store, &[("__name__", "a"), ("pod", "2")], &[(NOW, 1.0)]).unwrap();
    let refused = write(&store, &[("__name__", "a"), ("pod", "3")], &[(NOW, 1.0)]).unwrap_err();
    let Refused::Limited { reason, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(
        reason,
        "limit max_active_series of 2 is reached for tenant anonymous: new series {__name__=\"a\", pod=\"3\"} refused; \
         labels with the most values: pod (2), __name__ (1)"
    );
    write(&store, &[("__name__", "a"), ("pod", "2")], &[(NOW + 1, 1.0)]).unwrap();
}

#[test]
fn memory_lines_hold() {
    let mut world = World::new();
    let store = world.open();
    write(&store, &A, &[(NOW, 1.0)]).unwrap();
    run(store.close()).unwrap();
    world.config.memory_soft_bytes = 1;
    let store = world.open();
    let refused = write(&store, &[("__name__", "b")], &[(NOW, 1.0)]);
    assert!(matches!(refused, Err(Refused::Limited { .. })), "{refused:?}");
    assert_eq!(write(&store, &A, &[(NOW + 1, 1.0)]).unwrap().items, 1);
    world.config.memory_hard_bytes = 1;
    run(store.close()).unwrap();
    let refused = write(&world.open(), &A, &[(NOW + 2, 1.0)]);
    assert!(matches!(refused, Err(Refused::Unavailable { .. })), "{refused:?}");
}

#[test]
fn matchers_mean_what_they_mean() {
    let store = World::new().open();
    for pod in ["a1", "a2", "b1"] {
        write(&store, &[("__name__", "m"), ("pod", pod)], &[(NOW, 1.0)]).unwrap();
    }
    write(&store, &[("__name__", "m"), ("zone", "z")], &[(NOW, 1.0)]).unwrap();
    let check = |want: &[&str]| {
        let pods = |op, value: &str| {
            let matchers = [Matcher::equal("__name__", "m"), Matcher::new("pod", op, value).unwrap()];
            let found = store.select(&scope(NOW, NOW), &matchers, Hints::default()).unwrap();
            found.map(|series| series.unwrap().labels.get("pod").to_owned()).collect::<Vec<_>>().join(",")
        };
        use MatchOp::{Equal, NotEqual, NotRegex, Regex};
        let cases = [
            (Equal, "a1"),
            (Equal, ""),
            (NotEqual, "a1"),
            (NotEqual, ""),
            (Regex, "a.*"),
            (Regex, "a1|b1"),
            (Regex, ".*1"),
            (Regex, ".*"),
            (Regex, ".+"),
            (Regex, "|a1"),
            (NotRegex, "a.*"),
            (NotRegex, "a1|b1"),
            (NotRegex, ".+"),
            (NotRegex, ".*"),
        ];
        let got: Vec<String> = cases.iter().map(|(op, value)| pods(*op, value)).collect();
        assert_eq!(got, want);
    };
    let want = [
        "a1",
        "",
        "a2,b1,",
        "a1,a2,b1",
        "a1,a2",
        "a1,b1",
        "a1,b1",
        "a1,a2,b1,",
        "a1,a2,b1",
        "a1,",
        "b1,",
        "a2,",
        "",
        "",
    ];
    check(&want);
    run(store.flush()).unwrap();
    check(&want);
}

#[test]
fn histograms_start_times_exemplars_and_metadata_are_kept() {
    let world = World::new();
    let store = world.open();
    let histogram = |count: i64| {
        NativeHistogram::Integer(Arc::new(Histogram {
            schema: 1,
            count: count as u64,
            sum: 1.5,
            positive: Buckets::new([Span { offset: 0, length: 1 }], vec![count]),
            ..Histogram::default()
        }))
    };
    let metadata = Metadata { kind: MetricKind::Histogram, help: "h".into(), unit: "s".into() };
    write_batch(&store, |batch| {
        batch.metadata("h", &metadata);
        batch.series([("__name__", "h")]);
        batch.histogram(NOW, 0, &histogram(3));
        batch.histogram(NOW + 1, NOW - 5, &histogram(4));
        batch.float(NOW + 2, 0, 7.0);
        batch.exemplar([("trace_id", "abc")], NOW + 1, 0.25);
    })
    .unwrap();
    let check = |store: &MetricStore| {
        let got = read(store, &named("h"));
        assert!(
            got[0].contains("count: 3") && got[0].contains("7.0@2") && got[0].contains("@1 from -5"),
            "{got:?}"
        );
        let exemplars = store.exemplars(&scope(NOW, NOW + 9), &[named("h")]).unwrap();
        assert_eq!(exemplars[0].exemplars[0].labels.get("trace_id"), "abc");
        let families = store.metadata(&TenantId::anonymous(), None).unwrap();
        assert_eq!((families[0].family.as_str(), &families[0].entries[..]), ("h", &[metadata.clone()][..]));
        got
    };
    let before = check(&store);
    run(store.flush()).unwrap();
    assert_eq!(check(&store), before);
    run(store.close()).unwrap();
    assert_eq!(check(&world.open()), before);
}

#[test]
fn deletions_hide_what_was_before_and_survive() {
    let world = World::new();
    let store = world.open();
    write(&store, &A, &[(NOW, 1.0), (NOW + 10, 2.0)]).unwrap();
    write(&store, &[("__name__", "b")], &[(NOW, 1.0)]).unwrap();
    committed(
        &store,
        store.delete(&TenantId::anonymous(), &named("a"), TimeRange { from_ms: NOW + 5, to_ms: i64::MAX }),
    )
    .unwrap();
    let want = [r#"{__name__="a", job="x"} 1.0@0"#];
    assert_eq!(read(&store, &named("a")), want);
    committed(&store, store.delete(&TenantId::anonymous(), &named("b"), TimeRange::ALL)).unwrap();
    assert_eq!(store.series(&scope(NOW, NOW + 99), &[named("b")], 0).unwrap().items.len(), 0);
    write(&store, &A, &[(NOW + 20, 3.0)]).unwrap();
    let want = [r#"{__name__="a", job="x"} 1.0@0 3.0@20"#];
    assert_eq!(read(&store, &named("a")), want);
    run(store.flush()).unwrap();
    run(store.close()).unwrap();
    assert_eq!(read(&world.open(), &named("a")), want);
}

#[test]
fn listings_are_sorted_and_say_when_they_are_cut() {
    let store = World::new().open();
    for pod in ["p3", "p1", "p2"] {
        write(&store, &[("__name__", "m"), ("pod", pod)], &[(NOW, 1.0)]).unwrap();
    }
    write(&store, &[("__name__", "n"), ("zone", "z")], &[(NOW, 1.0)]).unwrap();
    for _ in 0..2 {
        let all = scope(NOW - 1, NOW + 1);
        assert_eq!(store.label_names(&all, &[], 0).unwrap().items, ["__name__", "pod", "zone"]);
        assert_eq!(store.label_names(&all, &[named("n")], 0).unwrap().items, ["__name__", "zone"]);
        assert_eq!(store.label_values(&all, "pod", &[], 0).unwrap().items, ["p1", "p2", "p3"]);
        assert_eq!(store.label_values(&all, "pod", &[named("n")], 0).unwrap().items.len(), 0);
        assert_eq!(store.label_values(&all, "__name__", &[named("m")], 0).unwrap().items, ["m"]);
        let cut = store.series(&all, &[named("m"), named("n")], 3).unwrap();
        assert_eq!((cut.items.len(), cut.truncated, cut.items[0].get("pod")), (3, true, "p1"));
        assert!(store.series(&scope(NOW + 1, NOW + 2), &[], 0).unwrap().items.is_empty());
        run(store.flush()).unwrap();
    }
    let counts = store.cardinality(&TenantId::anonymous(), 2);
    assert_eq!((counts.series, counts.label_pairs), (4, 6));
    assert_eq!(counts.series_by_metric, [("m".to_owned(), 3), ("n".to_owned(), 1)]);
    assert_eq!(counts.values_by_label, [("pod".to_owned(), 3), ("__name__".to_owned(), 2)]);
    let pods = store.label_cardinality(&TenantId::anonymous(), &["pod".into()], &named("m"), 1);
    assert_eq!((pods[0].value_count, pods[0].series_count, pods[0].values.len()), (3, 3, 1));
}

#[test]
fn hostile_bodies_are_refused_whole() {
    let store = World::new().open();
    for body in [&[0x0a, 0xff][..], &[0x0a, 5, 0x12, 9], &[0xff; 40]] {
        let refused = send(&store, Format::RemoteWrite1, Bytes::copy_from_slice(body));
        assert!(matches!(refused, Err(Refused::Bad(_))), "{refused:?}");
    }
}

#[test]
fn both_remote_writes_find_the_same_series() {
    let store = World::new().open();
    write(&store, &A, &[(NOW, 1.0)]).unwrap();
    let mut request = wire::remote::RequestBuilder::default();
    let labels = request.references(A);
    let exemplar = request.references([("trace_id", "abc")]);
    let metadata =
        wire::remote::write2::Metadata { kind: MetricKind::Counter, help: "helps", unit: "seconds" };
    request.series(&labels, metadata, |series| {
        series.sample(NOW + 10, NOW - 100, 2.0);
        series.exemplar(&exemplar, NOW + 9, 0.5);
    });
    assert_eq!(send(&store, Format::RemoteWrite2, request.finish().into()).unwrap().items, 1);
    assert_eq!(read(&store, &named("a")), [r#"{__name__="a", job="x"} 1.0@0 2.0@10 from -100"#]);
    let families = store.metadata(&TenantId::anonymous(), Some("a")).unwrap();
    assert_eq!(
        (families[0].entries[0].kind, families[0].entries[0].help.as_str()),
        (MetricKind::Counter, "helps")
    );
    assert_eq!(store.exemplars(&scope(NOW, NOW + 10), &[named("a")]).unwrap()[0].exemplars[0].value, 0.5);
}
