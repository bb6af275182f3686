//! What each agent of a run did and cost: one line for each, and one for each turn where there is room.

use super::{RunReport, Sum};
use crate::task::record::TurnRecord;
use std::collections::BTreeMap;

/// What one agent did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AgentSum<'a> {
    pub(super) agent: &'a str,
    pub(super) tier: &'a str,
    pub(super) turns: usize,
    pub(super) seconds: u64,
    pub(super) tokens: Sum,
    pub(super) cost: Sum,
    /// Whether any part of `cost` comes from a table of prices.
    pub(super) estimated: bool,
}

/// The agents of a run, by name.
pub(super) fn by_agent(report: &RunReport) -> Vec<AgentSum<'_>> {
    let mut agents: BTreeMap<&str, Vec<&TurnRecord>> = BTreeMap::new();
    for line in &report.turns {
        agents.entry(&line.turn.agent).or_default().push(&line.turn);
    }
    let sum = |(agent, turns): (_, Vec<&'_ TurnRecord>)| AgentSum {
        agent,
        tier: "",
        turns: turns.len(),
        seconds: turns.iter().map(|turn| turn.seconds).sum(),
        tokens: Sum::of(turns.iter().map(|turn| turn.tokens)),
        cost: Sum::of(turns.iter().map(|turn| turn.cost.map(|cost| cost.0))),
        estimated: turns.iter().any(|turn| turn.estimated),
    };
    let tier = |agent: &str| {
        let turn = report.turns.iter().find(|line| line.turn.agent == agent);
        turn.and_then(|line| line.turn.tier.as_deref()).unwrap_or("-")
    };
    agents.into_iter().map(sum).map(|sum| AgentSum { tier: tier(sum.agent), ..sum }).collect()
}
