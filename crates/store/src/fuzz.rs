//! Decoders of our own files as plain functions that must return for any bytes; `cargo xtask fuzz` and the suite drive them.
//!
//! Checksums would stop almost every mutation at the door, so each target reads its input twice: as it is, and with the checksums made to
//! fit, as corruption before the checksum was taken, or malice, would have it.

use std::sync::Arc;

use bytes::Bytes;

use crate::container::{BlockReader, InMemory};
use crate::{catalog, journal};

/// Names and functions.
pub const TARGETS: &[(&str, fn(&[u8]))] =
    &[("store_segment", segment), ("store_catalog", catalog), ("store_block", block)];

/// Valid files of every format.
pub fn seeds() -> Vec<Vec<u8>> {
    let golden: [&[u8]; 3] = [
        include_bytes!("../golden/journal-v1.seg"),
        include_bytes!("../golden/catalog-v1.cat"),
        include_bytes!("../golden/block-v1.blk"),
    ];
    golden.into_iter().map(<[u8]>::to_vec).collect()
}

pub fn segment(data: &[u8]) {
    journal::scan_untrusted(Bytes::copy_from_slice(data));
    let mut data = data.to_vec();
    journal::reseal(&mut data);
    journal::scan_untrusted(data.into());
}

pub fn catalog(data: &[u8]) {
    let _ = catalog::decode_untrusted(data);
    if let Some((checked, _)) = data.split_last_chunk::<4>() {
        let sealed = [checked, &crc32c::crc32c(checked).to_le_bytes()].concat();
        if let Ok(state) = catalog::decode_untrusted(&sealed) {
            assert_eq!(state.check(), Ok(()), "what is believed has no gap");
        }
    }
}

pub fn block(data: &[u8]) {
    read_block(data.to_vec());
    let mut data = data.to_vec();
    let Some(trailer) = data.len().checked_sub(40) else { return };
    let word = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"));
    let (position, len) = (word(trailer), word(trailer + 8));
    let table = usize::try_from(position).ok().zip(usize::try_from(len).ok());
    let table = table.and_then(|(position, len)| data.get(position..position.checked_add(len)?));
    if let Some(crc) = table.map(crc32c::crc32c) {
        data[trailer + 16..trailer + 20].copy_from_slice(&crc.to_le_bytes());
        read_block(data);
    }
}

fn read_block(data: Vec<u8>) {
    let Ok(reader) = BlockReader::open(Arc::new(InMemory::new("fuzz", data))) else { return };
    for key in reader.keys() {
        let _ = reader.section(*key);
    }
}
