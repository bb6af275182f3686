//! Which prefix of a chain to try next, and how long a chain to make. Only this module is about what is quicker; what is
//! right is in `rules`, and holds whatever is answered here.
//!
//! First form: one batch at a time; a red one is halved; further slots test further batches on top of the first.

use super::Rules;
use super::rules::Standing;

/// What to do with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// Wait for the runs that are going on, or there is nothing to do.
    Wait,
    /// Test the prefix of this many members.
    Prefix(usize),
    /// The first member alone is the suspect: let the rules say what becomes of it.
    JudgeFirst,
}

/// The most members that a chain may have with so many slots.
pub(super) fn reach(rules: &Rules, slots: u32) -> usize {
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    rules.batch_max.max(1).saturating_mul(slots.max(1))
}

/// What to try next, where `prefixes[n - 1]` says how the prefix of `n` members stands. No prefix is green: it would
/// have landed.
pub(super) fn next(rules: &Rules, prefixes: &[Standing<'_>]) -> Try {
    let bad = |standing: &Standing<'_>| matches!(standing, Standing::Red { .. } | Standing::Silent { .. });
    let running = |standing: &Standing<'_>| matches!(standing, Standing::Running);
    match prefixes.iter().position(bad) {
        Some(0) => Try::JudgeFirst,
        // Halving lands what passes at once; the rest is then the red tree itself, and needs no run of its own.
        Some(at) if !prefixes[..at].iter().any(running) => Try::Prefix(at.div_ceil(2)),
        Some(_) => Try::Wait,
        None => {
            let tested = prefixes.iter().rposition(running).map_or(0, |at| at + 1);
            let wanted = prefixes.len().min(tested.saturating_add(rules.batch_max.max(1)));
            if wanted > tested { Try::Prefix(wanted) } else { Try::Wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::OnWorse;
    use std::collections::BTreeSet;

    fn ask(batch_max: usize, prefixes: &str) -> Try {
        let tests = BTreeSet::new();
        let standings: Vec<Standing<'_>> = prefixes
            .chars()
            .map(|c| match c {
                'r' => Standing::Red { tests: &tests, times: 1, unanswered: 0 },
                'o' => Standing::Running,
                _ => Standing::Untested,
            })
            .collect();
        let rules = Rules {
            batch_max,
            on_worse: OnWorse::Culprit,
            confirmations: 1,
            needs_baseline: false,
            land_when_closed: true,
        };
        next(&rules, &standings)
    }

    #[test]
    fn a_fresh_chain_is_tested_whole_and_a_red_one_is_halved() {
        assert_eq!(ask(4, ""), Try::Wait);
        assert_eq!(ask(4, "???"), Try::Prefix(3));
        assert_eq!(ask(4, "??????"), Try::Prefix(4));
        assert_eq!(ask(4, "???r"), Try::Prefix(2));
        assert_eq!(ask(4, "?r"), Try::Prefix(1));
        assert_eq!(ask(4, "?o?r"), Try::Wait);
        assert_eq!(ask(4, "r"), Try::JudgeFirst);
        assert_eq!(ask(2, "?o???"), Try::Prefix(4));
        assert_eq!(ask(2, "?o?o"), Try::Wait);
    }
}
