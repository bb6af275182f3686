//! Where many branches left one: what the trunk has is read once for all of them, and only as far back as they go.

use super::refs::{commit_id, object_id};
use super::{GitError, Repo};
use crate::task::id::CommitId;
use gix::ObjectId;
use std::collections::{BinaryHeap, HashSet};

/// Clocks may differ by so many seconds: a commit of the trunk is looked for among those that are not older than this.
const SKEW: i64 = 24 * 3600;

/// A branch that others left, as far back as it was read.
#[derive(Debug)]
pub(crate) struct Trunk {
    tip: CommitId,
    has: HashSet<ObjectId>,
    /// What is to be read next, the newest first.
    next: BinaryHeap<(i64, ObjectId)>,
}

impl Trunk {
    /// The history of a commit, of which nothing is read yet.
    ///
    /// # Errors
    /// The commit cannot be read.
    pub(crate) fn of(repo: &Repo, tip: &CommitId) -> Result<Trunk, GitError> {
        let mut trunk = Trunk { tip: tip.clone(), has: HashSet::new(), next: BinaryHeap::new() };
        trunk.push(repo, object_id(tip)?)?;
        Ok(trunk)
    }

    /// The history of a commit, knowing what was read for an earlier tip of the same branch.
    ///
    /// # Errors
    /// A commit cannot be read.
    pub(crate) fn moved_to(self, repo: &Repo, tip: &CommitId) -> Result<Trunk, GitError> {
        if self.tip == *tip {
            return Ok(self);
        }
        if !repo.is_ancestor(&self.tip, tip)? {
            return Trunk::of(repo, tip);
        }
        let mut trunk = Trunk { tip: tip.clone(), ..self };
        trunk.push(repo, object_id(tip)?)?;
        Ok(trunk)
    }

    /// The best common ancestor of the trunk and `head`; `None` where the histories are unrelated.
    ///
    /// Where commits are dated more than a day before their parents, it may be an older common ancestor.
    ///
    /// # Errors
    /// A commit cannot be read.
    pub(crate) fn fork(&mut self, repo: &Repo, head: &CommitId) -> Result<Option<CommitId>, GitError> {
        let mut at = object_id(head)?;
        loop {
            let (time, parents) = seen(repo, at)?;
            self.read_down_to(repo, time - SKEW)?;
            if self.has.contains(&at) {
                return Ok(Some(commit_id(at)));
            }
            match parents[..] {
                [parent] => at = parent,
                // A merge has several ways back, and only a search of all of them finds the best.
                _ => return repo.merge_base(&self.tip, head),
            }
        }
    }

    fn read_down_to(&mut self, repo: &Repo, time: i64) -> Result<(), GitError> {
        while let Some((_, id)) = self.next.peek().copied().filter(|(at, _)| *at >= time) {
            self.next.pop();
            if self.has.insert(id) {
                for parent in seen(repo, id)?.1 {
                    self.push(repo, parent)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, repo: &Repo, id: ObjectId) -> Result<(), GitError> {
        if !self.has.contains(&id) {
            self.next.push((seen(repo, id)?.0, id));
        }
        Ok(())
    }
}

/// Committer's time and parents of a commit.
fn seen(repo: &Repo, id: ObjectId) -> Result<(i64, Vec<ObjectId>), GitError> {
    let failed = || GitError::gix(format!("read the commit {id}"));
    let commit = repo.gix.find_commit(id).map_err(failed())?;
    let decoded = commit.decode().map_err(failed())?;
    Ok((decoded.time().map_err(failed())?.seconds, decoded.parents().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::objects::NewCommit;
    use crate::git::testing::{Sandbox, person};
    use crate::task::id::Seconds;
    use proptest::prelude::*;

    /// A commit of the test's history: its parents among those before it, and how much later it is than the last one.
    fn step() -> impl Strategy<Value = (usize, Option<usize>, i64)> {
        (0..6usize, prop::option::weighted(0.2, 0..6usize), -3600..7200i64)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn forks_are_those_of_merge_base(steps in prop::collection::vec(step(), 3..14)) {
            let sandbox = Sandbox::new();
            let (repo, tree) = (&sandbox.repo, sandbox.repo.tree_of(&sandbox.main()).unwrap());
            let mut commits = vec![sandbox.main()];
            let mut time = 1_700_000_000;
            for (number, (back, other, later)) in steps.iter().enumerate() {
                time += later;
                let pick = |back: usize| commits[commits.len().saturating_sub(1 + back)].clone();
                let mut parents = vec![pick(*back)];
                parents.extend(other.map(pick).filter(|other| *other != parents[0]));
                let who = crate::git::objects::Person { time: Seconds(time), ..person() };
                let message = number.to_string();
                let new = NewCommit { tree: &tree, parents: &parents, author: &who, committer: &who, message: &message };
                commits.push(repo.commit(&new).unwrap());
            }
            let mut trunk = Trunk::of(repo, &commits[commits.len() / 2]).unwrap();
            for tip in &commits[commits.len() / 2..] {
                trunk = trunk.moved_to(repo, tip).unwrap();
                for head in &commits {
                    let (ours, gits) = (trunk.fork(repo, head).unwrap(), repo.merge_base(tip, head).unwrap());
                    if ours != gits {
                        // Of several best ones any will do.
                        let all = sandbox.git(&["merge-base", "--all", tip.as_str(), head.as_str()]);
                        prop_assert!(all.lines().any(|line| Some(line) == ours.as_ref().map(|id| id.as_str())));
                    }
                }
            }
        }
    }
}
