//! From a goal to tasks (A2, E1): a manager proposes, the program checks the proposal, a person says yes.

use crate::agent::{self, Access, Agent, LimitVars, PromptVars, TaskVars, Turn, TurnResult, render};
use crate::process::{self, Stop, random_letters};
use crate::review::proposal::{self, NoPlan, Proposal};
use crate::store::Op;
use crate::task::contract::{Require, gaps};
use crate::task::event::NewTask;
use crate::task::id::{RunId, TaskId};
use crate::task::role::Role;
use crate::task::{Event, Task};

use super::ended::how_it_ended;
use super::task::AddRequest;
use super::test_slot::Slot;
use super::{FlowError, Project, Vaguely};

/// The file of the last proposal, below the machine-local folder.
const FILE: &str = "plan.json";
/// How often a manager is asked: once more where its answer has not the agreed form.
const ASKED: u32 = 2;

/// What is to be planned.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub(crate) title: String,
    pub(crate) spec: String,
    /// Tasks at most.
    pub(crate) most: u32,
    /// The agent, in place of the one that is set.
    pub(crate) agent: Option<String>,
}

/// A proposal, and what it took.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) proposal: Proposal,
    pub(crate) agent: String,
    pub(crate) seconds: f64,
    /// In millionths of a dollar, of all that was asked; `None` if unknown.
    pub(crate) cost: Option<u64>,
    /// Tasks that are too vague to be handed out, each with what is missing: they are added as drafts.
    pub(crate) vague: Vec<(TaskId, String)>,
}

impl Project {
    /// Asks a manager for a plan, and keeps it for [`Project::apply_plan`].
    ///
    /// # Errors
    /// A vague goal, no agent, or two answers without the agreed form.
    pub(crate) fn plan(&self, goal: &Goal) -> Result<Planned, FlowError> {
        self.refuse_vague(Vaguely::Planned, &goal.title, &goal.spec, 1)?;
        let agent = self.manager(goal.agent.as_deref())?;
        let mut cost = Some(0_u64);
        let mut seconds = 0.0;
        let mut why = String::new();
        for _ in 0..ASKED {
            let result = self.ask_manager(&agent, goal, &why)?;
            seconds += result.outcome.seconds;
            let free = agent.is_free().then_some(0);
            let told = result.usage.cost.map(|cost| cost.amount().0).or(free);
            cost = cost.zip(told).map(|(sum, told)| sum.saturating_add(told));
            let read = proposal::read(&result.answer, goal.most);
            let not_asked = if read.is_err() { result.not_asked_for_nothing() } else { result.not_asked() };
            if let Some(failure) = not_asked {
                return Err(FlowError::NoPlan { agent: agent.name, why: failure.to_string() });
            }
            match read {
                Ok(proposal) => {
                    self.keep_plan(&result.answer, goal.most)?;
                    let vague = self.vague_in(&proposal);
                    return Ok(Planned { proposal, agent: agent.name, seconds, cost, vague });
                }
                Err(no) => why = format!("{no} ({})", how_it_ended(&result, self.turn_limit(&Role::Manager))),
            }
        }
        Err(FlowError::NoPlan { agent: agent.name, why })
    }

    /// Tasks of a plan that say too little: the form asks for more than a person's own one line needs.
    fn vague_in(&self, proposal: &Proposal) -> Vec<(TaskId, String)> {
        let require = self.policy.require.max(Require::Checkable);
        let vague = proposal.tasks.iter().filter_map(|task| {
            let gaps = gaps(&task.title, &task.spec, task.tier, require);
            let why = gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            (!gaps.is_empty()).then(|| (task.id.clone(), why))
        });
        vague.collect()
    }

    fn manager(&self, given: Option<&str>) -> Result<Agent, FlowError> {
        let agents = &self.policy.agents;
        let set = [&agents.plan, &agents.review, &agents.implement].into_iter().find_map(Option::as_deref);
        let Some(text) = given.or(set) else {
            return Err(FlowError::NoPlan { agent: "nobody".to_owned(), why: "no agent is set".to_owned() });
        };
        // Of a list the first: a plan is made by one.
        let is_text = ["exec:", "script:"].iter().any(|kind| text.trim_start().starts_with(kind));
        let text = if is_text { text } else { text.split(',').next().unwrap_or(text) };
        let agent = self.agent(text)?;
        if agent.answers_files() {
            let why = "it answers with files, and a plan is none".to_owned();
            return Err(FlowError::NoPlan { agent: agent.name, why });
        }
        Ok(agent)
    }

