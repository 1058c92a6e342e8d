//! The journal on a simulated disk: what comes back after crashes and corruption, what is refused, what is trimmed.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use model::{Compression, Format, TenantId};
use parking_lot::Mutex;
use ports::sim::{SeededRng, SimClock, SimDisk, Survivors};
use ports::{Clock, Rng};

use super::*;

const DIR: &str = "/data/journal/logs/0";
const QUARANTINE: &str = "/data/quarantine";

struct Bench {
    disk: SimDisk,
    fatal: Arc<Mutex<Vec<String>>>,
    registry: Registry,
}

impl Bench {
    fn new(disk: SimDisk) -> Self {
        Self { disk, fatal: Arc::default(), registry: Registry::new() }
    }

    fn open(&self, at_least: u64) -> SegmentJournal {
        let fatal = self.fatal.clone();
        let deps = JournalDeps {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(SimClock::new(0)) as Arc<dyn Clock>,
            rng: Arc::new(SeededRng::new(self.disk.changes() as u64 + 1)) as Arc<dyn Rng>,
            registry: self.registry.clone(),
            fatal: Arc::new(move |what| fatal.lock().push(what.to_owned())),
        };
        SegmentJournal::open(Path::new(DIR), Path::new(QUARANTINE), at_least, config(), deps).unwrap()
    }
}

fn config() -> JournalConfig {
    JournalConfig {
        segment_bytes: 4096,
        packing: Packing::AsIs,
        spawn: false,
        queue_bytes: 1 << 20,
        reserve_bytes: 0,
        ..JournalConfig::new(Signal::Logs, 0)
    }
}

fn record(number: u64) -> Record {
    let payload: Bytes = format!("record {number} ").repeat(1 + number as usize % 40).into();
    Record {
        tenant: TenantId::new("team-a").unwrap(),
        format: Format::OtlpProto,
        compression: Compression::None,
        received_at_ms: 1_700_000_000_000 + number as i64,
        plain_len: payload.len() as u32,
        payload,
    }
}

fn enqueue(journal: &SegmentJournal, number: u64) -> Pending {
    let pending = journal.enqueue(journal.pack(&record(number)).unwrap()).unwrap();
    assert_eq!(pending.offset, number);
    pending
}

