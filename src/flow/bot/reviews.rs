//! Asks the reviewers about a pull request. They get its diff as data, in an empty folder: no checkout, no token, nothing
//! of the pull request's own configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::{self, Access, Agent, Turn};
use crate::flow::contract::Brief;
use crate::flow::{FlowError, Project, judge::answer_of};
use crate::forge::{
    Again, GateLine, Kept, Memory, Named, Order, Permission, Pull, Question, Reading, Says, is_let_in, may,
    read_orders,
};
use crate::process::{Stop, random_letters};
use crate::review::{Answer, NoVerdict, ReviewGate, Rounds, Why, gate};
use crate::task::event::NewTask;
use crate::task::id::{CommitId, RunId, TaskId};
use crate::task::role::{ReviewerName, Role};
use crate::task::state::{Change, Claim};
use crate::task::words::counted;
use crate::task::{Actor, Event, State, Task, Who};

use super::{Bot, GATE};

/// What the reviewers said of a pull request.
pub(super) struct Reviewed {
    pub(super) line: GateLine,
    pub(super) findings: Vec<Named>,
    /// In millionths of a US dollar; `None` if unknown.
    pub(super) cost: Option<u64>,
    /// It waits for a maintainer to let the reviewers in.
    pub(super) waits: bool,
    /// What need not be asked again about this commit.
    pub(super) kept: Vec<Kept>,
    /// Why reviewers gave no verdict, for the log alone: it may quote a program's own words.
    pub(super) failed: Vec<String>,
}

/// One reviewer's turn.
struct Asked {
    answer: Result<Answer, NoVerdict>,
    /// In millionths of a US dollar; `None` if unknown.
    cost: Option<u64>,
}

impl Bot {
    /// Asks the reviewers of the base's settings about a pull request at its head: those whose answer is not kept, and
    /// those that somebody wants asked again.
    pub(super) fn review(
        &self,
        project: &Project,
        pull: &Pull,
        base: &CommitId,
    ) -> Result<Reviewed, FlowError> {
        let said = |says, text: &str| Reviewed {
            line: GateLine { gate: "review", says, text: text.to_owned() },
            findings: Vec::new(),
            cost: Some(0),
            waits: false,
            kept: Vec::new(),
            failed: Vec::new(),
        };
        let crew = project.crew(&[])?;
        let reviewers = &project.policy.review.reviewers;
        let Some(agent) = crew.review.into_iter().next().filter(|_| !reviewers.is_empty()) else {
            return Ok(said(Says::Neutral, "no reviewer is configured"));
        };
        // Models cost money, and a diff is a text that talks to them.
        let trusted = self.github.permission(&pull.author)? >= Permission::Write || is_let_in(&pull.labels);
        if !trusted {
            let text =
                "the author has no write access: a maintainer lets the reviewers look by the label orch:ok";
            return Ok(Reviewed { waits: true, ..said(Says::No, text) });
        }
        let (memory, (again, after)) = (self.memory(&pull.head)?, self.asked_again(pull)?);
        let task = project.as_task(pull, base)?;
        let mut answers: BTreeMap<String, Result<Answer, NoVerdict>> = BTreeMap::new();
        let (mut cost, mut kept) = (Some(0_u64), Vec::new());
        for reviewer in reviewers {
            let turn = project.review_turn(&agent, &task, reviewer)?;
            let question = Question::of(&turn.prompt);
            let asked = match memory.of(reviewer, &question, &again) {
                Some(known) => {
                    kept.push(known.clone());
                    Asked { answer: Ok(known.answer.clone()), cost: known.cost }
                }
                None => {
                    let asked = project.ask_reviewer(reviewer, &agent, turn)?;
                    if let Ok(answer) = asked.answer.clone() {
                        let (reviewer, cost) = (reviewer.clone(), asked.cost);
                        kept.push(Kept { reviewer, question, after, answer, cost });
                    }
                    asked
                }
            };
            cost = cost.zip(asked.cost).map(|(sum, this)| sum.saturating_add(this));
            answers.insert(reviewer.clone(), asked.answer);
        }
        Ok(Reviewed { cost, kept, ..judged(&answers, reviewers) })
    }

    /// What is kept with our check of a commit.
    pub(super) fn memory(&self, head: &CommitId) -> Result<Memory, FlowError> {
        let check = self.github.own_check(GATE, head)?;
        Ok(check.map(|check| Memory::read(&check.text)).unwrap_or_default())
    }

    /// Who wants reviewers asked again, of those who may; and the number of the newest comment.
    fn asked_again(&self, pull: &Pull) -> Result<(Vec<Again>, u64), FlowError> {
        let comments = self.github.comments(pull.number)?;
        let mut again = Vec::new();
        for comment in comments.iter().filter(|comment| !comment.own && !comment.bot) {
            let wanted: Vec<Order> = read_orders(&comment.body)
                .into_iter()
                .filter_map(|reading| match reading {
                    Reading::Order(order @ Order::Review { .. }) => Some(order),
                    Reading::Order(_) | Reading::Unclear { .. } => None,
                })
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let actor = self.actor(pull, comment)?;
            for order in wanted {
                if let (Ok(()), Order::Review { reviewer }) =
                    (may(&actor, &order, self.project.policy.review.own), &order)
                {
                    again.push(Again { comment: comment.id, reviewer: reviewer.clone() });
                }
            }
        }
        Ok((again, comments.iter().map(|comment| comment.id).max().unwrap_or(0)))
    }
}

