//! Composes chains of changes on the base, without a worktree. The same facts give the same commits.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::git::merge_tree::{Composer, Merged};
use crate::git::objects::{NewCommit, Person, TreeEdit};
use crate::queue::{self, Composition};
use crate::store::journal::one_line;
use crate::task::id::{CommitId, TaskId, TreeId};
use crate::task::{State, Task};

use super::{Lander, Queued};

impl Lander<'_> {
    /// Composes every prefix of a chain that is not known, up to the first that is not clean.
    pub(super) fn compose(&mut self, queued: &[Queued], members: &[TaskId]) -> Result<bool, FlowError> {
        let mut composer = Composer::open(&self.project.repo)?;
        let mut tip = self.project.base.tip.clone();
        let mut chain: Vec<(TaskId, CommitId)> = Vec::new();
        let mut progressed = false;
        for task in members {
            let Some(member) = Self::find(queued, task) else { return Ok(progressed) };
            chain.push((task.clone(), member.entry.head.clone()));
            let known = self.compositions.get(&chain).cloned();
            let composition = match known {
                Some(known) => known,
                None => {
                    progressed = true;
                    let made = self.compose_one(&mut composer, &tip, member, queued, &chain)?;
                    self.compositions.insert(chain.clone(), made.clone());
                    made
                }
            };
            match composition {
                Composition::Clean { commit, .. } => tip = commit,
                Composition::Empty
                | Composition::ConflictWith { .. }
                | Composition::ConflictWithBase { .. } => break,
            }
        }
        Ok(progressed)
    }

    pub(super) fn compose_one(
        &self,
        composer: &mut Composer,
        onto: &CommitId,
        member: &Queued,
        queued: &[Queued],
        chain: &[(TaskId, CommitId)],
    ) -> Result<Composition, FlowError> {
        let base = &self.project.base.tip;
        let head = &member.entry.head;
        match composer.merge(onto, head)? {
            Merged::Clean(tree) => {
                let tree = self.with_changelog(&tree, &member.stored.task)?;
                if self.project.repo.is_ancestor(head, onto)? || tree == self.project.repo.tree_of(onto)? {
                    return Ok(Composition::Empty);
                }
                let commit = self.merge_commit(onto, member, &tree)?;
                self.project.store.keep_candidate(&tree, &commit)?;
                Ok(Composition::Clean { commit, tree })
            }
            Merged::Conflict { files, .. } => {
                let files: BTreeSet<String> = files.into_iter().collect();
                if onto == base || !matches!(composer.merge(base, head)?, Merged::Clean(_)) {
                    return Ok(Composition::ConflictWithBase { files });
                }
                // The one ahead that it shares a conflicting file with; the last one before it where none does.
                let ahead = chain.iter().rev().skip(1).map(|(task, _)| task).find(|task| {
                    Self::find(queued, task)
                        .is_some_and(|other| !other.entry.footprint.paths.is_disjoint(&files))
                });
                let before = chain.iter().rev().nth(1).map(|(task, _)| task);
                match ahead.or(before) {
                    Some(ahead) => Ok(Composition::ConflictWith { ahead: ahead.clone(), files }),
                    None => Ok(Composition::ConflictWithBase { files }),
                }
            }
            Merged::Unrelated => Ok(Composition::ConflictWithBase {
                files: BTreeSet::from(["(no common history)".to_owned()]),
            }),
        }
    }

    /// The merge commit of a member. The same facts give the same commit, so that a crash costs no second test run.
    pub(super) fn merge_commit(
        &self,
        onto: &CommitId,
        member: &Queued,
        tree: &TreeId,
    ) -> Result<CommitId, FlowError> {
        let repo = &self.project.repo;
        let task = &member.stored.task;
        let (before, head) = (repo.read_commit(onto)?, repo.read_commit(&member.entry.head)?);
        // Never dated before its parents: git's walks go wrong otherwise.
        let at = before.committer_time.max(head.committer_time).max(member.entry.enqueued_at);
        let person = Person { time: at, ..self.project.committer() };
        let mut message = format!("Merge {}: {}\n\n", task.id, one_line(&task.title));
        message.push_str(&format!("Orch-Task: {}\nOrch-Nonce: {}\n", task.id, member.entry.nonce.0));
        if let State::ReadyForHandoff { approval, .. } = &task.state {
            message.push_str(&format!("Orch-Approved-By: {}\n", one_line(&approval.by.0)));
        }
        if self.project.policy.signoff {
            message.push_str(&format!("Signed-off-by: {} <{}>\n", person.name, person.email));
        }
        Ok(repo.commit(&NewCommit {
            tree,
            parents: &[onto.clone(), member.entry.head.clone()],
            author: &person,
            committer: &person,
            message: &message,
        })?)
    }

    /// Writes a task's CHANGELOG entry into the composed tree: entries of parallel tasks never conflict (D12).
    pub(super) fn with_changelog(&self, tree: &TreeId, task: &Task) -> Result<TreeId, FlowError> {
        let (Some(path), Some(entry)) = (&self.project.policy.queue.changelog, &task.changelog) else {
            return Ok(tree.clone());
        };
        let old = self.project.repo.read_tree_file(tree, path)?.unwrap_or_default();
        let text = queue::changelog::with_entry(&String::from_utf8_lossy(&old), &one_line(entry));
        let put = TreeEdit::Put { path: path.clone(), bytes: text.into_bytes(), executable: false };
        Ok(self.project.repo.edit_tree(Some(tree), &[put])?)
    }

    /// What lands equals an independent recomposition (I2): a second process, from the base, member by member.
    pub(super) fn check_composition(
        &self,
        queued: &[Queued],
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
    ) -> Result<(), FlowError> {
        let mut composer = Composer::open(&self.project.repo)?;
        let mut tip = self.project.base.tip.clone();
        let mut last = self.project.repo.tree_of(&tip)?;
        for task in members {
            let Some(member) = Self::find(queued, task) else { continue };
            let Merged::Clean(merged) = composer.merge(&tip, &member.entry.head)? else {
                return Err(crate::git::GitError::OtherTree { commit: commit.clone() }.into());
            };
            last = self.with_changelog(&merged, &member.stored.task)?;
            tip = self.merge_commit(&tip, member, &last)?;
        }
        if last != *tree {
            return Err(crate::git::GitError::OtherTree { commit: commit.clone() }.into());
        }
        Ok(())
    }
}
