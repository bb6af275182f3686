//! One turn of an agent: prepared, taken, and judged by what is in the worktree.

use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{self, Access, Agent, Kind, Turn};
use crate::plan::route::{Choice, Tier};
use crate::plan::turns::Work;
use crate::policy::agents::AgentEntry;
use crate::process::random_letters;
use crate::process::sandbox::{Endpoints, Means, strongest};
use crate::store::{Op, Stored};
use crate::task::id::{CommitId, RunId, TaskId};
use crate::task::role::{ReviewerName, Role};
use crate::task::state::Claim;
use crate::task::{Actor, Authority, State, Who};

use super::sandbox::{Room, Use, needed_by};
use super::seat::Seat;
use super::suite::Slot;
use super::{FlowError, Project};

/// The agents of a run, by role: those that may be asked, in the order in which they were named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crew {
    pub(crate) implement: Vec<Agent>,
    pub(crate) fix: Vec<Agent>,
    pub(crate) review: Vec<Agent>,
}

impl Crew {
    /// The agents that may take a turn.
    pub(crate) fn of(&self, work: &Work) -> &[Agent] {
        match work {
            Work::Review { .. } => &self.review,
            Work::Fix { .. } => &self.fix,
            Work::Implement { .. } => &self.implement,
        }
    }
}

/// What an agent costs, roughly.
pub(crate) fn tier_of(agent: &Agent) -> Tier {
    match &agent.kind {
        Kind::Program(entry) => entry.tier,
        Kind::Script { .. } => Tier::Cheap,
    }
}

/// Domains whose tasks an agent is preferred for.
pub(crate) fn domains_of(agent: &Agent) -> &[String] {
    match &agent.kind {
        Kind::Program(entry) => &entry.domains,
        Kind::Script { .. } => &[],
    }
}

/// A turn that is ready to be taken.
pub(crate) struct Ready {
    pub(crate) work: Work,
    pub(crate) agent: Agent,
    /// Why it is this agent.
    pub(crate) choice: Choice,
    pub(crate) turn: Turn,
    /// The commit that a reviewer looks at.
    pub(crate) head: Option<CommitId>,
    /// The blob id of the prompt.
    pub(crate) prompt: String,
    /// The claim under which it works, where it changes files.
    pub(crate) claim: Option<Claim>,
    /// Held while a reviewer looks at its own checkout.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) slot: Option<Slot>,
    /// Held while the agent works.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) room: Room,
}

impl Ready {
    /// The sandbox of its agent, for reports; nothing for what needs none.
    pub(crate) fn held_by(&self) -> String {
        match (&self.agent.kind, &self.turn.sandbox) {
            (Kind::Program(_), Some(sandbox)) => format!(" ({})", sandbox.means),
            _ => String::new(),
        }
    }
}

impl Project {
    /// What a person should know of the sandbox before agents start.
    ///
    /// # Errors
    /// Agents are to run, and nothing on this machine can hold them.
    pub(crate) fn agents_held_by(&self, crew: &Crew) -> Result<Option<String>, FlowError> {
        let all = [&crew.implement, &crew.fix, &crew.review].into_iter().flatten();
        if !all.into_iter().any(|agent| matches!(agent.kind, Kind::Program(_))) {
            return Ok(None);
        }
        Ok(match self.means()? {
            Means::Bubblewrap => None,
            Means::Landlock => Some(format!("agents are held by Landlock alone ({})", strongest().1)),
            Means::Nothing => Some("agents run without a sandbox: they may do what you may".to_owned()),
        })
    }

    /// The agents that settings and command line name. `given` are texts, each with the role it is for, or for all.
    ///
    /// # Errors
    /// A text that names no agent.
    pub(crate) fn crew(&self, given: &[(Option<String>, String)]) -> Result<Crew, FlowError> {
        let agents = &self.policy.agents;
        let of = |role: &str, set: Option<&String>| -> Result<Vec<Agent>, FlowError> {
            let special = given.iter().rev().find(|(to, _)| to.as_deref() == Some(role));
            let general = given.iter().rev().find(|(to, _)| to.is_none());
            match special.or(general).map(|(_, text)| text).or(set) {
                Some(text) => self.agents(text),
                None => Ok(Vec::new()),
            }
        };
        let implement = of("implement", agents.implement.as_ref())?;
        let fix = of("fix", agents.fix.as_ref())?;
        Ok(Crew {
            fix: if fix.is_empty() { implement.clone() } else { fix },
            review: of("review", agents.review.as_ref())?,
            implement,
        })
    }

    /// Agents by their names in the settings, with commas between; or one as `exec:COMMAND`, `script:FOLDER`, where a
    /// comma is part of the text.
    fn agents(&self, text: &str) -> Result<Vec<Agent>, FlowError> {
        let known = self.settings.agent_entries()?;
        let one = |text: &str| Ok(agent::parse(text, &known)?);
        let is_text = ["exec:", "script:"].iter().any(|kind| text.trim_start().starts_with(kind));
        if is_text { Ok(vec![one(text)?]) } else { text.split(',').map(one).collect() }
    }

