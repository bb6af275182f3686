//! What is always true, whatever the policy tries: what may land, what may be tested, who waits, who is ejected.

use super::{
    Composition, Ejection, Entry, Footprint, Hold, LandedOn, NeedsBaseline, Purpose, Running, Tried, Verdict,
    View,
};
use crate::task::id::{CommitId, TaskId, TreeId};
use std::collections::BTreeSet;

/// How many runs of one tree may end without evidence: the first, and one more try.
const RUNS_WITHOUT_EVIDENCE: u32 = 2;

/// Reds on an untested base after which it is tested itself: perhaps it fails, and nobody is to blame. Fewer are what one
/// culprit makes; and where a part of it lands meanwhile, the base is known to be green without a run of its own.
const REDS_UNEXPLAINED: usize = 3;

/// How a tree stands, as far as tests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    Untested,
    Running,
    Green {
        flake: bool,
    },
    Red {
        tests: &'a BTreeSet<String>,
        times: u32,
        unanswered: u32,
    },
    /// It was tried often enough, and gives no evidence.
    Silent {
        why: &'a str,
        times: u32,
    },
}

/// How `tree` stands. A run that is going on goes before what earlier runs said.
pub(super) fn standing<'a>(view: &'a View, tree: &TreeId) -> Standing<'a> {
    if view.running.iter().any(|run| run.tree == *tree) {
        return Standing::Running;
    }
    match view.verdicts.get(tree).map(|known| (&known.verdict, known.flake)) {
        None => Standing::Untested,
        Some((Verdict::Green | Verdict::Baseline { .. }, flake)) => Standing::Green { flake },
        Some((Verdict::Worse { tests, times, unanswered }, _)) => {
            Standing::Red { tests, times: *times, unanswered: *unanswered }
        }
        Some((Verdict::NoEvidence { why, times }, _)) if *times >= RUNS_WITHOUT_EVIDENCE => {
            Standing::Silent { why, times: *times }
        }
        Some((Verdict::NoEvidence { .. }, _)) => Standing::Untested,
    }
}

/// Whether verdicts of candidates may be believed: a baseline to compare with is there, or is not needed.
pub(super) fn judged(view: &View) -> bool {
    match standing(view, &view.base.tree) {
        Standing::Green { .. } | Standing::Red { .. } => true,
        // After a commuting landing it is compared with what was tested before that.
        Standing::Untested | Standing::Running => {
            view.rules.needs_baseline != NeedsBaseline::All || view.base.measured
        }
        Standing::Silent { .. } => false,
    }
}

/// Whether the base is other than what a run of `members` had, and touches nothing that they touch: where the rules let
/// changes commute, the run then counts on this base as well.
fn is_apart(view: &View, members: &[TaskId], past: Option<&Footprint>) -> bool {
    let apart = |past: &Footprint| {
        let entry = |task| view.entry(task).is_some_and(|entry| !entry.footprint.overlaps(past));
        members.iter().all(entry)
    };
    view.rules.commute && past.is_some_and(apart)
}

/// Whether a green run without what landed meanwhile lets these land.
fn commutes(view: &View, members: &[TaskId]) -> bool {
    view.tried.iter().any(|tried| tried.members == members && is_apart(view, members, tried.past.as_ref()))
}

/// The chains whose runs let them land on this base, as soon as it is known that they compose with it.
pub(super) fn commuting(view: &View) -> Vec<Vec<TaskId>> {
    let open = |members: &[TaskId]| {
        let known = (1..=members.len()).map(|end| view.compositions.get(&members[..end]));
        known.into_iter().find(|known| !matches!(known, Some(Composition::Clean { .. }))) == Some(None)
    };
    let chains = view.tried.iter().filter(|tried| is_apart(view, &tried.members, tried.past.as_ref()));
    chains.map(|tried| tried.members.clone()).filter(|members| open(members)).collect()
}

/// Whether a red may be held against somebody: the base is known not to fail the same way, or that does not matter.
pub(super) fn grounded(view: &View) -> bool {
    match standing(view, &view.base.tree) {
        Standing::Green { .. } | Standing::Red { .. } => true,
        Standing::Untested | Standing::Running => view.rules.needs_baseline == NeedsBaseline::None,
        Standing::Silent { .. } => false,
    }
}

/// Whether the base is to be tested before the search for culprits goes on.
pub(super) fn base_in_question(view: &View) -> bool {
    let red = |tree: &&TreeId| matches!(standing(view, tree), Standing::Red { .. });
    !grounded(view) && view.verdicts.keys().filter(red).count() >= REDS_UNEXPLAINED
}

