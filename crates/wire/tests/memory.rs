//! What decoding may cost in memory: for bodies built to cost the most, the peak stays within a known multiple of the bytes that came.
//!
//! One test in a program of its own, because it counts every allocation of the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Compression, Signal};
use wire::compress::{compress, decompress};
use wire::proto::Writer;

/// Passes on to the system's allocator and counts.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to `System`, which keeps the contract; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Peak bytes that `work` adds to what is there.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

fn repeated(field: &[u8], len: usize) -> Vec<u8> {
    field.repeat(len / field.len())
}

/// Bytes of the hostile bodies.
const LEN: usize = 1 << 20;

fn check(name: &str, body: &[u8], times: usize, work: impl FnOnce(&[u8])) {
    let bytes = peak(|| work(body));
    let allowed = times * body.len() + (256 << 10);
    assert!(bytes <= allowed, "{name}: {bytes} bytes for a body of {}, allowed are {allowed}", body.len());
}

#[test]
fn memory_stays_within_a_multiple_of_the_body() {
    // Proving a body takes no memory at all, whatever is in it.
    for signal in Signal::ALL {
        let schema = wire::otlp::request_schema(signal);
        for field in [&[0x0a, 0][..], &[0x0a, 2, 0x12, 0], &[0x12, 2, 0x2a, 0], &[0xf8, 1, 0]] {
            let body = repeated(field, LEN);
            assert_eq!(peak(|| drop(wire::proto::validate(schema, &body))), 0, "{signal}");
        }
    }
    let empty_messages = format!(r#"{{"resourceLogs":[{}{{}}]}}"#, "{},".repeat(LEN / 3));
    let unknown = format!(r#"{{"x":[{}0]}}"#, "[[1]],".repeat(LEN / 6));
    let numbers = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"bucketCounts":[{}0]}}]}}}}]}}]}}]}}"#,
        "0,".repeat(LEN / 2)
    );
    for json in [&empty_messages, &unknown, &numbers] {
        for signal in Signal::ALL {
            // Eight bytes for a number of two characters, in a vector that doubles.
            check("OTLP/JSON", json.as_bytes(), 16, |json| drop(wire::otlp::request_from_json(signal, json)));
        }
    }
    check("write 2 symbols", &repeated(&[0x22, 0], LEN), 32, |body| drop(wire::remote::Request::new(body)));
    let labels: String = (0..LEN / 10).map(|n| format!(r#""{n:x}":"","#)).collect();
    let push = format!(r#"{{"streams":[{{"stream":{{{labels}"z":""}},"values":[]}}]}}"#);
    check("Loki labels", push.as_bytes(), 16, |body| drop(wire::loki::push_from_json(body)));
    let entries = format!(r#"{{"streams":[{{"values":[{}["1",""]]}}]}}"#, r#"["1",""],"#.repeat(LEN / 9));
    check("Loki entries", entries.as_bytes(), 8, |body| drop(wire::loki::push_from_json(body)));
    check("label string", format!("{{{}}}", "a=\"b\",".repeat(LEN / 6)).as_bytes(), 40, |text| {
        drop(wire::loki::parse_labels(std::str::from_utf8(text).expect("it is ASCII")));
    });
    pprof_tables();
    bombs();
    check("tracestate", &repeated(b"a=1,", LEN), 1, |text| {
        let text = std::str::from_utf8(text).expect("it is ASCII");
        drop((wire::context::TraceState::parse([text]), wire::context::Baggage::parse([text])));
    });
}

fn pprof_tables() {
    for field in [&[0x32, 0][..], &[0x0a, 0], &[0x6a, 1, 0], &[0x6a, 4, 0, 0, 0, 0]] {
        check("pprof", &repeated(field, LEN), 40, |body| drop(wire::pprof::Profile::decode(body)));
    }
    let mut tables = Vec::new();
    let mut writer = Writer::new(&mut tables);
    for id in 1..LEN as u64 / 8 {
        writer.message(4, |location| location.varint(1, id));
        writer.message(5, |function| function.varint(1, id));
    }
    check("pprof tables", &tables, 40, |body| drop(wire::pprof::Profile::decode(body)));
}

/// A megabyte of zeros in few bytes: the output may not pass the cap, nor what is allocated for it by much.
fn bombs() {
    const CAP: usize = 64 << 10;
    let zeros = vec![0; LEN];
    for compression in (1..=u8::MAX).map_while(Compression::from_number) {
        let mut bomb = Vec::new();
        compress(compression, None, &zeros, &mut bomb);
        let warm = |bomb: &[u8]| assert!(decompress(compression, bomb, CAP, &mut Vec::new()).is_err());
        // The first call also sets up this thread's contexts.
        warm(&bomb);
        // LZ4 and snappy frames are decoded by whole blocks of up to 4 MiB and 64 KiB.
        let block = if compression == Compression::Lz4Frame { 9 << 20 } else { 512 << 10 };
        let bytes = peak(|| warm(&bomb));
        assert!(bytes <= 2 * CAP + block, "{compression:?}: {bytes} bytes under a cap of {CAP}");
    }
}
