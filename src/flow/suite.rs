//! Runs tests: in a checkout of exactly the commit that is judged, under limits, never twice for the same tree.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::process::sandbox::Endpoints;
use crate::process::{Ended, Job, Outcome, Stop, Terms, agent_environment, last_line, supervised};
use crate::queue::Pace;
use crate::select::choose::{self, Selection};
use crate::store::verdicts::{Said, Verdict};
use crate::suite::format::{self, Format};
use crate::suite::result::{self, Results, TestName};
use crate::suite::set::TestSet;
use crate::suite::worse::{self, How, Worse};
use crate::task::evidence::FailedTest;
use crate::task::id::{CommitId, TreeId, shown};

use super::project::now;
use super::sandbox::{Use, named_in};
use super::test_slot::Slot;
use super::unheard::{Run, Ticket};
use super::{FlowError, Project};

/// How long a test command has after its limit to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Full runs that must be known before their durations say anything.
const ENOUGH: usize = 5;
/// Seconds that a run may take beyond what is usual, whatever that is: a machine may be busy.
const SLACK: f64 = 10.0;
/// Exit codes by which a shell says that somebody ended the program: nobody knows what its tests would have said.
const INTERRUPTED: [(i32, &str); 4] = [(129, "SIGHUP"), (130, "SIGINT"), (137, "SIGKILL"), (143, "SIGTERM")];
/// Bytes of a report that are read.
const REPORT_MAX: u64 = 64 << 20;

/// Which tests to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    Full,
    /// These, as the selection named them.
    Some(Vec<String>),
}

/// What is known of a tree, in the light of a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Full runs (or targeted ones, where that is enough) with nothing worse.
    pub(crate) green: u32,
    /// Runs in which something was worse.
    pub(crate) red: u32,
    pub(crate) no_evidence: u32,
    /// What was worse in the last red run.
    pub(crate) worse: Vec<Worse>,
    pub(crate) why_none: String,
}

impl Project {
    /// The command for these tests; `None` where nothing is configured.
    pub(crate) fn test_command(&self, which: &Which) -> Option<String> {
        match which {
            Which::Full => self.policy.tests.all.clone(),
            Which::Some(tests) => {
                let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                choose::command(self.policy.tests.some.as_deref()?, &tests)
            }
        }
    }

    /// The id of a set of tests.
    pub(crate) fn test_set(&self, which: &Which) -> String {
        let all = self.policy.tests.all.clone().unwrap_or_default();
        match which {
            Which::Full => TestSet::of(&all, &[]).as_str().to_owned(),
            Which::Some(tests) => {
                let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                let some = self.policy.tests.some.clone().unwrap_or(all);
                TestSet::of(&some, &tests).as_str().to_owned()
            }
        }
    }

    /// The tests that a change needs before the full suite; `None` where only the full suite will do.
    ///
    /// # Errors
    /// Git fails, or a rule made a glob that is none.
    pub(crate) fn selection(&self, base: &CommitId, head: &CommitId) -> Result<Selection, FlowError> {
        let files = super::gate::changed_files(&self.repo.changes(base, head)?);
        let selection = choose::choose(&files, &self.policy.tests.rules);
        let all = self.repo.all_files(head)?;
        choose::expand(selection, &all).map_err(|bad| FlowError::BadValue {
            what: format!("bad glob '{}' in tests.select", bad.glob),
            why: bad.why,
        })
    }

    /// Verdicts on a tree that count here, with their sets.
    pub(crate) fn known_verdicts(&self, tree: &TreeId) -> Result<Vec<Arc<Verdict>>, FlowError> {
        let environment = self.environment()?;
        let mut verdicts = self.store.verdicts(tree, self.policy.queue.verdicts)?;
        verdicts.retain(|verdict| verdict.environment == environment);
        Ok(verdicts)
    }

    /// The results of all full runs of a tree together.
    pub(crate) fn full_results(&self, tree: &TreeId) -> Result<Option<Results>, FlowError> {
        let set = self.test_set(&Which::Full);
        let verdicts = self.known_verdicts(tree)?;
        let full = verdicts.iter().filter(|verdict| verdict.set == set);
        Ok(Results::together(full.filter_map(|verdict| match &verdict.said {
            Said::Results(results) => Some(results.clone()),
            Said::NoEvidence(_) => None,
        })))
    }

