//! What a tree's tests answered, and under which name that is kept.

use super::{
    format::{self, Format, NoEvidence},
    result::Results,
};

/// What a run of tests says about a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a verdict decides what lands"]
pub(crate) enum Verdict {
    /// At least one test answered, and none failed.
    Green(Results),
    /// At least one test failed.
    Red(Results),
    /// The run is no evidence for anything. Never a pass.
    Error(NoEvidence),
}

/// A short stable id of which tests were asked for: the command and the tests in it. Verdicts are kept by tree and by
/// this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TestSet(String);

impl Verdict {
    /// Reads the report of a finished run; `exit` is the exit code of the test command.
    pub(crate) fn read(format: &Format, text: Option<&str>, exit: i32) -> Verdict {
        match format::read(format, text, exit) {
            Ok(results) if results.failed.is_empty() => Verdict::Green(results),
            Ok(results) => Verdict::Red(results),
            Err(error) => Verdict::Error(error),
        }
    }

    /// The results, if there are any.
    pub(crate) fn results(&self) -> Option<&Results> {
        match self {
            Verdict::Green(results) | Verdict::Red(results) => Some(results),
            Verdict::Error(_) => None,
        }
    }
}

impl TestSet {
    /// The id for a command with these tests; none stands for the full suite. Their order does not matter.
    ///
    /// 16 hexadecimal digits: 64-bit FNV-1a over the command and the sorted tests, each followed by a NUL byte. An
    /// attacker gains nothing by a collision: whoever chooses the command already decides what passes.
    pub(crate) fn of(command: &str, tests: &[&str]) -> TestSet {
        let mut sorted = tests.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let bytes = std::iter::once(command).chain(sorted).flat_map(|text| text.bytes().chain([0]));
        TestSet(format!("{:016x}", fnv1a(bytes)))
    }

    /// Takes over an id that was stored; nothing if it is none.
    pub(crate) fn parse(text: &str) -> Option<TestSet> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (hex && text.len() == 16).then(|| TestSet(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The hash of Fowler, Noll and Vo, variant 1a, 64 bits.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_as_published() {
        assert_eq!(fnv1a("".bytes()), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar".bytes()), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_test_set_is_its_command_and_its_tests() {
        let id = |command, tests: &[&str]| TestSet::of(command, tests);
        assert_eq!(id("t", &["a", "b"]), id("t", &["b", "a", "a"]));
        assert_ne!(id("t", &["a", "b"]), id("t", &["ab"]));
        assert_ne!(id("t", &[]), id("u", &[]));
        // Stored in repositories: this id must stay.
        assert_eq!(id("cargo test", &[]).as_str(), "b856de59e5ba515f");
        assert_eq!(TestSet::parse(id("t", &[]).as_str()), Some(id("t", &[])));
        assert_eq!(TestSet::parse("xyz"), None);
    }

    #[test]
    fn a_verdict_is_never_green_without_evidence() {
        let of = |text, exit| Verdict::read(&Format::Tap, text, exit);
        let green = of(Some("1..1\nok 1 - a\n"), 0);
        assert!(matches!(green, Verdict::Green(_)));
        assert_eq!(green.results().map(Results::len), Some(1));
        assert!(matches!(of(Some("1..1\nnot ok 1 - a\n"), 1), Verdict::Red(_)));
        assert!(matches!(of(Some("1..0\n"), 0), Verdict::Error(NoEvidence::NoTests)));
        assert!(matches!(of(None, 0), Verdict::Error(NoEvidence::NoReport { .. })));
    }
}
