//! The plan of one tick: first what is certain, then what may land, then what to compose and to test.

use super::board::Board;
use super::candidates::{Candidates, candidates};
use super::hotfix;
use super::order::{Order, ordered};
use super::ready::{Ready, ready};
use super::rules::{self, Sentence, Standing, Use};
use super::{
    Action, Composition, Ejection, Entry, Finished, LandedOn, OnWorse, Purpose, Question, Stop, View,
};
use crate::task::id::{CommitId, Seconds, TaskId, TreeId};
use std::cmp::Reverse;

/// What to do now, with at most `slots` test runs at a time.
///
/// Pure and level-triggered: the same facts give the same actions, whatever was done before. The caller carries them
/// out in their order, reads everything afresh and calls again, until nothing is answered and nothing runs.
/// `now` says how long runs and entries have been under way: older entries count more.
pub(crate) fn plan(view: &View, now: Seconds, slots: u32) -> Vec<Action> {
    let booked = bookkeeping(view);
    if view.paused || view.stopped.is_some() || !booked.is_empty() {
        return booked;
    }
    match hotfix::lane(view) {
        Some(lane) => work(&lane, now, slots),
        None => work(view, now, slots),
    }
}

/// What to do with entries that nobody keeps back.
fn work(view: &View, now: Seconds, slots: u32) -> Vec<Action> {
    let order = ordered(&view.entries);
    let Ready { entries: ready, settled, compose } = ready(view, &order);
    let mut actions = settled;
    if let Some(landing) = landing(view, &order) {
        // The base moves now. Who conflicts with it, and what to compose and test, is asked of the next one.
        actions.retain(|action| matches!(action, Action::Release { .. } | Action::Hold { .. }));
        actions.push(landing);
        return actions;
    }
    if !order.circle.is_empty() {
        let members = order.circle.iter().map(|entry| entry.task.clone()).collect();
        actions.push(Action::Ask { question: Question::Cycle { members } });
    }
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    let board = Board::of(view, &ready, slots);
    let (mut useless, unknown) = useless(view, board.pipeline.backlog());
    let red_already: Vec<TreeId> =
        board.red_already.into_iter().filter(|tree| !useless.contains(tree)).collect();
    useless.extend(red_already);
    let free = slots.saturating_sub(view.running.len() - useless.len());
    actions.extend(useless.into_iter().map(|tree| Action::CancelRun { tree }));
    let mut compose: Vec<Vec<TaskId>> =
        compose.into_iter().chain(unknown).chain(rules::commuting(view)).collect();
    if compose.is_empty() {
        let Runs { actions: runs, compose: wanted } = runs(view, &ready, free, slots, now);
        actions.extend(runs);
        compose = wanted;
    }
    if compose.is_empty() && actions.is_empty() && view.running.is_empty() && view.base.commuted {
        // Nothing else on top of it will say whether it is whole.
        actions.extend(match rules::standing(view, &view.base.tree) {
            Standing::Silent { why, .. } => {
                vec![Action::Ask { question: Question::NoBaseline { why: why.to_owned() } }]
            }
            Standing::Untested | Standing::Running | Standing::Green { .. } | Standing::Red { .. } => {
                baseline(view, free)
            }
        });
    }
    actions.extend(compose.into_iter().map(|members| Action::Compose { members }));
    actions
}

/// Runs to start, or chains to compose before that is known.
#[derive(Debug, Default)]
struct Runs {
    actions: Vec<Action>,
    compose: Vec<Vec<TaskId>>,
}

fn runs(view: &View, ready: &[&Entry], free: usize, slots: usize, now: Seconds) -> Runs {
    if ready.is_empty() {
        return Runs::default();
    }
    if let Standing::Silent { why, .. } = rules::standing(view, &view.base.tree) {
        let ask = Action::Ask { question: Question::NoBaseline { why: why.to_owned() } };
        return Runs { actions: vec![ask], compose: Vec::new() };
    }
    let judged = rules::judged(view);
    let mut first = if judged { doubts(view, free) } else { baseline(view, free) };
    if judged && first.is_empty() && rules::base_in_question(view) {
        first = baseline(view, free);
    }
    if judged && first.is_empty() {
        first = sentences(view, ready, free);
    }
    if !judged || !first.is_empty() {
        return Runs { actions: first, compose: Vec::new() };
    }
    let Candidates { settled: mut actions, compose, starts } = candidates(view, ready, slots, now);
    if compose.is_empty() {
        actions.extend(starts);
    }
    Runs { actions, compose }
}

/// Entries whose landing the base has already: a crash came between the landing and its record.
fn bookkeeping(view: &View) -> Vec<Action> {
    let landed = view
        .entries
        .iter()
        .filter(|entry| view.base.landed.contains(&(entry.task.clone(), entry.nonce.clone())));
    let mut tasks: Vec<&TaskId> = landed.map(|entry| &entry.task).collect();
    tasks.sort();
    tasks.into_iter().map(|task| Action::Finish { task: task.clone(), because: Finished::Landed }).collect()
}