    /// What the verdicts on a tree mean against `baseline`.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn judge(&self, tree: &TreeId, baseline: &Results) -> Result<Judged, FlowError> {
        Ok(self.weigh(&self.known_verdicts(tree)?, baseline))
    }

    /// What these verdicts on one tree mean against `baseline`.
    pub(crate) fn weigh(&self, known: &[Arc<Verdict>], baseline: &Results) -> Judged {
        if known.is_empty() {
            return Judged::default();
        }
        let full = self.test_set(&Which::Full);
        let targeted_lands = self.policy.queue.land == crate::policy::Land::Targeted;
        let mut judged = Judged::default();
        for verdict in known {
            let whole = verdict.set == full;
            match &verdict.said {
                Said::NoEvidence(why) => {
                    judged.no_evidence += 1;
                    judged.why_none.clone_from(why);
                }
                Said::Results(results) => {
                    let part;
                    let against = if whole {
                        baseline
                    } else {
                        part = worse::narrowed(baseline, results);
                        &part
                    };
                    let worse = self.unexcused(against, results);
                    if !worse.is_empty() {
                        judged.red += 1;
                        judged.worse = worse;
                    } else if whole || targeted_lands {
                        judged.green += 1;
                    }
                }
            }
        }
        judged
    }

    /// Runs tests on a commit and keeps the verdict under its tree.
    ///
    /// # Errors
    /// No test command, the checkout cannot be made, or it was stopped before it ended.
    pub(crate) fn run_tests(
        &self,
        commit: &CommitId,
        which: &Which,
        stop: &Stop,
    ) -> Result<Verdict, FlowError> {
        let tree = self.repo.tree_of(commit)?;
        let command = self.test_command(which).ok_or(FlowError::NoTests)?;
        let mut slot = Slot::take(self)?;
        slot.check_out(self, commit)?;
        let pace = if *which == Which::Full { Some(self.pace()?) } else { None };
        let limit = self.time_limit(&tree, pace.as_ref())?;
        let run = Run::of(self, commit, tree, which, command)?;
        let ticket = Ticket::write(self, &slot, &run)?;
        let outcome = self.run_in(&slot, &run.command, limit, stop, ticket.outcome())?;
        if outcome.ended == Ended::Stopped {
            return Err(FlowError::Interrupted);
        }
        let verdict = self.hear(&slot, run, &outcome, limit, pace.as_ref())?;
        ticket.done();
        Ok(verdict)
    }

    /// How long a run may take: `tests.timeout`, and for the first run of a tree no more than what is long by the last
    /// runs (their 95th percentile and half as much again). The second try has all the time there is.
    fn time_limit(&self, tree: &TreeId, pace: Option<&Pace>) -> Result<Duration, FlowError> {
        let most = self.policy.tests.timeout;
        let Some(pace) = pace.filter(|pace| pace.samples >= ENOUGH) else { return Ok(most) };
        let tried = self.known_verdicts(tree)?.iter().any(|run| matches!(run.said, Said::NoEvidence(_)));
        let long = Duration::from_secs_f64(pace.p95.mul_add(1.5, SLACK));
        Ok(if tried { most } else { most.min(long) })
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

    /// What is worse, but for tests in quarantine.
    fn unexcused(&self, baseline: &Results, now: &Results) -> Vec<Worse> {
        let mut worse = worse::compare(baseline, now).worse;
        worse.retain(|worse| !self.policy.tests.quarantine.matches(worse.test.as_str()));
        worse
    }

    /// Tests that one run of a tree failed and another passed.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn flaky_tests(&self, tree: &TreeId) -> Result<Vec<String>, FlowError> {
        let known = self.known_verdicts(tree)?;
        let results = || {
            known.iter().filter_map(|run| match &run.said {
                Said::Results(results) => Some(results),
                Said::NoEvidence(_) => None,
            })
        };
        let failed: BTreeSet<&TestName> = results().flat_map(|run| run.failed.keys()).collect();
        let flaky = failed.into_iter().filter(|test| results().any(|run| run.passed.contains(*test)));
        Ok(flaky.map(|test| test.as_str().to_owned()).collect())
    }

    /// Runs the test command in a slot; how it ended is written to `kept` as well.
    fn run_in(
        &self,
        slot: &Slot,
        command: &str,
        limit: Duration,
        stop: &Stop,
        kept: PathBuf,
    ) -> Result<Outcome, FlowError> {
        let Slot { folder, log, .. } = slot;
        let report = self.policy.tests.format.file().map(|file| folder.join(file));
        if let Some(report) = report.as_ref().filter(|report| lies_in(folder, report)) {
            // A report of an earlier run must not speak for this one.
            let _ = std::fs::remove_file(report);
        }
        let room = match self.policy.tests.sandbox {
            true => self.room(folder, Use::Change, named_in(command), Endpoints::default())?,
            false => self.open_room()?,
        };
        let mut job = Job {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            dir: folder.to_owned(),
            env: agent_environment(&self.policy.agents.env, &[("CI".to_owned(), "true".to_owned())]),
            stdin: Vec::new(),
            stdout: log.clone(),
            stderr: slot.errors(),
            limit,
            grace: GRACE,
            log_cap: REPORT_MAX,
            terms: Terms { outcome: Some(kept), ..Terms::default() },
        };
        room.sandbox.hold(&mut job)?;
        block_on(supervised(job, stop.clone()))
    }

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
                super::judge::ended_in_words(outcome.ended, limit)
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
        *line = result::first_line(&said);
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
fn lies_in(folder: &Path, report: &Path) -> bool {
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

/// A runtime for one wait: the queue's threads are no tokio threads.
fn block_on<T, E>(future: impl Future<Output = Result<T, E>>) -> Result<T, FlowError>
where
    FlowError: From<E>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| FlowError::File {
        doing: "start",
        path: "the runtime of a test run".to_owned(),
        source,
    })?;
    Ok(runtime.block_on(future)?)
}

/// Tests that are worse, as evidence.
pub(crate) fn failed_tests(worse: &[Worse]) -> Vec<FailedTest> {
    let line = |how: &How| match how {
        How::FailsNow { line } => line.clone(),
        How::NewFails { line } => format!("new, and fails: {line}"),
        How::Gone => "passed on the base, and is gone".to_owned(),
    };
    worse
        .iter()
        .map(|worse| FailedTest { name: worse.test.as_str().to_owned(), line: line(&worse.how) })
        .collect()
}

impl Project {
    /// Whether the last run of these tests on this tree said no: worse, or nothing that counts.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn refused_by(
        &self,
        tree: &TreeId,
        which: &Which,
        baseline: &Results,
    ) -> Result<bool, FlowError> {
        let set = self.test_set(which);
        let last = self.known_verdicts(tree)?.into_iter().rev().find(|verdict| verdict.set == set);
        Ok(match last.as_ref().map(|verdict| &verdict.said) {
            Some(Said::Results(results)) => {
                !self.unexcused(&worse::narrowed(baseline, results), results).is_empty()
            }
            // No selected test may exist under the selected name: the full suite decides.
            Some(Said::NoEvidence(_)) | None => false,
        })
    }
}
