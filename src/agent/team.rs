//! Workers that do one task together, at the same time: each in its own sandbox, none of which can write.

use super::{
    Agent, AgentError,
    output::Tokens,
    take::take,
    turn::{Cost, Turn, TurnResult, Usage},
};
use crate::{
    process::{Ended, Stop},
    task::record::MicroUsd,
};

/// Calls workers at the same time, and makes their turns one: what the one that came to the worst end says of its end
/// holds for all, and what they used is added up.
///
/// # Errors
/// One of them could not be called; the others came to their end.
pub(crate) async fn take_together(workers: &[(Agent, Turn)], stop: &Stop) -> Result<TurnResult, AgentError> {
    let mut calls = tokio::task::JoinSet::new();
    for (at, (agent, turn)) in workers.iter().cloned().enumerate() {
        let stop = stop.clone();
        calls.spawn(async move { (at, take(&agent, &turn, stop).await) });
    }
    let mut results = Vec::new();
    for (at, result) in calls.join_all().await {
        results.push((at, result?));
    }
    results.sort_by_key(|(at, _)| *at);
    let named = results.into_iter().map(|(at, result)| (workers[at].0.name.clone(), result)).collect();
    together(named).ok_or(AgentError::Empty { kind: "workers" })
}

/// Several turns as one; nothing of none.
fn together(results: Vec<(String, TurnResult)>) -> Option<TurnResult> {
    let tokens = results.iter().map(|(_, result)| result.usage.tokens).reduce(|one, other| {
        Some(Tokens {
            input: one?.input.saturating_add(other?.input),
            cached: one?.cached.saturating_add(other?.cached),
            output: one?.output.saturating_add(other?.output),
        })
    });
    let cost = results.iter().map(|(_, result)| result.usage.cost).reduce(|one, other| {
        let sum = MicroUsd(one?.amount().0.saturating_add(other?.amount().0));
        let reported = matches!((one?, other?), (Cost::Reported(_), Cost::Reported(_)));
        Some(if reported { Cost::Reported(sum) } else { Cost::Estimated(sum) })
    });
    let parts: Vec<(String, String)> =
        results.iter().map(|(name, result)| (name.clone(), result.answer.clone())).collect();
    let mut models: Vec<String> = results.iter().filter_map(|(_, result)| result.model.clone()).collect();
    models.dedup();
    let seconds = results.iter().map(|(_, result)| result.outcome.seconds).fold(0.0, f64::max);
    let denied = results.iter().map(|(_, result)| result.denied).sum();
    // A call that failed says more than an exit code, and either more than a good end.
    let rank = |result: &TurnResult| match (&result.failure, result.outcome.ended) {
        (_, Ended::Stopped) => 0,
        (Some(_), _) => 1,
        (None, Ended::Exited(0)) if result.complete => 3,
        (None, _) => 2,
    };
    let (_, worst) = results.into_iter().min_by_key(|(_, result)| rank(result))?;
    Some(TurnResult {
        answer: parts.iter().map(|(name, answer)| format!("{name}:\n{answer}\n")).collect(),
        parts,
        usage: Usage { tokens: tokens?, cost: cost? },
        model: (!models.is_empty()).then(|| models.join(", ")),
        outcome: crate::process::Outcome { seconds, ..worst.outcome },
        denied,
        ..worst
    })
}
