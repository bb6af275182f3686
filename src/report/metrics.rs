//! The seven figures of a run.

use super::run::{Change, Counts, Outcome, RunReport};
use super::sum::Sum;
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
    /// The cost together with what the same tasks used before the run; `None` where that is nothing.
    pub(crate) cost_in_all: Option<Sum>,
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

impl Share {
    /// In whole percent, rounded down, so that only all is 100; `None` of nothing.
    pub(crate) fn percent(self) -> Option<usize> {
        self.part.saturating_mul(100).checked_div(self.of)
    }
}

/// Computes the figures of a run. A task that had no turn in it cost nothing.
pub(crate) fn metrics(report: &RunReport) -> Metrics {
    let worked_on = || report.tasks.iter().filter(|task| task.turns > 0);
    let cost = Sum::all(worked_on().map(|task| task.cost_usd_micros));
    let before = || report.tasks.iter().filter_map(|task| task.before);
    let cost_before = Sum::of(before().map(|before| before.cost_usd_micros));
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
        cost_usd_micros: cost,
        tokens: Sum::all(worked_on().map(|task| task.tokens)),
        cost_in_all: before().next().map(|_| cost.plus(cost_before)),
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
