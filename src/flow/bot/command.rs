//! Follows slash commands: each once, in the order in which they were written, for those who may.

use std::str::FromStr as _;

use jiff::Timestamp;

use crate::flow::progress::Unwatched;
use crate::flow::queue::Lander;
use crate::flow::{FlowError, Project};
use crate::forge::{Actor, Order, Permission, Pull, Reading, code, help, may, plain, read_orders, unfit};
use crate::github::{Comment, GithubError};
use crate::process::Stop;
use crate::queue::Explain;
use crate::store::Op;
use crate::store::repo_journal::Dismissed;
use crate::task::Evidence;
use crate::task::role::ReviewerName;

use super::{Bot, CHECK_WORKFLOW};

/// How following one command went.
enum Followed {
    Done,
    /// Nothing was done, and why, as Markdown.
    Refused(String),
    /// An answer, as Markdown.
    Answer(String),
}

/// A command that was followed or refused, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) number: u64,
    pub(crate) login: String,
    /// What was said back: refusals and answers.
    pub(crate) said: Vec<String>,
}

impl Bot {
    /// Follows all commands on a pull request that were not followed yet.
    ///
    /// # Errors
    /// The host or git fails; what was not marked as followed is followed the next time.
    pub(crate) fn listen(&self, number: u64) -> Result<Vec<Heard>, FlowError> {
        let comments = self.github.comments(number)?;
        let mut heard = Vec::new();
        for comment in &comments {
            let readings = if comment.own { Vec::new() } else { read_orders(&comment.body) };
            if readings.is_empty() || self.is_followed(comment, &comments)? {
                continue;
            }
            // Asked for each comment: the one before may have changed it.
            let pull = self.github.pull(number)?;
            heard.push(self.follow(&pull, comment, &readings)?);
        }
        Ok(heard)
    }

    fn is_followed(&self, comment: &Comment, all: &[Comment]) -> Result<bool, FlowError> {
        let marker = marker(comment);
        if all.iter().any(|other| other.own && other.body.starts_with(&marker)) {
            return Ok(true);
        }
        Ok(comment.reactions != Some(0) && self.github.has_reacted(comment.id)?)
    }

    fn follow(&self, pull: &Pull, comment: &Comment, readings: &[Reading]) -> Result<Heard, FlowError> {
        let actor = self.actor(pull, comment)?;
        let (mut said, mut refused) = (Vec::new(), false);
        for (at, reading) in readings.iter().enumerate() {
            let op = Project::comment_op(comment.id, at);
            let followed = match reading {
                // Who may not do anything is not taught how.
                Reading::Unclear { .. } if actor.bot => Followed::Refused(String::new()),
                Reading::Unclear { said, hint } => Followed::Refused(format!("{}: {hint}", code(said, 100))),
                Reading::Order(order) => match may(&actor, order, self.project.policy.review.own) {
                    Err(denied) => Followed::Refused(format!("`/orch {}`: {}", order.word(), denied.text())),
                    Ok(()) => self.carry_out(pull, comment, &actor, order, &op)?,
                },
            };
            match followed {
                Followed::Done => {}
                Followed::Refused(why) => {
                    refused = true;
                    said.push(why);
                }
                Followed::Answer(text) => said.push(text),
            }
        }
        let marker = marker(comment);
        let text = said.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n\n");
        // Two bots that answer each other would never end.
        if !text.is_empty() && !actor.bot {
            self.github.say_once(pull.number, &marker, &text)?;
        }
        let marked = self.github.react(comment.id, if refused { "-1" } else { "+1" })?;
        if !marked && text.is_empty() && !actor.bot {
            self.github.say_once(pull.number, &marker, "Done.")?;
        }
        Ok(Heard { number: pull.number, login: comment.login.clone(), said })
    }

    /// Who wrote a comment, and what the host lets them do now.
    pub(super) fn actor(&self, pull: &Pull, comment: &Comment) -> Result<Actor, FlowError> {
        // A bot is denied whatever it may: nobody is asked about it.
        let permission =
            if comment.bot { Permission::None } else { self.github.permission(&comment.login)? };
        let author = comment.login == pull.author;
        Ok(Actor { login: comment.login.clone(), permission, bot: comment.bot, author })
    }

