//! The one function that changes a task: state × event × actor → task, or why not.
//!
//! Total and pure. Who may cause an event is part of it. `tests::the_whole_table` prints it whole.

use std::fmt;

use super::actor::{Actor, Authority, Who};
use super::event::{Edit, Event, NewTask};
use super::evidence::{Evidence, Trouble};
use super::finding::Severity;
use super::id::{CommitId, Seconds};
use super::record::{Decision, MicroUsd, Spent, Task, TurnRecord};
use super::state::{Approval, Change, Claim, Phase, State};

/// Why an event is refused. Data, not text: the command line words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not in this state, which is there as people say it.
    NotNow { event: &'static str, state: &'static str },
    /// Not for this kind of actor.
    NotYours { event: &'static str, may: &'static [Authority] },
    /// Somebody else holds the task.
    HeldBy { owner: Who },
    /// The claim is older than the task's: it was taken over.
    TakenOver { owner: Who },
    /// Nobody approves their own work.
    OwnWork { owner: Who },
    /// The change is no longer the one that was looked at.
    HeadMoved { seen: CommitId, now: CommitId },
    /// A CRITICAL finding or a missing verdict stands against it.
    Standing { reviewer: String },
    /// The first event is not `added`, or a later one is.
    Order,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotNow { event, state } => write!(f, "'{event}' cannot happen while it is {state}"),
            Refused::NotYours { event, may } => {
                let may: Vec<&str> = may.iter().map(|authority| authority.word()).collect();
                write!(f, "'{event}' is for: {}", may.join(", "))
            }
            Refused::HeldBy { owner } => write!(f, "{owner} holds it"),
            Refused::TakenOver { owner } => write!(f, "it was taken over by {owner}"),
            Refused::OwnWork { owner } => write!(f, "{owner} wrote it; somebody else must approve"),
            Refused::HeadMoved { seen, now } => {
                write!(f, "head moved {}..{} since it was looked at", seen.short(), now.short())
            }
            Refused::Standing { reviewer } => write!(f, "reviewer {reviewer} has not passed it"),
            Refused::Order => write!(f, "a journal begins with 'added', once"),
        }
    }
}

impl Event {
    /// Who may cause the event at all. A worker cannot approve; a reviewer only reviews.
    fn may(&self) -> &'static [Authority] {
        use Authority::{Orchestrator, Person, Reviewer, Worker};
        match self {
            Event::Added(_) => &[Person, Orchestrator],
            Event::Edited(_)
            | Event::Planned
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Enqueued { .. }
            | Event::Stopped { .. }
            | Event::Resumed
            | Event::Abandoned { .. }
            | Event::Undone { .. } => &[Person],
            Event::Claimed(_) | Event::Started | Event::Released { .. } | Event::Submitted { .. } => {
                &[Person, Worker, Orchestrator]
            }
            Event::Renewed => &[Worker, Orchestrator],
            Event::Said { .. } => &[Person, Worker, Reviewer, Orchestrator],
            Event::Reviewed(_) => &[Reviewer],
            Event::ReviewPassed
            | Event::SentBack { .. }
            | Event::PassedOn
            | Event::Testing { .. }
            | Event::Waiting
            | Event::Held { .. }
            | Event::Ejected { .. }
            | Event::Failed { .. }
            | Event::Escalated { .. }
            | Event::Landed { .. }
            | Event::TurnEnded(_) => &[Orchestrator],
        }
    }
}

