//! Under which name the verdict on a set of tests is kept.

/// A short stable id of which tests were asked for: the command and the tests in it. Verdicts are kept by tree and by
/// this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TestSet(String);

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

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A short stable id of a text, for telling it from others: as that of a command without tests.
pub(crate) fn digest(text: &str) -> String {
    TestSet::of(text, &[]).0
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
    }
}
