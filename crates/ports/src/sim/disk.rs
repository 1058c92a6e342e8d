//! A disk in memory that knows what is durable: it keeps a log of every change, and a crash at any point of that log gives a new disk.
//!
//! What a crash does: contents not followed by `sync` of their file may vanish or be torn at sectors, names not followed by `sync_dir` of
//! their directory may vanish, each on its own. Directories are durable when made, as the real disk syncs their parents.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Rng;
use crate::disk::{Disk, DiskFile, LockGuard, Open};
use crate::sim::SeededRng;

/// Torn writes keep or lose whole sectors.
const SECTOR: usize = 512;

/// Which unsynced changes a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Only what was synced.
    None,
    /// All of it: a killed process on a machine that lives on.
    All,
    /// Each change on its own: kept, lost, or torn, by this seed.
    Some(u64),
}

#[derive(Clone, Debug)]
enum Op {
    Write { inode: usize, position: u64, bytes: Arc<[u8]> },
    SetLen { inode: usize, len: u64 },
    Sync { inode: usize },
    Name { path: PathBuf, inode: usize },
    Rename { from: PathBuf, to: PathBuf, inode: usize },
    Unname { path: PathBuf, inode: usize },
    Mkdir { path: PathBuf },
    SyncDir { path: PathBuf },
}

#[derive(Clone, Default)]
struct Tree {
    files: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    inodes: Vec<Vec<u8>>,
}

#[derive(Default)]
struct State {
    /// As it was when this disk was made: all durable.
    base: Tree,
    now: Tree,
    log: Vec<Op>,
    locks: BTreeSet<PathBuf>,
    capacity: Option<u64>,
    read_only: bool,
    short_reads: bool,
    /// Syncs that still succeed before one fails.
    syncs_left: Option<u64>,
}

/// Clones share the disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    writable: bool,
}

impl SimDisk {
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes so far. An acknowledgement that was given now may count on the first `changes()` of them.
    pub fn changes(&self) -> usize {
        self.state.lock().log.len()
    }

    /// The disk that a crash after the first `changes` changes leaves behind. This disk goes on as it was.
    pub fn crash_after(&self, changes: usize, survivors: Survivors) -> Self {
        let state = self.state.lock();
        let mut tree = state.base.clone();
        for (op, fate) in fates(&state.log[..changes], survivors) {
            tree.apply(op, &fate);
        }
        let now = tree.clone();
        Self { state: Arc::new(Mutex::new(State { base: tree, now, ..State::default() })) }
    }

    /// The disk that a crash right now leaves behind.
    pub fn crash(&self, survivors: Survivors) -> Self {
        self.crash_after(self.changes(), survivors)
    }