impl Task {
    /// The task that a journal's first event makes.
    ///
    /// # Errors
    /// The event is another one, or the actor may not add tasks.
    pub(crate) fn begin(event: &Event, actor: &Actor, at: Seconds) -> Result<Task, Refused> {
        allowed(event, actor)?;
        let Event::Added(new) = event else { return Err(Refused::Order) };
        let NewTask {
            id,
            title,
            spec,
            priority,
            paths,
            after,
            tier,
            domain,
            branch,
            adopted,
            draft,
            tries_max,
        } = (**new).clone();
        Ok(Task {
            id,
            title,
            spec,
            priority,
            paths,
            after,
            tier,
            domain,
            branch,
            adopted,
            created_by: actor.who.clone(),
            created_at: at,
            state: if draft { State::InPlanning } else { State::Pending },
            since: at,
            try_number: 1,
            tries_max: tries_max.max(1),
            rounds: 0,
            attempts: 0,
            handed_in: None,
            epoch: 0,
            changelog: None,
            exception: false,
            hotfix: false,
            delegates: Vec::new(),
            evidence: None,
            reviews: Vec::new(),
            decisions: Vec::new(),
            notes: Vec::new(),
            spent: Spent { tokens: Some(0), cost: Some(MicroUsd(0)), seconds: 0, turns: 0 },
        })
    }

    /// The task after `event`.
    ///
    /// # Errors
    /// The event cannot happen in this state, or not through this actor.
    pub(crate) fn after(&self, event: &Event, actor: &Actor, at: Seconds) -> Result<Task, Refused> {
        allowed(event, actor)?;
        let state = self.next_state(event, actor)?;
        let mut next = match event {
            Event::Undone { restored, .. } => {
                // Epochs never go down: a claim that was undone must not become valid again.
                let notes = self.notes.clone();
                Task {
                    epoch: self.epoch.max(restored.epoch),
                    spent: self.spent,
                    notes,
                    ..(**restored).clone()
                }
            }
            Event::Added(_)
            | Event::Edited(_)
            | Event::Planned
            | Event::Claimed(_)
            | Event::Started
            | Event::Released { .. }
            | Event::Submitted { .. }
            | Event::Reviewed(_)
            | Event::ReviewPassed
            | Event::SentBack { .. }
            | Event::PassedOn
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Enqueued { .. }
            | Event::Testing { .. }
            | Event::Waiting
            | Event::Held { .. }
            | Event::Ejected { .. }
            | Event::Failed { .. }
            | Event::Escalated { .. }
            | Event::Landed { .. }
            | Event::Stopped { .. }
            | Event::Resumed
            | Event::Abandoned { .. }
            | Event::Renewed
            | Event::Said { .. }
            | Event::TurnEnded(_) => self.clone(),
        };
        next.record(event, actor, at, &state);
        if next.state.word() != state.word() {
            next.since = at;
        }
        next.state = state;
        Ok(next)
    }

