//! A run that was killed goes on as the same run: same report, same budget, same end of its time.
//!
//! A machine-local file names the run that has not come to its end; its state is in its own chain.

use std::path::{Path, PathBuf};

use crate::agent::{self, Agent, Cost, Kind};
use crate::flow::report::{LOG, Tally};
use crate::flow::{FlowError, Project};
use crate::plan::budget::{Close, OpenTurn, Told};
use crate::policy::agents::AgentEntry;
use crate::store::Op;
use crate::store::run_state::RunState;
use crate::task::Event;
use crate::task::id::{RunId, Seconds, TaskId};
use crate::task::record::{MicroUsd, TurnRecord};

/// The file's name below the machine-local folder.
const FILE: &str = "run";
/// So many of a task's last events are looked through for the end of a turn.
const EVENTS: usize = 500;

impl Project {
    fn unfinished_path(&self) -> PathBuf {
        self.local().join(FILE)
    }

    /// Notes that a run goes on.
    pub(super) fn note_run(&self, run: &RunId) -> Result<(), FlowError> {
        let path = self.unfinished_path();
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        std::fs::write(&path, format!("{run}\n")).map_err(FlowError::file("write", &path))
    }

    /// The run came to its end.
    pub(super) fn forget_run(&self) -> Result<(), FlowError> {
        let path = self.unfinished_path();
        match std::fs::remove_file(&path) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                Err(FlowError::file("remove", &path)(err))
            }
            _ => Ok(()),
        }
    }

    /// The run of this clone that has not come to its end: killed, or waiting for a person's yes to its budget.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub(crate) fn unfinished_run(&self) -> Result<Option<(RunId, RunState)>, FlowError> {
        let Ok(text) = std::fs::read_to_string(self.unfinished_path()) else { return Ok(None) };
        let name = text.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            return Ok(None);
        }
        let run = RunId(name.to_owned());
        Ok(self.store.run_state(&run)?.map(|state| (run, state)))
    }

    /// The run whose budget waits for a person's yes.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub(crate) fn budget_waits(&self) -> Result<Option<(RunId, RunState)>, FlowError> {
        Ok(self.unfinished_run()?.filter(|(_, state)| state.waits.is_some()))
    }

    /// A person allows the run that waits the amount of its budget once more.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn approve_budget(&self, op: &Op) -> Result<Option<RunId>, FlowError> {
        let Some((run, mut state)) = self.unfinished_run()? else { return Ok(None) };
        if state.waits.take().is_none() {
            return Ok(None);
        }
        state.ledger.grant();
        let log = self.store.run_file(&run, LOG)?.unwrap_or_default();
        let mut tally = Tally::go_on(state, String::from_utf8_lossy(&log).into_owned());
        let line = format!("{} allows the budget once more", self.who);
        tally.note(op.at, &line);
        tally.save(self, op, &run, &line)?;
        Ok(Some(run))
    }

    /// What to go on with: the unfinished run, if it was about the same tasks and its time is not over.
    pub(super) fn resumed_run(
        &self,
        only: &[TaskId],
        now: Seconds,
    ) -> Result<Option<(RunId, Tally)>, FlowError> {
        let Some((run, mut state)) = self.unfinished_run()? else { return Ok(None) };
        let over = state.until.is_some_and(|until| until <= now);
        if over || state.only != only.iter().cloned().collect() {
            return Ok(None);
        }
        let log = self.store.run_file(&run, LOG)?.unwrap_or_default();
        // One that waited ended by itself.
        if state.waits.is_none() && self.store.run_file(&run, "report.json")?.is_none() {
            state.resumed += 1;
        }
        Ok(Some((run, Tally::go_on(state, String::from_utf8_lossy(&log).into_owned()))))
    }

    /// Writes down the turns that a killed run had going: what they used by their logs, as far as these go; by the task's
    /// journal where their end had come into it.
    pub(super) fn bury_turns(&self, op: &Op, run: &RunId, tally: &mut Tally) -> Result<(), FlowError> {
        for turn in tally.state.ledger.open.clone() {
            let Ok(task) = TaskId::parse(&turn.task) else { continue };
            if let Some(record) = self.turn_unseen(run, &task, &turn, tally)? {
                let told = Told { money: record.cost.map(|cost| cost.0), tokens: record.tokens };
                tally.state.ledger.settle(&turn.task, &turn.role, &turn.agent, told, Close::Outside);
                tally.add_turn(&task, record);
            }
        }
        for turn in tally.state.ledger.open.clone() {
            let told = self.told_by(&turn);
            let money = told.cost.map(|cost| cost.amount().0);
            tally.state.ledger.bury(&turn, Told { money, tokens: told.tokens });
            let Ok(task) = TaskId::parse(&turn.task) else { continue };
            let record = record_of_dead(run, &turn, &told);
            self.keep_record(op, &task, &record)?;
            tally.add_turn(&task, record);
        }
        Ok(())
    }
}