    fn carry_out(
        &self,
        pull: &Pull,
        comment: &Comment,
        actor: &Actor,
        order: &Order,
        op: &Op,
    ) -> Result<Followed, FlowError> {
        Ok(match order {
            Order::Help => Followed::Answer(help()),
            Order::Why => Followed::Answer(self.why(pull)?),
            Order::Check | Order::Retry => self.again(pull)?,
            Order::Review { reviewer } => self.review_again(pull, reviewer.as_ref())?,
            Order::Unqueue => match self.unqueue(pull.number, &actor.login, op)? {
                true => Followed::Done,
                false => Followed::Refused("it is not in the queue".to_owned()),
            },
            Order::Dismiss { finding, because } => {
                let wrong = Dismissed {
                    finding: finding.to_string(),
                    place: format!("pull/{}", pull.number),
                    by: actor.login.clone(),
                    because: because.clone(),
                };
                self.exchanged(|project| {
                    let subject = format!("finding {finding} dismissed by {}: {because}", actor.login);
                    project.store.change_repo(op, &actor.login, &subject, |mut state| {
                        if !state.dismissed.iter().any(|known| known.finding == wrong.finding) {
                            state.dismissed.push(wrong.clone());
                        }
                        state
                    })?;
                    Ok(())
                })?;
                let _ = self.publish_again(pull)?; // the verdict without it; where nothing can run again, the next push has it
                Followed::Done
            }
            Order::Approve { .. } | Order::Queue { .. } => self.say_yes(pull, comment, actor, order, op)?,
        })
    }

    fn say_yes(
        &self,
        pull: &Pull,
        comment: &Comment,
        actor: &Actor,
        order: &Order,
        op: &Op,
    ) -> Result<Followed, FlowError> {
        let open = self.github.open_pulls()?;
        if let Some(why) = unfit(pull, &self.project.base.branch, None, &open) {
            return Ok(Followed::Refused(why.text()));
        }
        if let Some(why) = self.not_seen(pull, comment, order)? {
            return Ok(Followed::Refused(why));
        }
        let (by, priority) = match order {
            // Somebody said yes to it before; what is new is the priority.
            Order::Queue { priority, .. } if self.is_queued(pull)? => {
                return self.put_in_queue(pull, &actor.login, *priority, op);
            }
            // Where authors may say yes, putting their own work into the queue says it.
            Order::Queue { priority, .. } if actor.author && self.project.policy.review.own => {
                (actor.login.clone(), *priority)
            }
            Order::Queue { priority, .. } => match self.approver(pull)? {
                Some(by) => (by, *priority),
                None => {
                    let why = format!(
                        "nobody else has approved {} yet: somebody with write access approves it in a review, or \
                         says `/orch approve`",
                        pull.head.short()
                    );
                    return Ok(Followed::Refused(why));
                }
            },
            _ => (actor.login.clone(), None),
        };
        let approvers = &self.project.policy.review.approvers;
        if !approvers.is_empty() && !approvers.contains(&by) {
            let names: Vec<String> = approvers.iter().map(|name| code(name, 50)).collect();
            return Ok(Followed::Refused(format!(
                "{} may not approve here: `review.approvers` are {}",
                code(&by, 50),
                names.join(", ")
            )));
        }
        self.put_in_queue(pull, &by, priority, op)
    }

    fn put_in_queue(
        &self,
        pull: &Pull,
        by: &str,
        priority: Option<u8>,
        op: &Op,
    ) -> Result<Followed, FlowError> {
        match self.enqueue(pull, by, priority, op) {
            Ok(_) => Ok(Followed::Done),
            Err(FlowError::Gate { evidence, .. }) => Ok(Followed::Refused(refusal(&evidence))),
            Err(FlowError::NoChange { base, .. }) => {
                Ok(Followed::Refused(format!("it has no change over {}", plain(&base, 100))))
            }
            Err(err) => Err(err),
        }
    }

