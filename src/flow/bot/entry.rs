//! Pull requests as entries of the queue: adopted branches `pr/<number>`, with the same journals as everything else.

use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::forge::{Pull, unfit};
use crate::plan::Card;
use crate::store::{Op, Stored, layout};
use crate::task::id::TaskId;
use crate::task::state::{Change, Claim};
use crate::task::{Actor, Event, Evidence, State, Trouble, Who};

use super::{Bot, branch_of, number_of};

/// How often a change of a journal is made again when another machine was faster.
const TRIES: u32 = 5;

impl Bot {
    /// Puts a pull request into the queue at its head. `by` said yes to it; `op` names the command, so that it is
    /// followed once. `None` if it was followed before.
    pub(super) fn enqueue(
        &self,
        pull: &Pull,
        by: &str,
        priority: Option<u8>,
        op: &Op,
    ) -> Result<Option<Stored>, FlowError> {
        if !self.bring(pull)? {
            return Err(super::check::moved(pull.number, &pull.head));
        }
        let branch = branch_of(pull.number);
        let _ = self.project.check_branch(&branch, None)?;
        let actor = Actor::person(by);
        self.exchanged(|project| {
            let known = project.adopted(&branch)?;
            if let Some(stored) = &known
                && project.followed(stored, op)?
            {
                return Ok(None);
            }
            let base = project.merge_base(&pull.head)?;
            let size = project.size_of(&base, &pull.head)?;
            let claim = Claim { owner: Who(pull.author.clone()), epoch: 1 };
            let change =
                Change { claim, head: pull.head.clone(), base, added: size.added, removed: size.removed };
            let id = match known {
                Some(stored) => stored.task.id,
                None => {
                    let new = project.pull_task(pull, project.free_pull_id(pull.number)?);
                    project.store.create(op, &actor, &Event::Added(Box::new(new)))?.task.id
                }
            };
            let stored = project.store.change::<FlowError>(op, &actor, &id, |stored: &Stored| {
                let same = stored.task.head() == Some(&change.head);
                let mut events = Vec::new();
                if let Some(priority) = priority.filter(|priority| *priority != stored.task.priority) {
                    let edit = crate::task::event::Edit { priority: Some(priority), ..Default::default() };
                    events.push(Event::Edited(edit));
                }
                if !(same && matches!(stored.task.state, State::ReadyForHandoff { .. })) {
                    events.push(Event::Enqueued { change: change.clone() });
                }
                Ok(events)
            })?;
            Ok(Some(stored))
        })
    }

    /// Whether somebody said yes to this very commit, and it is in the queue.
    pub(super) fn is_queued(&self, pull: &Pull) -> Result<bool, FlowError> {
        let known = self.project.adopted(&branch_of(pull.number))?;
        Ok(known.is_some_and(|stored| {
            matches!(stored.task.state, State::ReadyForHandoff { .. })
                && stored.task.head() == Some(&pull.head)
        }))
    }

    /// Takes a pull request out of the queue. False if it was in none, or the command was followed before.
    pub(super) fn unqueue(&self, number: u64, by: &str, op: &Op) -> Result<bool, FlowError> {
        let branch = branch_of(number);
        let because = format!("taken out of the queue by {by}");
        self.exchanged(|project| {
            let Some(stored) = project.adopted(&branch)? else { return Ok(false) };
            if project.followed(&stored, op)? || !matches!(stored.task.state, State::ReadyForHandoff { .. }) {
                return Ok(false);
            }
            project.drop_from_queue(op, &stored.task.id, &because)?;
            Ok(true)
        })
    }

