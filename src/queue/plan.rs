//! The plan of one tick: first what is certain, then what may land, then what to compose and to test.

use super::batch::{Batch, grow};
use super::hotfix;
use super::order::{Order, ordered};
use super::policy::{self, Try};
use super::rules::{self, Sentence, Standing, Use};
use super::{Action, Composition, Ejection, Finished, LandedOn, OnWorse, Purpose, Question, Stop, View};
use crate::task::id::{CommitId, Seconds, TaskId, TreeId};
use std::cmp::Reverse;

/// What to do now, with at most `slots` test runs at a time.
///
/// Pure and level-triggered: the same facts give the same actions, whatever was done before. The caller carries them
/// out in their order, reads everything afresh and calls again, until nothing is answered and nothing runs.
/// `now` is for rules about waiting; this first form has none.
pub(crate) fn plan(view: &View, _now: Seconds, slots: u32) -> Vec<Action> {
    let booked = bookkeeping(view);
    if view.paused || view.stopped.is_some() || !booked.is_empty() {
        return booked;
    }
    match hotfix::lane(view) {
        Some(lane) => work(&lane, slots),
        None => work(view, slots),
    }
}

/// What to do with entries that nobody keeps back.
fn work(view: &View, slots: u32) -> Vec<Action> {
    let order = ordered(&view.entries);
    let mut batch = grow(view, &order, policy::reach(&view.rules, slots));
    let mut actions = std::mem::take(&mut batch.settled);
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
    let stale = stale(view, &mut batch);
    let busy = view.running.len() - stale.len();
    actions.extend(stale.into_iter().map(|tree| Action::CancelRun { tree }));
    actions.extend(batch.compose.iter().map(|members| Action::Compose { members: members.clone() }));
    if batch.compose.is_empty() {
        let free = usize::try_from(slots).unwrap_or(usize::MAX).saturating_sub(busy);
        actions.extend(runs(view, &batch, free));
    }
    actions
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

/// The longest chain that may land; of equally long ones the one whose first member's turn is first.
fn landing(view: &View, order: &Order<'_>) -> Option<Action> {
    let place = |task: &TaskId| order.turns.iter().position(|entry| entry.task == *task);
    let fit = |(members, composition): (&Vec<TaskId>, &Composition)| match composition {
        Composition::Clean { commit, tree } => rules::may_land(view, members, tree)
            .map(|on: LandedOn| (members.clone(), commit.clone(), tree.clone(), on)),
        Composition::Empty | Composition::ConflictWith { .. } | Composition::ConflictWithBase { .. } => None,
    };
    view.compositions
        .iter()
        .filter_map(fit)
        .min_by_key(|(members, ..)| (Reverse(members.len()), members.iter().map(place).collect::<Vec<_>>()))
        .map(|(members, commit, tree, on)| Action::Land { members, commit, tree, on })
}

/// The trees whose runs are of no use any more. Chains that have to be composed to know are added to the batch.
fn stale(view: &View, batch: &mut Batch<'_>) -> Vec<TreeId> {
    let mut trees = Vec::new();
    for run in &view.running {
        match rules::use_of(view, run) {
            Use::Wanted => {}
            Use::Useless => trees.push(run.tree.clone()),
            Use::Unknown(members) if batch.compose.contains(&members) => {}
            Use::Unknown(members) => batch.compose.push(members),
        }
    }
    trees
}

/// The runs to start in `free` slots, or what becomes of the one suspect.
fn runs(view: &View, batch: &Batch<'_>, free: usize) -> Vec<Action> {
    if batch.links.is_empty() {
        return Vec::new();
    }
    if let Standing::Silent { why, .. } = rules::standing(view, &view.base.tree) {
        return vec![Action::Ask { question: Question::NoBaseline { why: why.to_owned() } }];
    }
    if !rules::judged(view) {
        return baseline(view, free);
    }
    let mut prefixes: Vec<Standing<'_>> =
        batch.links.iter().map(|link| rules::standing(view, link.tree)).collect();
    let mut actions = Vec::new();
    loop {
        match policy::next(&view.rules, &prefixes) {
            Try::JudgeFirst => return sentence(view, batch, free),
            Try::Prefix(count) if actions.len() < free && prefixes[count - 1] == Standing::Untested => {
                let link = &batch.links[count - 1];
                actions.push(start(batch.members(count), link.commit, link.tree, Purpose::Candidate));
                prefixes[count - 1] = Standing::Running;
            }
            Try::Prefix(_) | Try::Wait => return actions,
        }
    }
}

/// Confirms or ejects the first member, which stands alone as the suspect.
fn sentence(view: &View, batch: &Batch<'_>, free: usize) -> Vec<Action> {
    let link = &batch.links[0];
    let task = &link.last.task;
    match rules::judge(view, link.last, link.commit, link.tree) {
        Sentence::Wait => Vec::new(),
        Sentence::AskBase => baseline(view, free),
        Sentence::Confirm if free == 0 => Vec::new(),
        Sentence::Confirm => vec![start(vec![task.clone()], link.commit, link.tree, Purpose::Confirm)],
        Sentence::Eject(because) => {
            let stop = stop(view, task, &because);
            let eject = Action::Eject { task: task.clone(), because };
            [eject].into_iter().chain(stop).collect()
        }
    }
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
