//! Composes chains of changes on the base, without a worktree. The same facts give the same commits.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::FlowError;
use crate::git::GitError;
use crate::git::merge_tree::{Composer, Merged, Pair, told};
use crate::queue::{self, Composition};
use crate::store::journal::one_line;
use crate::task::id::{CommitId, TaskId, TreeId};
use crate::task::state::Phase;
use crate::task::{State, Task};

use super::{Chain, Lander, Queued};

/// One step that is to be composed: a chain whose prefix is clean, with what its last member is merged onto.
struct Wanted<'q> {
    chain: Chain,
    member: &'q Queued,
    onto: CommitId,
    fork: Option<CommitId>,
}

impl Lander<'_> {
    /// Composes every prefix of each chain that is not known, up to the first that is not clean: all steps of one
    /// depth in one process, whatever the number of chains.
    pub(super) fn compose(&mut self, queued: &[Queued], chains: &[&Vec<TaskId>]) -> Result<bool, FlowError> {
        let mut composer = Composer::open(&self.project.repo)?;
        let mut progressed = false;
        let longest = chains.iter().map(|members| members.len()).max().unwrap_or(0);
        for depth in 1..=longest {
            let mut wanted: BTreeMap<Chain, Wanted<'_>> = BTreeMap::new();
            for members in chains.iter().filter(|members| members.len() >= depth) {
                if let Some(step) = self.step(queued, &members[..depth])? {
                    wanted.insert(step.chain.clone(), step);
                }
            }
            let steps: Vec<Wanted<'_>> = wanted.into_values().collect();
            let pairs: Vec<Pair<'_>> = steps
                .iter()
                .map(|step| Pair {
                    ours: &step.onto,
                    theirs: &step.member.entry.head,
                    base: step.fork.as_ref(),
                })
                .collect();
            let merged = composer.merge_all(&pairs)?;
            for (step, merged) in steps.iter().zip(merged) {
                let made = self.composed(&mut composer, queued, step, merged)?;
                self.compositions.insert(step.chain.clone(), made);
                progressed = true;
            }
        }
        Ok(progressed)
    }

    /// Forgets chains that were composed on another base, or from heads that moved, or whose commits are gone: only what
    /// is tested gets a ref, and `git gc --prune=now` may take the rest.
    pub(super) fn drop_stale(&mut self, queued: &[Queued]) {
        let tip = &self.project.base.tip;
        if self.composed_on.as_ref() != Some(tip) {
            self.compositions.clear();
            self.composed_on = Some(tip.clone());
        }
        let heads: BTreeMap<&TaskId, &CommitId> =
            queued.iter().map(|queued| (&queued.entry.task, &queued.entry.head)).collect();
        let repo = &self.project.repo;
        self.compositions.retain(|chain, composition| {
            let there = match composition {
                Composition::Clean { commit, .. } => repo.has_object(commit).unwrap_or_default(),
                Composition::ConflictWithBase { .. }
                | Composition::ConflictWith { .. }
                | Composition::Empty => true,
            };
            there && chain.iter().all(|(task, head)| heads.get(task) == Some(&head))
        });
    }

    /// Composes again the chains that the records say were under test: what was tested by a process that is gone must
    /// count, whatever this one would choose by itself.
    pub(super) fn recompose(&mut self, queued: &[Queued]) -> Result<(), FlowError> {
        self.drop_stale(queued);
        let mut candidates: BTreeSet<&CommitId> = BTreeSet::new();
        for member in queued {
            if let State::ReadyForHandoff { phase: Phase::Testing { candidate }, .. } =
                &member.stored.task.state
            {
                candidates.insert(candidate);
            }
        }
        let base = &self.project.base.tip;
        let mut chains = Vec::new();
        for candidate in candidates {
            if !self.project.repo.has_object(candidate)? || !self.project.repo.is_ancestor(base, candidate)? {
                continue;
            }
            let mut chain = Vec::new();
            for commit in self.project.repo.first_parent(candidate, Some(base), usize::MAX)? {
                let task = commit.trailers.iter().find(|(key, _)| key == "Orch-Task");
                chain.extend(task.and_then(|(_, id)| TaskId::parse(id).ok()));
            }
            chain.reverse();
            chains.push(chain);
        }
        let chains: Vec<&Vec<TaskId>> = chains.iter().collect();
        self.compose(queued, &chains).map(|_| ())
    }

    /// The step that makes the last prefix of `members`; `None` where it is known, or cannot be made yet.
    fn step<'q>(&self, queued: &'q [Queued], members: &[TaskId]) -> Result<Option<Wanted<'q>>, FlowError> {
        let found: Option<Vec<&'q Queued>> = members.iter().map(|task| Self::find(queued, task)).collect();
        let Some(found) = found else { return Ok(None) };
        let chain: Chain = found.iter().map(|one| (one.entry.task.clone(), one.entry.head.clone())).collect();
        let Some((member, before)) = found.split_last() else { return Ok(None) };
        if self.compositions.contains_key(&chain) {
            return Ok(None);
        }
        let onto = match self.compositions.get(&chain[..chain.len() - 1]) {
            Some(Composition::Clean { commit, .. }) => commit.clone(),
            None if before.is_empty() => self.project.base.tip.clone(),
            _ => return Ok(None),
        };
        let heads: Vec<&CommitId> = before.iter().map(|one| &one.entry.head).collect();
        let fork = self.fork(&member.entry.head, &heads)?;
        Ok(Some(Wanted { chain, member, onto, fork }))
    }

    /// What the merge of a step means.
    fn composed(
        &self,
        composer: &mut Composer,
        queued: &[Queued],
        step: &Wanted<'_>,
        merged: Merged,
    ) -> Result<Composition, FlowError> {
        let Wanted { member, onto, fork, .. } = step;
        let (base, head) = (&self.project.base.tip, &member.entry.head);
        match merged {
            Merged::Clean(tree) => {
                let tree = self.with_changelog(&tree, &member.stored.task)?;
                if self.project.repo.is_ancestor(head, onto)? || tree == self.project.repo.tree_of(onto)? {
                    return Ok(Composition::Empty);
                }
                let commit = self.landing_commit(composer, onto, member, fork.as_ref(), &tree)?;
                Ok(Composition::Clean { commit, tree })
            }
            Merged::Conflict { files, .. } => {
                let files: BTreeSet<String> = told(&files).into_iter().collect();
                if onto == base || !self.merges_with_base(composer, member)? {
                    return Ok(Composition::ConflictWithBase { files });
                }
                match self.blocker(composer, queued, step, &files)? {
                    Some(ahead) => Ok(Composition::ConflictWith { ahead, files }),
                    None => Ok(Composition::ConflictWithBase { files }),
                }
            }
            Merged::Unrelated => Ok(Composition::ConflictWithBase {
                files: BTreeSet::from(["(no common history)".to_owned()]),
            }),
        }
    }

    /// The one ahead that a step conflicts with: of those that changed a file in conflict the last one that is enough for
    /// it by itself, or else the last of them, or else the last one ahead.
    fn blocker(
        &self,
        composer: &mut Composer,
        queued: &[Queued],
        step: &Wanted<'_>,
        files: &BTreeSet<String>,
    ) -> Result<Option<TaskId>, FlowError> {
        let ahead = step.chain.iter().rev().skip(1);
        let own = &step.member.entry.footprint.paths;
        let touches = |other: &Queued, files| !other.entry.footprint.paths.is_disjoint(files);
        // A file that was moved is in conflict under a name that the other one never touched: those come second.
        let (touching, meeting): (Vec<&Queued>, Vec<&Queued>) = ahead
            .clone()
            .filter_map(|(task, _)| Self::find(queued, task))
            .filter(|other| touches(other, files) || touches(other, own))
            .partition(|other| touches(other, files));
        let touching = [touching, meeting].concat();
        for other in &touching {
            let alone = (other.entry.task.clone(), other.entry.head.clone());
            let onto = match self.compositions.get(std::slice::from_ref(&alone)) {
                Some(Composition::Clean { commit, .. }) => commit,
                _ => &other.entry.head,
            };
            let merged = composer.merge_from(step.fork.as_ref(), onto, &step.member.entry.head)?;
            if matches!(merged, Merged::Conflict { .. }) {
                return Ok(Some(other.entry.task.clone()));
            }
        }
        let last = touching.first().map(|other| &other.entry.task);
        Ok(last.or(ahead.clone().next().map(|(task, _)| task)).cloned())
    }

    /// Whether a member merges with the base as it is; mostly known, as every entry is composed alone first.
    fn merges_with_base(&self, composer: &mut Composer, member: &Queued) -> Result<bool, FlowError> {
        let head = &member.entry.head;
        match self.compositions.get(std::slice::from_ref(&(member.entry.task.clone(), head.clone()))) {
            Some(composition) => Ok(!matches!(composition, Composition::ConflictWithBase { .. })),
            None => {
                let fork = self.fork(head, &[])?;
                let merged = composer.merge_from(fork.as_ref(), &self.project.base.tip, head)?;
                Ok(matches!(merged, Merged::Clean(_)))
            }
        }
    }

    /// Writes a task's CHANGELOG entry into the composed tree: entries of parallel tasks never conflict (D12).
    pub(super) fn with_changelog(&self, tree: &TreeId, task: &Task) -> Result<TreeId, FlowError> {
        let (Some(path), Some(entry)) = (&self.project.policy.queue.changelog, &task.changelog) else {
            return Ok(tree.clone());
        };
        let old = self.project.repo.read_tree_file(tree, path)?.unwrap_or_default();
        let text = queue::changelog::with_entry(&old, &one_line(entry));
        Ok(self.project.repo.edit_file(tree, path, text)?)
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
        let mut heads: Vec<&CommitId> = Vec::new();
        let other = || GitError::OtherTree { commit: commit.clone() };
        for task in members {
            let Some(member) = Self::find(queued, task) else { return Err(other().into()) };
            let fork = self.fork(&member.entry.head, &heads)?;
            let Merged::Clean(merged) = composer.merge_from(fork.as_ref(), &tip, &member.entry.head)? else {
                return Err(other().into());
            };
            last = self.with_changelog(&merged, &member.stored.task)?;
            tip = self.landing_commit(&mut composer, &tip, member, fork.as_ref(), &last)?;
            heads.push(&member.entry.head);
        }
        if last != *tree || tip != *commit {
            return Err(other().into());
        }
        Ok(())
    }
}
