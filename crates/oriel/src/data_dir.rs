//! The data directory: made if need be, ours alone while we run, and never one that a newer version has written.
//!
//! `VERSION` holds the number of the layout in one line. It changes when an older binary could no longer read what is there.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ports::disk::LockGuard;
use ports::{Disk, Open};

/// Layout that this binary writes: `docs/formats/data-directory.md`.
const LAYOUT: u32 = 1;
const VERSION_FILE: &str = "VERSION";
const LOCK_FILE: &str = "LOCK";

/// Held while the server runs.
pub struct DataDir {
    pub path: PathBuf,
    _lock: LockGuard,
}

impl DataDir {
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        disk.create_dir_all(path)
            .map_err(|error| explain(error, path))
            .with_context(|| format!("cannot make data directory {shown}"))?;
        let lock = match disk.lock(&path.join(LOCK_FILE)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!(
                    "data directory {shown} is in use by another oriel: stop it, or choose another directory with --data"
                )
            }
            Err(error) => {
                return Err(explain(error, path))
                    .with_context(|| format!("cannot lock data directory {shown}"));
            }
        };
        check_version(disk, path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

/// What an operator can do about it.
fn explain(error: std::io::Error, path: &Path) -> anyhow::Error {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => {
            "give this user the right to write there, or choose another directory with --data"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: mount it for writing, or choose another directory with --data"
        }
        ErrorKind::StorageFull => "the disk is full: make room, or choose another directory with --data",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file is in the way: choose another directory with --data"
        }
        _ => return error.into(),
    };
    anyhow::anyhow!("{} ({error}); {advice}", path.display())
}

fn check_version(disk: &Arc<dyn Disk>, path: &Path) -> anyhow::Result<()> {
    let file = path.join(VERSION_FILE);
    let shown = path.display();
    let Some(text) = read_short(disk, &file).map_err(|error| explain(error, &file))? else {
        return write_version(disk, path)
            .map_err(|error| explain(error, &file))
            .with_context(|| format!("cannot write {}", file.display()));
    };
    match text.trim().parse::<u32>() {
        Ok(layout) if layout <= LAYOUT => Ok(()),
        Ok(layout) => bail!(
            "data directory {shown} was written by a newer version of oriel (layout {layout}, this one reads up to {LAYOUT}): use that version, or another directory"
        ),
        Err(_) => bail!(
            "{} does not hold a layout number: {shown} is no data directory of oriel, or it is damaged",
            file.display()
        ),
    }
}

fn write_version(disk: &Arc<dyn Disk>, path: &Path) -> std::io::Result<()> {
    // Whole or not at all: a crash in between leaves the temporary name, which nobody reads.
    let (temporary, file) = (path.join("VERSION.tmp"), path.join(VERSION_FILE));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let text = format!("{LAYOUT}\n");
    let open = disk.open(&temporary, Open::CreateNew)?;
    open.write_all_at(text.as_bytes(), 0)?;
    open.sync()?;
    disk.rename(&temporary, &file)?;
    disk.sync_dir(path)
}

/// A small file's text; `None` if it is not there.
fn read_short(disk: &Arc<dyn Disk>, path: &Path) -> std::io::Result<Option<String>> {
    let file = match disk.open(path, Open::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = [0; 64];
    let len = file.read_at(&mut bytes, 0)?;
    Ok(Some(String::from_utf8_lossy(&bytes[..len]).into_owned()))
}

#[cfg(test)]
mod tests {
    use ports::RealDisk;

    use super::*;

    fn open(path: &Path) -> Result<DataDir, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        DataDir::open(&disk, path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_directory_has_one_holder_and_no_newer_layout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/data");
        let held = open(&path).unwrap();
        assert!(open(&path).err().unwrap().contains("is in use by another oriel"));
        drop(held);
        drop(open(&path).unwrap());
        #[expect(clippy::disallowed_methods, reason = "the test plays a newer version")]
        let write = |text: &str| std::fs::write(path.join(VERSION_FILE), text).unwrap();
        write("2\n");
        assert!(open(&path).err().unwrap().contains("was written by a newer version of oriel (layout 2"));
        write("two");
        assert!(open(&path).err().unwrap().contains("does not hold a layout number"));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        #[expect(clippy::disallowed_methods, reason = "the test puts a file in the way")]
        std::fs::write(&path, "x").unwrap();
        let error = open(&path).err().unwrap();
        assert!(error.contains("cannot make data directory"), "{error}");
    }
}
