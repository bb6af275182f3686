//! A turn of whoever implements or fixes: what it left in the worktree is handed in, or is why the attempt failed.

use crate::agent::TurnResult;
use crate::flow::audit::Audited;
use crate::flow::contract::changelog_in;
use crate::flow::ended::{how_it_ended, in_its_words};
use crate::flow::gate::Measured;
use crate::flow::progress::Step;
use crate::flow::submit::HandIn;
use crate::flow::turn::Ready;
use crate::flow::{FlowError, Project};
use crate::git::GitError;
use crate::process::Ended;
use crate::review::clarify;
use crate::store::{Op, Stored};
use crate::synthesis::Overlap;
use crate::task::id::CommitId;
use crate::task::state::Claim;
use crate::task::words::counted;
use crate::task::{Actor, Event, Evidence, Trouble};

use super::Verdict;

impl Project {
    pub(super) fn judge_change(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        audited: &Audited,
    ) -> Result<Verdict, FlowError> {
        let stored = match self.to_be_judged(op, ready, result)? {
            Ok(stored) => stored,
            Err(settled) => return Ok(settled),
        };
        let (id, actor) = (&stored.task.id, Actor::orchestrator());
        if let Some(evidence) = cut_off(ready, result) {
            return self.attempt_failed(op, id, &evidence);
        }
        if let Some(evidence) = &audited.refused {
            return self.came_to_nothing(op, ready, &stored, result, evidence);
        }
        let hand_in = HandIn { message: None, changelog: changelog_in(&result.answer) };
        let (claim, measured) = match self.what_it_left(ready, result, &stored, &hand_in)? {
            Ok(left) => left,
            Err(evidence) => return self.came_to_nothing(op, ready, &stored, result, &evidence),
        };
        let last_try = stored.task.try_number >= stored.task.tries_max;
        match measured.refusal() {
            None => {
                self.hand_over(op, &actor, id, &claim, &measured, &hand_in, None)?;
                Ok(Verdict::well(Step::Submit, self.handed_in_words(ready, result, &measured, audited)))
            }
            // On the last try a change that is only too big is worth a person's look.
            Some(evidence) if evidence.trouble == Trouble::TooBig && last_try => {
                let text = evidence.text.clone();
                self.hand_over(op, &actor, id, &claim, &measured, &hand_in, Some(evidence))?;
                Ok(Verdict::well(Step::NeedsYou, text))
            }
            Some(evidence) => self.attempt_failed(op, id, &evidence),
        }
    }

    /// Commits and measures what a turn left in its worktree; the inner error is why that is no change to hand in.
    fn what_it_left(
        &self,
        ready: &Ready,
        result: &TurnResult,
        stored: &Stored,
        hand_in: &HandIn,
    ) -> Result<Result<(Claim, Measured), Evidence>, FlowError> {
        let (name, ended) = (&ready.agent.name, how_it_ended(result, ready.turn.limit));
        let refuse = |trouble: Trouble, text: String| Ok(Err(Evidence::new(trouble, text)));
        if let Some(entry) = ready.agent.entry() {
            self.remove_litter(&ready.turn.dir, &entry.litter)?;
        }
        let (claim, measured) = match self.collect(&Actor::orchestrator(), stored, hand_in) {
            Ok(collected) => collected,
            Err(FlowError::NoChange { .. }) => {
                return refuse(
                    Trouble::NoChange,
                    in_its_words(format!("{name} ended without a change ({ended})"), result),
                );
            }
            Err(FlowError::Git(GitError::NestedRepository { folder })) => {
                let text = format!("'{folder}' is a repository of its own inside the worktree");
                return refuse(Trouble::OutsidePaths, text);
            }
            Err(FlowError::Git(err @ (GitError::Unstageable { .. } | GitError::TooLarge { .. }))) => {
                return refuse(Trouble::OutsidePaths, err.to_string());
            }
            Err(err) => return Err(err),
        };
        // Sent back and handed in unchanged: nothing was mended.
        if self.same_as_before(stored, &measured.head)? {
            let text = format!("{name} ended without a change to what was sent back ({ended})");
            return refuse(Trouble::NoChange, in_its_words(text, result));
        }
        if is_half_done(result) {
            let text = format!("{name} ended in the middle of its work ({ended}); what it did is kept");
            return refuse(Trouble::AgentFailed, in_its_words(text, result));
        }
        Ok(Ok((claim, measured)))
    }