impl Project {
    /// Asks one reviewer. That it fails is an answer, and no pass.
    fn ask_reviewer(&self, reviewer: &str, agent: &agent::Agent, mut turn: Turn) -> Result<Asked, FlowError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| FlowError::File { doing: "start", path: "the reviewers".to_owned(), source })?;
        let _ = std::fs::create_dir_all(&turn.dir);
        let _room = self.house(&mut turn, agent)?;
        let result = runtime.block_on(agent::take(agent, &turn, Stop::new()));
        let _ = std::fs::remove_dir_all(&turn.dir);
        Ok(match result {
            Ok(result) => {
                let free = agent.is_free().then_some(0);
                let cost = result.usage.cost.map(|cost| cost.amount().0).or(free);
                let answer =
                    answer_of(reviewer, &result, turn.limit).map_err(|why| no_verdict(reviewer, why));
                Asked { answer, cost }
            }
            Err(err) => {
                let answer = Err(no_verdict(reviewer, format!("it could not be started: {err}")));
                Asked { answer, cost: Some(0) }
            }
        })
    }
}

/// What the answers mean: a CRITICAL finding or a missing verdict blocks, the rest is advice.
fn judged(answers: &BTreeMap<String, Result<Answer, NoVerdict>>, wanted: &[String]) -> Reviewed {
    let found = |says, text: String, findings: Vec<crate::task::finding::Finding>| Reviewed {
        line: GateLine { gate: "review", says, text },
        findings: findings.into_iter().map(Named::new).collect(),
        cost: None,
        waits: false,
        kept: Vec::new(),
        failed: Vec::new(),
    };
    match gate(answers, wanted, Rounds::Over) {
        ReviewGate::Neutral => found(Says::Neutral, "nobody was asked".to_owned(), Vec::new()),
        ReviewGate::Passed { notes } => {
            let text = match notes.len() {
                0 => "nothing found".to_owned(),
                many => counted(many, "remark"),
            };
            found(Says::Pass, text, notes)
        }
        ReviewGate::Revise { findings, .. } => found(Says::Pass, counted(findings.len(), "remark"), findings),
        ReviewGate::Blocked { critical, others } => {
            let text = format!("{} CRITICAL", critical.len());
            found(Says::No, text, critical.into_iter().chain(others).collect())
        }
        ReviewGate::Incomplete { missing } => {
            let names: Vec<&str> = missing.iter().map(|missing| missing.reviewer.as_str()).collect();
            let findings = answers.values().flatten().flat_map(|answer| answer.findings.clone()).collect();
            let text = format!("no verdict of {}: the log of orch-publish says why", names.join(", "));
            let failed = missing.iter().filter_map(|missing| missing.why.as_ref()).map(ToString::to_string);
            Reviewed { failed: failed.collect(), ..found(Says::No, text, findings) }
        }
    }
}

fn no_verdict(reviewer: &str, why: String) -> NoVerdict {
    NoVerdict { reviewer: reviewer.to_owned(), why: Why::Failed(why) }
}

impl Project {
    /// A pull request as the task that prompts speak of; it is not stored.
    fn as_task(&self, pull: &Pull, base: &CommitId) -> Result<Task, FlowError> {
        let author = Who(pull.author.clone());
        let new = self.pull_task(pull, TaskId::from_branch(&super::branch_of(pull.number)));
        let size = self.size_of(base, &pull.head)?;
        let claim = Claim { owner: author, epoch: 1 };
        let change = Change {
            claim,
            head: pull.head.clone(),
            base: base.clone(),
            added: size.added,
            removed: size.removed,
        };
        let begun =
            Task::begin(&Event::Added(Box::new(new)), &Actor::orchestrator(), crate::flow::project::now());
        let task = begun.map_err(|refused| FlowError::BadValue {
            what: format!("pull request {}", pull.number),
            why: refused.to_string(),
        })?;
        Ok(Task { state: State::UnderReview { change }, ..task })
    }

    /// What a pull request is as a new task.
    pub(super) fn pull_task(&self, pull: &Pull, id: TaskId) -> NewTask {
        NewTask {
            id,
            title: crate::store::journal::one_line(&pull.title),
            spec: String::new(),
            priority: crate::flow::task::PRIORITY,
            paths: Vec::new(),
            after: Vec::new(),
            tier: 1,
            domain: None,
            branch: super::branch_of(pull.number),
            adopted: true,
            draft: false,
            tries_max: 1,
        }
    }

    fn review_turn(&self, agent: &Agent, task: &Task, reviewer: &str) -> Result<Turn, FlowError> {
        let name = ReviewerName::parse(reviewer).map_err(|bad| FlowError::BadValue {
            what: "review.reviewers".to_owned(),
            why: bad.to_string(),
        })?;
        let role = Role::Review(name);
        let folder =
            self.local().join("logs").join(task.id.as_str()).join(format!("{role}-{}", random_letters(6)));
        Ok(Turn {
            task: task.id.clone(),
            prompt: self.prompt(&role, task, &Brief::of(agent))?.text,
            contract: self.contract(task).to_string(),
            role,
            try_number: 1,
            run: RunId("pull".to_owned()),
            dir: folder.join("empty"),
            access: Access::Read,
            model: None,
            budget: None,
            limit: self.policy.limits.review.max(Duration::from_secs(1)),
            log_folder: folder,
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
            sandbox: None,
            idle: Some(self.policy.limits.idle),
        })
    }
}
