//! Reading all that was asked for from files that may give less at a time.

use std::io;

use ports::DiskFile;

/// Reads until `into` is full or the file ends.
pub(crate) fn read_full(file: &dyn DiskFile, into: &mut [u8], position: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], position + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
