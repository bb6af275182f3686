//! `queue why`: what a task waits for.

use serde_json::{Value, json};

use crate::flow::progress::Unwatched;
use crate::flow::queue::Lander;
use crate::flow::{FlowError, Project};
use crate::process::Stop;
use crate::queue::{Explain, Forecast, Reason};
use crate::task::{State, Task};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::needs::{Eyes, needs};
use crate::cli::{Context, text};

pub(super) fn run(ctx: &Context, project: &Project, task: &str) -> Result<Exit, Failure> {
    let found = project.find(task)?.stored().task.clone();
    let id = found.id.clone();
    let stopped = project.store.repo_state().map_err(FlowError::from)?.stopped;
    let sight = Lander::new(project, &Unwatched, Stop::new(), project.policy.queue.jobs).look()?;
    let queued = sight.view.entries.iter().any(|entry| entry.task == id);
    let reason = match stopped {
        Some(why) if queued => Reason { text: format!("the queue is stopped: {why}"), behind: None },
        _ if queued => Explain::of(&sight.view).why(&id),
        _ => Reason { text: not_queued(project, &found), behind: None },
    };
    let forecast = sight.forecasts().get(&id).copied();
    let eta = forecast.map_or_else(String::new, |forecast| format!("; lands in {}", span(forecast)));
    let line = format!("{id}: {}{eta}\n", text::line(&reason.text));
    let next = match needs(&found, &Eyes::of(project)) {
        _ if queued => Vec::new(),
        Some(needs) => needs.options,
        None => vec![format!("git orch show {id}")],
    };
    let data = json!({"id": id.as_str(), "why": reason.text,
        "behind": reason.behind.map(|task| task.to_string()), "eta": eta_json(forecast)});
    ctx.out.success("queue-why", data, || line, &next);
    Ok(Exit::Done)
}

/// A forecast in words: `2m to 9m, if its tests pass`.
pub(super) fn span(Forecast { low, high }: Forecast) -> String {
    let words = |seconds: u64| text::span(i64::try_from(seconds).unwrap_or(i64::MAX));
    match (words(low), words(high)) {
        (low, high) if low == high => format!("about {low}"),
        (low, high) => format!("{low} to {high}"),
    }
}

pub(super) fn eta_json(forecast: Option<Forecast>) -> Value {
    forecast.map_or(Value::Null, |Forecast { low, high }| json!({"low_seconds": low, "high_seconds": high}))
}

/// Why a task does not wait in the queue.
fn not_queued(project: &Project, task: &Task) -> String {
    let eyes = Eyes::of(project);
    let waits = project.waits(task).filter(|_| matches!(task.state, State::Pending));
    match (&task.state, needs(task, &eyes)) {
        (State::Completed { landed, .. }, _) => format!("landed as {}", landed.short()),
        (State::Cancelled { .. }, _) => "not in the queue: it was given up".to_owned(),
        (_, Some(needs)) => format!("not in the queue: it waits for a person: {}", needs.why),
        (state, None) => match waits {
            Some(waits) => format!("not in the queue: it {waits}"),
            None => format!("not in the queue: it is {}", state.said()),
        },
    }
}
