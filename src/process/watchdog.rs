//! Ends short commands that hang. One thread for all of them, as a thread for each costs more than most of them do.

use super::procfs;
use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Pause between two looks: how late a limit may be.
const PAUSE: Duration = Duration::from_millis(250);

/// A process that is watched until this is dropped.
pub(super) struct Watched {
    entry: Arc<Entry>,
}

struct Entry {
    pid: u32,
    until: Instant,
    ended: AtomicBool,
}

/// All that are watched now.
static WATCHED: OnceLock<Mutex<Vec<Arc<Entry>>>> = OnceLock::new();

impl Watched {
    /// Ends a process, and all that it started, when it is still there after `limit`.
    pub(super) fn start(pid: u32, limit: Duration) -> Watched {
        let until = Instant::now().checked_add(limit).unwrap_or_else(Instant::now);
        let entry = Arc::new(Entry { pid, until, ended: AtomicBool::new(false) });
        let all = WATCHED.get_or_init(|| {
            // Where no thread is to be had, nothing hangs less than before.
            let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
            Mutex::default()
        });
        all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&entry));
        Watched { entry }
    }

    /// Whether it was ended at its limit.
    pub(super) fn was_ended(&self) -> bool {
        self.entry.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(all) = WATCHED.get() {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
        }
    }
}

fn watch() {
    loop {
        std::thread::sleep(PAUSE);
        let Some(all) = WATCHED.get() else { continue };
        // Under the lock, so that nobody lets go of a process in between, whose id would then be another one's.
        let all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        for entry in all.iter().filter(|entry| entry.until <= now) {
            entry.ended.store(true, Ordering::Relaxed);
            // A transport of git's holds the pipes that would be read to their end.
            for pid in procfs::descendants(entry.pid) {
                procfs::kill(pid);
            }
            procfs::kill(entry.pid);
        }
    }
}
