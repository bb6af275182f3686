//! Looks at what is stored: refs, journals, and the worktrees of tasks.

use crate::flow::tree::FOLDER;
use crate::flow::{FlowError, Project};
use crate::git::GitError;
use crate::plan::Card;
use crate::store::{chain, layout};
use crate::task::Task;
use crate::task::id::TaskId;

use super::diagnosis::{Diagnosis, FIX};

/// So many journals are folded again; more would take longer than somebody who waits likes.
const JOURNALS: usize = 200;

impl Project {
    pub(super) fn examine_refs(&self, found: &mut Diagnosis) {
        let lost = self.store.lost().map_err(FlowError::from);
        let listing = self.repo.list(layout::ALL).map_err(FlowError::from);
        match (lost, listing) {
            (Ok(mut lost), Ok(listing)) => {
                lost.extend(listing.broken);
                lost.sort();
                lost.dedup();
                let lost: Vec<String> = lost.iter().map(|name| format!("{name} is broken or gone")).collect();
                found.none_of("refs", "all refs can be read", &lost, FIX);
            }
            (Err(err), _) | (_, Err(err)) => found.failed("refs", &err),
        }
    }

    /// Folds journals again: their events must give what their tips say.
    /// Before what is wrong come how many were looked at, and how many there are.
    pub(super) fn illegal_journals(&self) -> Result<(usize, usize, Vec<String>), FlowError> {
        let open = self.store.open_tasks()?;
        let mut wrong: Vec<String> = open.broken.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        let looked = open.rows.iter().take(JOURNALS);
        let count = looked.len();
        for row in looked {
            if let Err(why) = self.refold(&row.card.id) {
                wrong.push(format!("{}: {why}", row.card.id));
            }
        }
        Ok((count, open.rows.len(), wrong))
    }

    fn refold(&self, id: &TaskId) -> Result<(), String> {
        let stored = self.store.load(id).map_err(|err| chain(&err))?;
        // Finished and archived in this moment.
        let Some(stored) = stored else { return Ok(()) };
        let events = self.store.events(&stored.tip, usize::MAX).map_err(|err| chain(&err))?;
        let mut folded: Option<Task> = None;
        for (commit, record) in &events {
            let next = match &folded {
                None => Task::begin(&record.event, &record.actor, record.at),
                Some(task) => task.after(&record.event, &record.actor, record.at),
            };
            let refused =
                |why| format!("{} at {} was not allowed: {why}", record.event.word(), commit.short());
            folded = Some(next.map_err(refused)?);
        }
        match folded {
            Some(task) if task == stored.task => Ok(()),
            Some(_) => Err(format!("its events do not give what {} says", stored.tip.short())),
            None => Err("it has no event".to_owned()),
        }
    }

    /// Tasks in hand whose worktree was here and is gone, with their owners.
    pub(crate) fn bereft<'c>(&self, cards: impl Iterator<Item = &'c Card>) -> Vec<(TaskId, String)> {
        let in_hand = cards.filter(|card| matches!(card.state.as_str(), "assigned" | "in-progress"));
        let gone = in_hand.filter(|card| !card.adopted && self.repo.is_gone(&self.worktree_of(&card.id)));
        gone.map(|card| (card.id.clone(), card.owner.clone().unwrap_or_default())).collect()
    }

    pub(super) fn orphans(&self) -> Result<Vec<String>, GitError> {
        let mut orphans = Vec::new();
        for tree in self.repo.worktrees()? {
            let Ok(below) = tree.path.strip_prefix(self.root().join(FOLDER)) else { continue };
            let Some(id) = below.to_str().and_then(|name| TaskId::parse(name).ok()) else { continue };
            if tree.path.exists() && self.repo.tip(&layout::task_ref(&id))?.is_none() {
                orphans.push(format!("{} belongs to no open task", tree.path.display()));
            }
        }
        Ok(orphans)
    }
}

/// The command that makes a task's worktree again: a person's claim is picked up again, an agent's goes back to the pool.
pub(crate) fn worktree_again(id: &TaskId, owner: &str) -> String {
    if owner.contains('@') { "git orch run".to_owned() } else { format!("git orch pick {id}") }
}
