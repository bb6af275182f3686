//! One turn of an agent: prepared, taken, and judged by what is in the worktree.

use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{self, Access, Agent, AgentError, Kind, Tools, Turn, TurnResult};
use crate::plan::route::Choice;
use crate::plan::turns::Work;
use crate::policy::agents::AgentEntry;
use crate::process::sandbox::Endpoints;
use crate::process::{Stop, random_letters};
use crate::report::TurnLine;
use crate::store::{Op, Stored};
use crate::task::id::{CommitId, RunId, TaskId};
use crate::task::role::{ReviewerName, Role};
use crate::task::state::Claim;
use crate::task::{Actor, State};

use super::contract::Brief;
use super::sandbox::{Room, Use, needed_by};
use super::seat::Seat;
use super::test_slot::Slot;
use super::{FlowError, Project};

/// A turn that is ready to be taken.
pub(crate) struct Ready {
    pub(crate) work: Work,
    pub(crate) agent: Agent,
    /// Why it is this agent.
    pub(crate) choice: Choice,
    pub(crate) turn: Turn,
    /// The commit that a reviewer looks at, or that a tester's fix starts from.
    pub(crate) head: Option<CommitId>,
    /// The blob id of what is sent: of several workers, all of it.
    pub(crate) prompt: String,
    /// What is sent, to be kept with the run.
    pub(crate) sent: String,
    /// The turns of a team's workers, each with its own room.
    pub(crate) workers: Vec<(Agent, Turn)>,
    /// The claim under which it works, where it changes files.
    pub(crate) claim: Option<Claim>,
    /// Held while a reviewer looks at its own checkout.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) slot: Option<Slot>,
    /// Held while the agent works.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) room: Vec<Room>,
}

impl Ready {
    /// Takes the turn.
    ///
    /// # Errors
    /// The agent could not be called.
    pub(crate) async fn take(&self, stop: &Stop) -> Result<TurnResult, AgentError> {
        if self.workers.is_empty() {
            agent::take(&self.agent, &self.turn, stop.clone()).await
        } else {
            agent::take_together(&self.workers, stop).await
        }
    }

    /// The sandbox of its agent, for reports; nothing for what needs none.
    pub(crate) fn held_by(&self) -> String {
        let turn = self.workers.first().map_or(&self.turn, |(_, turn)| turn);
        match &turn.sandbox {
            Some(sandbox) if !self.agent.is_free() => format!(" ({})", sandbox.means),
            _ => String::new(),
        }
    }
}

impl Project {
    /// Prepares a turn of an agent: claims, makes the worktree, writes the prompt. `None` if the work is no longer
    /// there. `run_turns` are the turns of the run so far, whose notes may help.
    ///
    /// # Errors
    /// Git fails, or the remote cannot be reached. What is wrong with the task itself becomes its own evidence.
    pub(crate) fn prepare_turn(
        &self,
        op: &Op,
        run: &RunId,
        chosen: (&Agent, Choice),
        work: &Work,
        run_turns: &[TurnLine],
    ) -> Result<Option<Ready>, FlowError> {
        match work {
            Work::Review { task, reviewer } => self.prepare_review(run, chosen, task, reviewer),
            Work::Clarify { task } => self.prepare_clarify(run, chosen, task),
            Work::Fix { .. } | Work::Implement { .. } | Work::Test { .. } => {
                self.prepare_change(op, run, chosen, work, run_turns)
            }
        }
    }

