//! Branches that nobody manages, as tasks in the queue: adding one by hand is its approval.

use std::collections::BTreeSet;

use crate::guard::size::Size;
use crate::store::{Op, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::{CommitId, TaskId};
use crate::task::state::{Change, Claim};
use crate::task::{Event, Evidence, State, Task, Trouble, Who};

use super::gate::Measured;
use super::intake::Intake;
use super::task::{PRIORITY, conflict_with_base};
use super::{FlowError, Gated, Limit, Project};

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
    /// Whether a branch could be adopted now, as [`Intake::check`] says it of many.
    ///
    /// # Errors
    /// No such branch, no change, no right, or a gate that says no.
    pub(crate) fn check_branch(&self, branch: &str, onto: Option<&CommitId>) -> Result<Measured, FlowError> {
        let checked = Intake::open(self)?.check(&[(branch.to_owned(), onto.cloned())])?;
        Ok(checked.into_iter().next().expect("an answer for each branch").measured)
    }

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

    /// The branch's tip, and where its own change begins.
    pub(super) fn ends(
        &self,
        branch: &str,
        onto: Option<&CommitId>,
        landings: &mut Landings,
    ) -> Result<Ends, FlowError> {
        let head = self
            .repo
            .tip(&layout::branch_ref(branch))?
            .ok_or_else(|| FlowError::NoBranch(crate::task::id::shown(branch)))?;
        let fork = match onto {
            Some(onto) => Some(onto.clone()),
            None => landings.below(self, &head)?,
        };
        let base = match &fork {
            Some(fork) => fork.clone(),
            None => self.merge_base(&head)?,
        };
        if base == head {
            return Err(FlowError::NoChange { branch: branch.to_owned(), base: self.base.branch.clone() });
        }
        Ok(Ends { head, base, fork })
    }

    /// The tip of the nearest branch below a commit that landed as other commits, squashed or rebased: its landing
    /// names it, as history cannot.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn landed_below(&self, head: &CommitId) -> Result<Option<CommitId>, FlowError> {
        Landings::default().below(self, head)
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

/// Where a branch begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) head: CommitId,
    /// Where its own change begins.
    pub(super) base: CommitId,
    /// The same, where history does not know it: to be merged as if it were the common ancestor.
    pub(super) fork: Option<CommitId>,
}

/// What the base's first-parent history says landed as other commits, read as far back as somebody asked.
#[derive(Default)]
pub(super) struct Landings {
    /// Commits that were read, newest first.
    read: Vec<CommitId>,
    /// Which of them name the tip of a branch that landed with them.
    named: Vec<(usize, CommitId)>,
    next: Option<CommitId>,
}

impl Landings {
    /// The tip of the nearest branch below `head` that landed as other commits.
    pub(super) fn below(
        &mut self,
        project: &Project,
        head: &CommitId,
    ) -> Result<Option<CommitId>, FlowError> {
        let repo = &project.repo;
        let fork = repo.merge_base(&project.base.tip, head)?;
        let until = self.read_until(project, fork.as_ref())?;
        let mut nearest: Option<CommitId> = None;
        for (_, below) in self.named.iter().filter(|(at, _)| *at < until) {
            if repo.has_object(below)?
                && repo.is_ancestor(below, head)?
                && nearest.as_ref().map_or(Ok(true), |nearest| repo.is_ancestor(nearest, below))?
            {
                nearest = Some(below.clone());
            }
        }
        Ok(nearest)
    }

    /// Reads down to a commit; how many are above it.
    fn read_until(&mut self, project: &Project, fork: Option<&CommitId>) -> Result<usize, FlowError> {
        if let Some(at) = fork.and_then(|fork| self.read.iter().position(|commit| commit == fork)) {
            return Ok(at);
        }
        if self.read.is_empty() {
            self.next = Some(project.base.tip.clone());
        }
        while let Some(id) = self.next.take() {
            let commit = project.repo.read_commit(&id)?;
            self.next = commit.parents.first().cloned();
            let at = self.read.len();
            let named = commit.trailers.iter().find(|(key, _)| key == LANDED_HEAD);
            self.named.extend(named.and_then(|(_, id)| CommitId::parse(id).ok()).map(|below| (at, below)));
            self.read.push(id);
            if self.read.last() == fork {
                return Ok(at);
            }
        }
        Ok(self.read.len())
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
