//! What a run did: collected while it goes on, kept under its ref, made into a report at its end.

/// What became of one task.
mod task_line;

use std::collections::BTreeSet;

use crate::plan::budget::Ledger;
use crate::report::{
    self, Change, CommandLine, Counts, Ending, Outcome, RegressionLine, RunReport, TurnLine,
};
use crate::store::Op;
use crate::store::run_state::{self, RunState, state_json};
use crate::task::id::{CommitId, RunId, Seconds, TaskId};
use crate::task::record::{MicroUsd, TurnRecord};
use crate::task::words::counted;
use crate::task::{State, Task, Trouble};

use super::queue::{Ran, Rounds};
use super::run::RunEnd;
use super::{FlowError, Project};

/// The log's file in the run's tree: what a person saw, with its times.
pub(crate) const LOG: &str = "log.txt";
/// The file of what turns have found, for people.
const MEMORY: &str = "memory.md";

/// What is collected while a run goes on.
pub(crate) struct Tally {
    /// All that must be known again where the run is killed.
    pub(crate) state: RunState,
    landed: BTreeSet<TaskId>,
    log: String,
    stands: Option<String>,
}

impl Tally {
    /// Starts to collect.
    pub(crate) fn begin(project: &Project, only: &[TaskId], started: Seconds) -> Tally {
        let rows = project.store.open_tasks().map(|tasks| tasks.rows).unwrap_or_default();
        let all = rows.into_iter().map(|row| row.card.id);
        let state = RunState {
            started,
            base: project.base.tip.clone(),
            only: only.iter().cloned().collect(),
            scope: all.filter(|id| only.is_empty() || only.contains(id)).collect(),
            until: None,
            waits: None,
            rests: None,
            resumed: 0,
            ledger: Ledger::default(),
            turns: Vec::new(),
            commands: Vec::new(),
        };
        let mut tally = Tally::go_on(state, String::new());
        let tasks = counted(tally.state.scope.len(), "open task");
        tally.note(started, &format!("started with {tasks} on {}", tally.state.base.short()));
        tally
    }

    /// Goes on with what a killed run had collected.
    pub(crate) fn go_on(state: RunState, log: String) -> Tally {
        Tally { state, landed: BTreeSet::new(), log, stands: None }
    }

    /// Adds a line to the run's log; it is kept with the next `save`.
    pub(crate) fn note(&mut self, at: Seconds, line: &str) {
        self.log.push_str(&format!("{} {}\n", rfc3339(at), crate::store::journal::one_line(line)));
    }

