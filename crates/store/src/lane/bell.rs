//! Waking a lane's threads, and ending them.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A doorbell. A ring that nobody waits for is not forgotten.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        self.state.lock().0 += 1;
        self.changed.notify_all();
    }

    pub fn stop(&self) {
        self.state.lock().1 = true;
        self.changed.notify_all();
    }

    pub fn stopped(&self) -> bool {
        self.state.lock().1
    }

    pub fn heard(&self) -> u64 {
        self.state.lock().0
    }

    /// Waits for a ring after `heard`, or `timeout`, or the end.
    pub fn wait(&self, heard: u64, timeout: Option<Duration>) {
        let mut state = self.state.lock();
        while state.0 == heard && !state.1 {
            match timeout {
                None => self.changed.wait(&mut state),
                Some(timeout) => {
                    if self.changed.wait_for(&mut state, timeout).timed_out() {
                        return;
                    }
                }
            }
        }
    }
}
