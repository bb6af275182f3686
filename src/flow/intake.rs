//! Many branches into the queue by one command: the queue is read once, all changes are measured by one process, and what
//! is decided is written in one transaction.

use std::collections::{BTreeSet, HashMap};

use crate::git::merge_tree::{Composer, Merged, Pair, told};
use crate::store::{Op, Stored, layout};
use crate::task::Event;
use crate::task::id::{CommitId, TaskId};

use super::adopt::Adoption;
use super::gate::Measured;
use super::landings::{Ends, Landings};
use super::{FlowError, Project};

/// A branch that could be adopted now, as it was measured.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) branch: String,
    pub(crate) measured: Measured,
}

/// Branches on their way into the queue.
pub(crate) struct Intake<'p> {
    project: &'p Project,
    landings: Landings,
    /// Tasks in the queue by their heads, those of this command included.
    heads: HashMap<CommitId, (TaskId, String)>,
    /// Open tasks of adopted branches.
    adopted: HashMap<String, TaskId>,
    /// Ids that this command gives.
    given: BTreeSet<TaskId>,
    planned: Vec<Planned>,
}

/// What is to be written for one branch.
enum Planned {
    New { op: Op, branch: String, head: CommitId, with: Adoption, id: TaskId, events: Vec<Event> },
    Again { op: Op, branch: String, with: Adoption },
}