    /// One question, in a checkout of the base that nothing comes out of: a manager writes no code.
    fn ask_manager(&self, agent: &Agent, goal: &Goal, why: &str) -> Result<TurnResult, FlowError> {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let name = Role::Manager.to_string();
        let vars = PromptVars {
            task: TaskVars {
                id: "plan".to_owned(),
                title: goal.title.clone(),
                spec: if goal.spec.trim().is_empty() { goal.title.clone() } else { goal.spec.clone() },
                paths: Vec::new(),
            },
            limits: LimitVars {
                diff: small(self.policy.cap.caps.diff),
                minutes: small(self.policy.limits.implement.as_secs() / 60),
            },
            base: self.base.tip.to_string(),
            most: goal.most,
            ..PromptVars::default()
        };
        let own = self.own_prompt(&name, agent.entry().map(|entry| entry.name.as_str()))?;
        let mut prompt = render(&own.name, own.text.as_deref(), &vars)?.text;
        if !why.is_empty() {
            prompt.push_str(&format!("\nYour last answer could not be used: {why}\n"));
        }
        let mut slot = Slot::take(self)?;
        slot.check_out(self, &self.base.tip)?;
        let folder = self.local().join("logs").join("plan").join(random_letters(6));
        let mut turn = Turn {
            task: TaskId::parse("plan").expect("a legal id"),
            role: Role::Manager,
            try_number: 1,
            run: RunId("plan".to_owned()),
            dir: slot.folder.clone(),
            access: Access::Read,
            model: None,
            budget: None,
            prompt,
            contract: "{}".to_owned(),
            limit: self.turn_limit(&Role::Manager),
            log_folder: folder,
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
            sandbox: None,
            idle: Some(self.policy.limits.idle),
        };
        let _room = self.house(&mut turn, agent)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|source| process::ProcessError::System { what: "start a runtime", source })?;
        Ok(runtime.block_on(agent::take(agent, &turn, Stop::new()))?)
    }

    fn keep_plan(&self, answer: &str, most: u32) -> Result<(), FlowError> {
        let path = self.local().join(FILE);
        let kept = serde_json::json!({ "answer": answer, "most": most }).to_string();
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        std::fs::write(&path, kept).map_err(FlowError::file("write", &path))
    }

    /// The plan that was shown last; nothing where none was.
    ///
    /// # Errors
    /// It is no longer whole.
    pub(crate) fn kept_plan(&self) -> Result<Option<Proposal>, FlowError> {
        let path = self.local().join(FILE);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let broken =
            |why: NoPlan| FlowError::NoPlan { agent: "the kept plan".to_owned(), why: why.to_string() };
        let kept: serde_json::Value =
            serde_json::from_str(&text).map_err(|why| broken(NoPlan::Form(why.to_string())))?;
        let most = kept["most"].as_u64().and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
        proposal::read(kept["answer"].as_str().unwrap_or_default(), most).map(Some).map_err(broken)
    }

    /// Adds the tasks of a plan, none where one of them cannot be; what is too vague as drafts.
    ///
    /// # Errors
    /// An id that is in use, a bad glob, or git fails.
    pub(crate) fn apply_plan(&self, op: &Op, proposal: &Proposal) -> Result<Vec<Task>, FlowError> {
        let vague = self.vague_in(proposal);
        let mut journals = Vec::new();
        for task in &proposal.tasks {
            let request = AddRequest {
                id: Some(task.id.to_string()),
                title: task.title.clone(),
                spec: task.spec.clone(),
                paths: task.paths.clone(),
                tier: Some(task.tier),
                domain: task.domain.clone(),
                draft: vague.iter().any(|(id, _)| *id == task.id),
                ..AddRequest::default()
            };
            let new = NewTask { after: task.after.clone(), ..self.plan_add(&request)? };
            journals.push((op.clone(), vec![Event::Added(Box::new(new))]));
        }
        let added = self.store.create_many(&self.person(), &journals)?;
        let _ = std::fs::remove_file(self.local().join(FILE));
        Ok(added.into_iter().map(|stored| stored.task).collect())
    }
}
