//! The names of findings: the same finding has the same name in every run, so that a dismissal holds.

use std::fmt;

use crate::task::finding::Finding;

/// Letters and digits of a name behind `f-`.
const LENGTH: usize = 6;
/// Crockford's alphabet: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of a finding: `f-` and six letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FindingId(String);

impl FindingId {
    /// Reads a name as a person typed it.
    pub(crate) fn parse(text: &str) -> Option<FindingId> {
        let rest = text.strip_prefix("f-")?;
        let fits = rest.len() == LENGTH && rest.bytes().all(|b| ALPHABET.contains(&b));
        fits.then(|| FindingId(text.to_owned()))
    }

    /// The name of a finding: from who says what of which file. Lines move, and severities are a matter of mood.
    pub(crate) fn of(finding: &Finding) -> FindingId {
        let title: Vec<String> = finding.title.split_whitespace().map(str::to_lowercase).collect();
        let text = format!(
            "{}\0{}\0{}",
            finding.reviewer,
            finding.file.as_deref().unwrap_or_default(),
            title.join(" ")
        );
        let mut rest = fnv1a(text.as_bytes());
        let mut name = String::from("f-");
        for _ in 0..LENGTH {
            name.push(char::from(ALPHABET[(rest % 32) as usize]));
            rest /= 32;
        }
        FindingId(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A finding with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: FindingId,
    pub(crate) finding: Finding,
}

impl Named {
    pub(crate) fn new(finding: Finding) -> Named {
        Named { id: FindingId::of(&finding), finding }
    }
}

/// FNV-1a of 64 bits: names are kept for ever, and the standard library's hash may change with each release.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::finding::Severity;

    #[test]
    fn a_finding_keeps_its_name_when_lines_move() {
        let finding = Finding {
            severity: Severity::High,
            file: Some("src/cfg.rs".to_owned()),
            line: Some(88),
            title: "Token written to the log".to_owned(),
            detail: "x".to_owned(),
            reviewer: "safety".to_owned(),
        };
        let id = FindingId::of(&finding);
        assert_eq!(id.as_str(), "f-94g8m0", "names are kept in journals: they never change");
        let moved = Finding {
            line: Some(90),
            severity: Severity::Low,
            title: "token  written to the LOG".to_owned(),
            ..finding.clone()
        };
        assert_eq!(FindingId::of(&moved), id);
        assert_ne!(FindingId::of(&Finding { file: Some("src/b.rs".to_owned()), ..finding }), id);
        assert_eq!(FindingId::parse(id.as_str()), Some(id));
        for bad in ["", "f-", "f-abc", "f-abcdefg", "F-abcdef", "f-abc\u{1b}ef", "f-iloufe"] {
            assert_eq!(FindingId::parse(bad), None, "{bad}");
        }
    }
}
