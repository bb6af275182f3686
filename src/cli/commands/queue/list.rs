//! `queue`: what is in it, in the order of the turns.

use serde_json::{Value, json};

use crate::flow::progress::Unwatched;
use crate::flow::queue::Lander;
use crate::flow::{FlowError, Project};
use crate::plan::Card;
use crate::process::Stop;
use crate::queue::{self, Explain, Forecast, View};
use crate::task::id::{Seconds, TaskId};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Context, text};

use super::why::{eta_json, span};

/// What the screen of the queue shows.
struct Screen {
    branch: String,
    commit: String,
    paused: Option<String>,
    below: Option<u8>,
    stopped: Option<String>,
    /// Why it stood still when it last ran here.
    stood: Option<String>,
    entries: Vec<Entry>,
    /// Tasks that left the queue and wait for a person.
    left: Vec<(TaskId, String)>,
}

struct Entry {
    id: TaskId,
    title: String,
    phase: &'static str,
    /// The tasks that are tested with it.
    batch: Vec<TaskId>,
    why: String,
    behind: Option<TaskId>,
    since: Seconds,
    eta: Option<Forecast>,
}

pub(super) fn run(ctx: &Context, project: &Project) -> Result<Exit, Failure> {
    let cards = project.store.open_tasks().map_err(FlowError::from)?.cards();
    let state = project.store.repo_state().map_err(FlowError::from)?;
    let sight = Lander::new(project, &Unwatched, Stop::new(), project.policy.queue.jobs).look()?;
    let left = cards.iter().filter(|card| card.state == "escalated" && card.head.is_some());
    let left = left.map(|card| (card.id.clone(), need_text(card))).collect();
    let forecasts = sight.forecasts();
    let screen = Screen {
        branch: project.base.branch.clone(),
        commit: project.base.tip.short().to_owned(),
        paused: state.paused,
        below: state.min_priority,
        stopped: state.stopped,
        stood: project.stood_still().filter(|_| !sight.view.entries.is_empty()),
        entries: entries(&sight.view, &cards, |id| forecasts.get(id).copied()),
        left,
    };
    let data = json!({
        "base": {"branch": screen.branch, "commit": project.base.tip.as_str()},
        "paused": screen.paused,
        "below": screen.below,
        "entries": screen.entries.iter().map(entry_json).collect::<Vec<_>>(),
        "stopped": stopped_json(&screen),
        "stands": screen.stood,
    });
    let next = if screen.entries.is_empty() { Vec::new() } else { vec!["git orch queue run".to_owned()] };
    ctx.out.success("queue", data, || render(&screen), &next);
    Ok(Exit::Done)
}

fn entries(view: &View, cards: &[Card], eta: impl Fn(&TaskId) -> Option<Forecast>) -> Vec<Entry> {
    let explain = Explain::of(view);
    let entry = |entry: &queue::Entry| {
        let id = &entry.task;
        let run = view.running.iter().find(|run| run.members.contains(id));
        let phase = match run {
            Some(_) => "testing",
            None if view.held.contains_key(id) => "held",
            None => "waiting",
        };
        let why = explain.why(id);
        Entry {
            id: id.clone(),
            title: cards
                .iter()
                .find(|card| card.id == *id)
                .map_or_else(String::new, |card| card.title.clone()),
            phase,
            batch: run.map_or_else(Vec::new, |run| run.members.clone()),
            why: why.text,
            behind: why.behind,
            since: entry.enqueued_at,
            eta: eta(id),
        }
    };
    explain.turns().map(entry).collect()
}

/// The tasks in the queue, in the order in which they came, by priority.
pub(super) fn in_order(cards: &[Card]) -> Vec<&Card> {
    let mut queued: Vec<&Card> = cards.iter().filter(|card| card.state == "ready-for-handoff").collect();
    queued.sort_by_key(|card| (card.priority, card.since, card.id.clone()));
    queued
}