impl Project {
    /// The end of a turn that stands in the task's journal and not yet in the run's.
    fn turn_unseen(
        &self,
        run: &RunId,
        task: &TaskId,
        turn: &OpenTurn,
        tally: &Tally,
    ) -> Result<Option<TurnRecord>, FlowError> {
        let stored = match self.store.load(task)? {
            Some(stored) => Some(stored),
            None => self.store.archived(task)?,
        };
        let Some(stored) = stored else { return Ok(None) };
        let is_it = |record: &TurnRecord| record.run.as_ref() == Some(&run.0) && record.agent == turn.agent;
        let told: Vec<TurnRecord> = self
            .store
            .events(&stored.tip, EVENTS)?
            .into_iter()
            .filter_map(|(_, event)| match event.event {
                Event::TurnEnded(record) if is_it(&record) => Some(record),
                _ => None,
            })
            .collect();
        let known = tally.state.turns.iter().filter(|line| line.task == *task && is_it(&line.turn)).count();
        Ok(if told.len() > known { told.last().cloned() } else { None })
    }
}

impl Project {
    /// What a dead turn used, by its logs; of several workers only where each tells.
    fn told_by(&self, turn: &OpenTurn) -> agent::Told {
        let cap = self.policy.limits.log_bytes;
        let named = self.settings.agent_entries().unwrap_or_default();
        let known = agent::parse(&turn.agent, &named).ok();
        let workers: Vec<Option<&AgentEntry>> = match known.as_ref().map(|agent| &agent.kind) {
            Some(Kind::Team { workers, .. }) => workers.iter().map(Agent::entry).collect(),
            Some(Kind::Program(entry)) => vec![Some(entry)],
            Some(Kind::Script { .. }) | None => vec![None],
        };
        let logs = turn.seen.logs.iter().map(Path::new);
        let told = workers.into_iter().zip(logs).map(|(entry, log)| agent::told_by_logs(entry, log, cap));
        let sum = told.reduce(|one, other| agent::Told {
            tokens: one.tokens.zip(other.tokens).map(|(a, b)| a.saturating_add(b)),
            cost: None, // each by its own price: a sum of some of them is none
            model: one.model,
        });
        sum.unwrap_or_default()
    }
}

fn record_of_dead(run: &RunId, turn: &OpenTurn, told: &agent::Told) -> TurnRecord {
    let free = turn.free.then_some(0);
    TurnRecord {
        role: turn.role.clone(),
        agent: turn.agent.clone(),
        run: Some(run.0.clone()),
        ended: TurnRecord::KILLED.to_owned(),
        seconds: 0,
        tokens: told.tokens.or(free),
        cost: told.cost.map(Cost::amount).or(free.map(MicroUsd)),
        estimated: matches!(told.cost, Some(Cost::Estimated(_))),
        prompt: turn.seen.prompt.clone(),
        model: told.model.clone(),
        tier: None,
        chosen: None,
        note: None,
    }
}
