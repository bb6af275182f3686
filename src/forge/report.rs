//! What the gates say of a pull request, as data for comment, summary and check.

use crate::task::finding::Severity;

use super::finding::Named;

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Pass,
    /// Neither for nor against.
    Neutral,
    No,
}

/// One gate's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateLine {
    pub(crate) gate: &'static str,
    pub(crate) says: Says,
    pub(crate) text: String,
}

/// What is said of a pull request at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// `None` for a group of the host's own merge queue.
    pub(crate) number: Option<u64>,
    /// The commit's short id.
    pub(crate) head: String,
    /// Short name of the base branch.
    pub(crate) base: String,
    pub(crate) gates: Vec<GateLine>,
    /// The worst first; dismissed ones are left out.
    pub(crate) findings: Vec<Named>,
    /// Tests that are worse, with a line each.
    pub(crate) worse: Vec<(String, String)>,
    /// Why each test was chosen.
    pub(crate) chosen: Vec<String>,
    /// In millionths of a US dollar, if it is known.
    pub(crate) cost: Option<u64>,
}

impl Report {
    /// Whether any gate says no.
    pub(crate) fn blocked(&self) -> bool {
        self.gates.iter().any(|gate| gate.says == Says::No)
    }

    /// Whether there is anything that somebody should read.
    pub(crate) fn is_clean(&self) -> bool {
        !self.blocked() && !self.findings.iter().any(|named| named.finding.severity >= Severity::High)
    }

    /// How many findings are this bad.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|named| named.finding.severity == severity).count()
    }

    /// The verdict in one line.
    pub(crate) fn headline(&self) -> String {
        let no: Vec<&str> =
            self.gates.iter().filter(|gate| gate.says == Says::No).map(|gate| gate.gate).collect();
        let critical = self.count(Severity::Critical);
        match (no.as_slice(), critical) {
            ([], _) if self.is_clean() => "may go on".to_owned(),
            ([], _) => "may go on, with remarks".to_owned(),
            (["review"], 1) => "blocked, 1 critical finding".to_owned(),
            (["review"], many @ 2..) => format!("blocked, {many} critical findings"),
            (gates, _) => format!("blocked by {}", gates.join(", ")),
        }
    }
}
