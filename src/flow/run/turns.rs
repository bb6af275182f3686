//! The turns of a run: started while there is room, an agent and money for them, and followed up when they have ended.

use std::time::Instant;

use crate::agent::{Agent, AgentError, Kind};
use crate::flow::FlowError;
use crate::flow::audit::Audited;
use crate::flow::progress::Step;
use crate::flow::project::now;
use crate::flow::queue::Ran;
use crate::flow::turn::Ready;
use crate::plan::breaker::Went;
use crate::plan::budget::Seen;
use crate::plan::route::Choice;
use crate::plan::turns::{self, Work};
use crate::process::Ended;
use crate::task::id::Seconds;
use crate::task::record::MicroUsd;

use super::{Dispatcher, Stopping, TurnEnd, Turns};

/// So many agents share what one turn may cost.
fn slots_of(agent: &Agent) -> u64 {
    match &agent.kind {
        Kind::Team { workers, .. } => workers.len().max(1) as u64,
        Kind::Program(_) | Kind::Script { .. } => 1,
    }
}

impl Dispatcher<'_> {
    pub(super) fn start_turns(&mut self, turns: &mut Turns) -> Result<(), FlowError> {
        let capacity = self.project.policy.jobs as usize;
        if self.busy.len() >= capacity {
            return Ok(());
        }
        let load = self.workload()?;
        let wanted = turns::wanted(&load, &|id| self.project.finished(id));
        self.over = None;
        let mut waiting = wanted.len();
        for work in wanted {
            if self.busy.len() >= capacity {
                break;
            }
            let slots = waiting.min(capacity - self.busy.len());
            waiting -= 1;
            let Some((agent, choice)) = self.agent_for(&work)? else { continue };
            let Some(allowance) = self.reserve(&work, &agent, slots) else { continue };
            let so_far = &self.tally.state.turns;
            let chosen = (&agent, choice);
            let prepared = self.project.prepare_turn(&self.op, &self.run, chosen, &work, so_far)?;
            let Some(mut ready) = prepared else {
                self.give_back(&work);
                continue;
            };
            ready.turn.budget = allowance.limit;
            self.roster.started(&ready.agent.name);
            self.say_start(&ready)?;
            for (_, turn) in &mut ready.workers {
                turn.budget = allowance.limit.map(|limit| MicroUsd(limit.0 / slots_of(&ready.agent)));
            }
            let logs = match ready.workers.as_slice() {
                [] => vec![&ready.turn.log_folder],
                workers => workers.iter().map(|(_, turn)| &turn.log_folder).collect(),
            };
            let logs = logs.into_iter().map(|folder| folder.display().to_string()).collect();
            self.note_open(&work, Seen { prompt: Some(ready.prompt.clone()), logs });
            // What is reserved, and what is sent, is written down before anything is spent.
            let sent = std::mem::take(&mut ready.sent);
            self.save_sent(&work, sent)?;
            self.busy.insert(work, (ready.agent.name.clone(), Instant::now()));
            let (stop, project) = (self.stop.clone(), self.project.clone());
            turns.spawn_local(async move {
                let worktree = project.worktree_of(ready.work.task());
                let begun = project.repo.agent_begins(&worktree);
                let result = ready.take(&stop).await;
                project.repo.agent_ended(&worktree, begun);
                let audited = match &result {
                    Ok(result) => project.audit_turn(&ready, result, &stop).await,
                    Err(_) => Ok(Audited::default()),
                };
                TurnEnd { ready: Box::new(ready), result, audited }
            });
        }
        Ok(())
    }

    /// The agent that takes a turn now; `None` where nobody may.
    fn agent_for(&self, work: &Work) -> Result<Option<(Agent, Choice)>, FlowError> {
        if !self.roster.may(work, self.op.at) {
            return Ok(None);
        }
        let Some(stored) = self.project.store.load(work.task())? else { return Ok(None) };
        if !self.task_may_spend(&stored.task)? {
            return Ok(None);
        }
        let busy = |agent: &str| self.busy.values().filter(|(name, _)| name == agent).count();
        let asked = self.project.prompt_tier(&work.role())?;
        Ok(self.roster.choose(work, &stored.task, asked, self.op.at, busy).ok())
    }

    fn say_start(&self, ready: &Ready) -> Result<(), FlowError> {
        let doing = match ready.work {
            Work::Review { .. } => return Ok(()),
            Work::Implement { .. } => "",
            Work::Fix { .. } => " again",
            Work::Test { .. } => " tests",
            Work::Clarify { .. } => " looks why it failed",
        };
        let title =
            self.project.store.load(ready.work.task())?.map(|stored| stored.task.title).unwrap_or_default();
        let text = format!("{}{doing}  {title}", ready.agent.name);
        self.say(Step::Start, std::slice::from_ref(ready.work.task()), None, text);
        Ok(())
    }

    pub(super) fn turn_ended(
        &mut self,
        TurnEnd { ready, result, audited }: TurnEnd,
    ) -> Result<(), FlowError> {
        let ready = &*ready;
        self.busy.remove(&ready.work);
        self.op.at = now();
        let task = ready.work.task().clone();
        // What ends while a person has everything ended was ended by that, by whatever signal or code.
        let stopped = self.stopping == Stopping::Hard;
        let result = match result {
            Ok(mut result) => {
                if stopped && result.outcome.ended != Ended::Exited(0) {
                    result.outcome.ended = Ended::Stopped;
                }
                result
            }
            Err(_) if stopped => {
                self.give_back(&ready.work);
                return self.project.turn_not_possible(&self.op, ready, "the run was stopped");
            }
            Err(err) => {
                self.give_back(&ready.work);
                let text = crate::store::chain(&err);
                if matches!(err, AgentError::NotInstalled { .. }) {
                    self.project.turn_not_possible(&self.op, ready, &text)?;
                    self.tell_breaker(&ready.agent.name, Went::Never, &text);
                    return Ok(());
                }
                self.project.turn_not_started(&self.op, ready, &text)?;
                self.say(Step::Note, &[task], None, format!("{}: {text}", ready.turn.role));
                self.tell_breaker(&ready.agent.name, Went::Badly, &text);
                return Ok(());
            }
        };
        let judged = self.project.judge_turn(&self.op, ready, &result, &audited?)?;
        self.settle(&ready.work, &ready.agent, &judged.record, &result);
        let seconds = judged.record.seconds;
        self.say(judged.step, std::slice::from_ref(&task), Some(seconds), judged.text.clone());
        if let Some(agent) = &judged.forgiven {
            self.roster.forgive(agent);
        }
        if let Some(went) = judged.went.filter(|_| !stopped) {
            let why = match went {
                // What the program said is about itself; what was judged is about the task.
                Went::Never | Went::Later => &judged.record.ended,
                Went::Well | Went::Badly => &judged.text,
            };
            self.tell_breaker(&ready.agent.name, went, why);
        }
        self.tally.add(Ran {
            what: format!("{} {} {task}{}", ready.agent.name, ready.turn.role, ready.held_by()),
            started: Seconds(self.op.at.0 - i64::try_from(seconds).unwrap_or_default()),
            seconds,
            ended: judged.record.ended.clone(),
        });
        let line = format!("{} {task}: {}", ready.turn.role, judged.text);
        self.tally.add_turn(&task, judged.record);
        self.save(&line)
    }

    pub(super) fn tell_breaker(&mut self, agent: &str, went: Went, why: &str) {
        if let Some(opened) = self.roster.ended(agent, went, why, self.op.at) {
            self.say(Step::Note, &[], None, format!("{agent}: {opened}"));
        }
    }
}