    /// Writes down what the event brings besides the state.
    fn record(&mut self, event: &Event, actor: &Actor, at: Seconds, state: &State) {
        let decided = |task: &mut Task, text: String, evidence: Option<&Evidence>| {
            task.decisions.push(Decision {
                at,
                by: actor.who.clone(),
                what: event.word().to_owned(),
                text,
                evidence: evidence.cloned(),
            });
        };
        match event {
            Event::Edited(edit) => {
                self.edit(edit);
                self.handed_in = None;
                if matches!(self.state, State::Escalated { .. }) && matches!(state, State::Pending) {
                    self.grant_another_try();
                    // What was wrong with the old text says nothing about the new one.
                    self.evidence =
                        self.evidence.take().filter(|because| because.trouble != Trouble::Unclear);
                    decided(self, "re-scoped or deprioritized".to_owned(), None);
                }
            }
            Event::Claimed(claim) => self.epoch = claim.epoch,
            Event::Submitted { change, changelog, message } => {
                self.attempts += 1;
                self.handed_in = Some(change.head.clone());
                if changelog.is_some() {
                    self.changelog.clone_from(changelog);
                }
                if let Some(message) = message {
                    decided(self, message.clone(), None);
                }
            }
            Event::Reviewed(review) => self.reviews.push(review.clone()),
            Event::SentBack { because } => {
                self.rounds += 1;
                self.evidence = Some(because.clone());
                decided(self, because.text.clone(), Some(because));
            }
            Event::Approved { note, .. } => {
                self.handed_in = None;
                if let State::Escalated { because, .. } = &self.state {
                    if because.trouble.may_be_accepted() {
                        self.exception = true;
                    } else if because.trouble != Trouble::OverBudget {
                        self.grant_another_try();
                    }
                }
                decided(self, note.clone().unwrap_or_default(), None);
            }
            Event::Rejected { because } => {
                self.grant_another_try();
                self.evidence = Some(Evidence::new(Trouble::Rejected, because.clone()));
                decided(self, because.clone(), None);
            }
            Event::Ejected { because } | Event::Failed { because } => {
                if matches!(state, State::Assigned { .. }) {
                    self.try_number += 1;
                }
                if matches!(event, Event::Failed { .. }) {
                    self.attempts += 1;
                }
                self.evidence = Some(because.clone());
                decided(self, because.text.clone(), Some(because));
            }
            Event::Escalated { because } => {
                self.evidence = Some(because.clone());
                decided(self, because.text.clone(), Some(because));
            }
            Event::Stopped { because } | Event::Abandoned { because } | Event::Released { because } => {
                decided(self, because.clone(), None);
            }
            Event::Said { text } => decided(self, text.clone(), None),
            Event::Undone { op, .. } => decided(self, op.clone(), None),
            Event::TurnEnded(turn) => {
                self.spend(turn);
                self.notes.extend(turn.note.clone());
            }
            Event::Added(_)
            | Event::Planned
            | Event::Started
            | Event::ReviewPassed
            | Event::PassedOn
            | Event::Enqueued { .. }
            | Event::Testing { .. }
            | Event::Waiting
            | Event::Held { .. }
            | Event::Landed { .. }
            | Event::Renewed
            | Event::Resumed => {}
        }
    }

    fn edit(&mut self, edit: &Edit) {
        let Edit { title, spec, priority, paths, after, tier, domain, hotfix, delegates } = edit.clone();
        self.title = title.unwrap_or_else(|| std::mem::take(&mut self.title));
        self.spec = spec.unwrap_or_else(|| std::mem::take(&mut self.spec));
        self.priority = priority.unwrap_or(self.priority);
        self.paths = paths.unwrap_or_else(|| std::mem::take(&mut self.paths));
        self.after = after.unwrap_or_else(|| std::mem::take(&mut self.after));
        self.tier = tier.unwrap_or(self.tier);
        self.domain = domain.or_else(|| self.domain.take());
        self.hotfix = hotfix.unwrap_or(self.hotfix);
        self.delegates = delegates.unwrap_or_else(|| std::mem::take(&mut self.delegates));
    }

    /// A person's decision gives a task that had used up its tries one more.
    fn grant_another_try(&mut self) {
        self.try_number += 1;
        self.tries_max = self.tries_max.max(self.try_number);
    }

    fn spend(&mut self, turn: &TurnRecord) {
        let Spent { tokens, cost, seconds, turns } = self.spent;
        self.spent = Spent {
            tokens: tokens.zip(turn.tokens).map(|(so_far, now)| so_far.saturating_add(now)),
            cost: cost.zip(turn.cost).map(|(so_far, now)| MicroUsd(so_far.0.saturating_add(now.0))),
            seconds: seconds.saturating_add(turn.seconds),
            turns: turns + 1,
        };
    }