/// Whether a person keeps the entry back, or somebody that does not come: its own dependency, or one further on.
pub(super) fn waits(view: &View, entry: &Entry) -> bool {
    let kept = |entry: &Entry| entry.blocked || closed_to(view, entry);
    kept(entry) || needs(view, entry).into_iter().filter_map(|task| view.entry(task)).any(kept)
}

/// Whether the queue is closed to an entry of this priority. A hotfix goes all the same.
pub(crate) fn closed_to(view: &View, entry: &Entry) -> bool {
    !entry.hotfix && view.min_priority.is_some_and(|min| entry.priority > min)
}

/// The dependencies of `entry` that are still in the queue.
pub(super) fn undecided<'a>(view: &'a View, entry: &'a Entry) -> impl Iterator<Item = &'a TaskId> {
    entry.after.iter().filter(|other| view.entry(other).is_some())
}

/// Everything in the queue that must land before `entry`.
pub(super) fn needs<'a>(view: &'a View, entry: &'a Entry) -> BTreeSet<&'a TaskId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&TaskId> = undecided(view, entry).collect();
    while let Some(task) = open.pop() {
        if found.insert(task) {
            open.extend(view.entry(task).into_iter().flat_map(|entry| undecided(view, entry)));
        }
    }
    found
}

/// Whether a hold still keeps its task back: the task ahead is undecided, can move, and really is ahead in `turns`.
pub(super) fn hold_stands(view: &View, turns: &[&Entry], task: &TaskId, hold: &Hold) -> bool {
    let place = |task: &TaskId| turns.iter().position(|entry| entry.task == *task);
    match (place(&hold.behind), place(task)) {
        (Some(ahead), Some(own)) => ahead < own && !waits(view, turns[ahead]),
        (None, Some(_)) | (_, None) => false,
    }
}

/// Whether this chain may land now, and on what evidence.
///
/// Its last member composed clean, its tree is green, its members wait here unhindered, each after its dependencies;
/// and what has to land alone is alone.
pub(super) fn may_land(view: &View, members: &[TaskId], tree: &TreeId) -> Option<LandedOn> {
    let entries: Vec<&Entry> = members.iter().map(|task| view.entry(task)).collect::<Option<_>>()?;
    let single = entries.len() == 1;
    let fit = entries.iter().enumerate().all(|(at, entry)| {
        !entry.blocked
            && !view.held.contains_key(&entry.task)
            && (view.rules.land_when_closed || !closed_to(view, entry))
            && (single || !entry.alone())
            && undecided(view, entry).all(|other| members[..at].contains(other))
    });
    if !fit || entries.is_empty() || !judged(view) || in_doubt(view, members).is_some() {
        return None;
    }
    match standing(view, tree) {
        Standing::Green { flake: false } => Some(LandedOn::Green),
        Standing::Green { flake: true } => Some(LandedOn::Flaky),
        Standing::Red { tests, .. } if single && entries[0].accept_worse && grounded(view) => {
            Some(LandedOn::Accepted { worse: tests.clone() })
        }
        Standing::Untested if commutes(view, members) => Some(LandedOn::Commuting),
        Standing::Red { .. } | Standing::Untested | Standing::Running | Standing::Silent { .. } => None,
    }
}

/// Where a longer green does not vouch for a shorter red: the shortest chain that `members` begin with whose red was not
/// repeated yet. A flake in either is likelier than a change that repairs another one.
pub(super) fn in_doubt<'a>(
    view: &'a View,
    members: &[TaskId],
) -> Option<(Vec<TaskId>, &'a CommitId, &'a TreeId)> {
    if view.rules.vouch {
        return None;
    }
    (1..members.len()).find_map(|end| {
        let Some(Composition::Clean { commit, tree }) = view.compositions.get(&members[..end]) else {
            return None;
        };
        let once = matches!(
            view.verdicts.get(tree).map(|known| &known.verdict),
            Some(Verdict::Worse { times, unanswered, .. })
                if *times <= view.rules.confirmations && *unanswered < RUNS_WITHOUT_EVIDENCE
        );
        once.then(|| (members[..end].to_vec(), commit, tree))
    })
}

/// What becomes of an entry whose chain of one did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sentence {
    /// Nothing yet.
    Wait,
    /// Its red is repeated first: an inferred or single red ejects nobody.
    Confirm,
    /// The base is tested first: perhaps nothing gives evidence today.
    AskBase,
    Eject(Ejection),
}

