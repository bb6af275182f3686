//! The seven figures of a run.

use super::{Change, Counts, Outcome, RunReport};
use crate::task::finding::Severity;

/// The seven figures of a run. What is not known stays unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// 1. Tasks that landed, of all.
    pub(crate) completed: Share,
    /// 2. What the suite said before and after.
    pub(crate) tests: Change<Option<Counts>>,
    /// 3. Attempts of agents, over the tasks that were started.
    pub(crate) iterations: Iterations,
    /// 4. Tests that a change broke: kept from the base, of all that were seen.
    pub(crate) regressions: Share,
    /// 5. Cost, in millionths of a dollar, and tokens.
    pub(crate) cost_usd_micros: Sum,
    pub(crate) tokens: Sum,
    /// 6. CRITICAL and HIGH findings that led to a fix that landed, of all of these.
    pub(crate) caught_by_review: Share,
    /// 7. Seconds from the start to the end of the run.
    pub(crate) wall_seconds: u64,
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) part: usize,
    pub(crate) of: usize,
}

/// How often agents tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Iterations {
    pub(crate) total: u64,
    /// Tasks that were tried at least once.
    pub(crate) tasks: u64,
    pub(crate) most: u32,
}

/// A sum over tasks, some of which may not know their part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    Exactly(u64),
    /// At least one part is unknown.
    AtLeast(u64),
    /// No part is known.
    Unknown,
}

impl Share {
    /// In whole percent, rounded down, so that only all is 100; `None` of nothing.
    pub(crate) fn percent(self) -> Option<usize> {
        self.part.saturating_mul(100).checked_div(self.of)
    }
}

impl Sum {
    /// Adds up what is known. Nothing to add is exactly 0.
    pub(crate) fn of(parts: impl IntoIterator<Item = Option<u64>>) -> Sum {
        let (mut sum, mut known, mut unknown) = (0u64, false, false);
        for part in parts {
            known |= part.is_some();
            unknown |= part.is_none();
            sum = sum.saturating_add(part.unwrap_or(0));
        }
        match (known, unknown) {
            (_, false) => Sum::Exactly(sum),
            (true, true) => Sum::AtLeast(sum),
            (false, true) => Sum::Unknown,
        }
    }
}

/// Computes the figures of a run. A task that was never tried cost nothing, whatever it knows.
pub(crate) fn metrics(report: &RunReport) -> Metrics {
    let tried = || report.tasks.iter().filter(|task| task.tries > 0 || task.review_rounds > 0);
    let started = || report.tasks.iter().map(|task| task.tries).filter(|&tries| tries > 0);
    let grave = || {
        report
            .findings
            .iter()
            .filter(|finding| matches!(finding.severity, Severity::Critical | Severity::High))
    };
    Metrics {
        completed: Share {
            part: report.tasks.iter().filter(|task| task.result == Outcome::Landed).count(),
            of: report.tasks.len(),
        },
        tests: report.tests,
        iterations: Iterations {
            total: started().map(u64::from).sum(),
            tasks: started().map(|_| 1).sum(),
            most: started().max().unwrap_or(0),
        },
        regressions: Share {
            part: report.regressions.iter().filter(|regression| regression.caught).count(),
            of: report.regressions.len(),
        },
        cost_usd_micros: Sum::of(tried().map(|task| task.cost_usd_micros)),
        tokens: Sum::of(tried().map(|task| task.tokens)),
        caught_by_review: Share {
            part: grave().filter(|finding| finding.fixed).count(),
            of: grave().count(),
        },
        wall_seconds: u64::try_from(report.ended.0.saturating_sub(report.started.0)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_sum_with_an_unknown_part_is_at_least() {
        assert_eq!(Sum::of([]), Sum::Exactly(0));
        assert_eq!(Sum::of([Some(1), Some(2)]), Sum::Exactly(3));
        assert_eq!(Sum::of([Some(1), None]), Sum::AtLeast(1));
        assert_eq!(Sum::of([Some(0), None]), Sum::AtLeast(0));
        assert_eq!(Sum::of([None]), Sum::Unknown);
    }

    #[test]
    fn only_all_is_100_percent() {
        assert_eq!(Share { part: 999, of: 1000 }.percent(), Some(99));
        assert_eq!(Share { part: 0, of: 0 }.percent(), None);
    }

    #[test]
    fn the_seven_figures_of_a_run() {
        let figures = metrics(&samples::one_needs_a_person());
        assert_eq!(figures.completed, Share { part: 2, of: 3 });
        assert_eq!(figures.iterations, Iterations { total: 5, tasks: 3, most: 3 });
        assert_eq!(figures.regressions, Share { part: 2, of: 2 });
        assert_eq!(figures.caught_by_review, Share { part: 1, of: 2 });
        assert_eq!(figures.cost_usd_micros, Sum::Exactly(1_240_000 + 310_000 + 90_500));
        assert_eq!(figures.wall_seconds, 3_725);
    }

    #[test]
    fn a_clock_that_went_back_gives_no_time() {
        let mut report = samples::all_landed();
        report.ended = crate::task::id::Seconds(report.started.0 - 5);
        assert_eq!(metrics(&report).wall_seconds, 0);
    }
}