    fn next_state(&self, event: &Event, actor: &Actor) -> Result<State, Refused> {
        let state = &self.state;
        let not_now = || Err(Refused::NotNow { event: event.word(), state: state.said() });
        if state.is_finished() && !matches!(event, Event::Undone { .. }) {
            return not_now();
        }
        match event {
            Event::Added(_) => Err(Refused::Order),
            Event::Edited(edit) => Ok(self.state_after_edit(edit)),
            Event::Planned => match state {
                State::InPlanning => Ok(State::Pending),
                _ => not_now(),
            },
            Event::Claimed(claim) => self.state_after_claim(claim),
            Event::Started => match state {
                State::Assigned { claim } => {
                    held_by(claim, actor)?;
                    Ok(State::InProgress { claim: claim.clone() })
                }
                _ => not_now(),
            },
            Event::Released { .. } => match state {
                State::Assigned { claim } | State::InProgress { claim } => {
                    if actor.authority == Authority::Worker {
                        held_by(claim, actor)?;
                    }
                    Ok(State::Pending)
                }
                _ => not_now(),
            },
            Event::Submitted { change, .. } => self.state_after_submit(change, actor),
            Event::Reviewed(review) => match state {
                State::UnderReview { change } if change.head == review.head => Ok(state.clone()),
                State::UnderReview { change } => {
                    Err(Refused::HeadMoved { seen: review.head.clone(), now: change.head.clone() })
                }
                _ => not_now(),
            },
            Event::ReviewPassed => match state {
                State::UnderReview { change } => {
                    self.nothing_stands_against()?;
                    Ok(queued(change, "reviewers", false))
                }
                _ => not_now(),
            },
            Event::PassedOn => match state {
                State::UnderReview { change } => {
                    self.nothing_stands_against()?;
                    Ok(State::DomainReview { change: change.clone() })
                }
                _ => not_now(),
            },
            Event::SentBack { because } => match state {
                State::UnderReview { change } | State::DomainReview { change } => {
                    Ok(self.back_to_worker(&change.claim, because))
                }
                _ => not_now(),
            },
            Event::Approved { head, .. } => self.state_after_approval(head.as_ref(), actor),
            Event::Rejected { because } => self.state_after_rejection(because),
            Event::Enqueued { change } => match state {
                State::Pending
                | State::Blocked { .. }
                | State::Escalated { .. }
                | State::ReadyForHandoff { .. }
                    if self.adopted =>
                {
                    Ok(queued(change, &actor.who.0, false))
                }
                _ => not_now(),
            },
            Event::Testing { candidate } => {
                self.with_phase(event, Phase::Testing { candidate: candidate.clone() })
            }
            Event::Waiting => self.with_phase(event, Phase::Waiting),
            Event::Held { behind, files } => {
                self.with_phase(event, Phase::Held { behind: behind.clone(), files: files.clone() })
            }
            Event::Ejected { because } => match state {
                State::ReadyForHandoff { change, .. } => Ok(self.tried_again(&change.claim, because)),
                _ => not_now(),
            },
            Event::Failed { because } => match state {
                State::Assigned { claim } | State::InProgress { claim } => {
                    Ok(self.tried_again(claim, because))
                }
                _ => not_now(),
            },
            Event::Escalated { because } => match state {
                State::Escalated { was, .. } => {
                    Ok(State::Escalated { because: because.clone(), was: was.clone() })
                }
                _ => Ok(State::Escalated { because: because.clone(), was: Box::new(at_rest(state)) }),
            },
            // The proof is on the base branch; no state of the record can take that back.
            Event::Landed { commit } => {
                let owner = state.claim().map(|claim| claim.owner.clone());
                Ok(State::Completed { landed: commit.clone(), owner })
            }
            Event::Stopped { because } => match state {
                State::Blocked { .. } => not_now(),
                _ => Ok(State::Blocked { because: because.clone(), was: Box::new(at_rest(state)) }),
            },
            Event::Resumed => match state {
                State::Blocked { was, .. } => Ok((**was).clone()),
                _ => not_now(),
            },
            Event::Abandoned { because } => Ok(State::Cancelled { because: because.clone() }),
            Event::Renewed => match state {
                State::Assigned { claim } | State::InProgress { claim } => {
                    held_by(claim, actor)?;
                    Ok(state.clone())
                }
                _ => not_now(),
            },
            Event::Said { .. } | Event::TurnEnded(_) => Ok(state.clone()),
            Event::Undone { restored, .. } => Ok(restored.state.clone()),
        }
    }

