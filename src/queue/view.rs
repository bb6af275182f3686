//! The facts that a plan is made from. Nothing here is remembered: each tick reads it all again.

use super::{Entry, Footprint};
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is known at the start of a tick.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) base: Base,
    /// What waits, in any order.
    pub(crate) entries: Vec<Entry>,
    /// Every chain that was composed on **this** base from the heads that the entries have **now**, by its ordered
    /// members. A chain stands here with all its prefixes, up to the first that is not clean.
    pub(crate) compositions: BTreeMap<Vec<TaskId>, Composition>,
    /// What tests said about trees, judged against the results of **this** base's tree.
    pub(crate) verdicts: BTreeMap<TreeId, Known>,
    pub(crate) running: Vec<Running>,
    /// What runs said that ended, of chains of which something waits here: on this base or an earlier one.
    pub(crate) tried: Vec<Tried>,
    pub(crate) belief: Belief,
    /// Entries that conflict with a task ahead of them.
    pub(crate) held: BTreeMap<TaskId, Hold>,
    pub(crate) rules: Rules,
    /// Whether a person paused the queue.
    pub(crate) paused: bool,
    /// Why the whole run was stopped, until a person continues it.
    pub(crate) stopped: Option<Stop>,
    /// Entries with a larger number (less urgent) wait.
    pub(crate) min_priority: Option<u8>,
}

/// The tip of the branch that the queue lands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) commit: CommitId,
    pub(crate) tree: TreeId,
    /// What its first-parent history says has landed: the trailers `Orch-Task` and `Orch-Nonce`.
    pub(crate) landed: BTreeSet<(TaskId, Nonce)>,
    /// Whether a commuting landing is part of it that nobody tested with the rest.
    pub(crate) commuted: bool,
    /// Whether candidates on it are compared with an earlier value meanwhile.
    pub(crate) measured: bool,
}

/// How composing the **last** member of a chain onto what is before it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Composition {
    Clean {
        commit: CommitId,
        tree: TreeId,
    },
    /// It conflicts with the base, whatever else is in the chain.
    ConflictWithBase {
        files: BTreeSet<String>,
    },
    /// It conflicts with a member before it.
    ConflictWith {
        ahead: TaskId,
        files: BTreeSet<String>,
    },
    /// It adds nothing to what is before it.
    Empty,
}

/// What is known about one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) verdict: Verdict,
    /// Whether runs of this tree disagreed.
    pub(crate) flake: bool,
}

/// What the tests of one tree said, against the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is worse than on the base. A red that was repeated green is this, with `flake` set.
    Green,
    /// These tests passed on the base, and now fail or are gone.
    Worse {
        tests: BTreeSet<String>,
        /// How many runs said so.
        times: u32,
        /// How many runs of the same tree ended without evidence.
        unanswered: u32,
    },
    /// Runs ended without an answer that can be believed.
    NoEvidence {
        why: String,
        /// How many runs did.
        times: u32,
    },
    /// The tree of a base, with the tests that fail there. That is allowed: others are compared with it.
    Baseline { failing: BTreeSet<String> },
}

/// A test run that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// The chain it tests, as it was when the run started; empty for a baseline.
    pub(crate) members: Vec<TaskId>,
    pub(crate) tree: TreeId,
    pub(crate) purpose: Purpose,
    pub(crate) started: Seconds,
    /// As of [`Tried::past`].
    pub(crate) past: Option<Footprint>,
}

/// What a run of a chain said that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Its members that wait here, in order; the others have landed.
    pub(crate) members: Vec<TaskId>,
    pub(crate) tree: TreeId,
    pub(crate) green: bool,
    /// The tests that are worse than on today's base.
    pub(crate) worse: BTreeSet<String>,
    pub(crate) started: Seconds,
    pub(crate) ended: Seconds,
    /// What of the base is other than what the run had below these members; `None` where it was red against its own base,
    /// or where that does not matter, because nothing may land past anything.
    pub(crate) past: Option<Footprint>,
}

/// Rates of this repository, learned from what was seen. They make the queue quicker or slower, never wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Belief {
    /// Share of changes that make tests worse.
    pub(crate) failing: f64,
    /// Share of runs of good trees that fail.
    pub(crate) flake: f64,
    /// Length of a green full run.
    pub(crate) suite_seconds: f64,
    /// Whether selected tests run first, so that most failures show early.
    pub(crate) fail_fast: bool,
}

/// What a test run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// The base's own results, to compare with.
    Baseline,
    /// May this chain land?
    Candidate,
    /// Was the red of this tree a flake?
    Confirm,
    /// Does the change pass without what landed beside it? Decides nothing but whom its evidence names.
    Blame,
}

/// That an entry waits, because it conflicts with a task ahead of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) behind: TaskId,
    pub(crate) files: BTreeSet<String>,
}

/// Why the whole queue stopped: the first confirmed worse, under `OnWorse::Stop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) culprit: TaskId,
    pub(crate) tests: BTreeSet<String>,
}

/// The queue's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Most members of one batch; 0 counts as 1.
    pub(crate) batch_max: usize,
    pub(crate) on_worse: OnWorse,
    /// How many further reds are needed after the first, before anybody is ejected.
    pub(crate) confirmations: u32,
    pub(crate) needs_baseline: NeedsBaseline,
    /// Whether a green chain lands although something landed that its run did not have, where both touch nothing in
    /// common.
    pub(crate) commute: bool,
    /// Whether a green chain lands although a shorter one that it begins with is red: else that one is tested again first.
    pub(crate) vouch: bool,
    /// Whether what is green lands although its priority is below the one that the queue is closed to.
    pub(crate) land_when_closed: bool,
}

/// Which answers can only be judged against a run of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NeedsBaseline {
    /// All of them: a test may be gone.
    All,
    /// Reds: nothing but an exit code counts, so a green speaks for itself, but the base may fail as well.
    Reds,
    /// None: the base is known to be green.
    None,
}

/// What a confirmed worse stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnWorse {
    /// The task that did it.
    Culprit,
    /// Everything, until a person continues.
    Stop,
}

impl View {
    /// The entry of a task, if it waits here.
    pub(super) fn entry(&self, task: &TaskId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.task == *task)
    }

    /// Whether the base already has this task, by any of its stays in the queue.
    pub(super) fn has_landed(&self, task: &TaskId) -> bool {
        self.base.landed.iter().any(|(landed, _)| landed == task)
    }
}