    fn prepare_change(
        &self,
        op: &Op,
        run: &RunId,
        (agent, choice): (&Agent, Choice),
        work: &Work,
        run_turns: &[TurnLine],
    ) -> Result<Option<Ready>, FlowError> {
        let task = work.task();
        let actor = self.worker(agent)?;
        // Another agent of this run takes over what came back to one of ours, and what another clone left.
        let ours = format!("@{}", self.clone_id()?);
        let holder = self.store.load(task)?.and_then(|stored| match stored.task.state {
            State::Assigned { claim } => Some((claim.owner, true)),
            State::InProgress { claim } => Some((claim.owner, false)),
            _ => None,
        });
        let take_over = match holder {
            Some((owner, returned)) if owner.0.ends_with(&ours) => returned && owner != actor.who,
            Some(_) if self.still_lapsed(task)? => true,
            // It was heard of again meanwhile, or is a person's.
            Some(_) => return Ok(None),
            None => false,
        };
        let picked = match self.pick(op, &actor, Some(task), take_over) {
            Ok(picked) => picked,
            Err(FlowError::Claimed { .. } | FlowError::NotReady { .. }) => return Ok(None),
            Err(FlowError::Gate { evidence, .. }) => {
                self.failed_to_prepare(op, task, &evidence)?;
                return Ok(None);
            }
            Err(err) => return Err(err),
        };
        let stored = &picked.stored;
        // Given back by an agent that could not ask its model: what is to be mended still is. And where the spec was all
        // that was wrong, it is begun anew.
        let mends = stored.task.evidence.is_some();
        let role = match work {
            Work::Test { .. } => Role::Test,
            _ if mends => Role::Fix,
            _ => Role::Implement,
        };
        let head = self.repo.worktree_head(&picked.worktree)?;
        let brief = Brief {
            files: agent.answers_files(),
            notes: self.notes_for(&stored.task, run_turns)?,
            head: Some(head.clone()),
            ..Brief::of(agent)
        };
        let turn = self.turn(run, stored, &role, stored.task.try_number, picked.worktree, &brief)?;
        let claim = stored.task.state.claim().cloned();
        let ready = self.ready(agent, choice, work, turn, Some(head), |worker| {
            let part = worker.entry().and_then(|entry| entry.part.clone()).unwrap_or_default();
            let brief = Brief { part, agent: Brief::of(worker).agent, ..brief.clone() };
            Ok(self.prompt(&role, &stored.task, &brief)?.text)
        })?;
        Ok(Some(self.seated(Ready { claim, ..ready }, &actor)))
    }

    /// A reviewer gets a checkout of its own: what it writes there changes nothing.
    fn prepare_review(
        &self,
        run: &RunId,
        (agent, choice): (&Agent, Choice),
        task: &TaskId,
        reviewer: &str,
    ) -> Result<Option<Ready>, FlowError> {
        let Some(stored) = self.store.load(task)? else { return Ok(None) };
        let State::UnderReview { change } = &stored.task.state else { return Ok(None) };
        let name = ReviewerName::parse(reviewer).map_err(|bad| FlowError::BadValue {
            what: "review.reviewers".to_owned(),
            why: bad.to_string(),
        })?;
        let head = change.head.clone();
        let work = Work::Review { task: task.clone(), reviewer: reviewer.to_owned() };
        let (role, round) = (Role::Review(name), stored.task.rounds + 1);
        self.looker(run, (agent, choice), &work, &stored, &role, round, head)
    }

    /// Whoever looks at a failed attempt reads what the attempt left, in a checkout of its own.
    fn prepare_clarify(
        &self,
        run: &RunId,
        (agent, choice): (&Agent, Choice),
        task: &TaskId,
    ) -> Result<Option<Ready>, FlowError> {
        let Some(stored) = self.store.load(task)? else { return Ok(None) };
        if !matches!(stored.task.state, State::Assigned { .. } | State::Pending) {
            return Ok(None);
        }
        let head = self.work_of(&stored.task)?.unwrap_or_else(|| self.base.tip.clone());
        let work = Work::Clarify { task: task.clone() };
        let number = stored.task.try_number;
        self.looker(run, (agent, choice), &work, &stored, &Role::Clarify, number, head)
    }

    /// A turn of somebody who only reads.
    #[expect(clippy::too_many_arguments, reason = "the parts of one turn")]
    fn looker(
        &self,
        run: &RunId,
        (agent, choice): (&Agent, Choice),
        work: &Work,
        stored: &Stored,
        role: &Role,
        number: u32,
        head: CommitId,
    ) -> Result<Option<Ready>, FlowError> {
        let mut slot = Slot::take(self)?;
        slot.check_out(self, &head)?;
        let brief = Brief { head: Some(head.clone()), ..Brief::of(agent) };
        let turn = self.turn(run, stored, role, number, slot.folder.clone(), &brief)?;
        let ready = self.ready(agent, choice, work, turn, Some(head), |_| Ok(String::new()))?;
        Ok(Some(self.seated(Ready { slot: Some(slot), ..ready }, &self.worker(agent)?)))
    }

