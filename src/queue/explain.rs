//! Says in one line what a task in the queue waits for, and behind whom.

use super::batch::grow;
use super::order::ordered;
use super::rules::{self, Standing};
use super::{Entry, Purpose, View, halves as policy};
use crate::task::id::TaskId;

/// What `task` waits for, as one line without a full stop.
pub(crate) fn why(view: &View, task: &TaskId) -> String {
    let Some(entry) = view.entry(task) else {
        return "not in the queue".to_owned();
    };
    kept_back(view, entry).or_else(|| under_test(view, task)).unwrap_or_else(|| waiting(view, entry))
}

/// What keeps the entry or the whole queue back.
fn kept_back(view: &View, entry: &Entry) -> Option<String> {
    if let Some(stop) = &view.stopped {
        return Some(format!(
            "the queue is stopped: {} makes {} worse",
            stop.culprit,
            tests(stop.tests.len())
        ));
    }
    if view.paused {
        return Some("the queue is paused".to_owned());
    }
    if entry.blocked {
        return Some("waits for a task that is not in the queue".to_owned());
    }
    if let Some(min) = view.min_priority.filter(|&min| entry.priority > min) {
        return Some(format!("priority {}: only 0 to {min} go now", entry.priority));
    }
    let hold = view.held.get(&entry.task)?;
    let files: Vec<&str> = hold.files.iter().map(String::as_str).collect();
    Some(format!("held behind {}: they conflict in {}", hold.behind, files.join(", ")))
}

fn under_test(view: &View, task: &TaskId) -> Option<String> {
    let run = view.running.iter().find(|run| run.members.contains(task))?;
    let others: Vec<&str> = run.members.iter().filter(|other| *other != task).map(TaskId::as_str).collect();
    let doing = match run.purpose {
        Purpose::Confirm => "red, being repeated",
        Purpose::Candidate | Purpose::Baseline => "being tested",
    };
    Some(if others.is_empty() { doing.to_owned() } else { format!("{doing} with {}", others.join(", ")) })
}

/// What an entry waits for that could go: a dependency, an overlap, or its turn.
fn waiting(view: &View, entry: &Entry) -> String {
    if let Some(other) = rules::undecided(view, entry).next() {
        return format!("after {other}, which has not landed yet");
    }
    let order = ordered(&view.entries);
    let batch = grow(view, &order, policy::reach(&view.rules, 1));
    let at = batch.links.iter().position(|link| link.last.task == entry.task);
    if let Some(link) = at.map(|at| &batch.links[at]) {
        return match rules::standing(view, link.tree) {
            Standing::Green { .. } => "green, lands next".to_owned(),
            Standing::Red { .. } | Standing::Silent { .. } => "in a red batch, being searched".to_owned(),
            Standing::Untested | Standing::Running => "next to be tested".to_owned(),
        };
    }
    let overlap = batch.links.iter().find(|link| link.last.footprint.overlaps(&entry.footprint));
    if let Some(other) = overlap.map(|link| link.last) {
        let shared: Vec<String> = other.footprint.shared(&entry.footprint).into_iter().collect();
        return match shared.as_slice() {
            [] => format!("behind {}: one of them lands alone", other.task),
            shared => format!("behind {}: both change {}", other.task, shared.join(", ")),
        };
    }
    match order.turns.iter().position(|other| other.task == entry.task) {
        None => "waits in a circle of dependencies".to_owned(),
        Some(0) => "next to be composed".to_owned(),
        Some(1) => "behind 1 task".to_owned(),
        Some(ahead) => format!("behind {ahead} tasks"),
    }
}

fn tests(count: usize) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}