/// Judges the entry whose chain of one is this commit.
pub(super) fn judge(view: &View, entry: &Entry, commit: &CommitId, tree: &TreeId) -> Sentence {
    let silent = |why: &str, runs: u32| {
        let (commit, tree) = (commit.clone(), tree.clone());
        unless_base_is_silent(view, Ejection::NoEvidence { why: why.to_owned(), commit, tree, runs })
    };
    let grounded = grounded(view);
    match standing(view, tree) {
        Standing::Red { .. } if !grounded && standing(view, &view.base.tree) == Standing::Untested => {
            Sentence::AskBase
        }
        Standing::Red { tests, times, .. }
            if times.saturating_add(witnesses(view, entry, tree, tests)) > view.rules.confirmations =>
        {
            if !grounded {
                return Sentence::Wait;
            }
            Sentence::Eject(Ejection::Worse {
                tests: tests.clone(),
                commit: commit.clone(),
                tree: tree.clone(),
                runs: times.saturating_add(witnesses(view, entry, tree, tests)),
                files: entry.footprint.paths.clone(),
            })
        }
        Standing::Red { unanswered, .. } if unanswered < RUNS_WITHOUT_EVIDENCE => Sentence::Confirm,
        Standing::Red { times, unanswered, .. } => {
            silent("red, and its repetition gives no evidence", times.saturating_add(unanswered))
        }
        Standing::Silent { why, times } => silent(why, times),
        Standing::Untested | Standing::Running | Standing::Green { .. } => Sentence::Wait,
    }
}

/// Runs of other trees that speak against the entry alone: everything else in them has landed, and one of the same tests
/// failed. Two such runs confirm each other as well as a repetition does.
fn witnesses(view: &View, entry: &Entry, tree: &TreeId, tests: &BTreeSet<String>) -> u32 {
    let speaks = |tried: &&Tried| {
        !tried.green
            && tried.tree != *tree
            && tried.members == std::slice::from_ref(&entry.task)
            && !tried.worse.is_disjoint(tests)
    };
    u32::try_from(view.tried.iter().filter(speaks).count()).unwrap_or(u32::MAX)
}

/// Ejects for want of evidence only if the base gives some: else it is not the entry's doing.
fn unless_base_is_silent(view: &View, because: Ejection) -> Sentence {
    match standing(view, &view.base.tree) {
        Standing::Untested => Sentence::AskBase,
        Standing::Running | Standing::Silent { .. } => Sentence::Wait,
        Standing::Green { .. } | Standing::Red { .. } => Sentence::Eject(because),
    }
}

/// Whether a run is still of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Wanted,
    Useless,
    /// Something landed that is not in it: it cannot land, but says something of its members.
    Overtaken,
    /// Nobody knows before this chain is composed on today's base.
    Unknown(Vec<TaskId>),
}

/// Whether `run` can still decide something: what of its chain has not landed gives the same tree on today's base.
pub(super) fn use_of(view: &View, run: &Running) -> Use {
    match run.purpose {
        Purpose::Baseline if run.tree == view.base.tree => return Use::Wanted,
        Purpose::Blame => {
            let here = run.members.iter().all(|task| view.entry(task).is_some());
            return if here { Use::Wanted } else { Use::Useless };
        }
        Purpose::Baseline => return Use::Useless,
        Purpose::Candidate | Purpose::Confirm => {}
    }
    let gone = |task: &TaskId| view.entry(task).is_none();
    let rest: Vec<TaskId> =
        run.members.iter().filter(|task| !(gone(task) && view.has_landed(task))).cloned().collect();
    let stuck = |task: &TaskId| view.entry(task).is_none_or(|entry| entry.blocked);
    if rest.is_empty() || rest.iter().any(|task| stuck(task) || view.held.contains_key(task)) {
        return Use::Useless;
    }
    for end in 1..=rest.len() {
        match view.compositions.get(&rest[..end]) {
            None => return Use::Unknown(rest),
            Some(Composition::Clean { tree, .. }) if end == rest.len() && *tree == run.tree => {
                return Use::Wanted;
            }
            Some(Composition::Clean { .. }) => {}
            Some(
                Composition::Empty | Composition::ConflictWith { .. } | Composition::ConflictWithBase { .. },
            ) => return Use::Useless,
        }
    }
    match run.purpose {
        Purpose::Candidate if is_apart(view, &rest, run.past.as_ref()) => Use::Wanted,
        Purpose::Candidate => Use::Overtaken,
        Purpose::Baseline | Purpose::Confirm | Purpose::Blame => Use::Useless,
    }
}