    /// Houses a turn, and those of its workers where it is a team's. `prompt_of` is the prompt of a worker.
    fn ready(
        &self,
        agent: &Agent,
        choice: Choice,
        work: &Work,
        mut turn: Turn,
        head: Option<CommitId>,
        prompt_of: impl Fn(&Agent) -> Result<String, FlowError>,
    ) -> Result<Ready, FlowError> {
        let mut rooms = Vec::new();
        let mut workers = Vec::new();
        let mut sent = turn.prompt.clone();
        if let Kind::Team { workers: members, .. } = &agent.kind {
            sent.clear();
            for member in members {
                let log_folder = turn.log_folder.join(member.name.replace(['/', ':'], "-"));
                let mut own = Turn { prompt: prompt_of(member)?, log_folder, ..turn.clone() };
                rooms.push(self.house(&mut own, member)?);
                sent.push_str(&format!("<!-- {} -->\n{}\n", member.name, own.prompt));
                workers.push((member.clone(), own));
            }
        } else {
            rooms.push(self.house(&mut turn, agent)?);
        }
        let prompt = self.repo.write_blob(sent.as_bytes())?;
        let (work, agent) = (work.clone(), agent.clone());
        let (claim, slot, room) = (None, None, rooms);
        Ok(Ready { work, agent, choice, turn, head, prompt, sent, workers, claim, slot, room })
    }

    fn turn(
        &self,
        run: &RunId,
        stored: &Stored,
        role: &Role,
        try_number: u32,
        dir: PathBuf,
        brief: &Brief,
    ) -> Result<Turn, FlowError> {
        let task = &stored.task;
        let folder = format!("{role}-{try_number}-{}", random_letters(4));
        let rendered = self.prompt(role, task, brief)?;
        Ok(Turn {
            task: task.id.clone(),
            role: role.clone(),
            try_number,
            run: run.clone(),
            dir,
            access: match rendered.front.tools {
                Tools::Edit => Access::Edit,
                Tools::Read => Access::Read,
            },
            model: None,
            budget: None,
            prompt: rendered.text,
            contract: self.contract(task).to_string(),
            limit: self.turn_limit(role).max(Duration::from_secs(1)),
            log_folder: self.logs_of(&task.id).join(folder),
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
            sandbox: None,
            idle: Some(self.policy.limits.idle),
        })
    }

    /// Lets whoever takes a turn speak from within their sandbox, for this task and role alone.
    fn seated(&self, mut ready: Ready, actor: &Actor) -> Ready {
        let turns = ready.workers.iter_mut().map(|(_, turn)| turn).chain(std::iter::once(&mut ready.turn));
        for turn in turns {
            let seat = Seat {
                task: turn.task.clone(),
                role: turn.role.clone(),
                who: actor.who.0.clone(),
                epoch: ready.claim.as_ref().map(|claim| claim.epoch),
            };
            if let (false, Some(sandbox)) = (ready.agent.is_free(), &mut turn.sandbox) {
                sandbox.answered = Some(self.answered(&seat));
            }
        }
        ready
    }

    /// How long a turn of a role may take.
    pub(crate) fn turn_limit(&self, role: &Role) -> Duration {
        let limits = &self.policy.limits;
        match role {
            Role::Implement => limits.implement,
            Role::Fix => limits.fix,
            Role::Test => limits.test,
            Role::Review(_) | Role::Clarify | Role::Manager => limits.review,
        }
    }

    /// Puts a turn into its sandbox. What replays recorded changes is this program: it needs none.
    ///
    /// # Errors
    /// No sandbox is to be had, or its folder cannot be made.
    pub(crate) fn house(&self, turn: &mut Turn, agent: &Agent) -> Result<Room, FlowError> {
        let to = match turn.access {
            Access::Edit => Use::Change,
            Access::Read => Use::Look,
        };
        let room = match &agent.kind {
            Kind::Program(entry) => self.room(&turn.dir, to, needed_by(&entry.call), endpoints(entry))?,
            // Each of a team's workers has its own.
            Kind::Script { .. } | Kind::Team { .. } => self.open_room()?,
        };
        let mut room = room;
        if let Kind::Program(entry) = &agent.kind {
            room.sandbox.files.clone_from(&entry.files);
        }
        turn.sandbox = Some(room.sandbox.clone());
        Ok(room)
    }
}

/// Where an agent's model is, by its entry.
fn endpoints(entry: &AgentEntry) -> Endpoints {
    Endpoints { hosts: entry.endpoints.clone(), base_url: entry.base_url.clone() }
}
