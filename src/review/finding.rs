//! Findings: their fingerprint, their line of text, and what of a reviewer's words is taken over.

use crate::task::{finding::Finding, id::shown};
use std::fmt;

/// Longest title, in characters.
pub(super) const TITLE_MAX: usize = 200;
/// Longest detail, in characters.
pub(super) const DETAIL_MAX: usize = 4000;
/// Longest path, in characters.
pub(super) const FILE_MAX: usize = 1000;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.severity)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line} ")?,
            (Some(file), None) => write!(f, "{file} ")?,
            (None, _) => {}
        }
        write!(f, "{} ({})", self.title, self.reviewer)
    }
}

/// Text from a reviewer, cut to `max` characters, without surrounding blanks and safe to show.
pub(super) fn text(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return shown(text);
    }
    let cut: String = text.chars().take(max).collect();
    format!("{} [cut]", shown(cut.trim_end()))
}

/// One line of text from a reviewer.
pub(super) fn line(line: &str, max: usize) -> String {
    text(&line.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// Whether a path stays inside the repository and can be shown: relative, no `..`, no `.git`, no control characters.
pub(super) fn is_safe(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    path.chars().count() <= FILE_MAX
        && shown(path) == path
        && !path.contains(['\\', '\n', '\t'])
        && path.as_bytes().get(1) != Some(&b':') // a drive of Windows
        && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_repository_are_not_safe() {
        for path in ["a", "src/a b.rs", "..a/b", "a/.github/x"] {
            assert!(is_safe(path), "{path}");
        }
        for path in
            ["", "/etc/passwd", "../a", "a/../b", "a//b", ".git/config", "a/.GIT", "C:x", "a\\b", "a\u{1b}"]
        {
            assert!(!is_safe(path), "{path}");
        }
    }
}
