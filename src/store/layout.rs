//! The names of all refs and files. `docs/format.md` is this file in words.

use crate::task::id::{RunId, TaskId, TreeId};

/// Journals of open tasks, one ref each.
pub(crate) const TASKS: &str = "refs/orch/tasks/";
/// All finished tasks: one tree, the journals as parents.
pub(crate) const ARCHIVE: &str = "refs/orch/archive";
/// Every attempt's work.
pub(crate) const ATTEMPTS: &str = "refs/orch/attempts/";
/// One chain per run.
pub(crate) const RUNS: &str = "refs/orch/runs/";
/// What belongs to no task: the queue is paused, stopped, closed below a priority.
pub(crate) const REPO: &str = "refs/orch/repo";
/// Candidates of the queue, so that gc leaves them alone.
pub(crate) const CANDIDATES: &str = "refs/orch/candidates/";
/// Work that was found without a task, or that lost a race.
pub(crate) const RESCUE: &str = "refs/orch/rescue/";
/// Everything of ours.
pub(crate) const ALL: &str = "refs/orch/";
/// What a remote's refs were at the last sync.
pub(crate) const REMOTES: &str = "refs/orch-remote/";
/// Test verdicts by tree id.
pub(crate) const NOTES_TESTS: &str = "refs/notes/orch-tests";
/// The test verdicts that this clone made itself. Outside of what is exchanged, and of what people fetch with patterns
/// such as `refs/notes/*`.
pub(crate) const OWN_VERDICTS: &str = "refs/orch-local/verdicts";
/// Review verdicts by commit.
pub(crate) const NOTES_REVIEW: &str = "refs/notes/orch-review";
/// Short name of the branches that are ours to make and delete.
pub(crate) const BRANCH_PREFIX: &str = "orch/";

/// The journal of a task.
pub(crate) fn task_ref(id: &TaskId) -> String {
    format!("{TASKS}{id}")
}

/// The task whose journal this ref is.
pub(crate) fn task_of_ref(name: &str) -> Option<TaskId> {
    TaskId::parse(name.strip_prefix(TASKS)?).ok()
}

/// The n-th attempt of a task.
pub(crate) fn attempt_ref(id: &TaskId, number: u32) -> String {
    format!("{ATTEMPTS}{id}/{number}")
}

/// The chain of a run.
pub(crate) fn run_ref(run: &RunId) -> String {
    format!("{RUNS}{run}")
}

/// Where a candidate is kept while it is undecided.
pub(crate) fn candidate_ref(tree: &TreeId) -> String {
    format!("{CANDIDATES}{tree}")
}

/// Where work that has no other home is kept.
pub(crate) fn rescue_ref(name: &str) -> String {
    format!("{RESCUE}{name}")
}

/// Our copy of what a remote has for `name` (a ref below [`ALL`]).
pub(crate) fn remote_copy(remote: &str, name: &str) -> String {
    format!("{REMOTES}{remote}/{}", name.strip_prefix(ALL).unwrap_or(name))
}

/// Our copy of a remote's notes.
pub(crate) fn remote_notes(remote: &str, name: &str) -> String {
    format!("{REMOTES}{remote}/notes/{}", name.trim_start_matches("refs/notes/"))
}

/// The full name of a branch.
pub(crate) fn branch_ref(short: &str) -> String {
    format!("refs/heads/{short}")
}

/// The branch of a task that was not adopted.
pub(crate) fn branch_of(id: &TaskId) -> String {
    format!("{BRANCH_PREFIX}{id}")
}
