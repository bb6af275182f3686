//! What tokens cost where an agent tells its tokens and not its cost.
//!
//! A price stands in the agent's entry, because vendors change theirs and a wrong figure is worse than none: what has no
//! price stays unknown.

use super::output::Tokens;
use crate::{policy::agents::AgentEntry, task::record::MicroUsd};

/// Estimates the cost of a turn from its tokens; `None` where tokens or price are unknown.
pub(super) fn estimate(
    entry: Option<&AgentEntry>,
    _model: Option<&str>,
    tokens: Option<Tokens>,
) -> Option<MicroUsd> {
    let (price, tokens) = (entry?.price?, tokens?);
    let fresh = tokens.input.saturating_sub(tokens.cached);
    let parts = [(fresh, price.input), (tokens.cached, price.cached), (tokens.output, price.output)];
    // A price is for a million tokens.
    let sum: u128 = parts.iter().map(|&(count, price)| u128::from(count) * u128::from(price)).sum();
    u64::try_from(sum.div_ceil(1_000_000)).ok().map(MicroUsd)
}