    /// Editing what an escalated task is about gives it back to everybody: re-scoped or deprioritized (D10). Who only makes it
    /// more urgent, or says who else may approve it, has decided nothing.
    fn state_after_edit(&self, edit: &Edit) -> State {
        let less_urgent = edit.priority.is_some_and(|priority| priority > self.priority);
        let rest = Edit { priority: None, hotfix: None, delegates: None, ..edit.clone() };
        match &self.state {
            State::Escalated { .. } if !self.adopted && (less_urgent || rest != Edit::default()) => {
                State::Pending
            }
            state => state.clone(),
        }
    }

    fn state_after_claim(&self, claim: &Claim) -> Result<State, Refused> {
        match &self.state {
            State::Pending if claim.epoch > self.epoch => Ok(State::Assigned { claim: claim.clone() }),
            State::Assigned { claim: old } | State::InProgress { claim: old } => {
                if claim.epoch == old.epoch + 1 {
                    Ok(State::Assigned { claim: claim.clone() })
                } else {
                    Err(Refused::HeldBy { owner: old.owner.clone() })
                }
            }
            state => Err(Refused::NotNow { event: "claimed", state: state.said() }),
        }
    }

    fn state_after_submit(&self, change: &Change, actor: &Actor) -> Result<State, Refused> {
        let claim = match &self.state {
            State::Assigned { claim } | State::InProgress { claim } => claim,
            State::UnderReview { change } => &change.claim,
            state => return Err(Refused::NotNow { event: "submitted", state: state.said() }),
        };
        held_by(claim, actor)?;
        if change.claim != *claim {
            return Err(Refused::TakenOver { owner: claim.owner.clone() });
        }
        Ok(State::UnderReview { change: change.clone() })
    }

    /// Reviewers pass a change only when each verdict on this very commit is there and none is CRITICAL.
    fn nothing_stands_against(&self) -> Result<(), Refused> {
        for review in self.current_reviews() {
            let critical = review.findings.iter().any(|finding| finding.severity == Severity::Critical);
            if (critical || review.verdict.is_err()) && !self.exception {
                return Err(Refused::Standing { reviewer: review.reviewer.clone() });
            }
        }
        Ok(())
    }

    fn state_after_approval(&self, seen: Option<&CommitId>, actor: &Actor) -> Result<State, Refused> {
        match &self.state {
            State::UnderReview { change } | State::DomainReview { change } => {
                approvable(change, seen, actor)?;
                Ok(queued(change, &actor.who.0, false))
            }
            // Approved already: the first approver stays, the note is one more decision.
            State::ReadyForHandoff { change, .. } => unmoved(change, seen).map(|()| self.state.clone()),
            State::InPlanning => Ok(State::Pending),
            State::Blocked { was, .. } => Ok((**was).clone()),
            State::Escalated { because, was } => self.state_after_yes(because, was, seen, actor),
            state => Err(Refused::NotNow { event: "approved", state: state.said() }),
        }
    }

    /// A yes to an escalation: the exception is granted, or the work goes on with one more try.
    fn state_after_yes(
        &self,
        because: &Evidence,
        was: &State,
        seen: Option<&CommitId>,
        actor: &Actor,
    ) -> Result<State, Refused> {
        match (was.change(), was.claim()) {
            // Nothing was wrong with the work: it goes on where it stopped.
            _ if because.trouble == Trouble::OverBudget => Ok(was.clone()),
            (Some(change), _) if because.trouble == Trouble::TooBig && !self.adopted => {
                approvable(change, seen, actor)?;
                Ok(State::UnderReview { change: change.clone() })
            }
            (Some(change), _) if because.trouble.may_be_accepted() || self.adopted => {
                // Whoever added a branch need not have written it, and adding it was an approval already.
                if self.adopted {
                    unmoved(change, seen)?;
                } else {
                    approvable(change, seen, actor)?;
                }
                Ok(queued(change, &actor.who.0, because.trouble == Trouble::Worse))
            }
            (_, Some(claim)) => Ok(State::Assigned { claim: claim.clone() }),
            (_, None) => Ok(State::Pending),
        }
    }

