//! Reads how bad a finding is.

use crate::task::finding::Severity;
use crate::task::id::shown;

/// A text that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("severity '{0}' unknown")]
pub(crate) struct UnknownSeverity(String);

/// Longest part of an unknown severity that an error repeats, in characters.
const SHOWN_MAX: usize = 40;

/// Reads a severity: exactly its name in upper case.
///
/// # Errors
/// Any other text. Nothing is guessed: what is read as too harmless would pass.
pub(super) fn parse(text: &str) -> Result<Severity, UnknownSeverity> {
    Severity::of_word(text)
        .ok_or_else(|| UnknownSeverity(shown(&text.chars().take(SHOWN_MAX).collect::<String>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_severities() {
        for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
            assert_eq!(parse(severity.as_str()), Ok(severity));
        }
        for text in ["critical", "Critical", " CRITICAL", "", "BLOCKER"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert_eq!(parse("SEVERE").unwrap_err().to_string(), "severity 'SEVERE' unknown");
    }
}
