//! A journal in memory: durable as soon as it is asked, gone with the process.

use std::io;

use parking_lot::Mutex;

use crate::journal::{Journal, Pending, Record};

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
    fn enqueue(&self, record: &Record) -> io::Result<Pending> {
        let mut state = self.state.lock();
        state.records.push(record.clone());
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
}
