//! Whose fault a red is: the change's own, or that of a change that landed beside it. A change that is fine without the
//! other names it, so that whoever repairs it knows what to look at.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::flow::select::Which;
use crate::git::merge_tree::{Composer, Merged};
use crate::git::objects::NewCommit;
use crate::queue::Purpose;
use crate::store::repo_journal::Coupled;
use crate::store::verdicts::Said;
use crate::suite::result::Results;
use crate::suite::worse::{How, Worse};
use crate::task::id::{CommitId, TaskId, TreeId};

use super::{Lander, Queued};

/// Coupled pairs that are remembered.
const REMEMBERED: usize = 64;

/// What is known of a change's red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blame {
    /// The change alone, as far as anybody knows.
    Own,
    /// It came with the landing of this task.
    Pair(TaskId),
    /// A run would tell; it is going on, or waits for a slot.
    Asking,
}

/// A change with all that landed up to some point.
struct Point {
    commit: CommitId,
    tree: TreeId,
}

impl Lander<'_> {
    /// Who is to blame for tests that are worse with `member`: a search by halves over what landed since it was made.
    ///
    /// It only asks for runs where the failing tests can be run alone (`tests.some`): a full run is too much for a name.
    pub(super) fn blame(&mut self, member: &Queued, worse: &[Worse]) -> Result<Blame, FlowError> {
        let landings = self.landings_since(&member.entry.head)?;
        let which = self.only(worse);
        // Fine with the first `fine` landings, worse with `bad` of them.
        let (mut fine, mut bad): (Option<usize>, usize) = (None, landings.len());
        while fine.map_or(0, |fine| fine + 1) < bad {
            let middle = fine.map_or(0, |fine| fine.midpoint(bad));
            let Some(point) = self.with_landings(member, &landings[..middle])? else { return Ok(Blame::Own) };
            match self.says(&point.tree, which.as_ref(), worse)? {
                Some(true) => fine = Some(middle),
                Some(false) if middle == 0 => return Ok(Blame::Own),
                Some(false) => bad = middle,
                None => return self.ask_about(member, point, which),
            }
        }
        Ok(match fine {
            Some(_) => Blame::Pair(landings[bad - 1].0.clone()),
            None => Blame::Own,
        })
    }

    /// Tasks that landed since a change left the base, oldest first, with the base after each.
    fn landings_since(&self, head: &CommitId) -> Result<Vec<(TaskId, CommitId)>, FlowError> {
        let tip = &self.project.base.tip;
        let fork = self.project.repo.merge_base(tip, head)?;
        let mut landings = Vec::new();
        for commit in self.project.repo.first_parent(tip, fork.as_ref(), usize::MAX)? {
            let mut trailers = commit.trailers.iter();
            let task =
                trailers.find(|(key, _)| key == "Orch-Task").and_then(|(_, id)| TaskId::parse(id).ok());
            landings.extend(task.map(|task| (task, commit.id.clone())));
        }
        landings.reverse();
        Ok(landings)
    }

    /// The last task that landed since a change left the base and that touched one of these files.
    pub(super) fn landed_on(
        &self,
        head: &CommitId,
        files: &BTreeSet<String>,
    ) -> Result<Option<TaskId>, FlowError> {
        for (task, landing) in self.landings_since(head)?.into_iter().rev() {
            if !self.paths_of(&landing)?.is_disjoint(files) {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// The tests that are worse, where they can be run alone.
    fn only(&self, worse: &[Worse]) -> Option<Which> {
        let which = Which::Some(worse.iter().map(|worse| worse.test.as_str().to_owned()).collect());
        self.project.policy.tests.some.as_ref()?;
        self.project.test_command(&which).is_some().then_some(which)
    }

    /// The change on top of some landings; its own head where there are none.
    fn with_landings(
        &self,
        member: &Queued,
        landings: &[(TaskId, CommitId)],
    ) -> Result<Option<Point>, FlowError> {
        let (repo, head) = (&self.project.repo, &member.entry.head);
        let Some((_, onto)) = landings.last() else {
            return Ok(Some(Point { commit: head.clone(), tree: repo.tree_of(head)? }));
        };
        let mut composer = Composer::open(repo)?;
        let Merged::Clean(tree) = composer.merge(onto, head)? else { return Ok(None) };
        let before = repo.read_commit(onto)?;
        let person = crate::git::objects::Person { time: before.committer_time, ..self.project.committer() };
        let commit = repo.commit(&NewCommit {
            tree: &tree,
            parents: &[onto.clone(), head.clone()],
            author: &person,
            committer: &person,
            message: &format!("Try {0} on {1}\n\nOrch-Try: {0}", member.entry.task, onto.short()),
        })?;
        self.project.store.keep_candidate(&tree, &commit)?;
        Ok(Some(Point { commit, tree }))
    }

    /// Whether a tree is known to pass what is worse; `None` where nobody ran it.
    fn says(&self, tree: &TreeId, which: Option<&Which>, worse: &[Worse]) -> Result<Option<bool>, FlowError> {
        let full = self.project.test_set(&Which::Full);
        let some = which.map(|which| self.project.test_set(which));
        let known = self.project.known_verdicts(tree)?.into_iter().rev();
        let mut counting = known.filter(|known| known.set == full || Some(&known.set) == some.as_ref());
        Ok(counting.next().map(|known| match &known.said {
            Said::Results(results) => worse.iter().all(|worse| passes(results, worse)),
            Said::NoEvidence(_) => false, // no reason to name anybody
        }))
    }

    fn ask_about(&mut self, member: &Queued, point: Point, which: Option<Which>) -> Result<Blame, FlowError> {
        let Some(which) = which else { return Ok(Blame::Own) };
        if self.failed.contains_key(&point.tree) {
            return Ok(Blame::Own);
        }
        let busy = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        if busy < self.slots && !self.live.iter().any(|live| live.tree == point.tree) {
            let members = vec![member.entry.task.clone()];
            self.start(members, point.commit, point.tree, Purpose::Blame, vec![which]);
        }
        Ok(Blame::Asking)
    }

    /// Remembers that two changes do not go together, so that such changes count as overlapping from now on.
    pub(super) fn remember_pair(&self, one: &TaskId, other: &Queued) -> Result<(), FlowError> {
        let theirs: BTreeSet<String> = match self.project.store.archived_task(one)? {
            Some(task) => match &task.state {
                crate::task::State::Completed { landed, .. } => self.paths_of(landed)?,
                _ => BTreeSet::new(),
            },
            None => BTreeSet::new(),
        };
        let pair = Coupled {
            tasks: [one.clone(), other.entry.task.clone()],
            paths: [theirs.into_iter().collect(), other.entry.footprint.paths.iter().cloned().collect()],
        };
        let subject = format!("{} and {} do not go together", pair.tasks[0], pair.tasks[1]);
        self.project.store.change_repo(&self.op, "git-orch", &subject, |mut state| {
            if !state.coupled.contains(&pair) {
                state.coupled.push(pair.clone());
                let over = state.coupled.len().saturating_sub(REMEMBERED);
                state.coupled.drain(..over);
            }
            state
        })?;
        Ok(())
    }

    /// What a landing changed on the base.
    fn paths_of(&self, landed: &CommitId) -> Result<BTreeSet<String>, FlowError> {
        let parents = self.project.repo.read_commit(landed)?.parents;
        match parents.first() {
            Some(before) => Ok(self.project.repo.paths(before, landed)?.into_iter().collect()),
            None => Ok(BTreeSet::new()),
        }
    }
}

fn passes(results: &Results, worse: &Worse) -> bool {
    match worse.how {
        How::Gone => results.passed.contains(&worse.test),
        How::FailsNow { .. } | How::NewFails { .. } => !results.failed.contains_key(&worse.test),
    }
}
