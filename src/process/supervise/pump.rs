//! Output of a supervised program into its log files, with a cap.
//!
//! A pump goes on reading beyond the cap: a program whose pipe is full would block for ever.

use crate::process::ProcessError;
use std::{
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
use tokio::{io::AsyncReadExt as _, process::ChildStdout, task::JoinHandle};

/// How long a pump may wait for the end of output after the sweep: a survivor elsewhere may hold the pipe.
const END_OF_FILE: Duration = Duration::from_secs(2);

/// Reads one pipe into one log until it ends.
pub(super) struct Pump {
    task: JoinHandle<()>,
    dropped: Arc<AtomicU64>,
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
        let dropped = Arc::new(AtomicU64::new(0));
        let log = Log { file, cap, room: cap, last: b'\n', dropped: Arc::clone(&dropped) };
        let read = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(pump(reader, log, Arc::clone(&read)));
        Ok((writer, Pump { task, dropped, read }))
    }

    /// Bytes that were written so far, kept or not.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Waits for the end of output, but not for ever; returns the bytes that were dropped.
    pub(super) async fn finish(mut self) -> u64 {
        if tokio::time::timeout(END_OF_FILE, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.dropped.load(Ordering::Relaxed)
    }
}

async fn pump(mut pipe: ChildStdout, mut log: Log, read: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        read.fetch_add(count as u64, Ordering::Relaxed);
        log.write(&buffer[..count]);
    }
}

/// A log file with a cap.
struct Log {
    file: File,
    /// Bytes that it may hold, without the marker.
    cap: u64,
    /// Bytes that still fit.
    room: u64,
    /// The last byte written.
    last: u8,
    /// Bytes that did not fit.
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Writes what fits; at the cap, says so once. A full disk drops the rest as well: the program must run on.
    fn write(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        let (kept, beyond) = bytes.split_at(fits);
        if let Some(&last) = kept.last() {
            if self.file.write_all(kept).is_err() {
                self.room = 0;
                self.drop_bytes(bytes.len());
                return;
            }
            self.room -= kept.len() as u64;
            self.last = last;
        }
        if !beyond.is_empty() && self.drop_bytes(beyond.len()) == 0 {
            let lead = if self.last == b'\n' { "" } else { "\n" };
            let marker = format!("{lead}[git-orch: output cut at {} bytes]\n", self.cap);
            let _ = self.file.write_all(marker.as_bytes()); // as above
        }
    }

    /// Counts dropped bytes and returns how many there were before.
    fn drop_bytes(&self, count: usize) -> u64 {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed)
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
    fn beyond_the_cap_a_marker_is_written_once() {
        assert_eq!(
            written(4, &["abc", "def", "g"]),
            ("abcd\n[git-orch: output cut at 4 bytes]\n".to_owned(), 3)
        );
        assert_eq!(written(2, &["a\nb"]), ("a\n[git-orch: output cut at 2 bytes]\n".to_owned(), 1));
        assert_eq!(written(0, &["a"]), ("[git-orch: output cut at 0 bytes]\n".to_owned(), 1));
    }
}