fn need_text(card: &Card) -> String {
    use crate::plan::card::Need;
    match &card.need {
        Some(Need::Decision { text, .. } | Need::Held { text }) => text.clone(),
        Some(Need::Approval) | None => String::new(),
    }
}

fn entry_json(entry: &Entry) -> Value {
    let batch: Vec<&str> = entry.batch.iter().map(TaskId::as_str).collect();
    json!({"id": entry.id.as_str(), "title": entry.title, "phase": entry.phase, "batch": batch,
           "behind": entry.behind.as_ref().map(TaskId::as_str), "why": entry.why,
           "eta": eta_json(entry.eta), "since": text::rfc3339(entry.since)})
}

fn stopped_json(screen: &Screen) -> Vec<Value> {
    let queue = screen.stopped.iter().map(|why| json!({"id": null, "why": why}));
    queue.chain(screen.left.iter().map(|(id, why)| json!({"id": id.as_str(), "why": why}))).collect()
}

fn render(screen: &Screen) -> String {
    let paused = screen.paused.as_deref().map_or("no".to_owned(), |why| format!("yes ({})", text::line(why)));
    let paused = match (&screen.below, &screen.paused) {
        (Some(below), None) => format!("below priority {below}"),
        _ => paused,
    };
    let mut out = format!("{} {}   paused: {paused}\n", text::line(&screen.branch), screen.commit);
    if let Some(why) = &screen.stood {
        out.push_str(&format!("It stands still: {}\n", text::line(why)));
    }
    if screen.entries.is_empty() {
        out.push_str("The queue is empty. git orch queue add BRANCH\n");
    }
    let rows: Vec<Vec<String>> = screen
        .entries
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let title = text::cut(&entry.title, 40);
            let eta = entry.eta.map_or_else(String::new, span);
            let why = text::cut(&entry.why, 60);
            vec![format!("{:>2}", at + 1), entry.id.to_string(), title, entry.phase.to_owned(), why, eta]
        })
        .collect();
    out.push_str(&text::table(&rows, ""));
    if let Some(why) = &screen.stopped {
        let line = format!("stopped  {}     git orch approve queue", text::line(why));
        out.push_str(&format!("{}\n", text::attention(&line)));
    }
    for (id, why) in &screen.left {
        let line = format!("stopped  {id}  {}     git orch show {id}", text::cut(why, 60));
        out.push_str(&format!("{}\n", text::attention(&line)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    #[test]
    fn the_screen_of_the_queue() {
        let entry = |name: &str, phase, behind: Option<&str>| Entry {
            id: id(name),
            title: format!("Title of {name}"),
            phase,
            batch: Vec::new(),
            why: behind.map_or("next to be tested".to_owned(), |behind| format!("held behind {behind}: ...")),
            behind: behind.map(id),
            since: Seconds(0),
            eta: behind.is_none().then_some(Forecast { low: 60, high: 240 }),
        };
        let mut screen = Screen {
            branch: "main".to_owned(),
            commit: "a1b2c3d".to_owned(),
            paused: None,
            below: None,
            stopped: None,
            stood: None,
            entries: vec![
                entry("t-1", "testing", None),
                entry("t-2", "waiting", None),
                entry("t-3", "held", Some("t-2")),
            ],
            left: vec![(id("t-4"), "1 test is worse than on main: x".to_owned())],
        };
        assert_snapshot!(anstream::adapter::strip_str(&render(&screen)), @"
        main a1b2c3d   paused: no
         1  t-1  Title of t-1  testing  next to be tested     1m to 4m
         2  t-2  Title of t-2  waiting  next to be tested     1m to 4m
         3  t-3  Title of t-3  held     held behind t-2: ...
        stopped  t-4  1 test is worse than on main: x     git orch show t-4
        ");
        screen.entries.clear();
        screen.left.clear();
        screen.paused = Some("release day".to_owned());
        assert_snapshot!(render(&screen), @"
        main a1b2c3d   paused: yes (release day)
        The queue is empty. git orch queue add BRANCH
        ");
    }
}
