//! One turn of an agent: prepared, taken, and judged by what is in the worktree.

use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{self, Agent, Kind, PromptBy, Turn, TurnResult};
use crate::plan::turns::Work;
use crate::process::{Ended, random_letters};
use crate::review;
use crate::store::{Op, Stored};
use crate::task::event::{ReviewGiven, ReviewVerdict};
use crate::task::id::{CommitId, RunId, TaskId};
use crate::task::record::{MicroUsd, TurnRecord};
use crate::task::role::{ReviewerName, Role};
use crate::task::{Actor, Authority, Event, Evidence, State, Trouble, Who};

use super::contract::changelog_in;
use super::progress::Step;
use super::submit::HandIn;
use super::suite::Slot;
use super::{FlowError, Project};

/// The agents of a run, by role.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crew {
    pub(crate) implement: Option<Agent>,
    pub(crate) fix: Option<Agent>,
    pub(crate) review: Option<Agent>,
}

/// A turn that is ready to be taken.
pub(crate) struct Ready {
    pub(crate) work: Work,
    pub(crate) agent: Agent,
    pub(crate) turn: Turn,
    /// The commit that a reviewer looks at.
    pub(crate) head: Option<CommitId>,
    /// The blob id of the prompt.
    pub(crate) prompt: String,
    /// Held while a reviewer looks at its own checkout.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) slot: Option<Slot>,
}

/// What a turn came to.
pub(crate) struct Judged {
    pub(crate) step: Step,
    pub(crate) text: String,
    pub(crate) seconds: u64,
}

impl Project {
    /// The agents that settings and command line name. `given` are texts, each with the role it is for, or for all.
    ///
    /// # Errors
    /// A text that names no agent.
    pub(crate) fn crew(&self, given: &[(Option<String>, String)]) -> Result<Crew, FlowError> {
        let agents = &self.policy.agents;
        let of = |role: &str, set: Option<&String>| -> Result<Option<Agent>, FlowError> {
            let special = given.iter().rev().find(|(to, _)| to.as_deref() == Some(role));
            let general = given.iter().rev().find(|(to, _)| to.is_none());
            match special.or(general).map(|(_, text)| text).or(set) {
                Some(text) => Ok(Some(self.agent(text)?)),
                None => Ok(None),
            }
        };
        let implement = of("implement", agents.implement.as_ref())?;
        Ok(Crew {
            fix: of("fix", agents.fix.as_ref())?.or_else(|| implement.clone()),
            review: of("review", agents.review.as_ref())?,
            implement,
        })
    }

    /// An agent by its name in the settings, or as `exec:COMMAND`, `script:FOLDER`.
    fn agent(&self, text: &str) -> Result<Agent, FlowError> {
        let Some(named) = self.policy.agents.named.get(text) else { return Ok(agent::parse(text)?) };
        let prompt = match named.prompt {
            crate::policy::PromptBy::Stdin => PromptBy::Stdin,
            crate::policy::PromptBy::File => PromptBy::File,
            crate::policy::PromptBy::Argument => PromptBy::Argument,
        };
        Ok(Agent { name: text.to_owned(), kind: Kind::Exec { command: named.command.clone() }, prompt })
    }

    /// The name under which an agent of this clone holds tasks.
    ///
    /// # Errors
    /// The clone cannot be named.
    pub(crate) fn worker(&self, agent: &Agent) -> Result<Actor, FlowError> {
        let who = Who(format!("{}@{}", agent.name, self.clone_id()?));
        Ok(Actor { who, authority: Authority::Worker })
    }

    /// Prepares a turn: claims, makes the worktree, writes the prompt. `None` if the work is no longer there.
    ///
    /// # Errors
    /// Git fails, or the remote cannot be reached. What is wrong with the task itself becomes its own evidence.
    pub(crate) fn prepare_turn(
        &self,
        op: &Op,
        run: &RunId,
        crew: &Crew,
        work: &Work,
    ) -> Result<Option<Ready>, FlowError> {
        match work {
            Work::Review { task, reviewer } => self.prepare_review(run, crew, task, reviewer),
            Work::Fix { task } => self.prepare_change(op, run, crew.fix.as_ref(), task, &Role::Fix),
            Work::Implement { task } => {
                self.prepare_change(op, run, crew.implement.as_ref(), task, &Role::Implement)
            }
        }
    }

