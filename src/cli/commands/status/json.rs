//! `status` for programs.

use serde_json::json;

use crate::flow::{FlowError, Project};
use crate::plan::Card;
use crate::store::run_state::Rest;

use crate::cli::failure::Failure;
use crate::cli::json::RowJson;
use crate::cli::needs::{Eyes, needs};

use super::screen::Screen;

pub(super) fn short(screen: &Screen) -> serde_json::Value {
    json!({"in_hand": screen.hand.len(), "queue": screen.queue.len(), "needs_you": screen.needs.len() + usize::from(screen.waits())})
}

pub(super) fn data(project: &Project, screen: &Screen, cards: &[Card]) -> Result<serde_json::Value, Failure> {
    let cap = project.policy.cap.caps.diff;
    let eyes = Eyes::of(project);
    let mut needs_you = Vec::new();
    for card in &screen.needs {
        if let Some(stored) = project.store.load(&card.id).map_err(FlowError::from)? {
            let mut needs = needs(&stored.task, &eyes);
            if let Some(needs) = &mut needs {
                needs.log = screen.logs.get(&card.id).cloned();
            }
            needs_you.push(RowJson::of(card, cap, needs));
        }
    }
    let shown = [&screen.needs, &screen.hand, &screen.queue, &screen.ready, &screen.waiting, &screen.drafts];
    let mut tasks: Vec<RowJson> = Vec::new();
    for card in shown.into_iter().flatten() {
        let needs = needs_you.iter().find(|row| row.id == card.id.as_str()).and_then(|row| row.needs.clone());
        tasks.push(RowJson::of(card, cap, needs));
    }
    let busy = cards.iter().filter(|card| card.state == "in-progress").count();
    let broken: Vec<_> = screen.broken.iter().map(|(name, why)| json!({"ref": name, "why": why})).collect();
    let bereft: Vec<&str> = screen.bereft.iter().map(|(id, _)| id.as_str()).collect();
    Ok(json!({
        "worktree_gone": bereft,
        "main": {"branch": screen.branch, "commit": project.base.tip.as_str()},
        "run": screen.run.as_ref().map(|run| json!({"id": run.id, "waits": run.waits, "goes_on": run.goes_on, "interrupted": run.rests == Some(Rest::Interrupted)})),
        "needs_you": needs_you,
        "tasks": tasks,
        "queue": screen.queue.iter().map(|card| card.id.as_str()).collect::<Vec<_>>(),
        "capacity": {"jobs": project.policy.jobs, "busy": busy},
        "ready": screen.ready.len(),
        "done_today": screen.done_today,
        "paused": screen.paused,
        "stopped": screen.stopped,
        "below": screen.below,
        "stands": screen.stood,
        "broken": broken,
        "finished": screen.finished.iter().map(|(id, _)| id).collect::<Vec<_>>(),
    }))
}