    /// There is nothing to hand in: the attempt failed, its model could not be asked, or nobody could do the task as it is
    /// written.
    fn came_to_nothing(
        &self,
        op: &Op,
        ready: &Ready,
        stored: &Stored,
        result: &TurnResult,
        evidence: &Evidence,
    ) -> Result<Verdict, FlowError> {
        let nothing = matches!(evidence.trouble, Trouble::NoChange | Trouble::BadAnswer);
        if let Some(failure) = result.not_asked_for_nothing().filter(|_| nothing) {
            return self.not_asked(op, ready, stored, failure);
        }
        match clarify::unclear(&result.answer).filter(|_| evidence.trouble == Trouble::NoChange) {
            Some(why) => self.unclear(op, stored, &why),
            None => self.attempt_failed(op, &stored.task.id, evidence),
        }
    }

    fn handed_in_words(
        &self,
        ready: &Ready,
        result: &TurnResult,
        measured: &Measured,
        audited: &Audited,
    ) -> String {
        let files = counted(measured.files.len(), "file");
        let mut text = format!(
            "+{} -{} of {}, {files}",
            measured.size.added, measured.size.removed, self.policy.cap.caps.diff
        );
        if result.outcome.ended != Ended::Exited(0) || !result.complete {
            let ended = how_it_ended(result, ready.turn.limit);
            text.push_str(&format!("; its change counts, though it ended so: {ended}"));
        }
        if !audited.overlaps.is_empty() {
            let overlaps: Vec<String> = audited.overlaps.iter().map(Overlap::text).collect();
            text.push_str(&format!("; overlaps: {}", overlaps.join("; ")));
        }
        text
    }

    fn same_as_before(&self, stored: &Stored, head: &CommitId) -> Result<bool, FlowError> {
        let Some(before) = &stored.task.handed_in else { return Ok(false) };
        // Handed in through another clone, it may not be here; then nobody can tell.
        let Ok(before) = self.repo.tree_of(before) else { return Ok(false) };
        Ok(before == self.repo.tree_of(head)?)
    }

    /// The worker says that nobody could do the task as it is written: a person's matter, and no mark against the worker.
    fn unclear(&self, op: &Op, stored: &Stored, why: &str) -> Result<Verdict, FlowError> {
        self.park(&stored.task)?;
        let because = Evidence::new(Trouble::Unclear, format!("its spec cannot be worked by: {why}"));
        let text = because.text.clone();
        let event = Event::Escalated { because };
        let actor = Actor::orchestrator();
        self.store.change::<FlowError>(op, &actor, &stored.task.id, |_| Ok(vec![event.clone()]))?;
        Ok(Verdict { step: Step::NeedsYou, ..Verdict::note(text) })
    }
}

/// Why a turn was ended by its limits, if it was: then its work is no whole one.
fn cut_off(ready: &Ready, result: &TurnResult) -> Option<Evidence> {
    let (name, limit) = (&ready.agent.name, ready.turn.limit);
    let text = match result.outcome.ended {
        Ended::TimedOut => format!("{name} was ended at its limit of {} s", limit.as_secs()),
        Ended::Idle | Ended::Crowded | Ended::Full => {
            format!("{name} was ended: {}", how_it_ended(result, limit))
        }
        Ended::Exited(_) | Ended::Signaled(_) | Ended::Stopped => return None,
    };
    Some(Evidence::new(Trouble::TimeLimit, in_its_words(text, result)))
}

/// Whether a turn broke off: its program says so, or its output has no end and it failed.
fn is_half_done(result: &TurnResult) -> bool {
    match &result.failure {
        Some(failure) => !failure.kind.leaves_work(),
        None => !result.complete && result.outcome.ended != Ended::Exited(0),
    }
}
