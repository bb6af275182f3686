//! What one run of tests answered against another: worse, fixed, added.

use super::result::{Results, TestName};

/// How two runs differ. Each list is in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a difference may hold what is worse"]
pub(crate) struct Difference {
    /// What must not land.
    pub(crate) worse: Vec<Worse>,
    /// Failed on the baseline, passes now.
    pub(crate) fixed: Vec<TestName>,
    /// Not known on the baseline, passes now.
    pub(crate) added: Vec<TestName>,
}

/// A test that is worse than on the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worse {
    pub(crate) test: TestName,
    pub(crate) how: How,
}

/// In which way a test is worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// Passed (or was skipped) on the baseline and fails now.
    FailsNow { line: String },
    /// Passed on the baseline and is not there any more, or is skipped.
    Gone,
    /// Was not there on the baseline and fails.
    NewFails { line: String },
}

/// Compares a run with the baseline. What failed there and fails still is not worse.
///
/// Both runs must have been asked for the same tests: a test that was not asked for counts as gone. See [`narrowed`].
pub(crate) fn compare(baseline: &Results, now: &Results) -> Difference {
    let failing =
        now.failed.iter().filter(|(test, _)| !baseline.failed.contains_key(*test)).map(|(test, line)| {
            let line = line.clone();
            let how = if baseline.knows(test) { How::FailsNow { line } } else { How::NewFails { line } };
            Worse { test: test.clone(), how }
        });
    let gone = baseline
        .passed
        .iter()
        .filter(|test| !now.passed.contains(*test) && !now.failed.contains_key(*test))
        .map(|test| Worse { test: test.clone(), how: How::Gone });
    let mut worse: Vec<Worse> = failing.chain(gone).collect();
    worse.sort_by(|a, b| a.test.cmp(&b.test));
    Difference {
        worse,
        fixed: now.passed.iter().filter(|test| baseline.failed.contains_key(*test)).cloned().collect(),
        added: now.passed.iter().filter(|test| !baseline.knows(test)).cloned().collect(),
    }
}

/// The part of a full baseline that a run of selected tests can be compared with: the tests that it answered for.
///
/// A selected test that is gone is not seen so; the full suite sees it.
pub(crate) fn narrowed(baseline: &Results, now: &Results) -> Results {
    let known = |test: &&TestName| now.knows(test);
    Results {
        passed: baseline.passed.iter().filter(known).cloned().collect(),
        failed: baseline
            .failed
            .iter()
            .filter(|(test, _)| now.knows(test))
            .map(|(test, line)| (test.clone(), line.clone()))
            .collect(),
        skipped: baseline.skipped.iter().filter(known).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::result::Answer;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// `+a -b ~c`: passed, failed, skipped.
    fn results(text: &str) -> Results {
        let mut results = Results::default();
        for word in text.split_whitespace() {
            let answer = match &word[..1] {
                "+" => Answer::Passed,
                "-" => Answer::Failed { line: "boom".to_owned() },
                _ => Answer::Skipped,
            };
            results.add(TestName::new(&word[1..]), answer);
        }
        results
    }

    fn shown(difference: &Difference) -> String {
        let names = |list: &[TestName]| list.iter().map(TestName::as_str).collect::<Vec<_>>().join(" ");
        let worse: Vec<String> = difference
            .worse
            .iter()
            .map(|worse| match &worse.how {
                How::FailsNow { line } => format!("{}:fails:{line}", worse.test),
                How::Gone => format!("{}:gone", worse.test),
                How::NewFails { line } => format!("{}:new:{line}", worse.test),
            })
            .collect();
        format!("{} | {} | {}", worse.join(" "), names(&difference.fixed), names(&difference.added))
    }

    #[test]
    fn worse_is_what_a_test_lost() {
        for (baseline, now, expected) in [
            ("+a -b", "+a -b", " |  | "),
            ("+a", "-a", "a:fails:boom |  | "),
            ("+a +b", "+b", "a:gone |  | "),
            ("+a", "~a", "a:gone |  | "),
            ("", "-n +m", "n:new:boom |  | m"),
            ("-a", "+a", " | a | "),
            ("-a", "", " |  | "),
            ("-a", "~a", " |  | "),
            ("~a", "-a", "a:fails:boom |  | "),
            ("~a", "+a", " |  | "),
            ("+old", "+new", "old:gone |  | new"),
        ] {
            assert_eq!(shown(&compare(&results(baseline), &results(now))), expected, "{baseline} / {now}");
        }
    }

    #[test]
    fn selected_tests_are_compared_with_their_own() {
        let (baseline, now) = (results("+a +b -c ~d"), results("+a -c -e"));
        assert_eq!(shown(&compare(&narrowed(&baseline, &now), &now)), "e:new:boom |  | ");
    }

    fn any_results() -> impl Strategy<Value = Results> {
        proptest::collection::vec("[-+~][a-e]", 0..8).prop_map(|words| results(&words.join(" ")))
    }

    proptest! {
        #[test]
        fn nothing_is_worse_than_itself(a in any_results()) {
            prop_assert_eq!(compare(&a, &a), Difference::default());
        }

        #[test]
        fn without_worse_every_passed_test_passes_still(a in any_results(), b in any_results()) {
            let difference = compare(&a, &b);
            prop_assert_eq!(
                difference.worse.is_empty(),
                a.passed.is_subset(&b.passed) && b.failed.keys().all(|test| a.failed.contains_key(test))
            );
        }

        #[test]
        fn not_worse_twice_is_not_worse(a in any_results(), b in any_results(), c in any_results()) {
            if compare(&a, &b).worse.is_empty() && compare(&b, &c).worse.is_empty() {
                prop_assert!(compare(&a, &c).worse.is_empty());
            }
        }

        #[test]
        fn a_test_is_in_one_list(a in any_results(), b in any_results()) {
            let difference = compare(&a, &b);
            let all: Vec<TestName> = difference.worse.iter().map(|worse| worse.test.clone())
                .chain(difference.fixed.clone()).chain(difference.added.clone()).collect();
            prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        }
    }
}
