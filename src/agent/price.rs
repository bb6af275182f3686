//! What tokens cost where an agent tells its tokens and not its cost.
//!
//! The agent's own price counts, then the list price of its model. A wrong figure is worse than none: what has neither
//! stays unknown.

use super::output::Tokens;
use crate::{
    policy::{agents::AgentEntry, prices::list_price},
    task::record::MicroUsd,
};

/// Estimates the cost of a turn from its tokens; `None` where tokens or price are unknown.
pub(super) fn estimate(
    entry: Option<&AgentEntry>,
    model: Option<&str>,
    tokens: Option<Tokens>,
) -> Option<MicroUsd> {
    let tokens = tokens?;
    let price = entry?.price.or_else(|| list_price(model?))?;
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
        let cost =
            |input, cached, output| estimate(Some(&entry), None, Some(Tokens { input, cached, output }));
        assert_eq!(cost(1_000_000, 0, 100_000), Some(MicroUsd(4_500_000)));
        assert_eq!(cost(1_000_000, 1_000_000, 0), Some(MicroUsd(300_000)));
        assert_eq!(cost(1, 1, 0), Some(MicroUsd(1)));
        assert_eq!(estimate(Some(&entry), None, None), None);
        let unpriced = AgentEntry { price: None, ..entry.clone() };
        let used = Some(Tokens { input: 1_000_000, cached: 0, output: 0 });
        assert_eq!(estimate(Some(&unpriced), None, used), None);
        assert_eq!(estimate(Some(&unpriced), Some("some-model"), used), None);
        assert_eq!(estimate(Some(&unpriced), Some("gpt-5-mini"), used), Some(MicroUsd(250_000)));
        assert_eq!(estimate(Some(&entry), Some("gpt-5-mini"), used), Some(MicroUsd(3_000_000)));
    }
}