    /// Keeps log and state in the run's chain.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn save(
        &self,
        project: &Project,
        op: &Op,
        run: &RunId,
        subject: &str,
    ) -> Result<(), FlowError> {
        self.save_with(project, op, run, subject, Vec::new())
    }

    /// Keeps log and state in the run's chain, and other files beside them.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn save_with(
        &self,
        project: &Project,
        op: &Op,
        run: &RunId,
        subject: &str,
        others: Vec<(String, Vec<u8>)>,
    ) -> Result<(), FlowError> {
        let mut files = others;
        files.push((LOG.to_owned(), self.log.clone().into_bytes()));
        files.push((run_state::FILE.to_owned(), state_json(&self.state)));
        files.push((MEMORY.to_owned(), super::memory::as_text(&self.state.turns).into_bytes()));
        let files: Vec<(&str, Vec<u8>)> =
            files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        project.store.append_run(op, run, subject, &files)?;
        Ok(())
    }

    pub(crate) fn add(&mut self, ran: Ran) {
        let Ran { what, started, seconds, ended } = ran;
        self.state.commands.push(CommandLine { what, started, seconds, ended });
    }

    /// A turn that ended.
    pub(crate) fn add_turn(&mut self, task: &TaskId, turn: TurnRecord) {
        self.state.turns.push(TurnLine { task: task.clone(), turn });
    }

    pub(crate) fn add_rounds(&mut self, rounds: &Rounds) {
        self.landed.extend(rounds.landed.iter().cloned());
        rounds.ran.iter().for_each(|ran| self.add(ran.clone()));
        if rounds.stands.is_some() {
            self.stands.clone_from(&rounds.stands);
        }
    }

    pub(crate) fn landed(&self) -> usize {
        self.landed.len()
    }

    /// Whether no command came to the first `before`, and nothing landed.
    pub(crate) fn did_nothing(&self, before: usize) -> bool {
        self.state.commands.len() <= before && self.landed.is_empty()
    }

    /// What the turns that ended have cost, in millionths of a dollar; unknown if any is.
    pub(crate) fn cost(&self) -> Option<u64> {
        let costs = self.state.turns.iter().map(|line| line.turn.cost.map(|MicroUsd(cost)| cost));
        costs.into_iter().try_fold(0_u64, |sum, cost| Some(sum.saturating_add(cost?)))
    }

    /// The turns on a task.
    fn turns_on(&self, task: &TaskId) -> impl Iterator<Item = &TurnRecord> {
        self.state.turns.iter().filter(move |line| line.task == *task).map(|line| &line.turn)
    }

    /// Whether a task had come to its end when the run began: archives are written later, and in whole seconds.
    fn was_over(&self, project: &Project, task: &Task) -> Result<bool, FlowError> {
        Ok(match &task.state {
            _ if task.since > self.state.started => false,
            State::Completed { landed, .. } => project.repo.is_ancestor(landed, &self.state.base)?,
            State::Cancelled { .. } => task.since < self.state.started,
            _ => false,
        })
    }

    /// The report of the run. `reviewers` says whether agents are set who review.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn report(
        &self,
        project: &Project,
        run: &RunId,
        ended: Seconds,
        end: &RunEnd,
        reviewers: bool,
    ) -> Result<RunReport, FlowError> {
        let mut scope = self.state.scope.clone();
        if self.state.only.is_empty() {
            scope.extend(project.store.open_tasks()?.rows.into_iter().map(|row| row.card.id));
        }
        scope.extend(project.store.archived_since(self.state.started)?.into_iter().map(|(id, _)| id));
        scope.extend(self.state.turns.iter().map(|line| line.task.clone()));
        let mut tasks = Vec::new();
        for id in scope {
            let stored = match project.store.load(&id)? {
                Some(stored) => Some(stored),
                None => project.store.archived(&id)?,
            };
            // A draft is nobody's work yet.
            let Some(task) = stored.map(|stored| stored.task) else { continue };
            if !matches!(task.state, State::InPlanning) && !self.was_over(project, &task)? {
                tasks.push(task);
            }
        }
        let before = counts(project, &self.state.base)?;
        let after = counts(project, &project.base.tip)?;
        Ok(RunReport {
            run: run.clone(),
            started: self.state.started,
            ended,
            ending: self.ending(end, &tasks),
            branch: project.base.branch.clone(),
            base: Change { before: self.state.base.clone(), after: project.base.tip.clone() },
            command: run_state::GO_ON.to_owned(),
            tests: Change { before, after },
            regressions: self.regressions(project, &tasks)?,
            findings: tasks.iter().flat_map(|task| self.findings(task)).collect(),
            tasks: tasks.iter().map(|task| self.task_line(project, task, reviewers)).collect(),
            turns: self.state.turns.clone(),
            breakers: Vec::new(),
            // Whoever is needed to let it go on is needed although nobody waits.
            stands: self.stands.clone().filter(|why| is_stop(why) || tasks.iter().any(is_queued)),
            notes: self.notes(),
            commands: self.commands(),
            settings: Vec::new(),
        })
    }

    fn ending(&self, end: &RunEnd, tasks: &[Task]) -> Ending {
        let stopped = self.stands.as_ref().filter(|why| is_stop(why));
        let culprit = tasks
            .iter()
            .find(|task| matches!(&task.evidence, Some(evidence) if evidence.trouble == Trouble::Worse));
        match (end, stopped, culprit) {
            (RunEnd::Interrupted, ..) => Ending::Interrupted,
            (RunEnd::Limit(why), ..) => Ending::Limit { why: why.clone() },
            (RunEnd::Aborted(why), ..) => Ending::Aborted { why: why.clone() },
            (RunEnd::Done, Some(_), Some(culprit)) => Ending::StoppedAsWorse { culprit: culprit.id.clone() },
            (RunEnd::Done, ..) => Ending::Done,
        }
    }

    /// Tests that a task made worse in this run: caught by the queue, or, by a person's leave, landed.
    fn regressions(&self, project: &Project, tasks: &[Task]) -> Result<Vec<RegressionLine>, FlowError> {
        let mut lines = Vec::new();
        let mut caught = BTreeSet::new();
        for task in tasks {
            let recent = task.decisions.iter().filter(|decision| decision.at >= self.state.started);
            for evidence in recent.filter_map(|decision| decision.evidence.as_ref()) {
                for test in evidence.tests.iter().filter(|_| evidence.trouble == Trouble::Worse) {
                    if caught.insert((task.id.clone(), test.name.clone())) {
                        let (test, task) = (test.name.clone(), task.id.clone());
                        lines.push(RegressionLine { test, task, caught: true });
                    }
                }
            }
        }
        let results = |commit: &CommitId| -> Result<_, FlowError> {
            Ok(project.full_results(&project.repo.tree_of(commit)?)?.unwrap_or_default())
        };
        let (before, after) = (results(&self.state.base)?, results(&project.base.tip)?);
        for test in after.failed.keys().filter(|test| before.passed.contains(*test)) {
            let culprit = lines.iter_mut().find(|line| line.test == test.as_str());
            if let Some(line) = culprit {
                line.caught = false;
            }
        }
        Ok(lines)
    }

    fn commands(&self) -> Vec<CommandLine> {
        let mut commands = self.state.commands.clone();
        commands.sort_by_key(|command| command.started);
        commands
    }

    /// What there is to know besides.
    fn notes(&self) -> Vec<String> {
        let killed = match self.state.resumed {
            0 => None,
            1 => Some("It was killed once, and went on.".to_owned()),
            many => Some(format!("It was killed {many} times, and went on.")),
        };
        let estimated = self.state.turns.iter().any(|line| line.turn.estimated);
        let prices = estimated.then(|| {
            format!(
                "Costs with ~ are estimated: from the agent's own price, or list prices as of {}.",
                crate::policy::prices::as_of()
            )
        });
        let budget = self.state.ledger.summary().map(|words| format!("Budget: {words}."));
        [budget, prices, killed].into_iter().flatten().collect()
    }
}

impl Project {
    /// Keeps a report as text and JSON in the run's tree.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn keep_report(&self, op: &Op, run: &RunId, report: &RunReport) -> Result<(), FlowError> {
        let json = crate::store::runs::report_json(report);
        let landed = report.tasks.iter().filter(|task| task.result == Outcome::Landed).count();
        let subject = format!("{landed} of {} tasks landed", report.tasks.len());
        let files = [("report.md", report::markdown(report).into_bytes()), ("report.json", json)];
        self.store.append_run(op, run, &subject, &files)?;
        Ok(())
    }
}

fn counts(project: &Project, commit: &CommitId) -> Result<Option<Counts>, FlowError> {
    let results = project.full_results(&project.repo.tree_of(commit)?)?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(results
        .map(|results| Counts { passed: count(results.passed.len()), failed: count(results.failed.len()) }))
}

/// Whether the queue stands still because it stopped itself.
fn is_stop(why: &str) -> bool {
    why.starts_with("stopped: ")
}

fn is_queued(task: &Task) -> bool {
    matches!(task.state, State::ReadyForHandoff { .. })
}

fn rfc3339(at: Seconds) -> String {
    jiff::Timestamp::from_second(at.0).map(|time| time.to_string()).unwrap_or_default()
}
