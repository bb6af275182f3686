//! Hears what a test run said: reads its report, or says why there is no evidence, and keeps the verdict.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use crate::process::{Ended, Outcome, last_line};
use crate::queue::Pace;
use crate::store::verdicts::{Said, Verdict};
use crate::suite::format::{self, Format};
use crate::suite::result::first_line;
use crate::task::id::shown;

use super::ended::ended_in_words;
use super::project::now;
use super::test_slot::Slot;
use super::unheard::Run;
use super::{FlowError, Project};

/// Full runs that must be known before their durations say anything.
pub(super) const ENOUGH: usize = 5;
/// Exit codes by which a shell says that somebody ended the program: nobody knows what its tests would have said.
const INTERRUPTED: [(i32, &str); 4] = [(129, "SIGHUP"), (130, "SIGINT"), (137, "SIGKILL"), (143, "SIGTERM")];
/// Bytes of a report that are read.
pub(super) const REPORT_MAX: u64 = 64 << 20;

impl Project {
    /// Reads what a run said that ended in this slot, and keeps it as a verdict on its tree.
    pub(super) fn hear(
        &self,
        slot: &Slot,
        run: Run,
        outcome: &Outcome,
        limit: Duration,
        pace: Option<&Pace>,
    ) -> Result<Verdict, FlowError> {
        let Slot { folder, log, .. } = slot;
        let format = &self.policy.tests.format;
        let report = format.file().map(|file| folder.join(file));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few hours in milliseconds"
        )]
        let millis = (outcome.seconds * 1000.0) as u64;
        let said = match outcome.ended {
            // A report with a hole in it might lack the very test that failed.
            Ended::Exited(_) if outcome.dropped > 0 && format.on_output() => Said::NoEvidence(format!(
                "the tests wrote more than {} MB: their report is not whole",
                REPORT_MAX >> 20
            )),
            Ended::Exited(exit) => {
                if let Some(report) = report.as_ref().filter(|report| !lies_in(folder, report)) {
                    let why = format!(
                        "the report {} is no file in the worktree",
                        shown(&report.display().to_string())
                    );
                    Said::NoEvidence(why)
                } else {
                    let said = read_report(format, report.as_deref(), log, exit);
                    let errors = slot.errors();
                    let logs = [errors.as_path(), log.as_path()];
                    // Where standard output is the report, its last line is no reason.
                    let why = if format.on_output() { &logs[..1] } else { &logs };
                    with_a_line(in_its_words(said, &logs, folder), why, folder)
                }
            }
            Ended::Signaled(signal) => {
                Said::NoEvidence(format!("the test command was killed by signal {signal}"))
            }
            Ended::TimedOut => Said::NoEvidence(format!(
                "the test command was ended at its limit of {} seconds",
                limit.as_secs()
            )),
            Ended::Crowded | Ended::Full | Ended::Idle => Said::NoEvidence(format!(
                "the test command was ended: {}",
                ended_in_words(outcome.ended, limit)
            )),
            Ended::Stopped => Said::NoEvidence("stopped".to_owned()),
        };
        let said = self.plausible(said, millis, pace);
        let said = slot.strange(self, &run.commit).map_or(said, Said::NoEvidence);
        let Run { id, tree, set, environment, command, .. } = run;
        self.keep_red_log(slot, &tree, &id, &said);
        let verdict = Verdict { run: id, set, environment, at: now(), millis, command, said };
        self.store.add_verdict(&tree, &verdict)?;
        Ok(verdict)
    }

    /// A green that came much too soon is no evidence: something was not run.
    fn plausible(&self, said: Said, millis: u64, pace: Option<&Pace>) -> Said {
        let Some(pace) = pace.filter(|pace| pace.samples >= ENOUGH && pace.median >= 1.0) else {
            return said;
        };
        #[expect(clippy::cast_precision_loss, reason = "a few hours in milliseconds")]
        let seconds = millis as f64 / 1000.0;
        let least = pace.median * f64::from(self.policy.tests.min_percent) / 100.0;
        match &said {
            Said::Results(results) if results.failed.is_empty() && seconds < least => {
                Said::NoEvidence(format!(
                    "green after {seconds:.1} s, where {:.1} s are usual: not believed (tests.min_percent)",
                    pace.median
                ))
            }
            _ => said,
        }
    }
}

/// Why there is no result, with the last line that the test command wrote: that the runner is not installed, say. The folder
/// of the test is left out of it: the same tests say the same on each machine.
fn in_its_words(said: Said, logs: &[&Path], folder: &Path) -> Said {
    let Said::NoEvidence(why) = said else { return said };
    match last_words(logs, folder) {
        Some(words) => Said::NoEvidence(format!("{why}: {words}")),
        None => Said::NoEvidence(why),
    }
}

/// A test that failed alone, and of which the report says no more than that, with the last line that the command wrote. Of
/// several that failed nobody knows which one it is about.
fn with_a_line(said: Said, logs: &[&Path], folder: &Path) -> Said {
    let Said::Results(mut results) = said else { return said };
    if results.failed.len() == 1
        && let Some(line) = results.failed.values_mut().find(|line| line.is_empty() || format::is_exit(line))
        && let Some(words) = last_words(logs, folder)
    {
        let said = if line.is_empty() { words } else { format!("{line}: {words}") };
        *line = first_line(&said);
    }
    Said::Results(results)
}

/// The last line of the first of these logs that has one, without the folder of the test.
fn last_words(logs: &[&Path], folder: &Path) -> Option<String> {
    let last = |log: &&Path| last_line(&String::from_utf8_lossy(&read_bounded(log).ok()?));
    Some(logs.iter().find_map(last)?.replace(&folder.display().to_string(), "."))
}

fn read_report(format: &Format, report: Option<&Path>, log: &Path, exit: i32) -> Said {
    if let Some((_, signal)) = INTERRUPTED.iter().find(|(code, _)| *code == exit) {
        return Said::NoEvidence(format!("interrupted: a program of the tests was ended by {signal}"));
    }
    let path = report.unwrap_or(log);
    let text = match read_bounded(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
        // The tests wrote it: what is wrong with it is theirs, and no reason to end anything else.
        Err(err) => {
            let path = shown(&path.display().to_string());
            return Said::NoEvidence(format!("the report {path} cannot be read: {err}"));
        }
    };
    match format::read(format, text.as_deref(), exit) {
        Ok(results) => Said::Results(results),
        Err(why) => Said::NoEvidence(why.to_string()),
    }
}

/// Whether a report is what a test may write and we may remove: a file below the folder, or none, behind no link. Else it
/// might be somebody's own, or a pipe that never ends.
pub(super) fn lies_in(folder: &Path, report: &Path) -> bool {
    let plain = report.symlink_metadata().map_or(true, |found| found.is_file());
    let inside = |parent: &Path| match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        (Err(_), _) => true, // not there: so there is no report either
        (Ok(_), Err(_)) => false,
    };
    plain && report.parent().is_some_and(inside)
}

/// Reads a report, as much of it as counts.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(REPORT_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > REPORT_MAX {
        true => Err(std::io::Error::other(format!("it has more than {} MB", REPORT_MAX >> 20))),
        false => Ok(bytes),
    }
}
