//! How tests fail, as far as it is assumed: by invented traffic, and by those who play.

/// Share of the suite after which a failure shows, in the mean, where failures show early.
pub(crate) const EARLY_MEAN: f64 = 0.315;
/// Share of culprits that a failure points at, where it points at anybody.
pub(crate) const ATTRIBUTION: f64 = 0.7;

/// What a contender believes of tests, and how it treats a red.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Beliefs {
    /// Share of runs of good trees that fail.
    pub(crate) flake: f64,
    /// Chance that a named suspect is the culprit.
    pub(crate) attribution: f64,
    /// Further reds of one change alone before it is ejected.
    pub(crate) confirmations: u32,
}

impl Default for Beliefs {
    fn default() -> Beliefs {
        Beliefs { flake: 0.0, attribution: ATTRIBUTION, confirmations: 0 }
    }
}
