//! Branches that nobody manages, as tasks in the queue: adding one by hand is its approval.

use crate::git::merge_tree::{Composer, Merged};
use crate::store::{Op, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::{CommitId, TaskId};
use crate::task::state::{Change, Claim};
use crate::task::{Event, Evidence, State, Trouble, Who};

use super::gate::Measured;
use super::task::{PRIORITY, conflict_with_base};
use super::{FlowError, Project};

/// The trailer of a landing that names the branch's tip where history itself does not.
pub(crate) const LANDED_HEAD: &str = "Orch-Head";
/// How a commit says of itself that it is not ready.
const DRAFTS: [&str; 7] = ["wip", "[wip]", "draft", "[draft]", "fixup!", "squash!", "amend!"];

/// What a branch is added with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Adoption {
    /// Tasks that must land before it.
    pub(crate) after: Vec<TaskId>,
    pub(crate) priority: Option<u8>,
    pub(crate) hotfix: bool,
    /// The tip of the branch that it is stacked on: what is below is not its own.
    pub(crate) onto: Option<CommitId>,
}

impl Project {
    /// Whether a branch could be adopted now: it has a change, within the cap, that merges with the base. Writes nothing
    /// that anybody sees.
    ///
    /// # Errors
    /// No such branch, no change, no right, or a gate that says no.
    pub(crate) fn check_branch(&self, branch: &str, onto: Option<&CommitId>) -> Result<Measured, FlowError> {
        self.refuse_stranger("queue add", branch, &[])?;
        let (head, base) = self.ends(branch, onto)?;
        let measured = self.measure(None, &base, &head)?;
        let reproduce = format!("git merge-tree --write-tree --name-only {} {branch}", self.base.branch);
        let refuse = |mut evidence: Evidence| {
            if evidence.trouble == Trouble::ConflictBase {
                evidence.reproduce = Some(reproduce.clone());
            }
            Err(FlowError::Gate { id: branch.to_owned(), evidence: Box::new(evidence) })
        };
        let subject = self.repo.read_commit(&head)?.subject;
        if is_draft(&subject) {
            let text = format!("its last commit says that it is not ready: {subject}");
            let reword = format!("git rebase --interactive {} {branch}", self.base.branch);
            return refuse(Evidence { reproduce: Some(reword), ..Evidence::new(Trouble::Draft, text) });
        }
        if let Some(evidence) = measured.refusal() {
            return refuse(evidence);
        }
        // What it is stacked on may have landed as other commits, or is to land ahead of it.
        let fork = match onto {
            Some(onto) => Some(onto.clone()),
            None => self.landed_below(&head)?,
        };
        match Composer::open(&self.repo)?.merge_from(fork.as_ref(), &self.base.tip, &head)? {
            Merged::Clean(_) => Ok(measured),
            Merged::Conflict { .. } if onto.is_some() => Ok(measured),
            Merged::Conflict { files, .. } => refuse(conflict_with_base(&self.base.branch, files)),
            Merged::Unrelated => {
                refuse(conflict_with_base(&self.base.branch, vec!["(no common history)".to_owned()]))
            }
        }
    }

    /// The branch's tip, and where its own change begins.
    fn ends(&self, branch: &str, onto: Option<&CommitId>) -> Result<(CommitId, CommitId), FlowError> {
        let head = self
            .repo
            .tip(&layout::branch_ref(branch))?
            .ok_or_else(|| FlowError::NoBranch(crate::task::id::shown(branch)))?;
        let base = match onto {
            Some(onto) => onto.clone(),
            None => match self.landed_below(&head)? {
                Some(below) => below,
                None => self.merge_base(&head)?,
            },
        };
        if base == head {
            return Err(FlowError::NoChange { branch: branch.to_owned(), base: self.base.branch.clone() });
        }
        Ok((head, base))
    }

