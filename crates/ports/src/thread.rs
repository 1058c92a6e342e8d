//! Threads with a name and a priority.

use std::io;
use std::thread::{Builder, JoinHandle};

/// How much of the machine a thread may claim when others want it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Normal,
    /// Work that can wait: compaction, scrubbing. Nice 10 on Linux.
    Low,
}

const LOW_NICE: i32 = 10;

/// Starts a thread. The name shows in `top -H`; Linux keeps 15 bytes of it.
pub fn spawn(
    name: &str,
    priority: Priority,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        if priority == Priority::Low {
            lower_priority();
        }
        run();
    })
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // Linux keeps a nice value per thread. Failing to be nice is no reason not to work.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOW_NICE);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {
    let _ = LOW_NICE;
}
