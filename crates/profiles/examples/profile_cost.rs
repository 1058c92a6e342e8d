//! What a profile costs in this crate: CPU time of parse, build and merge, bytes on disk, and how fast flame graphs come. Prints one line each.
//!
//! `cargo run --release -p profiles --example profile_cost [profiles]`; pprof of 400 stacks of 8 to 40 frames out of 1,500 functions, four services.

#![expect(clippy::disallowed_methods, reason = "a measuring program asks the kernel for its CPU time")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program prints")]

use std::sync::Arc;

use model::matcher::Matcher;
use model::{Compression, Format, TenantId};
use ports::Record;
use profiles::{Config, PprofUpload, ProfileEngine, ProfileQuery};
use store::{BlockHandle, Keep, NewFile, SignalEngine, Snapshot};
use wire::pprof::{Function, Line, Location, Profile, Sample, ValueType};

/// Seconds of CPU that this thread has used: what others do on the machine matters less to it than to a clock.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound
    }
}

const FUNCTIONS: u32 = 1500;
const STACKS: usize = 400;
const SERVICES: u64 = 4;

/// Stacks of a service: they share their outer frames, as stacks of a program do.
fn stacks(service: u64) -> Vec<Vec<u32>> {
    let mut random = Random(service + 1);
    let mut stacks: Vec<Vec<u32>> = vec![(0..6).collect()];
    while stacks.len() < STACKS {
        let from = &stacks[random.below(stacks.len() as u64) as usize];
        let keep = 4 + random.below(from.len() as u64 - 3) as usize;
        let mut stack = from[..keep].to_vec();
        for _ in 0..2 + random.below(6) {
            stack.push(random.below(u64::from(FUNCTIONS)) as u32);
        }
        stack.truncate(40);
        stacks.push(stack);
    }
    stacks
}

fn upload(service: u64, ts_ns: i64, stacks: &[Vec<u32>], random: &mut Random) -> Vec<u8> {
    let mut strings: Vec<String> = ["", "cpu", "nanoseconds", "main.go"].map(String::from).into();
    strings.extend(
        (0..FUNCTIONS).map(|n| {
            format!("github.com/shop/service{service}/internal/package{}.(*Type).Method{n}", n % 40)
        }),
    );
    let function = |n| Function { name: 4 + n, system_name: 4 + n, filename: 3, start_line: i64::from(n) };
    let location = |n| Location {
        address: 0x40_0000 + u64::from(n) * 64,
        lines: vec![Line { function: Some(n), line: i64::from(n) + 3, column: 0 }],
        ..Location::default()
    };
    let kind = ValueType { kind: 1, unit: 2 };
    let mut samples = Vec::new();
    for stack in stacks {
        if random.below(4) > 0 {
            let bound = 1 + random.below(50);
            let values = vec![(1 + random.below(bound) as i64) * 10_000_000];
            samples.push(Sample {
                locations: stack.iter().rev().copied().collect(),
                values,
                labels: Vec::new(),
            });
        }
    }
    let profile = Profile {
        sample_types: vec![kind],
        samples,
        locations: (0..FUNCTIONS).map(location).collect(),
        functions: (0..FUNCTIONS).map(function).collect(),
        strings,
        time_nanos: ts_ns,
        period_type: kind,
        period: 10_000_000,
        ..Profile::default()
    };
    let pprof = profile.encode();
    let labels = vec![("service_name".to_owned(), format!("service{service}"))];
    PprofUpload { labels, from_ns: 0, until_ns: 0, pprof: &pprof }.encode()
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(400);
    let engine = ProfileEngine::new(Config::default());
    let tenant = TenantId::anonymous();
    let mut random = Random(42);
    let (mut files, mut samples) = (Vec::new(), 0u64);
    let (mut plain, mut stored) = (0u64, 0u64);
    let (mut parse_s, mut build_s) = (0.0, 0.0);
    const FILES: u64 = 4;
    let all_stacks: Vec<_> = (0..SERVICES).map(stacks).collect();
    for file in 0..FILES {
        let records: Vec<Record> = (0..count)
            .map(|number| {
                let service = number % SERVICES;
                let ts_ns =
                    1_790_000_000_000_000_000 + ((file * count + number) / SERVICES * 15_000_000_000) as i64;
                let payload = upload(service, ts_ns, &all_stacks[service as usize], &mut random);
                plain += payload.len() as u64;
                Record {
                    tenant: tenant.clone(),
                    format: Format::Pprof,
                    compression: Compression::None,
                    received_at_ms: ts_ns / 1_000_000,
                    plain_len: payload.len() as u32,
                    payload: payload.into(),
                }
            })
            .collect();
        let start = cpu_s();
        let head = engine.new_head();
        for (offset, record) in (0..).zip(&records) {
            engine.apply(&head, offset, engine.prepare(record).unwrap());
        }
        parse_s += cpu_s() - start;
        let start = cpu_s();
        for built in engine.build(&head, 0..count).unwrap() {
            stored += built.bytes.len() as u64;
            files.push(Arc::new(BlockHandle::in_memory(format!("f{file}"), 0, 0..1, built)));
        }
        build_s += cpu_s() - start;
    }
    let profiles = count * FILES;
    samples += profiles * STACKS as u64 * 3 / 4;
    let us = |seconds: f64| seconds * 1e6 / profiles as f64;
    println!("pprof: {:.0} B/profile", plain as f64 / profiles as f64);
    println!("prepare+apply: {:.0} us/profile", us(parse_s));
    println!("build: {:.0} us/profile, {:.0} B/profile", us(build_s), stored as f64 / profiles as f64);
    let inputs: Vec<_> = files.iter().map(|file| file.reader().unwrap()).collect();
    let start = cpu_s();
    let merged = engine.merge(&inputs, &Keep { from_ns: i64::MIN }).unwrap();
    let merge_s = cpu_s() - start;
    let bytes: usize = merged.iter().map(|file| file.bytes.len()).sum();
    println!(
        "merge: {:.0} us/profile, {:.0} B/profile, {:.2} B/sample",
        us(merge_s),
        bytes as f64 / profiles as f64,
        bytes as f64 / samples as f64
    );
    flame_graph(merged, tenant, profiles);
}

fn flame_graph(merged: Vec<NewFile>, tenant: TenantId, profiles: u64) {
    let files =
        merged.into_iter().map(|file| Arc::new(BlockHandle::in_memory("merged", 1, 0..1, file))).collect();
    let snapshot = Snapshot::<ProfileEngine> { heads: Vec::new(), files, damage: Arc::from([]) };
    let mut query = ProfileQuery::new(tenant, Vec::new(), i64::MIN, i64::MAX);
    query.matchers = vec![Matcher::equal("service_name", "service1")];
    let start = cpu_s();
    let tree = profiles::store_for_measuring::merged(&snapshot, &query).unwrap();
    println!(
        "flame graph of {} profiles: {:.1} ms, {} nodes",
        profiles / SERVICES,
        (cpu_s() - start) * 1e3,
        tree.nodes.len()
    );
}
