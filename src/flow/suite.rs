//! Runs tests: in a checkout of exactly the commit that is judged, under limits, never twice for the same tree.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::sandbox::Endpoints;
use crate::process::{Ended, Job, Outcome, Stop, Terms, keyless_environment, supervised};
use crate::queue::Pace;
use crate::store::verdicts::{Said, Verdict};
use crate::task::id::{CommitId, TreeId};

use super::hear::{ENOUGH, REPORT_MAX, lies_in};
use super::sandbox::{Use, named_in};
use super::select::Which;
use super::test_slot::Slot;
use super::unheard::{Run, Ticket};
use super::{FlowError, Project};

/// How long a test command has after its limit to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Seconds that a run may take beyond what is usual, whatever that is: a machine may be busy.
const SLACK: f64 = 10.0;
impl Project {
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
            env: keyless_environment(&self.policy.agents.env, &[("CI".to_owned(), "true".to_owned())]),
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
