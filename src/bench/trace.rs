//! A trace: changes that arrive at a queue, and the truth about them that only test runs reveal.
//!
//! Times are minutes from the start of the trace.

/// Number of a change: 0, 1, 2 ... in order of arrival.
pub(crate) type ChangeId = u32;

/// Changes in order of arrival, and what is known of them as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) name: String,
    /// What it was drawn from; for the record.
    pub(crate) seed: u64,
    /// Test runs at a time.
    pub(crate) slots: usize,
    pub(crate) model: Model,
    /// Share of changes with a defect, as known from history.
    pub(crate) failure_rate: f64,
    /// Chance that two neighbours fail together though each is fine: that touch the same, that do not.
    pub(crate) overlapping: f64,
    pub(crate) disjoint: f64,
    pub(crate) signals: Signals,
    pub(crate) changes: Vec<Change>,
}

/// What a queue may use besides pass and fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Signals {
    /// A failing run ends early.
    pub(crate) early: bool,
    /// Each change has a predicted risk.
    pub(crate) risk: bool,
    /// A failure may name a culprit.
    pub(crate) suspects: bool,
}

/// How long a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Model {
    /// The suite, as the last subject has it.
    Suite,
    /// The longest of the subjects' own tests.
    Longest,
    /// The sum of the subjects' own tests, at most so many minutes.
    Sum { cap: f64 },
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) arrives: f64,
    /// When its author last updated from the base; may be negative.
    pub(crate) based_at: f64,
    /// What it touches, as numbers: ascending, not empty.
    pub(crate) footprint: Vec<u32>,
    /// Length of its own tests.
    pub(crate) minutes: f64,
    /// Length of the full suite with it.
    pub(crate) suite_minutes: f64,
    /// Broken by itself.
    pub(crate) defect: bool,
    /// Earlier changes that it fails together with.
    pub(crate) conflicts: Vec<ChangeId>,
    /// A predictor's guess that it is broken, 0 to 1.
    pub(crate) risk: f64,
    /// Share of a run after which its failure shows.
    pub(crate) early: f64,
    /// Whether its failure points at it.
    pub(crate) speaks: bool,
}

impl Trace {
    /// The change with this number. Numbers come from the trace itself.
    pub(crate) fn change(&self, id: ChangeId) -> &Change {
        &self.changes[id as usize]
    }

    /// All numbers, in order of arrival.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ChangeId> + use<> {
        0..u32::try_from(self.changes.len()).unwrap_or(u32::MAX)
    }

    /// Length of a passing run of these subjects.
    pub(crate) fn length(&self, subjects: &[ChangeId]) -> f64 {
        let own = subjects.iter().map(|&id| self.change(id).minutes);
        match self.model {
            Model::Suite => subjects.iter().max().map_or(0.0, |&last| self.change(last).suite_minutes),
            Model::Longest => own.fold(0.0, f64::max),
            Model::Sum { cap } => own.sum::<f64>().min(cap),
        }
    }

    /// Mean length of a run over one change: what a queue would have learned.
    pub(crate) fn mean_length(&self) -> f64 {
        let sum: f64 = self.ids().map(|id| self.length(&[id])).sum();
        sum / self.changes.len().max(1) as f64
    }
}

/// What became of a trace: every run, and every change's fate.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Played {
    pub(crate) policy: String,
    pub(crate) uses: Vec<String>,
    pub(crate) runs: Vec<RunRecord>,
    /// In the order in which they were decided.
    pub(crate) decided: Vec<Decision>,
}

/// One test run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunRecord {
    pub(crate) run: u32,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) members: Vec<ChangeId>,
    /// Those whose tests it ran; `None`: all members.
    pub(crate) subjects: Option<Vec<ChangeId>>,
    pub(crate) outcome: Outcome,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail,
    Cancelled,
}

/// How a change was decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Decision {
    pub(crate) change: ChangeId,
    pub(crate) at: f64,
    pub(crate) landed: bool,
}

impl RunRecord {
    /// Those whose tests it ran.
    pub(crate) fn tested(&self) -> &[ChangeId] {
        self.subjects.as_deref().unwrap_or(&self.members)
    }
}