fn answer(pending: &mut Pending) -> Option<io::Result<()>> {
    match pending.durable.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

fn read(journal: &SegmentJournal, from: u64) -> Vec<u64> {
    let mut offsets = Vec::new();
    let each = &mut |offset, found| {
        assert_eq!(found, record(offset));
        offsets.push(offset);
        Ok(())
    };
    journal.read(from, each).unwrap();
    offsets
}

/// Commits of one to seven records.
fn fill(journal: &SegmentJournal, upto: u64) {
    let mut number = journal.next();
    while number < upto {
        for _ in 0..(number % 7 + 1).min(upto - number) {
            enqueue(journal, number);
            number += 1;
        }
        journal.commit_now();
    }
}

#[test]
fn records_come_back_and_old_segments_go() {
    let bench = Bench::new(SimDisk::new());
    let journal = bench.open(0);
    let mut first = enqueue(&journal, 0);
    assert!(answer(&mut first).is_none());
    journal.commit_now();
    assert!(matches!(answer(&mut first), Some(Ok(()))));
    fill(&journal, 200);
    assert_eq!(journal.durable(), 200);
    assert_eq!(read(&journal, 150), (150..200).collect::<Vec<_>>());
    let before = journal.bytes();
    journal.trim(100).unwrap();
    assert!(journal.first() > 50 && journal.first() <= 100 && journal.bytes() < before);
    drop(journal);

    for _ in 0..2 {
        let journal = bench.open(0);
        assert_eq!(journal.next(), 200);
        assert_eq!(read(&journal, 100), (100..200).collect::<Vec<_>>());
        assert_eq!(journal.damage(), []);
    }
    let journal = bench.open(500);
    assert_eq!(journal.next(), 500);
    fill(&journal, 510);
    assert_eq!(read(&bench.open(0), 190), (190..200).chain(500..510).collect::<Vec<_>>());
    assert!(bench.fatal.lock().is_empty());
}

#[test]
fn a_restart_costs_no_segment() {
    let bench = Bench::new(SimDisk::new());
    for life in 0..20 {
        let journal = bench.open(0);
        fill(&journal, life + 1);
    }
    let journal = bench.open(0);
    assert_eq!(read(&journal, 0), (0..20).collect::<Vec<_>>());
    assert!(journal.bytes() < 8 * 4096, "{} bytes for twenty small records", journal.bytes());
    assert_eq!(journal.damage(), []);
}

#[test]
fn every_crash_keeps_what_was_acknowledged() {
    let bench = Bench::new(SimDisk::new());
    let journal = bench.open(0);
    let mut acknowledged = vec![(0, 0)];
    for round in 0..12 {
        fill(&journal, (round + 1) * 5);
        if round == 6 {
            journal.trim(12).unwrap();
        }
        acknowledged.push((bench.disk.changes(), journal.durable()));
    }
    for changes in 0..=bench.disk.changes() {
        let known = acknowledged.iter().rev().find(|(at, _)| *at <= changes).unwrap().1;
        for survivors in
            [Survivors::None, Survivors::All, Survivors::Some(changes as u64), Survivors::Some(7)]
        {
            let after = Bench::new(bench.disk.crash_after(changes, survivors));
            let journal = after.open(0);
            let found = read(&journal, journal.first());
            let next = journal.next();
            assert!(next >= known, "{known} acknowledged, {next} recovered at {changes} {survivors:?}");
            assert_eq!(found, (journal.first()..next).collect::<Vec<_>>(), "at {changes} {survivors:?}");
            assert_eq!(journal.damage(), [], "at {changes} {survivors:?}");
            // It goes on from there, and crashes again.
            fill(&journal, next + 2);
            let again = Bench::new(after.disk.crash(Survivors::Some(3)));
            let journal = again.open(0);
            assert_eq!(read(&journal, journal.first()), (journal.first()..next + 2).collect::<Vec<_>>());
            assert_eq!(journal.damage(), []);
        }
    }
}

/// Flips one byte of record `number`'s segment at `place` from the front of where its text is.
fn corrupt_record(disk: &SimDisk, number: u64) -> PathBuf {
    let needle = (1_700_000_000_000 + number as i64).to_le_bytes();
    for (path, bytes) in disk.files() {
        if let Some(place) = bytes.windows(8).position(|window| window == needle) {
            disk.corrupt(&path, place as u64, 0x40);
            return path;
        }
    }
    panic!("record {number} is nowhere");
}

#[test]
fn corruption_is_told_from_a_torn_tail() {
    let disk = SimDisk::new();
    fill(&Bench::new(disk.clone()).open(0), 100);
    // In the middle of old and last segments, and the very last record: a mark stands behind it.
    for number in [3, 50, 97, 99] {
        let bench = Bench::new(disk.crash(Survivors::All));
        corrupt_record(&bench.disk, number);
        for _ in 0..2 {
            let journal = bench.open(0);
            assert_eq!(journal.next(), 100);
            let found = read(&journal, 0);
            assert_eq!(found, (0..100).filter(|have| *have != number).collect::<Vec<_>>());
            assert_eq!(journal.damage().len(), 1, "{:?}", journal.damage());
            assert_eq!(journal.damage()[0].offsets, number..number + 1);
        }
        assert_eq!(bench.disk.list(Path::new(QUARANTINE)).unwrap().len(), 1);
    }
}

#[test]
fn broken_headers_lose_nothing_else() {
    let disk = SimDisk::new();
    fill(&Bench::new(disk.clone()).open(0), 100);
    let segments: Vec<PathBuf> = disk.files().into_iter().map(|(path, _)| path).collect();
    assert!(segments.len() > 3);
    for path in &segments {
        let bench = Bench::new(disk.crash(Survivors::All));
        bench.disk.corrupt(path, 20, 1);
        let journal = bench.open(0);
        assert_eq!(read(&journal, 0), (0..100).collect::<Vec<_>>());
        assert_eq!(journal.damage().len(), 1);
        // A frame header in the second frame costs that frame's records, and says which.
        let bench = Bench::new(disk.crash(Survivors::All));
        let (_, bytes) = bench.disk.files().into_iter().find(|(have, _)| have == path).unwrap();
        let frame = format::FrameHeader::decode(&bytes[64..], None).unwrap();
        bench.disk.corrupt(path, 64 + 9, 1);
        let journal = bench.open(0);
        let lost = frame.first..frame.end();
        assert_eq!(read(&journal, 0), (0..100).filter(|have| !lost.contains(have)).collect::<Vec<_>>());
        assert_eq!(journal.damage()[0].offsets, lost);
    }
    // A segment that is gone is noticed too.
    let bench = Bench::new(disk.crash(Survivors::All));
    bench.disk.remove(&segments[1]).unwrap();
    let journal = bench.open(0);
    assert_eq!(read(&journal, 0).len(), 100 - (journal.damage()[0].offsets.clone().count()));
}

#[test]
fn short_reads_change_nothing() {
    let bench = Bench::new(SimDisk::new());
    fill(&bench.open(0), 50);
    bench.disk.set_short_reads(true);
    assert_eq!(read(&bench.open(0), 0), (0..50).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let bench = Bench::new(SimDisk::new());
    let journal = bench.open(0);
    fill(&journal, 10);
    // Full without warning: these have their places when the disk has no room for the segment they need.
    bench.disk.set_capacity(Some(4096));
    let mut late: Vec<Pending> = (10..40).map(|number| enqueue(&journal, number)).collect();
    journal.commit_now();
    assert!(late.iter_mut().all(|late| matches!(answer(late), Some(Err(_)))), "none was acknowledged");
    let refused = journal.enqueue(journal.pack(&record(40)).unwrap()).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    bench.disk.set_capacity(None);
    journal.commit_now();
    fill(&journal, 100);
    assert_eq!(read(&bench.open(0), 0), (0..100).collect::<Vec<_>>());
    // Full with warning: what the journal holds must fit a second time.
    bench.disk.set_capacity(Some(60_000));
    let mut number = 100;
    let refused = loop {
        match journal.enqueue(journal.pack(&record(number)).unwrap()) {
            Ok(mut pending) => {
                journal.commit_now();
                assert!(matches!(answer(&mut pending), Some(Ok(()))), "room was kept for it");
            }
            Err(error) => break error,
        }
        number += 1;
    };
    assert!(refused.to_string().contains("for writing files"), "{refused}");
    let free = bench.disk.free_bytes(Path::new(DIR)).unwrap();
    assert!(free < journal.bytes() && free > journal.bytes() / 2, "{free} free, {} held", journal.bytes());
    assert!(bench.fatal.lock().is_empty());
}

#[test]
fn a_failed_sync_is_the_end() {
    let bench = Bench::new(SimDisk::new());
    let journal = bench.open(0);
    fill(&journal, 10);
    bench.disk.fail_sync_after(0);
    let mut pending = enqueue(&journal, 10);
    journal.commit_now();
    assert!(matches!(answer(&mut pending), Some(Err(_))));
    assert!(journal.enqueue(journal.pack(&record(11)).unwrap()).is_err());
    assert_eq!(bench.fatal.lock().len(), 1);
}

#[test]
fn the_queue_is_bounded_and_closing_drains() {
    let bench = Bench::new(SimDisk::new());
    let journal = bench.open(0);
    let mut pending = Vec::new();
    let refused = loop {
        match journal.enqueue(journal.pack(&record(39)).unwrap()) {
            Ok(one) => pending.push(one),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    journal.close();
    assert!(pending.iter_mut().all(|pending| matches!(answer(pending), Some(Ok(())))) || pending.len() > 1);
    assert_eq!(
        journal.enqueue(journal.pack(&record(0)).unwrap()).err().map(|error| error.kind()),
        Some(io::ErrorKind::BrokenPipe)
    );
}

#[test]
fn a_newer_version_is_refused() {
    let bench = Bench::new(SimDisk::new());
    fill(&bench.open(0), 10);
    let (path, bytes) = bench.disk.files().remove(0);
    let mut header = bytes[..64].to_vec();
    header[8] = 9;
    let crc = crc32c::crc32c(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    bench.disk.open(&path, ports::Open::Write).unwrap().write_all_at(&header, 0).unwrap();
    let error = segment::find(&bench.disk, Path::new(DIR)).unwrap_err();
    assert!(error.to_string().contains("format version 9"), "{error}");
}

#[test]
fn packing_round_trips_and_shrinks() {
    for packing in [Packing::AsIs, Packing::Lz4, Packing::Zstd] {
        for compression in [Compression::None, Compression::Gzip] {
            let record = Record { compression, ..record(39) };
            let packed = format::Packer::new(packing).pack(&record).unwrap().0;
            let shrinks = packing != Packing::AsIs && compression == Compression::None;
            assert_eq!(packed.len() < record.payload.len(), shrinks);
            assert_eq!(unpack(packed).unwrap(), record);
        }
    }
}

proptest::proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>, place in 0usize..3000, flip: u8) {
        let _ = unpack(Bytes::from(bytes.clone()));
        let _ = format::SegmentHeader::decode(&bytes);
        let _ = format::take_record(&mut Bytes::from(bytes.clone()));
        let mut packed = format::Packer::new(Packing::Lz4).pack(&record(39)).unwrap().0.to_vec();
        let place = place % packed.len();
        packed[place] ^= flip;
        let _ = unpack(packed.into());
        let known = Known { first: 0, nonce: None, end: None };
        let _ = scan(&Bytes::from(bytes), known, 0, &mut |_, _| Ok(()));
    }
}
