//! Findings: their fingerprint, their line of text, and what of a reviewer's words is taken over.

#[cfg(test)]
use crate::task::finding::Severity;
use crate::task::{finding::Finding, id::shown};
use std::fmt;

/// Longest title, in characters.
pub(super) const TITLE_MAX: usize = 200;
/// Longest detail, in characters.
pub(super) const DETAIL_MAX: usize = 4000;
/// Longest path, in characters.
pub(super) const FILE_MAX: usize = 1000;

impl Finding {
    /// A name that stays the same from round to round: 16 hexadecimal digits of reviewer, file and title.
    ///
    /// Line and detail are left out, as both change when the code around it does; severity too, so that a finding that
    /// was dismissed does not come back under another one. Case and blanks of the title do not count.
    pub(crate) fn fingerprint(&self) -> String {
        let title = self.title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let file = self.file.as_deref().unwrap_or_default();
        format!("{:016x}", fnv1a([self.reviewer.as_str(), file, &title].join("\0").as_bytes()))
    }
}

/// FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): std's hashers may change between releases.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

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

    fn finding(title: &str, line: u32, severity: Severity) -> Finding {
        Finding {
            severity,
            file: Some("src/a.rs".to_owned()),
            line: Some(line),
            title: title.to_owned(),
            detail: String::new(),
            reviewer: "safety".to_owned(),
        }
    }

    #[test]
    fn a_fingerprint_outlives_moved_lines_and_other_severities() {
        let first = finding("Unchecked  index", 3, Severity::High).fingerprint();
        assert_eq!(first, finding("unchecked index", 90, Severity::Low).fingerprint());
        assert_ne!(first, finding("unchecked unwrap", 3, Severity::High).fingerprint());
        insta::assert_snapshot!(first, @"86418910c4c14d56");
    }

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
