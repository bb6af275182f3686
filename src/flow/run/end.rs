//! How a run ends: why, with which report, and what it left.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::flow::project::now;
use crate::plan::turns::{self, Work};
use crate::plan::{Card, ready};
use crate::report::{Outcome, RunReport, TaskLine};
use crate::store::run_state::{GO_ON, Rest};
use crate::task::id::TaskId;

use super::{Dispatcher, Idle, Left, RunEnd, RunOutcome, Stopping, Why};

/// What to type where no agent is set.
const SET_AGENT: &str = "git orch run --agent exec:COMMAND";

impl Dispatcher<'_> {
    pub(super) fn finish(mut self) -> Result<RunOutcome, FlowError> {
        self.project.forget_stop()?;
        self.project = self.project.reopened()?;
        self.op.at = now();
        let end = self.end()?;
        let waits = match (&end, &self.over) {
            (RunEnd::Limit(_), Some(why)) => Some(why.clone()),
            _ => None,
        };
        self.tally.state.waits.clone_from(&waits);
        self.tally.state.rests = (end == RunEnd::Interrupted).then_some(Rest::Interrupted);
        let goes_on = waits.is_some() || end == RunEnd::Interrupted;
        let mut report = {
            let reviewers = self.roster.roles(self.op.at).review;
            self.tally.report(&self.project, &self.run, self.op.at, &end, reviewers)?
        };
        report.command = self.command(&report, goes_on);
        report.breakers.clone_from(&self.roster.opened);
        report.settings = self.project.ruled_by(self.roster.crew())?;
        let kept = self.kept || end != RunEnd::Done || self.watcher.touched();
        if kept {
            self.save("ended")?;
            self.project.keep_report(&self.op, &self.run, &report)?;
        }
        if !goes_on {
            self.project.forget_run()?;
        }
        let idle = if self.tally.did_nothing(self.before) { self.idle()? } else { None };
        let left = self.left()?;
        Ok(RunOutcome { end, report, kept, idle, left, budget_waits: waits.is_some() })
    }

    /// Why it ended.
    fn end(&self) -> Result<RunEnd, FlowError> {
        Ok(match (self.stopping, &self.why) {
            (Stopping::No, _) => match &self.over {
                Some(why) => RunEnd::Limit(why.clone()),
                None => RunEnd::Done,
            },
            (_, Why::Failure(task)) => RunEnd::Aborted(format!("{task} needs you")),
            (Stopping::Soft, Why::Time) if self.is_anything_left()? => {
                RunEnd::Limit("its time is over".to_owned())
            }
            (Stopping::Soft, Why::Time) => RunEnd::Done,
            // Nothing is there to go on with.
            (_, Why::Person | Why::Time) if !self.is_anything_left()? && !self.is_anything_queued()? => {
                RunEnd::Done
            }
            (_, Why::Person | Why::Time) => RunEnd::Interrupted,
        })
    }

    /// What to type to go on: with what the run was asked for and its record does not know.
    fn command(&self, report: &RunReport, goes_on: bool) -> String {
        let open = |task: &&TaskLine| !matches!(task.result, Outcome::Landed | Outcome::Cancelled);
        let only = &self.tally.state.only;
        let left = report.tasks.iter().filter(open).filter(|task| only.contains(&task.id) && !goes_on);
        let names = left.map(|task| format!(" {}", task.id));
        let no_land = self.request.no_land.then(|| " --no-land".to_owned());
        let abort = self.request.abort_on_failure.then(|| " --on-failure abort".to_owned());
        std::iter::once(GO_ON.to_owned()).chain(names).chain(no_land).chain(abort).collect()
    }

    /// Whether something waits to be landed by this run.
    fn is_anything_queued(&self) -> Result<bool, FlowError> {
        Ok(!self.request.no_land && !self.in_queue()?.is_empty())
    }

    /// Whether there is a turn that could have been taken.
    fn is_anything_left(&self) -> Result<bool, FlowError> {
        Ok(!turns::wanted(&self.workload()?, &|id| self.project.finished(id)).is_empty())
    }

    /// Turns that are wanted, and that no agent may take. A run that was to end says nothing of them: it would not have
    /// started them.
    fn left(&self) -> Result<Option<Left>, FlowError> {
        if self.stopping > Stopping::No {
            return Ok(None);
        }
        let load = self.workload()?;
        let finished = |id: &TaskId| self.project.finished(id);
        let wanted = turns::wanted(&load, &finished);
        let shut = wanted.iter().filter_map(|work| Some((work, self.roster.shut(work, self.op.at)?)));
        let shut: Vec<(&Work, String)> = shut.collect();
        let tasks: BTreeSet<&TaskId> = shut.iter().map(|(work, _)| work.task()).collect();
        if let Some((work, why)) = shut.first() {
            return Ok(Some(Left { tasks: tasks.len(), why: why.clone(), remedy: self.roster.remedy(work) }));
        }
        let stuck = turns::stuck(&load, &finished);
        if stuck == 0 {
            return Ok(None);
        }
        let here = self.project.roles_not_committed(&["implement", "fix"])?;
        let (more, remedy) = here
            .map_or((String::new(), SET_AGENT.to_owned()), |(why, command)| (format!("; {why}"), command));
        let why = format!("none is set that mends what was sent back{more}");
        Ok(Some(Left { tasks: stuck, why, remedy: Some(remedy) }))
    }

    /// Why a run left open tasks alone that it could have done.
    fn idle(&self) -> Result<Option<Idle>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let open: BTreeSet<&TaskId> = rows.iter().map(|row| &row.card.id).collect();
        let waits =
            |card: &Card| ready::waits(card, &|id| open.contains(id), &|id| self.project.finished(id));
        let own = || rows.iter().map(|row| &row.card).filter(|card| self.wanted_task(&card.id));
        let fresh = own().filter(|card| card.state == "pending" && !card.adopted);
        let fresh = fresh.filter(|card| waits(card).is_none()).count();
        let review = own().filter(|card| card.state == "under-review").count();
        let roles = self.roster.roles(self.op.at);
        let (why, role) = if fresh > 0 && !roles.implement {
            (format!("{} for an agent, and none is set", wait(fresh)), "implement")
        } else if review > 0 && !roles.review {
            (format!("{} for a review, and no agent is set for it", wait(review)), "review")
        } else {
            return Ok(None);
        };
        Ok(Some(match self.project.roles_not_committed(&[role])? {
            Some((more, command)) => Idle { why: format!("{why}: {more}"), remedy: Some(command) },
            None => Idle { why, remedy: None },
        }))
    }
}

fn wait(tasks: usize) -> String {
    if tasks == 1 { "1 task waits".to_owned() } else { format!("{tasks} tasks wait") }
}
