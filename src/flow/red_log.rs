//! What the tests of a run wrote that did not pass, kept for whoever asks why: the log of a slot is the next run's. Logs
//! are not shared, and none is looked for in another clone.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::verdicts::Said;
use crate::task::evidence::{Evidence, Trouble};
use crate::task::id::{CommitId, TaskId, TreeId};

use super::Project;
use super::test_slot::Slot;

/// Logs that are kept of one tree: a run, the one that confirms it, and a person's own.
const PER_TREE: usize = 3;
/// Logs that are kept in all: some nights of red batches.
const IN_ALL: usize = 64;
/// Bytes of each stream that are kept, from its end: that is where tests say what failed.
const STREAM_MAX: u64 = 256 << 10;
/// Lines of each stream that are worth a place on a screen.
const LINES: usize = 5;
/// Lines of each stream for whoever is to mend it.
const TO_MEND: usize = 60;
/// Characters of a line: some write all of their data into one.
const LINE: usize = 500;
/// What stands above the second stream.
const ERRORS: &str = "==> standard error <==";

/// The log of a red run, and what of it to show first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedLog {
    /// As it is best typed from the top of the main worktree.
    pub(crate) path: String,
    /// The telling lines of each stream, as the tests wrote them: nobody has made them harmless yet.
    pub(crate) lines: Vec<String>,
}

impl Project {
    /// Keeps what a run wrote whose tests did not pass. A log that cannot be kept costs nobody a verdict.
    pub(super) fn keep_red_log(&self, slot: &Slot, tree: &TreeId, run: &str, said: &Said) {
        let red = match said {
            Said::NoEvidence(_) => true,
            Said::Results(results) => !results.failed.is_empty(),
        };
        if red && let Err(err) = keep(&self.red_logs(), tree, run, &slot.log, &slot.errors()) {
            tracing::debug!(%err, "the log of a red run was not kept");
        }
    }

    /// The last log of a red run of this commit's tests, if this machine has one.
    pub(crate) fn red_log(&self, commit: &CommitId) -> Option<RedLog> {
        self.red_log_of(commit, LINES)
    }

    /// The same, with more of it.
    pub(crate) fn red_log_to_mend(&self, commit: &CommitId) -> Option<RedLog> {
        self.red_log_of(commit, TO_MEND)
    }

    fn red_log_of(&self, commit: &CommitId, most: usize) -> Option<RedLog> {
        let tree = self.repo.tree_of(commit).ok()?;
        let path = of_tree(&self.red_logs(), &tree).pop()?;
        let lines = telling(&String::from_utf8_lossy(&std::fs::read(&path).ok()?), most);
        let shown = path.strip_prefix(self.root()).unwrap_or(&path);
        Some(RedLog { path: shown.display().to_string(), lines })
    }

    /// The log that says most about what a task was stopped for, if this machine has it: of the tests that failed, else of
    /// the turn that did.
    pub(crate) fn log_behind(&self, id: &TaskId, because: &Evidence) -> Option<RedLog> {
        if matches!(because.trouble, Trouble::Worse | Trouble::NoEvidence) {
            return self.red_log(because.candidate.as_ref()?);
        }
        self.telling_log(id, because.trouble).map(|path| RedLog { path, lines: Vec::new() })
    }

    fn red_logs(&self) -> PathBuf {
        self.local().join("logs").join("tests").join("red")
    }
}

/// Writes the end of both streams into one file, and removes the oldest of too many.
fn keep(folder: &Path, tree: &TreeId, run: &str, out: &Path, err: &Path) -> std::io::Result<()> {
    let (out, err) = (end_of(out)?, end_of(err)?);
    if out.is_empty() && err.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join(format!("{tree}.{run}.log")))?;
    file.write_all(&out)?;
    if !err.is_empty() {
        let gap = if out.is_empty() || out.ends_with(b"\n") { "" } else { "\n" };
        writeln!(file, "{gap}{ERRORS}")?;
        file.write_all(&err)?;
    }
    drop(file);
    let surplus = |logs: Vec<PathBuf>, most: usize| {
        let more = logs.len().saturating_sub(most);
        logs.into_iter().take(more)
    };
    for old in surplus(of_tree(folder, tree), PER_TREE).chain(surplus(by_age(folder, ""), IN_ALL)) {
        // Another run may have removed it in this moment.
        let _ = std::fs::remove_file(old);
    }
    Ok(())
}