    /// The name under which an agent of this clone holds tasks.
    ///
    /// # Errors
    /// The clone cannot be named.
    pub(crate) fn worker(&self, agent: &Agent) -> Result<Actor, FlowError> {
        let who = Who(format!("{}@{}", agent.name, self.clone_id()?));
        Ok(Actor { who, authority: Authority::Worker })
    }

    /// Prepares a turn of an agent: claims, makes the worktree, writes the prompt. `None` if the work is no longer
    /// there.
    ///
    /// # Errors
    /// Git fails, or the remote cannot be reached. What is wrong with the task itself becomes its own evidence.
    pub(crate) fn prepare_turn(
        &self,
        op: &Op,
        run: &RunId,
        agent: &Agent,
        choice: Choice,
        work: &Work,
    ) -> Result<Option<Ready>, FlowError> {
        match work {
            Work::Review { task, reviewer } => self.prepare_review(run, agent, choice, task, reviewer),
            Work::Fix { .. } => self.prepare_change(op, run, agent, choice, work, &Role::Fix),
            Work::Implement { .. } => self.prepare_change(op, run, agent, choice, work, &Role::Implement),
        }
    }

    fn prepare_change(
        &self,
        op: &Op,
        run: &RunId,
        agent: &Agent,
        choice: Choice,
        work: &Work,
        role: &Role,
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
        // Given back by an agent that could not ask its model: what is to be mended still is.
        let mends = stored.task.evidence.is_some();
        let role = if mends { &Role::Fix } else { role };
        let mut turn = self.turn(run, stored, role, stored.task.try_number, picked.worktree)?;
        let room = self.house(&mut turn, agent)?;
        let claim = stored.task.state.claim().cloned();
        self.seated(&mut turn, agent, &actor, claim.as_ref());
        let prompt = self.repo.write_blob(turn.prompt.as_bytes())?;
        let (work, agent) = (work.clone(), agent.clone());
        Ok(Some(Ready { work, agent, choice, turn, head: None, prompt, claim, slot: None, room }))
    }

    /// A reviewer gets a checkout of its own: what it writes there changes nothing.
    fn prepare_review(
        &self,
        run: &RunId,
        agent: &Agent,
        choice: Choice,
        task: &TaskId,
        reviewer: &str,
    ) -> Result<Option<Ready>, FlowError> {
        let Some(stored) = self.store.load(task)? else { return Ok(None) };
        let State::UnderReview { change } = &stored.task.state else { return Ok(None) };
        let name = ReviewerName::parse(reviewer).map_err(|bad| FlowError::BadValue {
            what: "review.reviewers".to_owned(),
            why: bad.to_string(),
        })?;
        let slot = Slot::take(self)?;
        slot.check_out(self, &change.head)?;
        let dir = slot.folder.clone();
        let mut turn = self.turn(run, &stored, &Role::Review(name), stored.task.rounds + 1, dir)?;
        let room = self.house(&mut turn, agent)?;
        self.seated(&mut turn, agent, &self.worker(agent)?, None);
        let prompt = self.repo.write_blob(turn.prompt.as_bytes())?;
        let work = Work::Review { task: task.clone(), reviewer: reviewer.to_owned() };
        let head = Some(change.head.clone());
        let (agent, slot) = (agent.clone(), Some(slot));
        Ok(Some(Ready { work, agent, choice, turn, head, prompt, claim: None, slot, room }))
    }

    fn turn(
        &self,
        run: &RunId,
        stored: &Stored,
        role: &Role,
        try_number: u32,
        dir: PathBuf,
    ) -> Result<Turn, FlowError> {
        let task = &stored.task;
        let limit = match role {
            Role::Implement => self.policy.limits.implement,
            Role::Fix => self.policy.limits.fix,
            Role::Test => self.policy.limits.test,
            Role::Review(_) => self.policy.limits.review,
        };
        let folder = format!("{role}-{try_number}-{}", random_letters(4));
        Ok(Turn {
            task: task.id.clone(),
            role: role.clone(),
            try_number,
            run: run.clone(),
            dir,
            access: match role {
                Role::Review(_) => Access::Read,
                Role::Implement | Role::Fix | Role::Test => Access::Edit,
            },
            model: None,
            budget: None,
            prompt: self.prompt(role, task)?.text,
            contract: self.contract(task).to_string(),
            limit: limit.max(Duration::from_secs(1)),
            log_folder: self.local().join("logs").join(task.id.as_str()).join(folder),
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
            sandbox: None,
            idle: Some(self.policy.limits.idle),
        })
    }

    /// Lets an agent speak from within its sandbox, for its task and role alone.
    fn seated(&self, turn: &mut Turn, agent: &Agent, actor: &Actor, claim: Option<&Claim>) {
        let seat = Seat {
            task: turn.task.clone(),
            role: turn.role.clone(),
            who: actor.who.0.clone(),
            epoch: claim.map(|claim| claim.epoch),
        };
        if let (Kind::Program(_), Some(sandbox)) = (&agent.kind, &mut turn.sandbox) {
            sandbox.answered = Some(self.answered(&seat));
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
            Kind::Script { .. } => self.open_room()?,
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
