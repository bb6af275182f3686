//! What must hold at every step of a simulated world.

use super::scenario::Luck;
use super::world::{End, World, index};
use crate::queue::{Composition, Ejection, LandedOn, NeedsBaseline, Purpose, Verdict, View};
use crate::task::id::{CommitId, TaskId, TreeId};
use proptest::prelude::*;
use std::collections::BTreeSet;

impl World {
    /// A run is of a clean chain, in a free slot, of a tree that nobody knows or whose one red is in doubt.
    pub(super) fn check_start(
        &mut self,
        view: &View,
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        purpose: Purpose,
    ) -> Result<(), TestCaseError> {
        prop_assert!(self.running.len() < usize::try_from(self.scenario.slots).unwrap());
        prop_assert!(self.running.iter().all(|(run, _)| run.tree != *tree));
        if purpose == Purpose::Baseline {
            prop_assert_eq!(tree, &view.base.tree);
        } else {
            let chain: Vec<usize> = members.iter().map(index).collect();
            let composed = self.compose(&chain);
            prop_assert_eq!(composed, Composition::Clean { commit: commit.clone(), tree: tree.clone() });
        }
        let known = self.answers.contains_key(tree).then(|| self.known(tree).verdict);
        match known {
            None => prop_assert_ne!(purpose, Purpose::Confirm),
            Some(Verdict::NoEvidence { times, .. }) => prop_assert!(times < 2),
            Some(Verdict::Worse { times, unanswered, .. }) => {
                prop_assert!(unanswered < 2);
                prop_assert_eq!(purpose, Purpose::Confirm);
                prop_assert!(times <= self.scenario.rules.confirmations);
            }
            Some(verdict) => prop_assert!(false, "tests a tree again that is {verdict:?}"),
        }
        Ok(())
    }

    /// A landing is of a chain on today's base, of members that may land.
    pub(super) fn land(
        &mut self,
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        on: &LandedOn,
    ) -> Result<(), TestCaseError> {
        let chain: Vec<usize> = members.iter().map(index).collect();
        let composed = self.compose(&chain);
        prop_assert_eq!(composed, Composition::Clean { commit: commit.clone(), tree: tree.clone() });
        if *on == LandedOn::Commuting {
            self.check_commuting(&chain)?;
        } else {
            self.check_landing(&chain, tree, on)?;
        }
        for (at, &member) in chain.iter().enumerate() {
            let change = &self.scenario.changes[member];
            prop_assert!(self.landed.insert(member), "landed twice");
            prop_assert!(self.waiting(member));
            prop_assert!(chain.len() == 1 || !(change.barrier || change.accept_worse));
            let before = |other: usize| self.base.1.contains(&other) || chain[..at].contains(&other);
            prop_assert!(change.after.is_none_or(before));
        }
        self.base.1.extend(&chain);
        self.compositions.clear();
        if !std::mem::take(&mut self.lose_record) {
            for member in members {
                self.end(member, End::Landed)?;
            }
        }
        Ok(())
    }

    /// What lands past something was green without it, and the two touch nothing in common.
    fn check_commuting(&mut self, chain: &[usize]) -> Result<(), TestCaseError> {
        prop_assert!(self.scenario.rules.commute);
        let paths = |at: usize| &self.scenario.changes[at].paths;
        let apart = |&other: &usize| {
            let touches = |&member: &usize| !paths(member).is_disjoint(paths(other));
            !self.scenario.changes[other].barrier && !chain.iter().any(touches)
        };
        let vouches = |tree: &TreeId| {
            let content = &self.trees[usize::from_str_radix(tree.as_str(), 16).unwrap()];
            let members = content.1.difference(&self.base.1).eq(chain.iter().collect::<BTreeSet<_>>());
            let past = self.missing(content).is_some_and(|missing| missing.iter().all(apart));
            members && past && self.known(tree).verdict == Verdict::Green
        };
        prop_assert!(self.answers.keys().any(vouches), "lands past what it was not tested without");
        self.commuted = Some(self.expected());
        Ok(())
    }

    /// What lands was tested green as that tree, and makes nothing worse.
    fn check_landing(&mut self, chain: &[usize], tree: &TreeId, on: &LandedOn) -> Result<(), TestCaseError> {
        prop_assert!(self.answers.contains_key(tree), "lands what was not tested");
        let needed = match self.scenario.rules.needs_baseline {
            NeedsBaseline::All => self.commuted.is_none(),
            NeedsBaseline::Reds => matches!(on, LandedOn::Accepted { .. }),
            NeedsBaseline::None => false,
        };
        self.check_baseline(needed)?;
        let mut content = self.base.clone();
        content.1.extend(chain);
        let worse = !self.failing(&content).is_subset(&self.failing(&self.base));
        match (self.known(tree).verdict, on) {
            (Verdict::Green, LandedOn::Green | LandedOn::Flaky) => prop_assert!(!worse),
            (Verdict::Worse { .. }, LandedOn::Accepted { .. }) => {
                prop_assert!(chain.len() == 1 && self.scenario.changes[chain[0]].accept_worse);
            }
            (verdict, on) => prop_assert!(false, "lands {verdict:?} as {on:?}"),
        }
        self.commuted = None;
        Ok(())
    }

    /// Where results are compared with the base's, those are there.
    fn check_baseline(&self, needed: bool) -> Result<(), TestCaseError> {
        prop_assert!(self.base_answered() || !needed);
        Ok(())
    }

    /// Nobody is ejected who did no harm; a flake can look like harm only where the world has flakes.
    pub(super) fn check_ejection(&self, at: usize, because: &Ejection) -> Result<(), TestCaseError> {
        let change = &self.scenario.changes[at];
        match because {
            Ejection::Conflict { with, .. } => {
                let landed = self.base.1.iter().any(|&other| self.in_conflict(at, other));
                prop_assert!(change.conflicts_with_base || landed);
                if let Some(with) = with {
                    prop_assert!(self.base.1.contains(&index(with)) && self.in_conflict(at, index(with)));
                }
            }
            Ejection::Worse { runs, .. } => {
                self.check_baseline(self.scenario.rules.needs_baseline != NeedsBaseline::None)?;
                prop_assert!(*runs > self.scenario.rules.confirmations && !change.accept_worse);
                let mut content = self.base.clone();
                content.1.insert(at);
                let worse = !self.failing(&content).is_subset(&self.failing(&self.base));
                prop_assert!(worse || self.scenario.luck.contains(&Luck::Flake));
            }
            Ejection::NoEvidence { runs, .. } => {
                prop_assert!(*runs >= 2 && self.scenario.luck.contains(&Luck::NoEvidence));
            }
        }
        Ok(())
    }

    /// Who is still there at the end waits for a person, or for somebody who does not come.
    pub(super) fn check_end(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            self.ends.values().filter(|end| **end == End::Landed).count(),
            self.landed.len(),
            "a landing without a record"
        );
        let looked = self.commuted.is_none() || self.stopped.is_some() || self.asked;
        prop_assert!(looked, "nobody looked at what the last landings do together");
        let gone = |at: usize| self.ends.contains_key(&at) && !self.base.1.contains(&at);
        for at in (0..self.scenario.changes.len()).filter(|at| !self.ends.contains_key(at)) {
            let mut needed = self.scenario.changes[at].after;
            while let Some(other) = needed.filter(|&other| !gone(other)) {
                needed = self.scenario.changes[other].after;
            }
            prop_assert!(needed.is_some() || self.stopped.is_some() || self.asked, "t{} is left", at);
        }
        Ok(())
    }
}