    /// Ends or stops entries whose pull request no longer fits: closed, a draft, for another branch, or pushed to.
    pub(super) fn reconcile(&self, pulls: &[Pull]) -> Result<Vec<(u64, String)>, FlowError> {
        let mut left = Vec::new();
        for (number, card) in self.entries()? {
            let Some(stored) = self.project.store.load(&card.id)? else { continue };
            let in_queue = matches!(stored.task.state, State::ReadyForHandoff { .. });
            let found = match pulls.iter().find(|pull| pull.number == number) {
                Some(pull) => pull.clone(),
                // Not among the open ones: closed, or opened in this very moment.
                None => match self.github.pull(number) {
                    Ok(pull) => pull,
                    Err(err) if err.is_not_found() => continue, // never end work because an answer was odd
                    Err(err) => return Err(err.into()),
                },
            };
            let approved = stored.task.head().filter(|_| in_queue);
            let Some(why) = unfit(&found, &self.project.base.branch, approved, pulls) else { continue };
            let closed = why == crate::forge::Unfit::Closed;
            // What the base has already is the queue's to finish, whatever the host says of it.
            if !in_queue && !closed || closed && self.has_landed(&stored)? {
                continue;
            }
            let text = why.text();
            let op = self.project.op();
            self.exchanged(|project| {
                if closed {
                    project.stop(&op, &card.id, true, &text)?;
                } else {
                    let because = Evidence::new(Trouble::HeadMoved, text.clone());
                    project.store.change::<FlowError>(&op, &Actor::orchestrator(), &card.id, |stored| {
                        let still = matches!(stored.task.state, State::ReadyForHandoff { .. });
                        Ok(if still {
                            vec![Event::Escalated { because: because.clone() }]
                        } else {
                            Vec::new()
                        })
                    })?;
                }
                Ok(())
            })?;
            left.push((number, text));
        }
        Ok(left)
    }

    fn has_landed(&self, stored: &Stored) -> Result<bool, FlowError> {
        let Some(head) = stored.task.head() else { return Ok(false) };
        Ok(self.project.repo.has_object(head)?
            && self.project.repo.is_ancestor(head, &self.project.base.tip)?)
    }

    /// Open tasks that are pull requests.
    pub(super) fn entries(&self) -> Result<Vec<(u64, Card)>, FlowError> {
        let cards = self.project.store.open_tasks()?.cards();
        let of = |card: Card| Some((number_of(&card.branch)?, card)).filter(|(_, card)| card.adopted);
        Ok(cards.into_iter().filter_map(of).collect())
    }

    /// Changes journals together with the remote: what another machine wrote first counts, then it is done again.
    pub(super) fn exchanged<T>(
        &self,
        change: impl Fn(&Project) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        let remote = self.remote();
        for _ in 1..TRIES {
            self.project.pull_from(&remote)?;
            let done = change(&self.project)?;
            let mut synced = crate::flow::sync::Synced::default();
            self.project.push_to(&remote, &mut synced)?;
            if synced.conflicts.is_empty() && synced.refused.is_empty() {
                return Ok(done);
            }
            if let Some((name, why)) = synced.refused.first() {
                let stderr = format!("{name}: {why}");
                return Err(crate::git::exchange::ExchangeError::Refused { remote, stderr }.into());
            }
        }
        Err(crate::store::StoreError::Contended { name: layout::ALL.to_owned(), tries: TRIES }.into())
    }
}

impl Project {
    /// Whether a command of this name was followed in a journal.
    fn followed(&self, stored: &Stored, op: &Op) -> Result<bool, FlowError> {
        Ok(self.store.events(&stored.tip, usize::MAX)?.iter().any(|(_, event)| event.op == op.id))
    }

    /// An id that no task has: `pr-7`, or with a number behind it where the pull request was here before.
    fn free_pull_id(&self, number: u64) -> Result<TaskId, FlowError> {
        let wanted = TaskId::from_branch(&branch_of(number));
        let mut id = wanted.clone();
        for next in 2.. {
            if self.store.load(&id)?.is_none() && self.store.archived(&id)?.is_none() {
                break;
            }
            id = wanted.numbered(next);
        }
        Ok(id)
    }

    /// The operation that follows one of the commands of a comment, counted from 0: the same name each time, so that it is
    /// known when it comes again.
    pub(super) fn comment_op(comment: u64, command: usize) -> Op {
        let more = if command == 0 { String::new() } else { format!("-{command}") };
        Op { id: format!("op-comment-{comment}{more}"), at: now() }
    }
}
