//! Files that configuration names: secrets, certificates, other configuration. Read through `ports`, bounded.

use std::io;
use std::path::Path;

use ports::{Disk, Open};

/// No secret or certificate bundle is longer.
const FILE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("cannot read {path}: it has {len} bytes, more than {FILE_BYTES_MAX}")]
    TooLong { path: String, len: u64 },
    #[error("cannot read {path}: it is not text")]
    NotText { path: String },
}

pub fn file_bytes(disk: &dyn Disk, path: &(impl AsRef<Path> + ?Sized)) -> Result<Vec<u8>, FileError> {
    let shown = path.as_ref().display().to_string();
    let fail = |source| FileError::Io { path: shown.clone(), source };
    let file = disk.open(path.as_ref(), Open::Read).map_err(fail)?;
    let len = file.len().map_err(fail)?;
    if len > FILE_BYTES_MAX {
        return Err(FileError::TooLong { path: shown, len });
    }
    let mut bytes = vec![0; len as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64).map_err(fail)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

pub fn file_text(disk: &dyn Disk, path: &(impl AsRef<Path> + ?Sized)) -> Result<String, FileError> {
    let bytes = file_bytes(disk, path)?;
    String::from_utf8(bytes).map_err(|_| FileError::NotText { path: path.as_ref().display().to_string() })
}