/// The last bytes of a stream; nothing where it wrote none.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(STREAM_MAX)))?;
    let mut bytes = Vec::new();
    file.take(STREAM_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The logs of a tree's runs, oldest first.
fn of_tree(folder: &Path, tree: &TreeId) -> Vec<PathBuf> {
    by_age(folder, &format!("{tree}."))
}

fn by_age(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)));
    let mut logs: Vec<(SystemTime, PathBuf)> =
        named.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    logs.sort();
    logs.into_iter().map(|(_, path)| path).collect()
}

/// The last lines of each stream that hold a letter or a figure: rules of dashes say nothing. Where a report in TAP names
/// what failed further up, those from there on.
fn telling(text: &str, most: usize) -> Vec<String> {
    let (out, err) = match text.rsplit_once(&format!("{ERRORS}\n")) {
        Some((out, err)) => (out, err),
        None => (text, ""),
    };
    let of = |stream: &str| {
        let says = |line: &&str| line.chars().any(char::is_alphanumeric);
        let lines: Vec<String> = stream.lines().filter(says).map(cut).collect();
        let last = lines.len().saturating_sub(most);
        let failed = lines.iter().position(|line| crate::suite::format::is_failed_point(line));
        let from = failed.map_or(last, |at| at.min(last));
        lines.into_iter().skip(from).take(most).collect::<Vec<String>>()
    };
    [of(out), of(err)].concat()
}

/// A line without what would only fill a prompt.
fn cut(line: &str) -> String {
    let line = line.trim_end();
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(digit: &str) -> TreeId {
        TreeId::parse(&digit.repeat(40)).unwrap()
    }

    #[test]
    fn the_end_of_both_streams_is_kept_and_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (out, err) = (dir.path().join("out"), dir.path().join("err"));
        let red = dir.path().join("red");
        keep(&red, &tree("a"), "none", &out, &err).unwrap();
        assert_eq!(of_tree(&red, &tree("a")), Vec::<PathBuf>::new());
        let long = "x".repeat(usize::try_from(STREAM_MAX).unwrap());
        fs::write(&out, format!("cut off {long}\none\ntwo\nthree\nfour\nfive\nsix")).unwrap();
        fs::write(&err, "boom\n-----\n\nFAILED (failures=1)\n").unwrap();
        keep(&red, &tree("a"), "r1", &out, &err).unwrap();
        let kept = fs::read_to_string(of_tree(&red, &tree("a")).pop().unwrap()).unwrap();
        assert!(!kept.contains("cut off"));
        assert_eq!(
            telling(&kept, LINES),
            ["two", "three", "four", "five", "six", "boom", "FAILED (failures=1)"].map(str::to_owned)
        );
        assert_eq!(telling("only\n", LINES), ["only"]);
        let tap = "ok 1 - a\nnot ok 2 - b # TODO later\nnot ok 3 - c\n# got 3\n# expected 4\nok 4\nok 5\nok 6\n1..6\n";
        assert_eq!(telling(tap, 3), ["not ok 3 - c", "# got 3", "# expected 4"]);
        assert_eq!(telling(tap, 7).len(), 7);
        assert_eq!(telling(&"é".repeat(10_000), 1)[0].chars().count(), LINE + 3);
    }

    #[test]
    fn a_few_logs_of_each_tree_are_kept_and_some_in_all() {
        let dir = tempfile::tempdir().unwrap();
        let (out, red) = (dir.path().join("out"), dir.path().join("red"));
        fs::write(&out, "red\n").unwrap();
        for run in 0..=PER_TREE {
            keep(&red, &tree("a"), &format!("r{run}"), &out, Path::new("none")).unwrap();
        }
        assert_eq!(of_tree(&red, &tree("a")).len(), PER_TREE);
        for run in 0..=IN_ALL {
            keep(&red, &TreeId::parse(&format!("{run:040}")).unwrap(), "r", &out, Path::new("none")).unwrap();
        }
        assert_eq!(by_age(&red, "").len(), IN_ALL);
    }
}
