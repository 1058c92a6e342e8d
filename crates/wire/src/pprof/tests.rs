use proptest::prelude::*;

use super::profile::*;
use super::*;
use crate::proto::Writer;

/// Any valid profile, made of rolled bytes.
fn profile(roll: &[u8]) -> Profile {
    let mut dice = roll.iter().copied().chain(std::iter::repeat(0));
    let mut die = |sides: usize| usize::from(dice.next().unwrap_or_default()) % sides.max(1);
    let mut strings = vec![String::new(), "cpu".into(), "nanoseconds".into(), "main".into()];
    (0..die(6)).for_each(|number| strings.push(format!("s{number};ü")));
    let all = strings.len();
    let types = 1 + die(2);
    let mut result = Profile {
        sample_types: (0..types).map(|n| ValueType { kind: n as u32 + 1, unit: die(all) as u32 }).collect(),
        strings,
        time_nanos: die(256) as i64 - 100,
        duration_nanos: die(256) as i64,
        period_type: ValueType { kind: die(all) as u32, unit: die(all) as u32 },
        period: die(256) as i64,
        comments: (0..die(3)).map(|_| die(all) as u32).collect(),
        drop_frames: die(all) as u32,
        keep_frames: die(all) as u32,
        default_sample_type: die(all) as u32,
        doc_url: die(all) as u32,
        ..Profile::default()
    };
    for _ in 0..die(3) {
        result.mappings.push(Mapping {
            memory_start: die(4) as u64 * 0x1000,
            memory_limit: 0x9000,
            file_offset: die(3) as u64,
            filename: die(all) as u32,
            build_id: die(all) as u32,
            has_functions: die(2) == 1,
            has_filenames: die(2) == 1,
            has_line_numbers: die(2) == 1,
            has_inline_frames: die(2) == 1,
        });
    }
    for _ in 0..die(5) {
        let mut string = || die(all) as u32;
        let (name, system_name, filename) = (string(), string(), string());
        result.functions.push(Function { name, system_name, filename, start_line: die(9) as i64 });
    }
    for _ in 0..die(6) {
        let mapping = (!result.mappings.is_empty() && die(2) == 1).then(|| die(result.mappings.len()) as u32);
        let lines = (0..die(3)).map(|_| Line {
            function: (!result.functions.is_empty() && die(3) > 0)
                .then(|| die(result.functions.len()) as u32),
            line: die(9) as i64 - 1,
            column: die(3) as i64,
        });
        let lines = lines.collect();
        result.locations.push(Location { mapping, address: die(256) as u64, lines, is_folded: die(2) == 1 });
    }
    for _ in 0..die(6) {
        let deep = if result.locations.is_empty() { 0 } else { die(5) };
        let locations = (0..deep).map(|_| die(result.locations.len()) as u32).collect();
        let values = (0..types).map(|_| die(256) as i64 - 20).collect();
        let labels = (0..die(3)).map(|_| Label {
            key: die(all) as u32,
            text: die(all) as u32,
            number: die(5) as i64 - 2,
            number_unit: die(all) as u32,
        });
        let labels = labels.collect();
        result.samples.push(Sample { locations, values, labels });
    }
    result
}

fn total(profile: &Profile, kind: &str) -> i64 {
    profile
        .sample_type(kind)
        .map_or(0, |place| profile.samples.iter().map(|sample| sample.values[place]).sum())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn profiles_come_back(roll in proptest::collection::vec(any::<u8>(), 0..120)) {
        let profile = profile(&roll);
        let bytes = profile.encode();
        prop_assert_eq!(&Profile::decode(&bytes).unwrap(), &profile);
        let gzipped = profile.encode_gzip();
        prop_assert_eq!(read_body(&gzipped, bytes.len()).unwrap(), bytes.clone());
        prop_assert_eq!(read_body(&bytes, bytes.len()).unwrap(), bytes.clone());
        for cut in 0..bytes.len() {
            crate::fuzz::pprof(&bytes[..cut]);
        }
    }

    #[test]
    fn merging_keeps_sums_and_is_stable(a in proptest::collection::vec(any::<u8>(), 0..120), b in proptest::collection::vec(any::<u8>(), 0..120)) {
        let (a, b) = (profile(&a), profile(&b));
        let mut merger = Merger::default();
        merger.add(&a);
        merger.add(&b);
        let merged = merger.finish();
        // Sample types are named by kind and unit; sum over those of one kind.
        let sum = |profile: &Profile, kind: &str| -> i64 {
            profile.sample_types.iter().enumerate().filter(|(_, have)| profile.string(have.kind) == kind)
                .map(|(place, _)| profile.samples.iter().map(|sample| sample.values[place]).sum::<i64>()).sum()
        };
        for kind in ["cpu", "nanoseconds"] {
            prop_assert_eq!(sum(&merged, kind), sum(&a, kind) + sum(&b, kind));
        }
        let decoded = Profile::decode(&merged.encode()).unwrap();
        prop_assert_eq!(&decoded, &merged);
        let mut again = Merger::default();
        again.add(&merged);
        prop_assert_eq!(again.finish().samples.len(), merged.samples.len());
    }

    #[test]
    fn folded_text_comes_back(stacks in proptest::collection::btree_map("[a-z.]{1,4}(;[a-z.]{1,4}){0,3}", 1i64..1000, 0..8)) {
        let text: String = stacks.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect();
        let mut want: Vec<_> = text.lines().map(str::to_owned).collect();
        want.sort();
        let profile = parse_folded(&text, "samples", "count").unwrap();
        let have = write_folded(&profile, 0);
        prop_assert_eq!(have.lines().collect::<Vec<_>>(), want);
        Profile::decode(&profile.encode()).unwrap();
    }
}

