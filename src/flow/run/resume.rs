//! A run that was killed or interrupted goes on as the same run: same report, same budget, same end of its time.
//!
//! A machine-local file names the run that has not come to its end; its state is in its own chain.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::agent::{self, Agent, Cost, Kind};
use crate::flow::progress::Step;
use crate::flow::report::{LOG, Tally};
use crate::flow::{FlowError, Project};
use crate::plan::budget::{Close, OpenTurn, Told};
use crate::policy::agents::AgentEntry;
use crate::process::random_letters;
use crate::store::Op;
use crate::store::run_state::{Rest, RunState};
use crate::task::Event;
use crate::task::id::{RunId, Seconds, TaskId};
use crate::task::record::{MicroUsd, TurnRecord};

use super::request::RunRequest;

/// The file's name below the machine-local folder.
const FILE: &str = "run";
/// So many of a task's last events are looked through for the end of a turn.
const EVENTS: usize = 500;

/// What a run begins with.
pub(super) struct Begun {
    pub(super) run: RunId,
    pub(super) tally: Tally,
    /// What is to be said first.
    pub(super) first: Option<(Step, String)>,
    /// It goes on with an unfinished one.
    pub(super) again: bool,
}

/// Which run one that is asked for is.
pub(crate) enum Which {
    /// The unfinished one, and why it did not come to its end, in words.
    Again { run: RunId, state: Box<RunState>, why: &'static str },
    /// Another one; with what is to be said of the unfinished one, which is left.
    Anew(Option<String>),
}

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

    /// The run of this clone that has not come to its end: killed, interrupted, or waiting for a person's yes to its budget.
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
        state.rests = Some(Rest::Allowed);
        state.ledger.grant();
        let log = self.store.run_file(&run, LOG)?.unwrap_or_default();
        let mut tally = Tally::go_on(state, String::from_utf8_lossy(&log).into_owned());
        let line = format!("{} allows the budget once more", self.who);
        tally.note(op.at, &line);
        tally.save(self, op, &run, &line)?;
        Ok(Some(run))
    }

    /// Which run one that is asked for is. Without names it is whatever run is unfinished, with that one's own tasks, unless
    /// its time is over.
    ///
    /// # Errors
    /// It would take the place of a run that waits for its budget, and has no budget of its own; a record cannot be read.
    pub(crate) fn which_run(&self, request: &RunRequest, now: Seconds) -> Result<Which, FlowError> {
        let Some((run, state)) = self.unfinished_run()? else { return Ok(Which::Anew(None)) };
        let why = match (&state.waits, state.rests) {
            (Some(_), _) => "its budget was used up",
            (None, Some(Rest::Interrupted)) => "it was interrupted",
            (None, Some(Rest::Allowed)) => "its budget is allowed once more",
            (None, None) => "it was killed",
        };
        if state.until.is_some_and(|until| until <= now) {
            return Ok(Which::Anew(Some(format!(
                "{run} does not go on, as its time is over: this is another run"
            ))));
        }
        if request.only.is_empty() || self.are_its_tasks(&state, &request.only)? {
            return Ok(Which::Again { run, state: Box::new(state), why });
        }
        match state.waits {
            Some(why) if !request.own_budget => {
                let names = request.only.iter().map(ToString::to_string).collect();
                Err(FlowError::RunWaits { run, why, names })
            }
            _ => Ok(Which::Anew(Some(format!("{run} is left ({why}): this is another run")))),
        }
    }

    /// Whether the names are those of the run's tasks, or of those that are still open.
    fn are_its_tasks(&self, state: &RunState, names: &[TaskId]) -> Result<bool, FlowError> {
        let names: BTreeSet<TaskId> = names.iter().cloned().collect();
        if state.only.is_empty() || state.only == names {
            return Ok(!state.only.is_empty());
        }
        let open: BTreeSet<TaskId> =
            self.store.open_tasks()?.rows.into_iter().map(|row| row.card.id).collect();
        Ok(state.only.intersection(&open).cloned().collect::<BTreeSet<_>>() == names)
    }

    /// What a run begins with, and what is to be said of it first.
    pub(super) fn begin_run(
        &self,
        which: Which,
        request: &RunRequest,
        now: Seconds,
    ) -> Result<Begun, FlowError> {
        match which {
            Which::Anew(left) => {
                let run = RunId(format!("r-{}", random_letters(4)));
                let first = left.map(|text| (Step::Note, text));
                Ok(Begun { run, tally: Tally::begin(self, &request.only, now), first, again: false })
            }
            Which::Again { run, mut state, why } => {
                if state.waits.is_none() && state.rests.is_none() {
                    state.resumed += 1;
                }
                (state.waits, state.rests) = (None, None);
                let names: Vec<&str> = state.only.iter().map(TaskId::as_str).collect();
                let over =
                    if names.is_empty() { String::new() } else { format!("; only {}", names.join(", ")) };
                let first = Some((Step::Resume, format!("{run} goes on: {why}{over}")));
                let log = self.store.run_file(&run, LOG)?.unwrap_or_default();
                let tally = Tally::go_on(*state, String::from_utf8_lossy(&log).into_owned());
                Ok(Begun { run, tally, first, again: true })
            }
        }
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