    /// The tip of the nearest branch below a commit that landed as other commits, squashed or rebased: its landing
    /// names it, as history cannot.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn landed_below(&self, head: &CommitId) -> Result<Option<CommitId>, FlowError> {
        let fork = self.repo.merge_base(&self.base.tip, head)?;
        let mut nearest: Option<CommitId> = None;
        for landing in self.repo.first_parent(&self.base.tip, fork.as_ref(), usize::MAX)? {
            let named = landing.trailers.iter().find(|(key, _)| key == LANDED_HEAD);
            let Some(below) = named.and_then(|(_, id)| CommitId::parse(id).ok()) else { continue };
            if self.repo.has_object(&below)?
                && self.repo.is_ancestor(&below, head)?
                && nearest.as_ref().map_or(Ok(true), |nearest| self.repo.is_ancestor(nearest, &below))?
            {
                nearest = Some(below);
            }
        }
        Ok(nearest)
    }

    /// Puts a branch that nobody manages into the queue as a task. Adding it by hand is its approval.
    ///
    /// # Errors
    /// No such branch, no change over the base, no right.
    pub(crate) fn adopt(&self, op: &Op, branch: &str, with: &Adoption) -> Result<Stored, FlowError> {
        self.refuse_stranger("queue add", branch, &[])?;
        let (head, base) = self.ends(branch, with.onto.as_ref())?;
        let size = self.size_of(&base, &head)?;
        let claim = Claim { owner: Who(self.who.clone()), epoch: 1 };
        let change = Change { claim, head, base, added: size.added, removed: size.removed };
        let stored = match self.adopted(branch)? {
            Some(stored) => stored,
            None => self.add(op, self.adopted_task(branch, &change.head, with)?)?,
        };
        let id = stored.task.id.clone();
        // Its branch may go, and other clones do not have it.
        self.store.keep_attempt(&id, &change.head)?;
        self.store.change(op, &self.person(), &id, |stored: &Stored| {
            let task = &stored.task;
            let after = if with.after.is_empty() { &task.after } else { &with.after };
            let edit = Edit {
                priority: with.priority.filter(|priority| *priority != task.priority),
                after: (after != &task.after).then(|| after.clone()),
                hotfix: (with.hotfix && !task.hotfix).then_some(true),
                ..Edit::default()
            };
            let mut events = Vec::new();
            if edit != Edit::default() {
                events.push(Event::Edited(edit));
            }
            if !(matches!(task.state, State::ReadyForHandoff { .. }) && task.head() == Some(&change.head)) {
                events.push(Event::Enqueued { change: change.clone() });
            }
            Ok(events)
        })
    }

    /// The open task that an adopted branch already is.
    pub(crate) fn adopted(&self, branch: &str) -> Result<Option<Stored>, FlowError> {
        let rows = self.store.open_tasks()?.rows;
        let row = rows.into_iter().find(|row| row.card.adopted && row.card.branch == branch);
        Ok(row.map(|row| self.store.load(&row.card.id)).transpose()?.flatten())
    }

    fn adopted_task(&self, branch: &str, head: &CommitId, with: &Adoption) -> Result<NewTask, FlowError> {
        let wanted = TaskId::from_branch(branch);
        let mut id = wanted.clone();
        for number in 2.. {
            if self.store.load(&id)?.is_none() && self.store.archived(&id)?.is_none() {
                break;
            }
            id = wanted.numbered(number);
        }
        Ok(NewTask {
            id,
            title: self.repo.read_commit(head)?.subject,
            spec: String::new(),
            priority: with.priority.unwrap_or(PRIORITY),
            paths: Vec::new(),
            after: with.after.clone(),
            tier: 1,
            domain: None,
            branch: branch.to_owned(),
            adopted: true,
            draft: false,
            tries_max: 1,
        })
    }

    /// Tasks in the queue that a branch is built on, with their heads: the nearest last.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn built_on(&self, branch: &str) -> Result<Vec<(TaskId, CommitId)>, FlowError> {
        let Some(head) = self.repo.tip(&layout::branch_ref(branch))? else { return Ok(Vec::new()) };
        let mut below: Vec<(TaskId, CommitId)> = Vec::new();
        for row in self.store.open_tasks()?.rows {
            if row.card.state != "ready-for-handoff" || row.card.branch == branch {
                continue;
            }
            let Some(stored) = self.store.load(&row.card.id)? else { continue };
            let Some(other) = stored.task.head().filter(|other| **other != head) else { continue };
            if self.repo.has_object(other)? && self.repo.is_ancestor(other, &head)? {
                below.push((row.card.id, other.clone()));
            }
        }
        self.sort_by_ancestry(below)
    }

    /// The branches of a stack, the lowest first: those between the base and `branch`, and itself. Branches of tasks that
    /// git-orch manages are not among them.
    ///
    /// # Errors
    /// No such branch, or git fails.
    pub(crate) fn stack_of(&self, branch: &str) -> Result<Vec<String>, FlowError> {
        let (head, _) = self.ends(branch, None)?;
        let mut found = Vec::new();
        for (name, tip) in self.repo.list("refs/heads/")?.refs {
            let short = name.trim_start_matches("refs/heads/").to_owned();
            let ours = short.starts_with(layout::BRANCH_PREFIX) || short == self.base.branch;
            if ours
                || tip == head
                || !self.repo.is_ancestor(&tip, &head)?
                || self.repo.is_ancestor(&tip, &self.base.tip)?
            {
                continue;
            }
            found.push((short, tip));
        }
        let mut stack: Vec<String> =
            self.sort_by_ancestry(found)?.into_iter().map(|(short, _)| short).collect();
        stack.push(branch.to_owned());
        Ok(stack)
    }

    /// Sorts commits of one line of history, the oldest first.
    fn sort_by_ancestry<T>(&self, mut all: Vec<(T, CommitId)>) -> Result<Vec<(T, CommitId)>, FlowError> {
        let mut sorted: Vec<(T, CommitId)> = Vec::new();
        while let Some((name, commit)) = all.pop() {
            let mut at = sorted.len();
            while at > 0 && !self.repo.is_ancestor(&sorted[at - 1].1, &commit)? {
                at -= 1;
            }
            sorted.insert(at, (name, commit));
        }
        Ok(sorted)
    }
}

/// Whether a subject says that the work is not ready: `WIP: ...`, `fixup! ...`.
fn is_draft(subject: &str) -> bool {
    let subject = subject.trim().to_ascii_lowercase();
    DRAFTS.iter().any(|word| {
        subject.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            && (*word != "draft" || subject[word.len()..].starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_draft;

    #[test]
    fn only_what_says_so_is_a_draft() {
        for subject in ["WIP", "wip: x", "[WIP] x", "Draft: x", "fixup! x", "squash! x", "[draft] x"] {
            assert!(is_draft(subject), "{subject}");
        }
        for subject in ["Wipe the disk", "Draft the letter", "Fix up x", "drafts"] {
            assert!(!is_draft(subject), "{subject}");
        }
    }
}