#[test]
fn equal_stacks_add_up_across_differently_numbered_tables() {
    let one = parse_folded("main;a;b 3\nmain;a 1\nmain;a;b 4\n", "cpu", "nanoseconds").unwrap();
    let two = parse_folded("x;y 5\n\nmain;a;b 10\n", "cpu", "nanoseconds").unwrap();
    assert_eq!(one.samples.len(), 2);
    let mut merger = Merger::default();
    merger.add(&one);
    merger.add(&two);
    let merged = merger.finish();
    assert_eq!(write_folded(&merged, 0), "main;a 1\nmain;a;b 17\nx;y 5\n");
    assert_eq!((merged.functions.len(), total(&merged, "cpu")), (5, 23));
}

#[test]
fn sample_types_are_aligned_by_name_and_unit() {
    let cpu = parse_folded("main 3\n", "cpu", "nanoseconds").unwrap();
    let space = parse_folded("main 100\n", "alloc_space", "bytes").unwrap();
    let mut merger = Merger::default();
    [&cpu, &space, &cpu].into_iter().for_each(|profile| merger.add(profile));
    let merged = merger.finish();
    assert_eq!(merged.samples.len(), 1);
    assert_eq!(merged.samples[0].values, [6, 100]);
    assert_eq!((merged.sample_type("alloc_space"), merged.sample_type("none")), (Some(1), None));
}

#[test]
fn the_same_program_loaded_elsewhere_is_the_same() {
    let at = |start: u64| {
        let mut profile = parse_folded("main 1\n", "cpu", "nanoseconds").unwrap();
        profile.mappings.push(Mapping {
            memory_start: start,
            memory_limit: start + 0x5000,
            ..Mapping::default()
        });
        profile.locations[0].mapping = Some(0);
        profile.locations[0].address = start + 0x123;
        profile
    };
    let mut merger = Merger::default();
    merger.add(&at(0x40_0000));
    merger.add(&at(0x7f00_0000));
    let merged = merger.finish();
    assert_eq!((merged.mappings.len(), merged.locations.len(), merged.samples[0].values[0]), (1, 1, 2));
    assert_eq!(merged.locations[0].address, 0x40_0123);
}

#[test]
fn what_is_wrong_is_said() {
    let check = |write: &dyn Fn(&mut Writer<'_>), expect: &str| {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        assert_eq!(Profile::decode(&out).unwrap_err().to_string(), expect);
    };
    let kind = |writer: &mut Writer<'_>| writer.message(1, |_| ());
    check(
        &|w| w.always_bytes(6, b"x"),
        "malformed profile: string table does not start with the empty string",
    );
    check(&|w| w.message(5, |f| f.varint(2, 1)), "malformed profile: function with reserved id 0");
    check(&|w| w.message(2, |_| ()), "malformed profile: missing sample type information");
    check(&|w| w.varint(15, 7), "malformed profile: string 7 outside of the table of 1");
    check(
        &|w| {
            kind(w);
            w.message(2, |sample| sample.packed_varint(2, [1, 2].into_iter()));
        },
        "malformed profile: mismatch: sample has 2 values vs. 1 types",
    );
    check(
        &|w| {
            kind(w);
            w.message(2, |sample| {
                sample.always_varint(1, 9);
                sample.always_varint(2, 1);
            });
        },
        "malformed profile: no location with id 9",
    );
    check(
        &|w| (0..2).for_each(|_| w.message(4, |location| location.varint(1, 3))),
        "malformed profile: multiple locations with id 3",
    );
    let error = parse_folded("a;b 1\na b\n", "cpu", "ns").unwrap_err();
    assert_eq!(error.to_string(), "line 2 of the folded stacks: the count is not a whole number");
    assert!(matches!(read_body(&[0x1f, 0x8b, 1], 10), Err(BadProfile::Compression(_))));
}
