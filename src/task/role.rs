//! What somebody is asked to do for a task.

use super::id::shown;
use std::fmt;

/// Longest name of a reviewer, in characters.
const REVIEWER_MAX: usize = 32;

/// One kind of work on a task. Its text goes into file names, variables and stored events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Makes the change.
    Implement,
    /// Makes a change right that was sent back.
    Fix,
    /// Judges the change from one point of view.
    Review(ReviewerName),
    /// Runs the selected tests where they fail, and mends what is small.
    Test,
    /// Looks at why an attempt failed, before the next one.
    Clarify,
    /// Cuts what is wanted into tasks.
    Manager,
}

/// The name of a reviewer: `[a-z0-9_]{1,32}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReviewerName(String);

/// Why a text is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRole {
    #[error("unknown role '{0}': use implement, fix, test, clarify, manager or review_<name>")]
    Unknown(String),
    #[error("reviewer name '{0}' must be 1 to {REVIEWER_MAX} characters of a-z 0-9 _")]
    Reviewer(String),
}

impl Role {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// Any other text.
    pub(crate) fn parse(text: &str) -> Result<Role, BadRole> {
        match text {
            "implement" => Ok(Role::Implement),
            "fix" => Ok(Role::Fix),
            "test" => Ok(Role::Test),
            "clarify" => Ok(Role::Clarify),
            "manager" => Ok(Role::Manager),
            _ => match text.strip_prefix("review_") {
                Some(name) => ReviewerName::parse(name).map(Role::Review),
                None => Err(BadRole::Unknown(shown(text))),
            },
        }
    }
}

impl ReviewerName {
    /// Reads a name.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters.
    pub(crate) fn parse(text: &str) -> Result<ReviewerName, BadRole> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=REVIEWER_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(ReviewerName(text.to_owned()))
        } else {
            Err(BadRole::Reviewer(shown(text)))
        }
    }

    /// The name itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Implement => f.write_str("implement"),
            Role::Fix => f.write_str("fix"),
            Role::Review(name) => write!(f, "review_{name}"),
            Role::Test => f.write_str("test"),
            Role::Clarify => f.write_str("clarify"),
            Role::Manager => f.write_str("manager"),
        }
    }
}

impl fmt::Display for ReviewerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        for text in ["implement", "fix", "test", "clarify", "manager", "review_safety", "review_a_1"] {
            assert_eq!(Role::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(
            Role::parse("review").unwrap_err().to_string(),
            "unknown role 'review': use implement, fix, test, clarify, manager or review_<name>"
        );
        for text in ["review_", "review_A", "review_a-b", &format!("review_{}", "x".repeat(33))] {
            assert!(matches!(Role::parse(text), Err(BadRole::Reviewer(_))), "{text}");
        }
    }
}
