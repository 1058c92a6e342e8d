//! A journal in memory: durable as soon as it is asked, gone with the process.

use std::io;

use bytes::Bytes;
use model::{Compression, Format, TenantId};
use parking_lot::Mutex;

use crate::journal::{Damage, Journal, Packed, Pending, Record};

/// For tests that do not need a disk.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    first: u64,
    records: Vec<Record>,
}

impl Journal for MemoryJournal {
    fn pack(&self, record: &Record) -> io::Result<Packed> {
        let mut bytes =
            vec![record.format as u8, record.compression as u8, record.tenant.as_str().len() as u8];
        bytes.extend_from_slice(record.tenant.as_str().as_bytes());
        bytes.extend_from_slice(&record.received_at_ms.to_le_bytes());
        bytes.extend_from_slice(&record.plain_len.to_le_bytes());
        bytes.extend_from_slice(&record.payload);
        Ok(Packed(bytes.into()))
    }

    fn enqueue(&self, packed: Packed) -> io::Result<Pending> {
        let record = unpack(packed.0).ok_or(io::ErrorKind::InvalidData)?;
        let mut state = self.state.lock();
        state.records.push(record);
        let offset = state.first + state.records.len() as u64 - 1;
        Ok(Pending { offset, durable: Box::pin(std::future::ready(Ok(()))) })
    }

    fn read(&self, from: u64, each: &mut dyn FnMut(u64, Record) -> io::Result<()>) -> io::Result<()> {
        let (first, records) = {
            let state = self.state.lock();
            (state.first, state.records.clone())
        };
        for (offset, record) in (first..).zip(records) {
            if offset >= from {
                each(offset, record)?;
            }
        }
        Ok(())
    }

    fn first(&self) -> u64 {
        self.state.lock().first
    }

    fn next(&self) -> u64 {
        let state = self.state.lock();
        state.first + state.records.len() as u64
    }

    fn trim(&self, before: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let count = before.saturating_sub(state.first).min(state.records.len() as u64);
        state.records.drain(..count as usize);
        state.first += count;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.state.lock().records.iter().map(|record| record.payload.len() as u64).sum()
    }

    fn durable(&self) -> u64 {
        self.next()
    }

    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }
}

fn unpack(mut bytes: Bytes) -> Option<Record> {
    if bytes.len() < 3 {
        return None;
    }
    let head = bytes.split_to(3);
    let tenant_len = usize::from(head[2]);
    if bytes.len() < tenant_len + 12 {
        return None;
    }
    let tenant = bytes.split_to(tenant_len);
    let times = bytes.split_to(12);
    Some(Record {
        tenant: TenantId::new(std::str::from_utf8(&tenant).ok()?).ok()?,
        format: Format::from_number(head[0])?,
        compression: Compression::from_number(head[1])?,
        received_at_ms: i64::from_le_bytes(times[..8].try_into().ok()?),
        plain_len: u32::from_le_bytes(times[8..].try_into().ok()?),
        payload: bytes,
    })
}
