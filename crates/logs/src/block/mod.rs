//! The block of the log store: rows sorted by stream, then time, inside a time bucket; row groups of about 2 MiB of lines; a column each for
//! time, level, origin, line and every name of structured metadata. Format page: `docs/formats/logs-block.md`.
//!
//! Per tenant: one tables section, one directory section (row groups with counts per stream and level), and per row group its columns and
//! its skip filter. Stands on the container and the column encodings of `store`.

mod reader;
pub(crate) mod skip;
mod writer;

pub(crate) use reader::TenantBlock;
pub(crate) use writer::{Tables, TenantWriter};

use crate::level::Level;

/// Version of what is inside the sections; first byte of the tables section.
pub(crate) const VERSION: u8 = 1;

/// Section kinds. Part of the format: never change them.
pub(crate) const TABLES: u16 = 1;
pub(crate) const DIRECTORY: u16 = 2;
pub(crate) const SKIP: u16 = 3;
pub(crate) const TIMES: u16 = 4;
pub(crate) const LEVELS: u16 = 5;
pub(crate) const ORIGINS: u16 = 6;
pub(crate) const LENGTHS: u16 = 7;
pub(crate) const LINES: u16 = 8;
/// Structured metadata; the section's id is `group << 16 | name`.
pub(crate) const METADATA: u16 = 9;

/// A row group ends when its lines reach this many bytes,
pub(crate) const GROUP_BYTES: usize = if cfg!(test) { 400 } else { 2 << 20 };
/// or at so many rows. Tests have small groups, so that little data makes many.
pub(crate) const GROUP_ROWS: usize = if cfg!(test) { 8 } else { 1 << 16 };
/// A time bucket ends, roughly, when its lines reach this many bytes. A merge holds up to twice as much, decoded: about 100 MiB with short lines.
pub(crate) const BUCKET_BYTES: u64 = if cfg!(test) { 800 } else { 16 << 20 };
/// Names of structured metadata in one file and tenant that get a column. Further names of a file share the column [`OVERFLOW`].
pub(crate) const NAMES_MAX: usize = if cfg!(test) { 4 } else { 4096 };
/// Holds what found no column of its own, as pairs of length-prefixed name and value.
pub(crate) const OVERFLOW: &str = "";

/// Rows and line bytes of one level in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelCount {
    pub(crate) level: Level,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// Consecutive rows of one stream in a row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) stream: u32,
    pub(crate) start: u32,
    pub(crate) rows: u32,
    pub(crate) levels: Box<[LevelCount]>,
}
