//! The policy's constants and the rates it believes in.

/// Rates of this repository, learned or configured. The policy is not sensitive to them: three times too much or too
/// little costs a few percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    /// Chance that a run of a good tree fails.
    pub(crate) flake: f64,
    /// Chance that the change that a failure points at is the culprit.
    pub(crate) attribution: f64,
    /// Length of a passing run, in the unit of all times given to the policy.
    pub(crate) suite: f64,
}

/// How the policy works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rates: Rates,
    /// Reds of one item alone that are needed after the first, before it is ejected.
    pub(crate) confirmations: u32,
    /// Mean share of the suite after which a failing run ends, where likely failures are tested first. `None`: it
    /// takes as long as a passing one.
    pub(crate) fail_fast: Option<f64>,
    /// Expected landings below which an idle slot stays idle. 0.4 saves 2 % of test time, 0.7 saves 6 % for 5 % more
    /// waiting at P95.
    pub(crate) idle_gain: f64,
    /// What a bit of information is worth while culprits are searched, as a share of a run's expected landings. 0 lands
    /// more at once and searches longer: one culprit of 8 then takes 5.6 runs instead of 5.4.
    pub(crate) search_bonus: f64,
    /// What an item's landing is worth more, per suite that it has waited.
    pub(crate) age_weight: f64,
    /// A backlog is this many times the group that passes with the target chance.
    pub(crate) backlog_factor: f64,
    /// Suspects that have waited this many suites get a run of their own.
    pub(crate) lane_age: f64,
    /// A run that has lasted for this many suites holds nobody up any more who does not need it.
    pub(crate) late: f64,
    /// Most items that are looked at together.
    pub(crate) window: usize,
    /// Most items that one candidate has more than the next shorter one that runs.
    pub(crate) batch_max: usize,
    /// Whether a green candidate lands although something landed that it was not tested with, where both touch nothing
    /// in common. Then some landings are red: about 1 to 3 of 1,000 where 0.1 % of disjoint pairs fail together.
    pub(crate) commute: bool,
}

impl Settings {
    /// The settings with the standard constants.
    pub(crate) fn new(rates: Rates, confirmations: u32, fail_fast: Option<f64>) -> Settings {
        Settings {
            rates,
            confirmations,
            fail_fast,
            idle_gain: 0.1,
            search_bonus: 0.6,
            age_weight: 0.5,
            backlog_factor: 2.0,
            lane_age: 4.0,
            late: 2.0,
            window: 60,
            batch_max: usize::MAX,
            commute: false,
        }
    }

    /// Time of a failing run, as a share of a passing one.
    pub(super) fn red_cost(&self) -> f64 {
        self.fail_fast.map_or(1.0, |mean| mean.min(1.0))
    }

    /// The pass probability to aim at with a group: the one with the most information per time, `H(P) / (P + (1-P)c)`
    /// where a failing run costs `c`. That is 0.5 where it costs a whole suite, and 0.3 where it costs 0.3 of one.
    pub(super) fn target(&self) -> f64 {
        if self.fail_fast.is_some() { 0.3 } else { 0.5 }
    }
}