    /// Why it is not clear that whoever wrote the comment saw this very commit; a push may have come between.
    fn not_seen(&self, pull: &Pull, comment: &Comment, order: &Order) -> Result<Option<String>, FlowError> {
        let now = pull.head.short();
        if let Some(named) = order.head() {
            let same = pull.head.as_str().starts_with(named);
            return Ok((!same).then(|| format!("the pull request is at {now} now, not at {named}")));
        }
        // The host's own clock: when a check of the commit began, the commit was there to be seen.
        let began = self.github.check_runs(&pull.head)?;
        let began = began.iter().filter_map(|run| Timestamp::from_str(&run.started_at).ok()).min();
        let wrote = Timestamp::from_str(&comment.at).ok();
        Ok(match (began, wrote) {
            (Some(began), Some(wrote)) if began <= wrote => None,
            (Some(_), _) => Some(format!(
                "something was pushed after this was written: look at {now}, then say `/orch {} {now}`",
                order.word()
            )),
            (None, _) => Some(format!(
                "no check of {now} has begun, so it is not clear that this commit is meant: say `/orch {} {now}`",
                order.word()
            )),
        })
    }

    /// Somebody with write access, other than the author, who approved this commit on the host.
    fn approver(&self, pull: &Pull) -> Result<Option<String>, GithubError> {
        for login in self.github.approved_by(pull.number, &pull.head)? {
            if login != pull.author && self.github.permission(&login)? >= Permission::Write {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    fn again(&self, pull: &Pull) -> Result<Followed, FlowError> {
        Ok(match self.github.rerun_workflow(CHECK_WORKFLOW, &pull.head)? {
            true => Followed::Done,
            false => Followed::Refused(format!(
                "{} has no finished run of `{CHECK_WORKFLOW}` that could start again: wait for it, or push",
                pull.head.short()
            )),
        })
    }

    /// Has reviewers asked again: `publish` finds this very comment, and asks whom it names.
    fn review_again(&self, pull: &Pull, reviewer: Option<&ReviewerName>) -> Result<Followed, FlowError> {
        let project = self.on_base(&pull.base_branch)?;
        let known = &project.policy.review.reviewers;
        if project.crew(&[])?.review.is_empty() {
            return Ok(Followed::Refused(format!(
                "nobody reviews here: `agents.review` in orch.toml on {} names no agent",
                code(&pull.base_branch, 100)
            )));
        }
        let missing = match reviewer {
            Some(name) => !known.iter().any(|known| known == name.as_str()),
            None => known.is_empty(),
        };
        if missing {
            let names: Vec<String> = known.iter().map(|name| code(name, 50)).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Ok(Followed::Refused(format!(
                "no such reviewer: `review.reviewers` in orch.toml on {} are {there}",
                code(&pull.base_branch, 100)
            )));
        }
        self.publish_again(pull)
    }

    /// Says anew what holds, without running tests again where the host still knows the run that said it.
    fn publish_again(&self, pull: &Pull) -> Result<Followed, FlowError> {
        match self.memory(&pull.head)?.run {
            Some(run) if self.github.rerun(run)? => Ok(Followed::Done),
            _ => self.again(pull),
        }
    }

    fn why(&self, pull: &Pull) -> Result<String, FlowError> {
        let Some(stored) = self.project.adopted(&super::branch_of(pull.number))? else {
            let open = self.github.open_pulls()?;
            let why = unfit(pull, &self.project.base.branch, None, &open);
            let why =
                why.map_or_else(|| "it was not queued: `/orch approve` does it".to_owned(), |why| why.text());
            return Ok(why);
        };
        let id = &stored.task.id;
        let view = Lander::new(&self.project, &Unwatched, Stop::new(), 1).look()?.view;
        if view.entries.iter().any(|entry| entry.task == *id) {
            return Ok(plain(&Explain::of(&view).why(id).text, 500));
        }
        let evidence = stored.task.evidence.as_ref().map(|evidence| plain(&evidence.text, 300));
        Ok(format!(
            "it is {}{}",
            stored.task.state.said(),
            evidence.map_or_else(String::new, |text| format!(": {text}"))
        ))
    }
}

/// How the answer to a comment is found again.
fn marker(comment: &Comment) -> String {
    format!("<!-- git-orch:reply {} -->", comment.id)
}

fn refusal(evidence: &Evidence) -> String {
    format!("the gate says no: {}", plain(&evidence.text, 300))
}