    fn prepare_change(
        &self,
        op: &Op,
        run: &RunId,
        agent: Option<&Agent>,
        task: &TaskId,
        role: &Role,
    ) -> Result<Option<Ready>, FlowError> {
        let Some(agent) = agent else { return Ok(None) };
        let actor = self.worker(agent)?;
        let picked = match self.pick(op, &actor, Some(task), false) {
            Ok(picked) => picked,
            Err(FlowError::Claimed { .. } | FlowError::NotReady { .. }) => return Ok(None),
            Err(FlowError::Gate { evidence, .. }) => {
                self.attempt_failed(op, task, &evidence)?;
                return Ok(None);
            }
            Err(err) => return Err(err),
        };
        let stored = &picked.stored;
        let turn = self.turn(run, stored, role, stored.task.try_number, picked.worktree)?;
        let work = match role {
            Role::Fix => Work::Fix { task: task.clone() },
            _ => Work::Implement { task: task.clone() },
        };
        let prompt = self.repo.write_blob(turn.prompt.as_bytes())?;
        Ok(Some(Ready { work, agent: agent.clone(), turn, head: None, prompt, slot: None }))
    }

    /// A reviewer gets a checkout of its own: what it writes there changes nothing.
    fn prepare_review(
        &self,
        run: &RunId,
        crew: &Crew,
        task: &TaskId,
        reviewer: &str,
    ) -> Result<Option<Ready>, FlowError> {
        let (Some(agent), Some(stored)) = (&crew.review, self.store.load(task)?) else { return Ok(None) };
        let State::UnderReview { change } = &stored.task.state else { return Ok(None) };
        let name = ReviewerName::parse(reviewer).map_err(|bad| FlowError::BadValue {
            what: "review.reviewers".to_owned(),
            why: bad.to_string(),
        })?;
        let slot = Slot::take(self)?;
        slot.check_out(self, &change.head)?;
        let dir = slot.folder.clone();
        let turn = self.turn(run, &stored, &Role::Review(name), stored.task.rounds + 1, dir)?;
        let prompt = self.repo.write_blob(turn.prompt.as_bytes())?;
        let work = Work::Review { task: task.clone(), reviewer: reviewer.to_owned() };
        let head = Some(change.head.clone());
        Ok(Some(Ready { work, agent: agent.clone(), turn, head, prompt, slot: Some(slot) }))
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
            prompt: self.prompt(role, task)?.text,
            contract: self.contract(task).to_string(),
            limit: limit.max(Duration::from_secs(1)),
            log_folder: self.local().join("logs").join(task.id.as_str()).join(folder),
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
        })
    }

    /// Judges a turn by its evidence and writes down what follows.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn judge_turn(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
    ) -> Result<Judged, FlowError> {
        self.record_turn(op, ready, result)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one turn")]
        let seconds = result.outcome.seconds as u64;
        let (step, text) = match &ready.work {
            Work::Review { task, reviewer } => self.judge_review(op, ready, result, task, reviewer)?,
            Work::Fix { task } | Work::Implement { task } => self.judge_change(op, ready, result, task)?,
        };
        Ok(Judged { step, text, seconds })
    }

    fn record_turn(&self, op: &Op, ready: &Ready, result: &TurnResult) -> Result<(), FlowError> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one turn")]
        let seconds = result.outcome.seconds.round() as u64;
        // What replays recorded changes asks nobody who charges.
        let free = matches!(ready.agent.kind, Kind::Script { .. }).then_some(0);
        let record = TurnRecord {
            role: ready.turn.role.to_string(),
            agent: ready.agent.name.clone(),
            run: Some(ready.turn.run.0.clone()),
            ended: ended_in_words(result.outcome.ended, ready.turn.limit),
            seconds,
            tokens: result.usage.tokens.or(free),
            cost: result.usage.cost_usd_micros.or(free).map(MicroUsd),
            prompt: Some(ready.prompt.clone()),
        };
        let written =
            self.store.change::<FlowError>(op, &Actor::orchestrator(), ready.work.task(), |stored| {
                Ok(if stored.task.state.is_finished() {
                    Vec::new()
                } else {
                    vec![Event::TurnEnded(record.clone())]
                })
            });
        match written {
            // The task was finished and archived by a person meanwhile: nothing to add to.
            Err(FlowError::Store(crate::store::StoreError::NoTask(_))) | Ok(_) => Ok(()),
            Err(err) => Err(err),
        }
    }

    fn judge_review(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        task: &TaskId,
        reviewer: &str,
    ) -> Result<(Step, String), FlowError> {
        let Some(head) = ready.head.clone() else { return Ok((Step::Note, String::new())) };
        if result.outcome.ended == Ended::Stopped {
            return Ok((Step::Note, format!("{reviewer} was stopped")));
        }
        let answer = match result.outcome.ended {
            Ended::TimedOut => Err(format!("ended at its limit of {} s", ready.turn.limit.as_secs())),
            _ if result.answer_cut => Err("its answer was cut at the limit of its log".to_owned()),
            ended => review::read(reviewer, &result.answer)
                .map_err(|none| none.why.to_string())
                .and_then(|answer| believed(answer, ended)),
        };
        let (verdict, summary, findings) = match answer {
            Ok(answer) => {
                let verdict = match answer.verdict {
                    review::Opinion::Approve => ReviewVerdict::Approve,
                    review::Opinion::Revise => ReviewVerdict::Revise,
                };
                (Ok(verdict), answer.summary, answer.findings)
            }
            Err(why) => (Err(why), String::new(), Vec::new()),
        };
        let worst = findings.iter().map(|finding| finding.severity).max();
        let text = match (&verdict, worst) {
            (Err(why), _) => format!("{reviewer}: no verdict ({why})"),
            (Ok(_), Some(worst)) => format!("{reviewer}: {} findings, worst {worst}", findings.len()),
            (Ok(ReviewVerdict::Approve), None) => format!("{reviewer} ok"),
            (Ok(ReviewVerdict::Revise), None) => format!("{reviewer}: revise"),
        };
        let given =
            ReviewGiven { reviewer: reviewer.to_owned(), head: head.clone(), verdict, summary, findings };
        let actor =
            Actor { who: Who(format!("{reviewer} ({})", ready.agent.name)), authority: Authority::Reviewer };
        self.store.change::<FlowError>(op, &actor, task, |stored| {
            let current = matches!(&stored.task.state, State::UnderReview { change } if change.head == head);
            Ok(if current { vec![Event::Reviewed(given.clone())] } else { Vec::new() })
        })?;
        self.store.add_review_note(&head, op.at, &crate::store::journal::one_line(&text))?;
        Ok((Step::Review, text))
    }

    fn judge_change(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        id: &TaskId,
    ) -> Result<(Step, String), FlowError> {
        let Some(stored) = self.store.load(id)? else {
            return Ok((Step::Note, "was finished by a person".to_owned()));
        };
        if !matches!(stored.task.state, State::InProgress { .. }) {
            return Ok((
                Step::Note,
                format!("is {} meanwhile: its work stays in the worktree", stored.task.state.word()),
            ));
        }
        match result.outcome.ended {
            Ended::Stopped => {
                self.park(&stored.task)?;
                let because = "the run was stopped".to_owned();
                self.orchestrate(op, id, Event::Released { because })?;
                return Ok((Step::Note, "stopped; its work is kept".to_owned()));
            }
            Ended::TimedOut => {
                let limit = ready.turn.limit.as_secs();
                let text = format!("{} was ended at its limit of {limit} s", ready.agent.name);
                return self.attempt_failed(op, id, &Evidence::new(Trouble::TimeLimit, text));
            }
            Ended::Exited(_) | Ended::Signaled(_) => {}
        }
        let actor = Actor::orchestrator();
        let hand_in = HandIn { message: None, changelog: changelog_in(&result.answer) };
        let (claim, measured) = match self.collect(&actor, &stored, &hand_in) {
            Ok(collected) => collected,
            Err(FlowError::NoChange { .. }) => {
                let ended = ended_in_words(result.outcome.ended, ready.turn.limit);
                let text = format!("{} ended without a change ({ended})", ready.agent.name);
                return self.attempt_failed(op, id, &Evidence::new(Trouble::NoChange, text));
            }
            Err(FlowError::Git(crate::git::GitError::NestedRepository { folder })) => {
                let text = format!("'{folder}' is a repository of its own inside the worktree");
                return self.attempt_failed(op, id, &Evidence::new(Trouble::OutsidePaths, text));
            }
            Err(err) => return Err(err),
        };
        // Sent back and handed in unchanged: nothing was mended.
        if self.same_as_before(&stored, &measured.head)? {
            let text = format!("{} ended without a change to what was sent back", ready.agent.name);
            return self.attempt_failed(op, id, &Evidence::new(Trouble::NoChange, text));
        }
        match measured.refusal() {
            None => {}
            // On the last try a change that is only too big is worth a person's look.
            Some(evidence)
                if evidence.trouble == Trouble::TooBig && stored.task.try_number >= stored.task.tries_max =>
            {
                let text = evidence.text.clone();
                self.hand_over(op, &actor, id, &claim, &measured, &hand_in, Some(evidence))?;
                return Ok((Step::NeedsYou, text));
            }
            Some(evidence) => return self.attempt_failed(op, id, &evidence),
        }
        self.hand_over(op, &actor, id, &claim, &measured, &hand_in, None)?;
        let files = measured.files.len();
        let text = format!(
            "+{} -{} of {}, {files} file{}",
            measured.size.added,
            measured.size.removed,
            self.policy.cap.caps.diff,
            if files == 1 { "" } else { "s" }
        );
        Ok((Step::Submit, text))
    }

    /// The agent could not be called at all: that is the attempt's or the reviewer's failure, with the reason.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn turn_not_started(&self, op: &Op, ready: &Ready, why: &str) -> Result<(), FlowError> {
        match &ready.work {
            Work::Review { task, reviewer } => {
                let Some(head) = ready.head.clone() else { return Ok(()) };
                let given = ReviewGiven {
                    reviewer: reviewer.clone(),
                    head: head.clone(),
                    verdict: Err(why.to_owned()),
                    summary: String::new(),
                    findings: Vec::new(),
                };
                let who = Who(format!("{reviewer} ({})", ready.agent.name));
                let actor = Actor { who, authority: Authority::Reviewer };
                self.store.change::<FlowError>(op, &actor, task, |stored| {
                    let current =
                        matches!(&stored.task.state, State::UnderReview { change } if change.head == head);
                    Ok(if current { vec![Event::Reviewed(given.clone())] } else { Vec::new() })
                })?;
            }
            Work::Fix { task } | Work::Implement { task } => {
                self.attempt_failed(op, task, &Evidence::new(Trouble::NotStarted, why))?;
            }
        }
        Ok(())
    }

    fn same_as_before(&self, stored: &Stored, head: &CommitId) -> Result<bool, FlowError> {
        let Some(last) = stored.task.reviews.last().filter(|_| stored.task.rounds > 0) else {
            return Ok(false);
        };
        Ok(self.repo.tree_of(&last.head)? == self.repo.tree_of(head)?)
    }

    fn orchestrate(&self, op: &Op, id: &TaskId, event: Event) -> Result<Stored, FlowError> {
        self.store.change(op, &Actor::orchestrator(), id, |_| Ok(vec![event.clone()]))
    }

    /// An attempt failed before it was handed in: once more in place, then a person. Its work is kept.
    fn attempt_failed(&self, op: &Op, id: &TaskId, because: &Evidence) -> Result<(Step, String), FlowError> {
        if let Some(stored) = self.store.load(id)? {
            self.park(&stored.task)?;
        }
        let stored = self.orchestrate(op, id, Event::Failed { because: because.clone() })?;
        let task = &stored.task;
        Ok(match task.state {
            State::Escalated { .. } => (Step::NeedsYou, because.text.clone()),
            _ => (Step::Retry, format!("{} (try {} of {})", because.text, task.try_number, task.tries_max)),
        })
    }
}

/// What a reviewer says against a change counts however it ended; an approval only if it ended well.
pub(crate) fn believed(answer: review::Answer, ended: Ended) -> Result<review::Answer, String> {
    match ended {
        Ended::Exited(0) => Ok(answer),
        _ if answer.verdict == review::Opinion::Revise || answer.critical().next().is_some() => Ok(answer),
        Ended::Exited(code) => Err(format!("it approved and failed (exit {code})")),
        Ended::Signaled(_) | Ended::TimedOut | Ended::Stopped => Err("it approved and was ended".to_owned()),
    }
}

/// How a program ended, for people and records.
pub(crate) fn ended_in_words(ended: Ended, limit: Duration) -> String {
    match ended {
        Ended::Exited(code) => format!("exit {code}"),
        Ended::Signaled(signal) => format!("killed by signal {signal}"),
        Ended::TimedOut => format!("ended at its limit of {} s", limit.as_secs()),
        Ended::Stopped => "stopped".to_owned(),
    }
}
