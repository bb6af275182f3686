//! Branches that nobody manages, as tasks in the queue: adding one by hand is its approval.

use std::collections::BTreeSet;

use crate::guard::size::Size;
use crate::store::{Op, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::{CommitId, TaskId};
use crate::task::state::{Change, Claim};
use crate::task::{Event, Evidence, State, Task, Trouble, Who};

use super::gate::Measured;
use super::landings::{Ends, Landings};
use super::task::{PRIORITY, conflict_with_base};
use super::{FlowError, Gated, Limit, Project};

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
    /// Refuses a branch that says that it is not ready, and one that the gates size and paths do not let pass.
    pub(super) fn refuse_unfit(&self, branch: &str, measured: &Measured) -> Result<(), FlowError> {
        let subject = self.repo.read_commit(&measured.head)?.subject;
        if is_draft(&subject) {
            let text = format!("its last commit says that it is not ready: {subject}");
            let reword = format!("git rebase --interactive {} {branch}", self.base.branch);
            let evidence = Evidence { reproduce: Some(reword), ..Evidence::new(Trouble::Draft, text) };
            return self.refuse(branch, evidence, None);
        }
        measured.refusal().map_or(Ok(()), |evidence| self.refuse(branch, evidence, measured.limit()))
    }

    /// Refuses a branch that conflicts with the base in these files.
    pub(super) fn refuse_conflict(&self, branch: &str, files: Vec<String>) -> Result<(), FlowError> {
        self.refuse(branch, conflict_with_base(&self.base.branch, files), None)
    }

    fn refuse(&self, branch: &str, mut evidence: Evidence, limit: Option<Limit>) -> Result<(), FlowError> {
        if evidence.trouble == Trouble::ConflictBase {
            let reproduce = format!("git merge-tree --write-tree --name-only {} {branch}", self.base.branch);
            evidence.reproduce = Some(reproduce);
        }
        Err(FlowError::Gate { of: Gated::Branch(branch.to_owned()), evidence: Box::new(evidence), limit })
    }

    /// Puts a branch that nobody manages into the queue as a task. Adding it by hand is its approval.
    ///
    /// # Errors
    /// No such branch, no change over the base, no right.
    pub(crate) fn adopt(&self, op: &Op, branch: &str, with: &Adoption) -> Result<Stored, FlowError> {
        self.refuse_stranger("queue add", branch, &[])?;
        let ends = self.ends(branch, with.onto.as_ref(), &mut Landings::default())?;
        let size = self.size_of(&ends.base, &ends.head)?;
        let change = self.change_by_hand(ends, &size);
        let stored = match self.adopted(branch)? {
            Some(stored) => stored,
            None => self.add(op, self.adopted_task(branch, &change.head, with, &BTreeSet::new())?)?,
        };
        let id = stored.task.id.clone();
        let title = self.newer_title(&stored.task, &change.head)?;
        // Its branch may go, and other clones do not have it.
        self.store.keep_attempt(&id, &change.head)?;
        self.store.change(op, &self.person(), &id, |stored: &Stored| {
            let task = &stored.task;
            let after = if with.after.is_empty() { &task.after } else { &with.after };
            let edit = Edit {
                title: title.clone(),
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

    /// The subject of a branch's new tip, where its task is called as the old tip was: what lands is named in the base's
    /// history. A title that a person gave stays.
    fn newer_title(&self, task: &Task, head: &CommitId) -> Result<Option<String>, FlowError> {
        let Some(old) = task.head().filter(|old| *old != head) else { return Ok(None) };
        if !self.repo.has_object(old)? || self.repo.read_commit(old)?.subject != task.title {
            return Ok(None);
        }
        Ok(Some(self.repo.read_commit(head)?.subject).filter(|title| *title != task.title))
    }

    /// The first events of a branch's task: it is there, and queued.
    pub(super) fn adopting(&self, new: NewTask, with: &Adoption, ends: Ends, size: &Size) -> Vec<Event> {
        let hotfix = with.hotfix.then(|| Event::Edited(Edit { hotfix: Some(true), ..Edit::default() }));
        let added = [Event::Added(Box::new(new))];
        let queued = Event::Enqueued { change: self.change_by_hand(ends, size) };
        added.into_iter().chain(hotfix).chain([queued]).collect()
    }

    /// The change of a branch that somebody put into the queue by hand.
    fn change_by_hand(&self, ends: Ends, size: &Size) -> Change {
        let claim = Claim { owner: Who(self.who.clone()), epoch: 1 };
        Change { claim, head: ends.head, base: ends.base, added: size.added, removed: size.removed }
    }

    /// The open task that an adopted branch already is.
    pub(crate) fn adopted(&self, branch: &str) -> Result<Option<Stored>, FlowError> {
        let rows = self.store.open_tasks()?.rows;
        let row = rows.into_iter().find(|row| row.card.adopted && row.card.branch == branch);
        Ok(row.map(|row| self.store.load(&row.card.id)).transpose()?.flatten())
    }

    /// The task of a branch, under an id that is neither in use nor among those `given`.
    pub(super) fn adopted_task(
        &self,
        branch: &str,
        head: &CommitId,
        with: &Adoption,
        given: &BTreeSet<TaskId>,
    ) -> Result<NewTask, FlowError> {
        let wanted = TaskId::from_branch(branch);
        let mut id = wanted.clone();
        for number in 2.. {
            let open = self.repo.tip(&layout::task_ref(&id))?.is_some();
            if !open && !given.contains(&id) && self.store.archived(&id)?.is_none() {
                break;
            }
            id = wanted.numbered(number);
        }
        Ok(NewTask {
            id,
            // A commit may say nothing; a task has to.
            title: Some(self.repo.read_commit(head)?.subject)
                .filter(|subject| !subject.is_empty())
                .unwrap_or_else(|| branch.to_owned()),
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

    /// The branches of a stack, the lowest first: those between the base and `branch`, and itself. Branches of tasks that
    /// git-orch manages are not among them.
    ///
    /// # Errors
    /// No such branch, or git fails.
    pub(crate) fn stack_of(&self, branch: &str) -> Result<Vec<String>, FlowError> {
        let head = self.ends(branch, None, &mut Landings::default())?.head;
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
    pub(super) fn sort_by_ancestry<T>(
        &self,
        mut all: Vec<(T, CommitId)>,
    ) -> Result<Vec<(T, CommitId)>, FlowError> {
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
