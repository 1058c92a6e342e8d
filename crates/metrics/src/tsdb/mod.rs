//! Prometheus's own storage: directories are read in (blocks, then the write-ahead log), selected series are written out as a block.
//!
//! Flow of an import: `index` and `chunks` of each block, oldest first, then `wal` with its checkpoint -> series batches -> the store, whose rules of
//! time are lifted for them; a sample that is there already stays. Flow of an export: a selector -> XOR chunks of 120 samples -> a block that
//! promtool and Thanos read.
//!
//! Invariants: input is hostile until its checksums say otherwise; nothing is half imported in silence: what cannot be read is an error that names the
//! file. Not here: the command line (`oriel`).

mod bits;
mod chunk;
mod export;
mod import;
mod index;
mod wal;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use ports::Disk;

pub use export::{ExportedBlock, export};
pub use import::{ImportReport, import};

/// By what the caller would do: look at the disk, look at the file, or ask for a version that can.
#[derive(Debug, thiserror::Error)]
pub enum TsdbError {
    #[error("could not read or write {path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{path} is malformed: {reason}")]
    Malformed { path: String, reason: String },
    #[error("{0}")]
    Unsupported(String),
    #[error("the store refused the samples: {0}")]
    Refused(#[from] pipeline::Refused),
    #[error(transparent)]
    Read(#[from] crate::ReadError),
}

/// A file larger than this is not one that Prometheus writes.
const FILE_LEN_MAX: u64 = 4 << 30;

fn io(path: &Path) -> impl Fn(std::io::Error) -> TsdbError + '_ {
    |source| TsdbError::Io { path: path.display().to_string(), source }
}

fn malformed(path: &Path, reason: impl Into<String>) -> TsdbError {
    TsdbError::Malformed { path: path.display().to_string(), reason: reason.into() }
}

/// A whole file.
fn read_file(disk: &Arc<dyn Disk>, path: &Path) -> Result<Vec<u8>, TsdbError> {
    let file = disk.open(path, ports::Open::Read).map_err(io(path))?;
    let len = file.len().map_err(io(path))?;
    if len > FILE_LEN_MAX {
        return Err(malformed(path, format!("{len} bytes are more than {FILE_LEN_MAX}")));
    }
    let mut bytes = vec![0; len as usize];
    let mut at = 0;
    while at < bytes.len() {
        match file.read_at(&mut bytes[at..], at as u64).map_err(io(path))? {
            0 => return Err(malformed(path, "shorter than its length")),
            count => at += count,
        }
    }
    Ok(bytes)
}

/// Names in a directory, those of directories without their slash; none if it is not there.
fn names(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<String>, TsdbError> {
    match disk.list(dir) {
        Ok(names) => Ok(names.into_iter().map(|name| name.trim_end_matches('/').to_owned()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io(dir)(error)),
    }
}

fn write_file(disk: &Arc<dyn Disk>, path: &Path, bytes: &[u8]) -> Result<(), TsdbError> {
    let file = disk.open(path, ports::Open::CreateNew).map_err(io(path))?;
    file.write_all_at(bytes, 0).map_err(io(path))?;
    file.sync().map_err(io(path))
}
