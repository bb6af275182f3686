//! What was typed names no task, or one with which this cannot be done now.

use super::store::{exists, unknown};
use super::{Failure, of};
use crate::cli::codes::Code;
use crate::cli::text;
use crate::flow::FlowError;
use crate::plan::ready::Waits;
use crate::task::id::TaskId;

/// Tasks that a message names one by one.
const NAMED: usize = 5;

pub(super) fn usage(err: &FlowError) -> Failure {
    let failure = |code| of(code, err);
    match err {
        FlowError::BadId(_) => failure(Code::BadId).hint("let one be made", "git orch add TITLE"),
        FlowError::Unknown { wanted, near } => unknown(wanted, near.as_ref()),
        FlowError::Ambiguous { candidates, .. } => {
            let first = candidates.first().map_or("TASK", TaskId::as_str);
            failure(Code::Ambiguous).hint("type more of it", format!("git orch show {first}"))
        }
        FlowError::Exists { id, stands } => exists(id, Some(stands)),
        FlowError::Finished { id } => {
            failure(Code::NotNow).hint("see how it ended", format!("git orch show {id}"))
        }
        FlowError::Cycle { path } => {
            let first = path.first().map_or("TASK", TaskId::as_str);
            failure(Code::Cycle).hint("see what it waits for", format!("git orch show {first}"))
        }
        FlowError::UnknownDependency { .. } => {
            failure(Code::UnknownDependency).hint("see the tasks", "git orch status -a")
        }
        FlowError::NoTaskHere => failure(Code::NoTaskHere).hint("see the tasks", "git orch status"),
        FlowError::NoBranch(_) => failure(Code::NoBranch).hint("see the branches", "git branch --list"),
        FlowError::SayWhich(tasks) => tasks
            .iter()
            .take(NAMED)
            .fold(failure(Code::SayWhich), |failure, id| failure.hint("look", format!("git orch show {id}"))),
        FlowError::NoRun(_) => failure(Code::NoRun).hint("see the runs", "git orch report --list"),
        FlowError::InsideAgent | FlowError::NotForAgents(_) => {
            failure(Code::InsideAgent).hint("see the task", "git orch show")
        }
        _ => failure(Code::BadValue).hint("what the command takes", "git orch --help"),
    }
}

pub(super) fn nothing_ready(waiting: &[(TaskId, Waits)], in_hand: usize, needs_you: usize) -> Failure {
    let message = match waiting.len() {
        0 => "no task is ready".to_owned(),
        blocked => format!("no task is ready ({blocked} blocked)"),
    };
    let mut failure = Failure::new(Code::NothingReady, message);
    for (id, waits) in waiting.iter().take(NAMED) {
        failure = failure.because(format!("{id} {}", waits_text(waits)));
    }
    if in_hand > 0 {
        failure = failure.because(format!("{} in hand", text::count(in_hand, "task")));
    }
    if needs_you > 0 {
        let verb = if needs_you == 1 { "waits" } else { "wait" };
        failure = failure.because(format!("{} {verb} for a person", text::count(needs_you, "task")));
        return failure.hint("see them", "git orch status");
    }
    failure.hint("add one", "git orch add \"what you want done\"")
}

pub(super) fn nothing_waits() -> Failure {
    Failure::new(Code::NothingWaits, "nothing waits for a person")
        .hint("see what is going on", "git orch status")
}

/// What a task waits for, in words.
pub(crate) fn waits_text(waits: &Waits) -> String {
    match waits {
        Waits::For(ids) => {
            let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            format!("waits for {}", names.join(", "))
        }
        Waits::ForNothing(id) => format!("waits for {id}, which will never land"),
    }
}

pub(super) fn not_ready(id: &TaskId, waits: &Waits) -> Failure {
    let failure = Failure::new(Code::NotReady, format!("{id} is not ready")).because(waits_text(waits));
    match waits {
        Waits::For(ids) => {
            let first = ids.first().unwrap_or(id);
            failure.hint("see what that waits for", format!("git orch show {first}"))
        }
        Waits::ForNothing(_) => {
            failure.hint("change what it waits for", format!("git orch edit {id} --after \"\""))
        }
    }
}
