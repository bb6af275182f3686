//! The exit code as a report: one test that stands for the suite.

use crate::suite::result::{Answer, Results, TestName};

/// The name of the one test.
const SUITE: &str = "suite";

/// Makes the one answer of an exit code.
pub(super) fn read(exit: i32) -> Results {
    let mut results = Results::default();
    let answer = match exit {
        0 => Answer::Passed,
        code => Answer::Failed { line: format!("exit code {code}") },
    };
    results.add(TestName::new(SUITE), answer);
    results
}

/// Whether a line of a failure is an exit code and no more.
pub(crate) fn is_exit(line: &str) -> bool {
    line.strip_prefix("exit code ").is_some_and(|code| code.parse::<i32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_passes_or_fails_as_one() {
        assert_eq!(super::super::lines(Ok(read(0))), "+ suite");
        assert_eq!(super::super::lines(Ok(read(3))), "- suite: exit code 3");
    }
}
