//! What to believe of a repository, from what was seen of it.

use super::{Belief, Tried};

/// The share of changes that fail, where nothing is known: a guess, with the weight of two changes.
const PRIOR: f64 = 0.05;
const PRIOR_WEIGHT: f64 = 2.0;
/// How sure anybody may be of the share of changes that fail.
const FAILING: (f64, f64) = (0.005, 0.4);
/// The share of runs of good trees that fail, where nothing is known: a guess.
const FLAKE: f64 = 0.02;
/// Length of a full run in seconds, where none was seen.
const SUITE_SECONDS: f64 = 300.0;

impl Belief {
    /// The rates to plan with. `suite_seconds` is the length of a full run, where one was seen.
    pub(crate) fn of(failing: f64, suite_seconds: Option<f64>, fail_fast: bool) -> Belief {
        Belief {
            failing: failing.clamp(FAILING.0, FAILING.1),
            flake: FLAKE,
            suite_seconds: suite_seconds.unwrap_or(SUITE_SECONDS),
            fail_fast,
        }
    }
}

/// The share of changes that fail, when so many landed and so many made tests worse.
pub(crate) fn failing_share(landed: f64, worse: f64) -> f64 {
    PRIOR_WEIGHT.mul_add(PRIOR, worse) / (landed + worse + PRIOR_WEIGHT)
}

/// Seconds that a run of a candidate took, the longest of them: a red one may have ended early. `None` where no run ended.
pub(crate) fn typical_length(tried: &[Tried]) -> Option<f64> {
    let longest = tried.iter().map(|tried| tried.ended.0 - tried.started.0).max()?;
    #[expect(clippy::cast_precision_loss, reason = "exact for some hundred million years")]
    let seconds = longest as f64;
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::id::{Seconds, TreeId};
    use std::collections::BTreeSet;

    #[test]
    fn rates_go_from_a_guess_to_what_was_seen() {
        let share = |landed, worse| (failing_share(landed, worse) * 1000.0).round();
        assert_eq!(
            [share(0.0, 0.0), share(8.0, 0.0), share(18.0, 0.0), share(0.0, 2.0)],
            [50.0, 10.0, 5.0, 525.0]
        );
        assert_eq!(Belief::of(0.9, None, false).failing, 0.4);
        assert_eq!(Belief::of(0.0, None, false).suite_seconds, 300.0);
    }

    #[test]
    fn a_suite_is_as_long_as_its_longest_run() {
        let run = |started, ended| Tried {
            past: None,
            members: Vec::new(),
            tree: TreeId::parse(&"0".repeat(40)).unwrap(),
            green: false,
            worse: BTreeSet::new(),
            started: Seconds(started),
            ended: Seconds(ended),
        };
        assert_eq!(typical_length(&[]), None);
        assert_eq!(typical_length(&[run(10, 12), run(10, 17), run(30, 33)]), Some(7.0));
    }
}
