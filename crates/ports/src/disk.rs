//! The disk. Blocking calls; callers run on threads that may block.
//!
//! What a crash may do: writes that were not followed by `sync` may vanish or be torn, in any order; a created or renamed name may vanish
//! until `sync_dir` of its directory. An error of `sync` must end the process: the kernel may have dropped the dirty pages.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Must exist; reading only.
    Read,
    /// Must exist; reading and writing.
    Write,
    /// Must not exist; reading and writing.
    CreateNew,
}

/// A directory tree that survives the process.
pub trait Disk: Send + Sync + 'static {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DiskFile>>;
    /// Names (not paths) in `dir`, sorted; the name of a directory ends in `/`.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Atomically replaces `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives `from` a second name; `AlreadyExists` if `to` is taken. The atomic "create if absent" of a finished file.
    fn link_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes free for us on the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Takes `path` (a file, made if need be) for this process until the guard is dropped; `WouldBlock` if another holder has it.
    fn lock(&self, path: &Path) -> io::Result<LockGuard>;
}

/// Held while a directory is ours; dropping it lets go.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// An open file. Positions are explicit, so that it can be shared.
pub trait DiskFile: Send + Sync + 'static {
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Reads at most `into.len()` bytes; 0 at the end.
    fn read_at(&self, into: &mut [u8], position: u64) -> io::Result<usize>;
    /// Makes the contents and the length durable.
    fn sync(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file `len` bytes long (zeros) with room reserved, so that writing within it does not meet a full disk.
    fn allocate(&self, len: u64) -> io::Result<()>;
}
