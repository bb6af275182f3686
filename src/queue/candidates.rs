//! The runs to start: what the policy wishes for, as far as it composes.

use super::board::{Board, Wish};
use super::policy::Kind;
use super::rules::{self, Sentence, Standing};
use super::{Action, Composition, Ejection, Entry, Hold, Purpose, View};
use crate::task::id::{CommitId, Seconds, TaskId, TreeId};

/// What came out of the policy's wishes.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Conflicts that came out on the way.
    pub(super) settled: Vec<Action>,
    /// Chains that have to be composed first.
    pub(super) compose: Vec<Vec<TaskId>>,
    pub(super) starts: Vec<Action>,
}

/// How a wished chain composes.
enum Composed<'a> {
    Clean(&'a CommitId, &'a TreeId),
    Unknown,
    /// This member does not go with those before it, for now.
    Without(&'a Entry, Option<Action>),
}

/// Asks the policy for runs until each of them composes, or has to be composed to know.
pub(super) fn candidates(view: &View, ready: &[&Entry], slots: usize, now: Seconds) -> Candidates {
    let mut found = Candidates::default();
    let mut entries: Vec<&Entry> = ready.to_vec();
    let mut answered: Vec<Vec<&Entry>> = Vec::new();
    loop {
        let mut board = Board::of(view, &entries, slots);
        answered.iter().for_each(|chain| board.know_answer(chain));
        let wishes = board.wishes(now);
        match grant(view, &wishes, &mut found) {
            Granted::All => return found,
            Granted::Without(task) => entries = without(view, entries, &task),
            Granted::Answered(at) => answered.push(wishes[at].chain.clone()),
        }
    }
}

enum Granted {
    All,
    /// Asked again without this entry.
    Without(TaskId),
    /// Asked again, knowing that this wish has its answer.
    Answered(usize),
}

fn grant(view: &View, wishes: &[Wish<'_>], found: &mut Candidates) -> Granted {
    found.compose.clear();
    found.starts.clear();
    let mut trees: Vec<&TreeId> = view.running.iter().map(|run| &run.tree).collect();
    for (at, wish) in wishes.iter().enumerate() {
        let members: Vec<TaskId> = wish.chain.iter().map(|entry| entry.task.clone()).collect();
        match compose(view, &wish.chain) {
            Composed::Unknown => found.compose.push(members),
            Composed::Without(entry, action) => {
                found.settled.extend(action);
                return Granted::Without(entry.task.clone());
            }
            Composed::Clean(commit, tree) => {
                let purpose = purpose(view, wish, commit, tree).filter(|_| !trees.contains(&tree));
                let Some(purpose) = purpose else { return Granted::Answered(at) };
                trees.push(tree);
                let (commit, tree) = (commit.clone(), tree.clone());
                found.starts.push(Action::StartRun { members, commit, tree, purpose });
            }
        }
    }
    Granted::All
}

/// What a run of this chain would be for; `None` where it would tell nothing.
fn purpose(view: &View, wish: &Wish<'_>, commit: &CommitId, tree: &TreeId) -> Option<Purpose> {
    match rules::standing(view, tree) {
        Standing::Untested => Some(Purpose::Candidate),
        Standing::Red { .. } if wish.kind == Kind::Confirm => {
            let sentence = rules::judge(view, wish.chain[0], commit, tree);
            (sentence == Sentence::Confirm).then_some(Purpose::Confirm)
        }
        Standing::Red { .. } | Standing::Running | Standing::Green { .. } | Standing::Silent { .. } => None,
    }
}

/// The entries without one, and without those that need it.
fn without<'a>(view: &View, entries: Vec<&'a Entry>, task: &TaskId) -> Vec<&'a Entry> {
    let mut gone = vec![task.clone()];
    let mut kept = Vec::new();
    for entry in entries {
        if gone.contains(&entry.task) || rules::undecided(view, entry).any(|need| gone.contains(need)) {
            gone.push(entry.task.clone());
        } else {
            kept.push(entry);
        }
    }
    kept
}

fn compose<'a>(view: &'a View, chain: &[&'a Entry]) -> Composed<'a> {
    let mut members: Vec<TaskId> = Vec::new();
    let mut last = Composed::Unknown;
    for &entry in chain {
        members.push(entry.task.clone());
        match view.compositions.get(&members) {
            None => return Composed::Unknown,
            Some(Composition::Clean { commit, tree }) => last = Composed::Clean(commit, tree),
            Some(Composition::Empty) => return Composed::Without(entry, None), // known better when others are decided
            Some(Composition::ConflictWithBase { files }) => {
                let because = Ejection::Conflict { files: files.clone(), with: None };
                return Composed::Without(entry, Some(Action::Eject { task: entry.task.clone(), because }));
            }
            Some(Composition::ConflictWith { ahead, files }) => {
                let hold = Hold { behind: ahead.clone(), files: files.clone() };
                return Composed::Without(entry, hold_action(view, entry, hold));
            }
        }
    }
    last
}

/// Holds an entry behind the one that it conflicts with, if that one's turn is first; where a suspect was moved back it
/// only stays out of this candidate. What is under way is not thrown away for whoever comes later.
fn hold_action(view: &View, entry: &Entry, hold: Hold) -> Option<Action> {
    let order = super::order::ordered(&view.entries);
    let under_test = view.running.iter().any(|run| run.members.contains(&entry.task));
    let stands = rules::hold_stands(view, &order.turns, &entry.task, &hold);
    (stands && !under_test).then(|| Action::Hold { task: entry.task.clone(), hold })
}
