//! The smallest engine: items are numbers, their time is their number in milliseconds. And a world to run it in.

use std::collections::BTreeMap;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use model::{Compression, Format, Signal, TenantId};
use ports::sim::{SeededRng, SimClock, SimDisk};
use ports::{Store, StoreError as ObjectError};

use super::super::*;
use crate::container::{BlockReader, BlockWriter, Codec, ContainerError, SectionKey};
use crate::engine::{FileSummary, Keep, NewFile};
use crate::object::LocalStore;

pub struct Numbers;

const SECTION: SectionKey = SectionKey { tenant: 0, kind: 1, id: 0 };

impl SignalEngine for Numbers {
    const SIGNAL: Signal = Signal::Logs;
    /// Items by (offset, place in the record).
    type Head = Mutex<BTreeMap<(u64, usize), u64>>;
    type Prepared = Vec<u64>;

    fn new_head(&self) -> Self::Head {
        Mutex::default()
    }

    fn prepare(&self, record: &Record) -> Result<Self::Prepared, String> {
        let text = std::str::from_utf8(&record.payload).map_err(|error| error.to_string())?;
        text.split_whitespace().map(|word| word.parse::<u64>().map_err(|error| error.to_string())).collect()
    }

    fn apply(&self, head: &Self::Head, offset: u64, prepared: Self::Prepared) {
        head.lock().extend(prepared.into_iter().enumerate().map(|(place, item)| ((offset, place), item)));
    }

    fn head_bytes(&self, head: &Self::Head) -> usize {
        head.lock().len() * 24
    }

    fn build(&self, head: &Self::Head, _: std::ops::Range<u64>) -> Result<Vec<NewFile>, ContainerError> {
        Ok(file(head.lock().values().copied().collect()))
    }

    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
        let mut items = Vec::new();
        for input in inputs {
            items.extend(items_of(input)?);
        }
        items.retain(|item| time_ns(*item) >= keep.from_ns);
        Ok(file(items))
    }
}

pub fn time_ns(item: u64) -> i64 {
    item as i64 * 1_000_000
}

fn file(items: Vec<u64>) -> Vec<NewFile> {
    let (Some(min), Some(max)) = (items.iter().min(), items.iter().max()) else { return Vec::new() };
    let summary = FileSummary {
        min_ns: time_ns(*min),
        max_ns: time_ns(*max),
        items: items.len() as u64,
        tenants: vec![TenantId::anonymous()],
    };
    let mut writer = BlockWriter::new(Signal::Logs);
    writer.tenant(&TenantId::anonymous());
    let plain: Vec<u8> = items.iter().flat_map(|item| item.to_le_bytes()).collect();
    writer.add(SECTION, &plain, Codec::None, 0);
    vec![NewFile { bytes: writer.finish(), summary }]
}

pub fn items_of(reader: &BlockReader) -> Result<Vec<u64>, ContainerError> {
    let plain = reader.require(SECTION)?;
    Ok(plain.chunks_exact(8).map(|item| u64::from_le_bytes(item.try_into().expect("eight bytes"))).collect())
}

/// A record of these items, received at the time of the first.
pub fn record(items: &[u64]) -> Record {
    let text: Vec<String> = items.iter().map(u64::to_string).collect();
    let payload = Bytes::from(text.join(" "));
    Record {
        tenant: TenantId::anonymous(),
        format: Format::OtlpProto,
        compression: Compression::None,
        received_at_ms: items.first().map_or(0, |item| *item as i64),
        plain_len: payload.len() as u32,
        payload,
    }
}

/// Everything a query would see, in order.
pub fn all_items(lane: &Lane<Numbers>) -> Result<Vec<u64>, ContainerError> {
    let snapshot = lane.snapshot();
    let mut items = Vec::new();
    for file in &snapshot.files {
        items.extend(items_of(&*file.reader()?)?);
    }
    for head in &snapshot.heads {
        items.extend(head.lock().values());
    }
    Ok(items)
}

pub struct World {
    pub disk: SimDisk,
    pub clock: Arc<SimClock>,
    pub config: LaneConfig,
}

impl World {
    pub fn new() -> Self {
        Self::on(SimDisk::new())
    }

    pub fn on(disk: SimDisk) -> Self {
        let config = LaneConfig {
            cut_bytes: 60,
            cut_interval: Duration::from_millis(100),
            segment_bytes: 4096 + 64,
            compact_fan_in: 3,
            compact_bytes_max: 4000,
            compact_window: Duration::from_millis(1000),
            packing: crate::journal::Packing::AsIs,
            reserve_bytes: 0,
            scrub_every: Duration::ZERO,
            spawn: false,
            ..LaneConfig::new("/data")
        };
        Self { disk, clock: Arc::new(SimClock::new(0)), config }
    }

    pub fn deps(&self) -> Deps {
        let seed = self.disk.changes() as u64 + 1;
        Deps::simulated(&self.disk, &self.clock, seed).unwrap().with_fatal(Arc::new(|_| {}))
    }

    pub fn open(&self) -> Arc<Lane<Numbers>> {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<Arc<Lane<Numbers>>, StoreError> {
        Lane::open(Numbers, self.deps(), self.config.clone())
    }

    /// The files of the object store as a store of its own.
    pub fn objects(&self) -> impl Store {
        let disk = Arc::new(self.disk.clone());
        LocalStore::open(Path::new("/data/objects"), disk, Arc::new(SeededRng::new(9))).unwrap()
    }

    pub fn keys(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        crate::object::list_all(&self.objects(), prefix)
    }
}

/// Appends and commits. True: acknowledged.
pub fn append(lane: &Lane<Numbers>, items: &[u64]) -> bool {
    let Ok(mut pending) = lane.begin(record(items), items.to_vec()) else { return false };
    lane.commit_now();
    matches!(pending.durable.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}
