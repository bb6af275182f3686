//! How bad a finding is.

use crate::task::id::shown;
use std::fmt;

/// How bad a finding is; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    /// Blocks until it is fixed.
    Critical,
}

/// A text that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("severity '{0}' unknown")]
pub(crate) struct UnknownSeverity(String);

/// Longest part of an unknown severity that an error repeats, in characters.
const SHOWN_MAX: usize = 40;

impl Severity {
    /// Reads a severity: exactly its name in upper case.
    ///
    /// # Errors
    /// Any other text. Nothing is guessed: what is read as too harmless would pass.
    pub(crate) fn parse(text: &str) -> Result<Severity, UnknownSeverity> {
        match text {
            "CRITICAL" => Ok(Severity::Critical),
            "HIGH" => Ok(Severity::High),
            "MEDIUM" => Ok(Severity::Medium),
            "LOW" => Ok(Severity::Low),
            other => Err(UnknownSeverity(shown(&other.chars().take(SHOWN_MAX).collect::<String>()))),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "CRITICAL",
            Severity::High => "HIGH",
            Severity::Medium => "MEDIUM",
            Severity::Low => "LOW",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_severities() {
        for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
            assert_eq!(Severity::parse(severity.as_str()), Ok(severity));
        }
        for text in ["critical", "Critical", " CRITICAL", "", "BLOCKER"] {
            assert!(Severity::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Severity::parse("SEVERE").unwrap_err().to_string(), "severity 'SEVERE' unknown");
    }
}