impl<'p> Intake<'p> {
    /// Reads what is in the queue now.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn open(project: &'p Project) -> Result<Intake<'p>, FlowError> {
        let (mut heads, mut adopted) = (HashMap::new(), HashMap::new());
        for row in project.store.open_tasks()?.rows {
            let card = row.card;
            if let Some(head) = card.head.filter(|_| card.state == "ready-for-handoff") {
                heads.insert(head, (card.id.clone(), card.branch.clone()));
            }
            if card.adopted {
                adopted.insert(card.branch, card.id);
            }
        }
        let landings = Landings::default();
        Ok(Intake { project, landings, heads, adopted, given: BTreeSet::new(), planned: Vec::new() })
    }

    /// Tasks in the queue that a branch is built on, with their heads: the nearest last.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn built_on(&self, branch: &str) -> Result<Vec<(TaskId, CommitId)>, FlowError> {
        let repo = &self.project.repo;
        let tip = repo.tip(&layout::branch_ref(branch))?;
        let Some(head) = tip.filter(|_| !self.heads.is_empty()) else { return Ok(Vec::new()) };
        let fork = repo.merge_base(&self.project.base.tip, &head)?;
        let mut below = Vec::new();
        let mut at = head.clone();
        while Some(&at) != fork.as_ref() {
            let queued = self.heads.get(&at).filter(|(_, name)| at != head && name != branch);
            below.extend(queued.map(|(id, _)| (id.clone(), at.clone())));
            match &repo.read_commit(&at)?.parents[..] {
                [] => break,
                [parent] => at = parent.clone(),
                // Somebody else's work may be in it at any place.
                _ => return self.built_on_any(branch, &head),
            }
        }
        below.reverse();
        Ok(below)
    }

    /// As [`Intake::built_on`], whatever the history looks like.
    fn built_on_any(&self, branch: &str, head: &CommitId) -> Result<Vec<(TaskId, CommitId)>, FlowError> {
        let repo = &self.project.repo;
        let mut below = Vec::new();
        for (other, (id, name)) in &self.heads {
            if other != head && name != branch && repo.has_object(other)? && repo.is_ancestor(other, head)? {
                below.push((id.clone(), other.clone()));
            }
        }
        below.sort(); // in an order of their own, as those beside each other have none
        self.project.sort_by_ancestry(below)
    }

    /// Whether these branches could be adopted now: each has a change, within the cap, that merges with the base. Writes
    /// nothing that anybody sees. With each comes the tip of the branch that it is stacked on, if it is.
    ///
    /// # Errors
    /// Of the first of them: no such branch, no change, no right, or a gate that says no.
    pub(crate) fn check(
        &mut self,
        branches: &[(String, Option<CommitId>)],
    ) -> Result<Vec<Checked>, FlowError> {
        let project = self.project;
        let mut ends = Vec::new();
        for (branch, onto) in branches {
            project.refuse_stranger("queue add", branch, &[])?;
            ends.push(project.ends(branch, onto.as_ref(), &mut self.landings)?);
        }
        let pairs: Vec<(CommitId, CommitId)> =
            ends.iter().map(|ends| (ends.base.clone(), ends.head.clone())).collect();
        let changes = project.repo.changes_of(&pairs)?;
        let mut checked = Vec::new();
        for (((branch, _), (base, head)), changes) in branches.iter().zip(&pairs).zip(&changes) {
            let measured = project.measure_changes(None, base, head, changes)?;
            project.refuse_unfit(branch, &measured)?;
            checked.push(Checked { branch: branch.clone(), measured });
        }
        // What a branch is stacked on may have landed as other commits, or is to land ahead of it.
        let merges: Vec<Pair<'_>> = ends
            .iter()
            .map(|Ends { head, fork, .. }| Pair {
                ours: &project.base.tip,
                theirs: head,
                base: fork.as_ref(),
            })
            .collect();
        let merged = Composer::open(&project.repo)?.merge_all(&merges)?;
        for ((branch, onto), merged) in branches.iter().zip(merged) {
            match merged {
                Merged::Clean(_) => {}
                Merged::Conflict { .. } if onto.is_some() => {}
                Merged::Conflict { files, .. } => project.refuse_conflict(branch, told(&files))?,
                Merged::Unrelated => {
                    project.refuse_conflict(branch, vec!["(no common history)".to_owned()])?;
                }
            }
        }
        Ok(checked)
    }

    /// Decides what is to be written for a branch that was checked. Those that come after see it in the queue.
    ///
    /// # Errors
    /// The branch is gone, or git fails.
    pub(crate) fn plan(&mut self, op: Op, checked: &Checked, with: Adoption) -> Result<(), FlowError> {
        let branch = checked.branch.clone();
        let ends = self.project.ends(&branch, with.onto.as_ref(), &mut self.landings)?;
        if let Some(id) = self.adopted.get(&branch) {
            self.heads.insert(ends.head, (id.clone(), branch.clone()));
            self.planned.push(Planned::Again { op, branch, with });
            return Ok(());
        }
        let known = &checked.measured;
        let size = if (&known.base, &known.head) == (&ends.base, &ends.head) {
            known.size.clone()
        } else {
            self.project.size_of(&ends.base, &ends.head)?
        };
        let new = self.project.adopted_task(&branch, &ends.head, &with, &self.given)?;
        let id = new.id.clone();
        let head = ends.head.clone();
        let events = self.project.adopting(new, &with, ends, &size);
        self.given.insert(id.clone());
        self.adopted.insert(branch.clone(), id.clone());
        self.heads.insert(head.clone(), (id.clone(), branch.clone()));
        self.planned.push(Planned::New { op, branch, head, with, id, events });
        Ok(())
    }

    /// Writes all that was planned; the tasks, in the order of their planning.
    ///
    /// # Errors
    /// Git fails. What was written by then stays.
    pub(crate) fn write(self) -> Result<Vec<Stored>, FlowError> {
        let project = self.project;
        let new = self.planned.iter().filter_map(|planned| match planned {
            Planned::New { op, events, .. } => Some((op.clone(), events.clone())),
            Planned::Again { .. } => None,
        });
        let started = project.store.create_many(&project.person(), &new.collect::<Vec<_>>())?;
        let mut started: HashMap<TaskId, Stored> =
            started.into_iter().map(|stored| (stored.task.id.clone(), stored)).collect();
        let works = self.planned.iter().filter_map(|planned| match planned {
            Planned::New { id, head, .. } => Some((id.clone(), head.clone())),
            Planned::Again { .. } => None,
        });
        // Their branches may go, and other clones do not have them.
        project.store.keep_attempts(&works.filter(|(id, _)| started.contains_key(id)).collect::<Vec<_>>())?;
        let mut all = Vec::new();
        for planned in self.planned {
            all.push(match planned {
                Planned::New { op, branch, with, id, .. } => match started.remove(&id) {
                    Some(stored) => stored,
                    None => project.adopt(&op, &branch, &with)?, // somebody else was faster
                },
                Planned::Again { op, branch, with } => project.adopt(&op, &branch, &with)?,
            });
        }
        Ok(all)
    }
}

impl Project {
    /// Whether a branch could be adopted now, as [`Intake::check`] says it of many.
    ///
    /// # Errors
    /// No such branch, no change, no right, or a gate that says no.
    pub(crate) fn check_branch(&self, branch: &str, onto: Option<&CommitId>) -> Result<Measured, FlowError> {
        let checked = Intake::open(self)?.check(&[(branch.to_owned(), onto.cloned())])?;
        Ok(checked.into_iter().next().expect("an answer for each branch").measured)
    }
}
