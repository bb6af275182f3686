//! Output of a supervised program into its log files, with a cap: its beginning and its end are kept.
//!
//! A pump goes on reading beyond the cap: a program whose pipe is full would block for ever. The end is held in memory
//! and written when the program has ended, so only a supervisor that is killed outright loses it.

use crate::process::ProcessError;
use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{PipeWriter, Write as _},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{io::AsyncReadExt as _, process::ChildStdout, sync::watch, task::JoinHandle};

/// How long a pump may wait for the end of output after the sweep: a survivor elsewhere may hold the pipe.
const END_OF_FILE: Duration = Duration::from_secs(2);

/// Most bytes of the end that are kept; of a smaller cap, half of it. What was used and why it failed stands there.
const TAIL: u64 = 1 << 20;

/// Reads one pipe into one log until it ends.
pub(super) struct Pump {
    /// The bytes that were left out.
    task: JoinHandle<u64>,
    /// Tells the task to come to its end although the pipe does not.
    enough: watch::Sender<bool>,
    read: Arc<AtomicU64>,
}

impl Pump {
    /// Makes the log and starts to read; returns the pipe's other end for the program.
    ///
    /// # Errors
    /// The log cannot be made, or the system gives no pipe.
    pub(super) fn start(path: &Path, cap: u64) -> Result<(PipeWriter, Pump), ProcessError> {
        let failed = |source| ProcessError::Log { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        // Only for the owner: an agent may well print a secret.
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let reader = std::process::ChildStdout::from(OwnedFd::from(reader));
        let reader = ChildStdout::from_std(reader).map_err(failed)?;
        let read = Arc::new(AtomicU64::new(0));
        let (enough, told) = watch::channel(false);
        let task = tokio::spawn(pump(reader, Log::new(file, cap), Arc::clone(&read), told));
        Ok((writer, Pump { task, enough, read }))
    }

    /// Bytes that were written so far, kept or not.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Waits for the end of output, but not for ever; returns the bytes that were left out.
    pub(super) async fn finish(mut self) -> u64 {
        if let Ok(done) = tokio::time::timeout(END_OF_FILE, &mut self.task).await {
            return done.unwrap_or_default();
        }
        self.enough.send_replace(true);
        self.task.await.unwrap_or_default()
    }
}

async fn pump(
    mut pipe: ChildStdout,
    mut log: Log,
    read: Arc<AtomicU64>,
    mut enough: watch::Receiver<bool>,
) -> u64 {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = tokio::select! {
            biased;
            _ = enough.wait_for(|&enough| enough) => break,
            count = pipe.read(&mut buffer) => count,
        };
        let Ok(count @ 1..) = count else { break };
        read.fetch_add(count as u64, Ordering::Relaxed);
        log.write(&buffer[..count]);
    }
    log.end()
}

/// A log file with a cap.
struct Log {
    file: File,
    /// Bytes of the beginning that still fit.
    room: u64,
    /// The last byte written.
    last: u8,
    /// Bytes of the end that are kept.
    tail: usize,
    /// The newest bytes beyond the beginning, at most `tail`.
    newest: VecDeque<u8>,
    /// Bytes that are in neither.
    dropped: u64,
}

impl Log {
    fn new(file: File, cap: u64) -> Log {
        let tail = TAIL.min(cap / 2);
        let room = cap - tail;
        let newest = VecDeque::new(); // grows with what there is: most programs need none
        let tail = usize::try_from(tail).unwrap_or(usize::MAX);
        Log { file, room, last: b'\n', tail, newest, dropped: 0 }
    }

    /// Takes what the program wrote. A full disk drops it: the program must run on.
    fn write(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        let (kept, beyond) = bytes.split_at(fits);
        if let Some(&last) = kept.last() {
            if self.file.write_all(kept).is_err() {
                self.room = 0;
                self.dropped += bytes.len() as u64;
                return;
            }
            self.room -= kept.len() as u64;
            self.last = last;
        }
        // Of more than fits at once, only the end counts.
        let newest = &beyond[beyond.len().saturating_sub(self.tail)..];
        let old = (self.newest.len() + newest.len()).saturating_sub(self.tail);
        self.newest.drain(..old);
        self.newest.extend(newest);
        self.dropped += (beyond.len() - newest.len() + old) as u64;
    }

    /// Writes the end behind the beginning, with a line between them where something is missing; returns how much is.
    fn end(mut self) -> u64 {
        if self.dropped > 0 {
            let lead = if self.last == b'\n' { "" } else { "\n" };
            let marker = format!("{lead}[git-orch: {} bytes of output left out here]\n", self.dropped);
            let _ = self.file.write_all(marker.as_bytes()); // a full disk, as above
        }
        let (first, second) = self.newest.as_slices();
        let _ = self.file.write_all(first).and_then(|()| self.file.write_all(second));
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cap: u64, parts: &[&str]) -> (String, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dropped = runtime.block_on(async {
            let (mut pipe, pump) = Pump::start(&path, cap).unwrap();
            for part in parts {
                pipe.write_all(part.as_bytes()).unwrap();
            }
            drop(pipe);
            pump.finish().await
        });
        (std::fs::read_to_string(path).unwrap(), dropped)
    }

    #[test]
    fn output_up_to_the_cap_is_kept_whole() {
        assert_eq!(written(6, &["abc", "def"]), ("abcdef".to_owned(), 0));
    }

    #[test]
    fn beyond_the_cap_the_beginning_and_the_end_are_kept() {
        let cut = |head: &str, count: u64, tail: &str| {
            (format!("{head}[git-orch: {count} bytes of output left out here]\n{tail}"), count)
        };
        assert_eq!(written(4, &["abc", "def", "g"]), cut("ab\n", 3, "fg"));
        assert_eq!(written(4, &["a\nbcdefgh"]), cut("a\n", 5, "gh"));
        assert_eq!(written(3, &["ab", "c", "d", "e"]), cut("ab\n", 2, "e"));
        assert_eq!(written(0, &["a"]), cut("", 1, ""));
    }
}
