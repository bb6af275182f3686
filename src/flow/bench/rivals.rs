//! The policies of other queues, carried out with plain git: real merges in worktrees, the same suite, the same slots.
//!
//! They are scripts of the rules that are public, not those programs: bors-ng is archived, Zuul needs ZooKeeper and nodes.

use std::path::{Path, PathBuf};

use crate::flow::FlowError;
use crate::process::Command;

use super::ground::git;

/// Who lands the branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rival {
    /// Each branch by itself, one after the other.
    Serial,
    /// All as one batch; a red batch is halved, the first half goes first. One batch at a time.
    Bors,
    /// Each branch on top of all ahead of it, as many at a time as there are slots. Who fails leaves, and everybody behind
    /// it is built again.
    Zuul,
}

/// A repository in which branches wait, with checkouts to test in.
pub(super) struct Yard {
    dir: PathBuf,
    pub(super) slots: Vec<PathBuf>,
}

impl Yard {
    /// Makes a checkout for each slot.
    pub(super) fn new(dir: &Path, slots: usize) -> Result<Yard, FlowError> {
        let mut yard = Yard { dir: dir.to_owned(), slots: Vec::new() };
        for slot in 0..slots.max(1) {
            let path = dir.with_file_name(format!("slot-{slot}"));
            git(dir, &["worktree", "add", "--quiet", "--detach", &path.display().to_string(), "main"])?;
            yard.slots.push(path);
        }
        Ok(yard)
    }

    /// Merges branches onto a commit in the checkout of a slot; `None` where they conflict.
    pub(super) fn merge(
        &self,
        slot: usize,
        onto: &str,
        branches: &[String],
    ) -> Result<Option<String>, FlowError> {
        let dir = &self.slots[slot];
        git(dir, &["checkout", "--quiet", "--detach", onto])?;
        for branch in branches {
            let merge = ["merge", "--quiet", "--no-ff", "-m", &format!("merge {branch}"), branch];
            if !Command::new("git").args(merge).dir(dir).run()?.success() {
                git(dir, &["merge", "--abort"])?;
                return Ok(None);
            }
        }
        git(dir, &["rev-parse", "HEAD"]).map(Some)
    }

    /// Runs the suite in the checkouts of the first slots, all at the same time; which were green.
    pub(super) fn test(&self, slots: usize) -> Result<Vec<bool>, FlowError> {
        let run = |dir: &PathBuf| Command::new("sh").arg("suite.sh").dir(dir).run();
        let ended: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> =
                self.slots[..slots].iter().map(|dir| scope.spawn(move || run(dir))).collect();
            started.into_iter().map(|thread| thread.join().expect("a suite does not panic")).collect()
        });
        Ok(ended.into_iter().map(|ran| ran.map(|ran| ran.success())).collect::<Result<_, _>>()?)
    }

    pub(super) fn land(&self, commit: &str) -> Result<(), FlowError> {
        git(&self.dir, &["update-ref", "refs/heads/main", commit]).map(|_| ())
    }
}

/// Lands what can be landed of these branches, by the rules of a rival.
pub(super) fn play(dir: &Path, rival: Rival, branches: &[String], slots: usize) -> Result<(), FlowError> {
    let yard = Yard::new(dir, slots)?;
    match rival {
        Rival::Serial => serial(&yard, branches),
        Rival::Bors => bors(&yard, branches),
        Rival::Zuul => zuul(&yard, branches),
    }
}

fn serial(yard: &Yard, branches: &[String]) -> Result<(), FlowError> {
    for branch in branches {
        if let Some(commit) = yard.merge(0, "main", std::slice::from_ref(branch))?
            && yard.test(1)?[0]
        {
            yard.land(&commit)?;
        }
    }
    Ok(())
}

fn bors(yard: &Yard, batch: &[String]) -> Result<(), FlowError> {
    let merged = yard.merge(0, "main", batch)?;
    if let Some(commit) = &merged
        && yard.test(1)?[0]
    {
        return yard.land(commit);
    }
    if let ([_, _, ..], (first, second)) = (batch, batch.split_at(batch.len() / 2)) {
        bors(yard, first)?;
        bors(yard, second)?;
    }
    Ok(())
}

/// All runs take the same time here, so those of one round end together, and nothing is gained by cancelling.
fn zuul(yard: &Yard, branches: &[String]) -> Result<(), FlowError> {
    let mut waiting = branches.to_vec();
    while !waiting.is_empty() {
        let (mut built, mut onto) = (Vec::new(), "main".to_owned());
        while built.len() < yard.slots.len() && built.len() < waiting.len() {
            let branch = waiting[built.len()].clone();
            match yard.merge(built.len(), &onto, std::slice::from_ref(&branch))? {
                Some(commit) => {
                    onto.clone_from(&commit);
                    built.push(commit);
                }
                None => waiting.retain(|other| *other != branch),
            }
        }
        let green = yard.test(built.len())?;
        let good = green.iter().take_while(|green| **green).count();
        if let Some(commit) = good.checked_sub(1).map(|last| &built[last]) {
            yard.land(commit)?;
        }
        let decided = if good < built.len() { good + 1 } else { good };
        waiting.drain(..decided.min(waiting.len()));
    }
    Ok(())
}
