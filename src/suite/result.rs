//! Results of one run of tests, as sets of names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The name of a test as its report gives it, without what changes from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TestName(String);

/// What each test answered. A name stands in one of the three only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Results {
    pub(crate) passed: BTreeSet<TestName>,
    /// With the first line of the failure; empty if the report gives none.
    pub(crate) failed: BTreeMap<TestName, String>,
    /// Skipped, ignored, or marked as not done yet.
    pub(crate) skipped: BTreeSet<TestName>,
}

/// What one test answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Passed,
    Failed { line: String },
    Skipped,
}

/// Longest first line of a failure, in characters.
const LINE_MAX: usize = 200;

impl TestName {
    /// Takes a name over: control characters become blanks, blanks around it are cut off.
    pub(crate) fn new(text: &str) -> TestName {
        let clean: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        TestName(clean)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Results {
    /// The same with all that failed among what passed.
    pub(crate) fn taken_as_passed(mut self) -> Results {
        self.passed.extend(std::mem::take(&mut self.failed).into_keys());
        self
    }

    /// What several runs of one tree say together: a test that passed in any of them can pass. `None` without a run.
    pub(crate) fn together(runs: impl IntoIterator<Item = Results>) -> Option<Results> {
        runs.into_iter().reduce(|mut all, run| {
            all.failed.extend(run.failed);
            all.passed.extend(run.passed);
            all.failed.retain(|test, _| !all.passed.contains(test));
            all.skipped.extend(run.skipped);
            all.skipped.retain(|test| !all.passed.contains(test) && !all.failed.contains_key(test));
            all
        })
    }

    /// Adds an answer. Of two for the same name the worse one holds: failed, then passed, then skipped.
    pub(crate) fn add(&mut self, test: TestName, answer: Answer) {
        match answer {
            Answer::Failed { line } => {
                self.passed.remove(&test);
                self.skipped.remove(&test);
                self.failed.entry(test).or_insert_with(|| first_line(&line));
            }
            Answer::Passed => {
                if !self.failed.contains_key(&test) {
                    self.skipped.remove(&test);
                    self.passed.insert(test);
                }
            }
            Answer::Skipped => {
                if !self.failed.contains_key(&test) && !self.passed.contains(&test) {
                    self.skipped.insert(test);
                }
            }
        }
    }

    /// The number of tests, skipped ones included.
    pub(crate) fn len(&self) -> usize {
        self.passed.len() + self.failed.len() + self.skipped.len()
    }

    /// Whether a test of this name answered at all.
    pub(crate) fn knows(&self, test: &TestName) -> bool {
        self.passed.contains(test) || self.failed.contains_key(test) || self.skipped.contains(test)
    }
}

/// The first line that holds anything, without escape sequences, cut where it is too long.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let clean: String = line.replace('\t', " ").chars().filter(|c| !c.is_control()).collect();
    match clean.char_indices().nth(LINE_MAX) {
        Some((at, _)) => format!("{}…", &clean[..at]),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            Just(Answer::Passed),
            Just(Answer::Skipped),
            Just(Answer::Failed { line: "\n x\ny".to_owned() }),
        ]
    }

    #[test]
    fn what_passed_in_any_run_passed() {
        let run = |passed: &[&str], failed: &[&str]| {
            let mut results = Results::default();
            passed.iter().for_each(|name| results.add(TestName::new(name), Answer::Passed));
            let no = || Answer::Failed { line: String::new() };
            failed.iter().for_each(|name| results.add(TestName::new(name), no()));
            results
        };
        let all = Results::together([run(&["a", "b"], &["c", "d"]), run(&["a", "c"], &["b", "d"])]);
        assert_eq!(all, Some(run(&["a", "b", "c"], &["d"])));
        assert_eq!(Results::together([]), None);
    }

    #[test]
    fn a_failure_is_one_short_line() {
        assert_eq!(first_line("\n  a\x1b b \nc"), "a b");
        assert_eq!(first_line(&"ä".repeat(300)).chars().count(), LINE_MAX + 1);
        assert_eq!(first_line(""), "");
    }

    proptest! {
        #[test]
        fn a_name_stands_in_one_set_and_order_is_nothing(
            answers in proptest::collection::vec(("[ab]", answer()), 0..8),
        ) {
            let fold = |answers: &[(String, Answer)]| {
                let mut results = Results::default();
                answers.iter().for_each(|(name, answer)| results.add(TestName::new(name), answer.clone()));
                results
            };
            let results = fold(&answers);
            let names: BTreeSet<&String> = answers.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(results.len(), names.len());
            let reversed: Vec<_> = answers.iter().rev().cloned().collect();
            prop_assert_eq!(results, fold(&reversed));
        }
    }
}
