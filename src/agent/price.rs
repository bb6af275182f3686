//! What tokens cost where an agent tells its tokens and not its cost.
//!
//! A price stands in the agent's entry, because vendors change theirs and a wrong figure is worse than none: what has no
//! price stays unknown.

use super::output::Tokens;
use crate::{policy::agents::AgentEntry, task::record::MicroUsd};

/// Estimates the cost of a turn from its tokens; `None` where tokens or price are unknown.
pub(super) fn estimate(entry: Option<&AgentEntry>, tokens: Option<Tokens>) -> Option<MicroUsd> {
    let (price, tokens) = (entry?.price?, tokens?);
    let fresh = tokens.input.saturating_sub(tokens.cached);
    let parts = [(fresh, price.input), (tokens.cached, price.cached), (tokens.output, price.output)];
    // A price is for a million tokens.
    let sum: u128 = parts.iter().map(|&(count, price)| u128::from(count) * u128::from(price)).sum();
    u64::try_from(sum.div_ceil(1_000_000)).ok().map(MicroUsd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::agents::Price;

    #[test]
    fn a_price_is_for_a_million_tokens_and_rounds_up() {
        let price = Some(Price { input: 3_000_000, cached: 300_000, output: 15_000_000 });
        let entry = AgentEntry { price, ..AgentEntry::of_command("x", "x") };
        let cost = |input, cached, output| estimate(Some(&entry), Some(Tokens { input, cached, output }));
        assert_eq!(cost(1_000_000, 0, 100_000), Some(MicroUsd(4_500_000)));
        assert_eq!(cost(1_000_000, 1_000_000, 0), Some(MicroUsd(300_000)));
        assert_eq!(cost(1, 1, 0), Some(MicroUsd(1)));
        assert_eq!(estimate(Some(&entry), None), None);
        let unpriced = AgentEntry { price: None, ..entry.clone() };
        assert_eq!(estimate(Some(&unpriced), Some(Tokens::default())), None);
    }
}