/// The longest chain that may land. Of equally long ones the very chain that was tested goes first, because the same
/// members in another order may make the same tree by other commits; then the one whose first member's turn is first.
fn landing(view: &View, order: &Order<'_>) -> Option<Action> {
    let tested = |members: &[TaskId], tree: &TreeId| {
        view.tried.iter().any(|tried| tried.members == members && tried.tree == *tree)
    };
    let place = |task: &TaskId| order.turns.iter().position(|entry| entry.task == *task);
    let fit = |(members, composition): (&Vec<TaskId>, &Composition)| match composition {
        Composition::Clean { commit, tree } => rules::may_land(view, members, tree)
            .map(|on: LandedOn| (members.clone(), commit.clone(), tree.clone(), on)),
        Composition::Empty | Composition::ConflictWith { .. } | Composition::ConflictWithBase { .. } => None,
    };
    view.compositions
        .iter()
        .filter_map(fit)
        .min_by_key(|(members, _, tree, _)| {
            let places: Vec<_> = members.iter().map(place).collect();
            (Reverse(members.len()), !tested(members, tree), places)
        })
        .map(|(members, commit, tree, on)| Action::Land { members, commit, tree, on })
}

/// The trees whose runs are of no use any more, and the chains that have to be composed to know.
fn useless(view: &View, clears: bool) -> (Vec<TreeId>, Vec<Vec<TaskId>>) {
    let (mut trees, mut compose) = (Vec::new(), Vec::new());
    for run in &view.running {
        match rules::use_of(view, run) {
            Use::Wanted => {}
            Use::Overtaken if clears => {}
            Use::Overtaken | Use::Useless => trees.push(run.tree.clone()),
            Use::Unknown(members) => compose.push(members),
        }
    }
    (trees, compose)
}

/// The repetition of a red that keeps a green chain from landing, unless it is going on.
fn doubts(view: &View, free: usize) -> Vec<Action> {
    let green = |tree: &TreeId| matches!(rules::standing(view, tree), Standing::Green { .. });
    let kept = view.compositions.iter().find_map(|(members, composition)| match composition {
        Composition::Clean { tree, .. } if green(tree) => rules::in_doubt(view, members),
        Composition::Clean { .. }
        | Composition::ConflictWithBase { .. }
        | Composition::ConflictWith { .. }
        | Composition::Empty => None,
    });
    match kept {
        Some((members, commit, tree)) if free > 0 && rules::standing(view, tree) != Standing::Running => {
            vec![start(members, commit, tree, Purpose::Confirm)]
        }
        Some(_) | None => Vec::new(),
    }
}

/// What becomes of the entries that are red alone: the first that has to leave, or the run that says whether it has to.
fn sentences(view: &View, ready: &[&Entry], free: usize) -> Vec<Action> {
    for entry in ready.iter().filter(|entry| rules::undecided(view, entry).next().is_none()) {
        let alone = view.compositions.get(std::slice::from_ref(&entry.task));
        let Some(Composition::Clean { commit, tree }) = alone else { continue };
        match rules::judge(view, entry, commit, tree) {
            Sentence::Wait | Sentence::Confirm => {}
            Sentence::AskBase => {
                let asked = baseline(view, free);
                if !asked.is_empty() {
                    return asked;
                }
            }
            Sentence::Eject(because) => {
                let stop = stop(view, &entry.task, &because);
                let eject = Action::Eject { task: entry.task.clone(), because };
                return [eject].into_iter().chain(stop).collect();
            }
        }
    }
    Vec::new()
}

/// The stop of everything that a confirmed worse causes, where the rules say so.
fn stop(view: &View, culprit: &TaskId, because: &Ejection) -> Option<Action> {
    match (because, view.rules.on_worse) {
        (Ejection::Worse { tests, .. }, OnWorse::Stop) => {
            let because = Stop { culprit: culprit.clone(), tests: tests.clone() };
            Some(Action::StopAll { because })
        }
        (Ejection::Worse { .. }, OnWorse::Culprit)
        | (Ejection::Conflict { .. } | Ejection::NoEvidence { .. }, _) => None,
    }
}

/// The run of the base itself, unless it is going on.
fn baseline(view: &View, free: usize) -> Vec<Action> {
    let untested = rules::standing(view, &view.base.tree) == Standing::Untested;
    let base = &view.base;
    if untested && free > 0 {
        vec![start(Vec::new(), &base.commit, &base.tree, Purpose::Baseline)]
    } else {
        Vec::new()
    }
}

fn start(members: Vec<TaskId>, commit: &CommitId, tree: &TreeId, purpose: Purpose) -> Action {
    Action::StartRun { members, commit: commit.clone(), tree: tree.clone(), purpose }
}