    /// No more than this many bytes fit; `None`: no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.state.lock().read_only = read_only;
    }

    /// Reads return about half of what was asked for.
    pub fn set_short_reads(&self, short_reads: bool) {
        self.state.lock().short_reads = short_reads;
    }

    /// `count` more syncs succeed; then all fail with `EIO`.
    pub fn fail_sync_after(&self, count: u64) {
        self.state.lock().syncs_left = Some(count);
    }

    /// Flips bits of one byte, on the platter and in the page cache.
    pub fn corrupt(&self, path: &Path, position: u64, flip: u8) {
        let mut state = self.state.lock();
        let inode = *state.now.files.get(path).expect("corrupting a file that is there");
        state.now.inodes[inode][position as usize] ^= flip;
        let byte = state.now.inodes[inode][position as usize];
        state.log.push(Op::Write { inode, position, bytes: Arc::new([byte]) });
        state.log.push(Op::Sync { inode });
    }

    /// Every file and its contents.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state.lock();
        state.now.files.iter().map(|(path, inode)| (path.clone(), state.now.inodes[*inode].clone())).collect()
    }

    fn change(&self, op: Op) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        if state.capacity.is_some_and(|capacity| state.now.used() + state.now.growth(&op) > capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        state.now.apply(&op, &Fate::Kept);
        state.log.push(op);
        Ok(())
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.state.lock().now.files.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

enum Fate {
    Kept,
    Lost,
    /// Sectors that stay.
    Torn(SeededRng),
}

/// Decides for every change whether it outlives a crash at the end of `log`.
fn fates(log: &[Op], survivors: Survivors) -> impl Iterator<Item = (&Op, Fate)> {
    let (mut inodes, mut dirs) = (BTreeSet::new(), BTreeSet::new());
    let mut synced = vec![false; log.len()];
    for (place, op) in log.iter().enumerate().rev() {
        synced[place] = match op {
            Op::Sync { inode } => inodes.insert(*inode),
            Op::SyncDir { path } => dirs.insert(path.as_path()),
            Op::Mkdir { .. } => true,
            Op::Write { inode, .. } | Op::SetLen { inode, .. } => inodes.contains(inode),
            Op::Name { path, .. } | Op::Unname { path, .. } | Op::Rename { to: path, .. } => {
                path.parent().is_some_and(|dir| dirs.contains(dir))
            }
        };
    }
    let seed = if let Survivors::Some(seed) = survivors { seed } else { 0 };
    let rng = SeededRng::new(seed);
    log.iter().zip(synced).map(move |(op, synced)| {
        let fate = match survivors {
            _ if synced => Fate::Kept,
            Survivors::None => Fate::Lost,
            Survivors::All => Fate::Kept,
            Survivors::Some(_) => match (rng.below(3), op) {
                (0, _) => Fate::Lost,
                (1, Op::Write { .. }) => Fate::Torn(SeededRng::new(rng.next_u64())),
                _ => Fate::Kept,
            },
        };
        (op, fate)
    })
}

impl Tree {
    fn used(&self) -> u64 {
        let linked: BTreeSet<usize> = self.files.values().copied().collect();
        linked.into_iter().map(|inode| self.inodes[inode].len() as u64).sum()
    }

    fn growth(&self, op: &Op) -> u64 {
        let (inode, end) = match op {
            Op::Write { inode, position, bytes } => (*inode, position + bytes.len() as u64),
            Op::SetLen { inode, len } => (*inode, *len),
            _ => return 0,
        };
        end.saturating_sub(self.inodes[inode].len() as u64)
    }

    fn contents(&mut self, inode: usize) -> &mut Vec<u8> {
        if self.inodes.len() <= inode {
            self.inodes.resize_with(inode + 1, Vec::new);
        }
        &mut self.inodes[inode]
    }

    fn apply(&mut self, op: &Op, fate: &Fate) {
        if matches!(fate, Fate::Lost) {
            return;
        }
        match op {
            Op::Write { inode, position, bytes } => {
                write_sectors(self.contents(*inode), *position as usize, bytes, fate);
            }
            Op::SetLen { inode, len } => self.contents(*inode).resize(*len as usize, 0),
            Op::Name { path, inode } => {
                self.contents(*inode);
                self.files.insert(path.clone(), *inode);
            }
            Op::Rename { from, to, inode } => {
                self.contents(*inode);
                if self.files.get(from) == Some(inode) {
                    self.files.remove(from);
                }
                self.files.insert(to.clone(), *inode);
            }
            Op::Unname { path, inode } => {
                if self.files.get(path) == Some(inode) {
                    self.files.remove(path);
                }
            }
            Op::Mkdir { path } => {
                self.dirs.extend(path.ancestors().map(Path::to_path_buf));
            }
            Op::Sync { .. } | Op::SyncDir { .. } => {}
        }
    }
}

fn write_sectors(contents: &mut Vec<u8>, position: usize, bytes: &[u8], fate: &Fate) {
    let mut done = 0;
    while done < bytes.len() {
        let at = position + done;
        let len = (SECTOR - at % SECTOR).min(bytes.len() - done);
        let keep = if let Fate::Torn(rng) = fate { rng.below(2) == 0 } else { true };
        if keep {
            if contents.len() < at + len {
                contents.resize(at + len, 0);
            }
            contents[at..at + len].copy_from_slice(&bytes[done..done + len]);
        }
        done += len;
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DiskFile>> {
        let inode = match (how, self.inode(path)) {
            (Open::CreateNew, Ok(_)) => return Err(ErrorKind::AlreadyExists.into()),
            (Open::CreateNew, Err(_)) => {
                let inode = {
                    let mut state = self.state.lock();
                    if !path.parent().is_some_and(|dir| state.now.dirs.contains(dir)) {
                        return Err(ErrorKind::NotFound.into());
                    }
                    let inode = state.now.inodes.len();
                    state.now.contents(inode);
                    inode
                };
                self.change(Op::Name { path: path.to_owned(), inode })?;
                inode
            }
            (Open::Read | Open::Write, found) => found?,
        };
        let writable = how != Open::Read;
        if writable && self.state.lock().read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(Arc::new(SimFile { disk: self.clone(), inode, writable }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        if !state.now.dirs.contains(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let name_in = |path: &Path| -> Option<String> {
            (path.parent() == Some(dir)).then(|| path.file_name()?.to_str().map(str::to_owned)).flatten()
        };
        let files = state.now.files.keys().filter_map(|path| name_in(path));
        let dirs = state.now.dirs.iter().filter_map(|path| name_in(path)).map(|name| name + "/");
        let mut names: Vec<String> = files.chain(dirs).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if self.state.lock().now.dirs.contains(dir) {
            return Ok(());
        }
        self.change(Op::Mkdir { path: dir.to_owned() })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.inode(from)?;
        self.change(Op::Rename { from: from.to_owned(), to: to.to_owned(), inode })
    }

    fn link_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.inode(from)?;
        if self.inode(to).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.change(Op::Name { path: to.to_owned(), inode })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let inode = self.inode(path)?;
        self.change(Op::Unname { path: path.to_owned(), inode })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Op::SyncDir { path: dir.to_owned() })
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.now.used())))
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        struct Held(SimDisk, PathBuf);
        impl Drop for Held {
            fn drop(&mut self) {
                self.0.state.lock().locks.remove(&self.1);
            }
        }
        if !self.state.lock().locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held(self.clone(), path.to_owned())))
    }
}

impl DiskFile for SimFile {
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.disk.change(Op::Write { inode: self.inode, position, bytes: bytes.into() })
    }

    fn read_at(&self, into: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.state.lock();
        let contents = &state.now.inodes[self.inode];
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(contents.len());
        let mut len = into.len().min(contents.len() - from);
        if state.short_reads && len > 1 {
            len = len.div_ceil(2);
        }
        into[..len].copy_from_slice(&contents[from..from + len]);
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        {
            let mut state = self.disk.state.lock();
            if let Some(left) = &mut state.syncs_left {
                *left = left.checked_sub(1).ok_or_else(|| io::Error::other("input/output error"))?;
            }
        }
        self.disk.change(Op::Sync { inode: self.inode })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().now.inodes[self.inode].len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change(Op::SetLen { inode: self.inode, len })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if len <= self.len()? {
            return Ok(());
        }
        self.set_len(len)
    }
}

#[cfg(test)]
mod tests;