    fn state_after_rejection(&self, because: &str) -> Result<State, Refused> {
        let evidence = Evidence::new(Trouble::Rejected, because);
        match &self.state {
            State::UnderReview { change }
            | State::DomainReview { change }
            | State::ReadyForHandoff { change, .. } => Ok(self.back_to_worker(&change.claim, &evidence)),
            State::Escalated { was, .. } => match was.claim() {
                Some(claim) if !self.adopted => Ok(State::Assigned { claim: claim.clone() }),
                Some(_) => Ok(State::Escalated { because: evidence, was: was.clone() }),
                None => Ok(State::Pending),
            },
            state => Err(Refused::NotNow { event: "rejected", state: state.said() }),
        }
    }

    /// Back to whoever wrote it; an adopted branch has nobody to go back to.
    fn back_to_worker(&self, claim: &Claim, because: &Evidence) -> State {
        if self.adopted {
            State::Escalated { because: because.clone(), was: Box::new(at_rest(&self.state)) }
        } else {
            State::Assigned { claim: claim.clone() }
        }
    }

    /// One more try in place while tries remain, then a person (D10).
    fn tried_again(&self, claim: &Claim, because: &Evidence) -> State {
        if self.adopted || self.try_number >= self.tries_max {
            State::Escalated { because: because.clone(), was: Box::new(at_rest(&self.state)) }
        } else {
            State::Assigned { claim: claim.clone() }
        }
    }

    fn with_phase(&self, event: &Event, phase: Phase) -> Result<State, Refused> {
        match &self.state {
            State::ReadyForHandoff { change, approval, .. } => {
                Ok(State::ReadyForHandoff { change: change.clone(), approval: approval.clone(), phase })
            }
            state => Err(Refused::NotNow { event: event.word(), state: state.said() }),
        }
    }
}

fn allowed(event: &Event, actor: &Actor) -> Result<(), Refused> {
    let may = event.may();
    if may.contains(&actor.authority) { Ok(()) } else { Err(Refused::NotYours { event: event.word(), may }) }
}

/// A worker or a person acts on their own claim only; the orchestrator acts for its agents.
fn held_by(claim: &Claim, actor: &Actor) -> Result<(), Refused> {
    if actor.authority == Authority::Orchestrator || claim.owner == actor.who {
        Ok(())
    } else {
        Err(Refused::HeldBy { owner: claim.owner.clone() })
    }
}

fn approvable(change: &Change, seen: Option<&CommitId>, actor: &Actor) -> Result<(), Refused> {
    if change.claim.owner == actor.who {
        return Err(Refused::OwnWork { owner: actor.who.clone() });
    }
    unmoved(change, seen)
}

/// The change is still the one that was looked at.
fn unmoved(change: &Change, seen: Option<&CommitId>) -> Result<(), Refused> {
    match seen {
        Some(seen) if *seen != change.head => {
            Err(Refused::HeadMoved { seen: seen.clone(), now: change.head.clone() })
        }
        _ => Ok(()),
    }
}

fn queued(change: &Change, by: &str, accept_worse: bool) -> State {
    State::ReadyForHandoff {
        change: change.clone(),
        approval: Approval { by: Who(by.to_owned()), accept_worse },
        phase: Phase::Waiting,
    }
}

/// The state to which a held or escalated task returns: nobody works on it, no test runs.
fn at_rest(state: &State) -> State {
    match state {
        State::InProgress { claim } => State::Assigned { claim: claim.clone() },
        State::ReadyForHandoff { change, approval, .. } => State::ReadyForHandoff {
            change: change.clone(),
            approval: approval.clone(),
            phase: Phase::Waiting,
        },
        State::Blocked { was, .. } => (**was).clone(),
        State::Pending
        | State::InPlanning
        | State::Assigned { .. }
        | State::UnderReview { .. }
        | State::DomainReview { .. }
        | State::Completed { .. }
        | State::Escalated { .. }
        | State::Cancelled { .. } => state.clone(),
    }
}
