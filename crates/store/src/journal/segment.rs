//! Segment files on disk: finding them, reading them whole, giving birth to a new one.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ports::{Disk, DiskFile, Open};

use crate::file::read_full;

use super::format::{HeaderRead, SegmentHeader, VERSION};

const SUFFIX: &str = ".seg";
/// A segment that is being born; meaningless after a crash.
const UNBORN: &str = "next.tmp";

/// A segment that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub first: u64,
    /// `None`: the header is broken.
    pub header: Option<SegmentHeader>,
    /// Bytes of the file.
    pub len: u64,
    /// Bytes of it that hold frames, as far as is known; the rest is reserved.
    pub used: u64,
}

impl Segment {
    pub fn path(&self, dir: &Path) -> PathBuf {
        path_of(dir, self.first)
    }
}

pub(crate) fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SUFFIX}"))
}

/// All segments in `dir`, oldest first. Removes one that was never born.
pub(crate) fn find(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for name in disk.list(dir)? {
        if name == UNBORN {
            disk.remove(&dir.join(name))?;
            continue;
        }
        let Some(first) = name.strip_suffix(SUFFIX).and_then(|digits| digits.parse().ok()) else { continue };
        let file = disk.open(&dir.join(&name), Open::Read)?;
        let mut head = [0; super::format::SEGMENT_HEADER_LEN];
        let read = read_full(&*file, &mut head, 0)?;
        let header = match SegmentHeader::decode(&head[..read]) {
            HeaderRead::Good(header) => Some(header),
            HeaderRead::Bad => None,
            HeaderRead::Newer(version) => {
                let reason = format!(
                    "journal segment {name} has format version {version}, this build reads up to {VERSION}: use a newer oriel"
                );
                return Err(io::Error::new(ErrorKind::Unsupported, reason));
            }
        };
        let len = file.len()?;
        segments.push(Segment { first, header, len, used: len });
    }
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}

/// Shortens segments that a crash left at their reserved length. Only where the durable header of the next segment says where this one
/// ends, so nothing that could be a record is cut off; without this every crash would cost a segment of disk and of reading.
pub(crate) fn give_back_reserves(disk: &dyn Disk, dir: &Path, segments: &mut [Segment]) {
    for place in 1..segments.len() {
        let previous = segments[place].header.and_then(|header| header.previous);
        let segment = &mut segments[place - 1];
        let Some(end) =
            previous.filter(|previous| previous.first == segment.first).map(|previous| previous.end)
        else {
            continue;
        };
        if end >= segment.len {
            continue;
        }
        let shortened = disk.open(&segment.path(dir), Open::Write).and_then(|file| file.set_len(end));
        match shortened {
            Ok(()) => (segment.len, segment.used) = (end, end),
            Err(error) => tracing::warn!("could not shorten {}: {error}", segment.path(dir).display()),
        }
    }
}

/// The whole file in one buffer that records then share.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path) -> io::Result<Bytes> {
    let file = disk.open(path, Open::Read)?;
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let read = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes.into())
}

/// Makes a segment that is complete and durable the moment it has its name.
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    header: &SegmentHeader,
    len: u64,
) -> io::Result<Arc<dyn DiskFile>> {
    let unborn = dir.join(UNBORN);
    match disk.remove(&unborn) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&unborn, Open::CreateNew)?;
    file.allocate(len)?;
    file.write_all_at(&header.encode(), 0)?;
    file.sync()?;
    disk.rename(&unborn, &path_of(dir, header.first))?;
    disk.sync_dir(dir)?;
    Ok(file)
}
