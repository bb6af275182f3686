//! What a reviewer objects to.

use std::fmt;

/// How bad a finding is; the worst is the greatest (B5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    /// Blocks until it is fixed.
    Critical,
}

impl Severity {
    pub(crate) const ALL: [Severity; 4] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

    /// The word that reviewers and records use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        }
    }

    /// The severity of exactly that word.
    pub(crate) fn of_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that a reviewer found. Its texts are safe to show and not longer than their limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// Relative to the repository, with `/`.
    pub(crate) file: Option<String>,
    /// Counted from 1.
    pub(crate) line: Option<u32>,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Who found it.
    pub(crate) reviewer: String,
}
