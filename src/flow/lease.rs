//! Claims of other clones whose run died: when they may be taken over, and how a run says that its own still lives.
//!
//! No foreign clock is believed. A clone notes when it first saw a journal at its tip; one that stays there for longer
//! than the lease has a holder that says nothing any more, for a run renews its claims three times in that time. A mistake
//! costs work and no more: a take-over raises the epoch, and whatever comes under the old one is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::plan::Card;
use crate::store::index::Row;
use crate::store::{Op, StoreError, Stored};
use crate::task::id::{CommitId, Seconds, TaskId};
use crate::task::{Actor, Event, State, Task};

use super::project::now;
use super::{FlowError, Project};

/// The file of what was seen, below the machine-local folder: a line `TASK TIP SECONDS` for each claim of another clone.
const FILE: &str = "claims-seen";

/// Where journals were when this clone first saw them there.
type Seen = BTreeMap<TaskId, (CommitId, Seconds)>;

impl Project {
    /// How long a claim may go without a word.
    fn lease(&self) -> i64 {
        i64::try_from(self.policy.limits.lease.as_secs()).unwrap_or(i64::MAX).max(1)
    }

    /// Tasks whose claim another clone's agent holds and has said nothing about for longer than the lease.
    ///
    /// # Errors
    /// What was seen cannot be written down.
    pub(crate) fn lapsed(&self, rows: &[Row], at: Seconds) -> Result<BTreeSet<TaskId>, FlowError> {
        let known = self.seen();
        let ours = format!("@{}", self.clone_id()?);
        let foreign = rows.iter().filter(|row| is_foreign(&row.card, &ours));
        let seen: Seen = foreign.map(|row| (row.card.id.clone(), sighting(row, &known, at))).collect();
        if seen != known {
            self.note_seen(&seen)?;
        }
        let lease = self.lease();
        let lapsed = seen.into_iter().filter(|(_, (_, since))| at.0.saturating_sub(since.0) > lease);
        Ok(lapsed.map(|(id, _)| id).collect())
    }

    /// Notes where the claims of other clones stand, so that their silence counts from now on.
    ///
    /// # Errors
    /// As [`Project::lapsed`].
    pub(crate) fn look_at_claims(&self) -> Result<(), FlowError> {
        self.lapsed(&self.store.open_tasks()?.rows, now()).map(drop)
    }

    /// Whether a claim that had lapsed by what is known here still has, now that the remote was asked.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub(super) fn still_lapsed(&self, id: &TaskId) -> Result<bool, FlowError> {
        if self.remote().is_some() {
            self.pull()?;
        }
        Ok(self.lapsed(&self.store.open_tasks()?.rows, now())?.contains(id))
    }

    fn seen_path(&self) -> PathBuf {
        self.local().join(FILE)
    }

    /// What was noted; a file that cannot be read is none, and the time begins anew.
    fn seen(&self) -> Seen {
        let text = std::fs::read_to_string(self.seen_path()).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split(' ');
            let id = TaskId::parse(words.next()?).ok()?;
            let tip = CommitId::parse(words.next()?).ok()?;
            Some((id, (tip, Seconds(words.next()?.parse().ok()?))))
        };
        text.lines().filter_map(line).collect()
    }

    fn note_seen(&self, seen: &Seen) -> Result<(), FlowError> {
        let lines: String =
            seen.iter().map(|(id, (tip, since))| format!("{id} {tip} {}\n", since.0)).collect();
        let path = self.seen_path();
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        std::fs::write(&path, lines).map_err(FlowError::file("write", &path))
    }

    /// Says for the claims of a run that their holders are still at work, where other clones can hear it.
    ///
    /// # Errors
    /// Git fails. A remote that is out of reach is no error: the claim then lapses, and somebody may do the work again.
    pub(crate) fn renew_claims(&self, op: &Op, tasks: &[TaskId]) -> Result<(), FlowError> {
        let Some(remote) = self.shares()? else { return Ok(()) };
        for id in tasks {
            let renewed = self.store.change::<FlowError>(op, &Actor::orchestrator(), id, |stored| {
                Ok(match stored.task.state {
                    State::Assigned { .. } | State::InProgress { .. } => vec![Event::Renewed],
                    _ => Vec::new(),
                })
            });
            match renewed {
                Ok(_) | Err(FlowError::Store(StoreError::NoTask(_))) => {}
                Err(err) => return Err(err),
            }
        }
        match self.sync(&remote, true, true) {
            Ok(_) => Ok(()),
            Err(err @ FlowError::Exchange(_)) => {
                tracing::warn!(%err, "claims could not be renewed on the remote");
                Ok(())
            }
            Err(err) => Err(err),
        }
    }

    /// How long a run lets a claim go between two words about it.
    pub(crate) fn renewal(&self) -> std::time::Duration {
        self.policy.limits.lease / 3
    }

    /// The task as it is now, for whoever hands in after so long that others may have taken it over. A remote that is out
    /// of reach is not waited for: what is handed in then is sorted out when both meet.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn after_the_lease(&self, task: &Task) -> Result<Option<Stored>, FlowError> {
        let late = now().0.saturating_sub(task.since.0) > self.lease() / 2;
        if late && self.shares()?.is_some() {
            match self.pull() {
                Ok(_) | Err(FlowError::Exchange(_)) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(self.store.load(&task.id)?)
    }
}

/// Whether an agent of another clone works on it. People's claims have no lease.
fn is_foreign(card: &Card, ours: &str) -> bool {
    let held = matches!(card.state.as_str(), "in-progress" | "assigned");
    held && card.owner.as_ref().is_some_and(|owner| owner.contains('@') && !owner.ends_with(ours))
}

/// Since when a journal is where it is; a time that lies ahead was noted by a clock that went back.
fn sighting(row: &Row, known: &Seen, at: Seconds) -> (CommitId, Seconds) {
    let since = known.get(&row.card.id).filter(|(tip, since)| *tip == row.tip && since.0 <= at.0);
    (row.tip.clone(), since.map_or(at, |(_, since)| *since))
}
