//! Which tests to run: the rules are `select`, the commands come from the settings.

use crate::select::choose::{self, Selection};
use crate::suite::set::TestSet;
use crate::task::id::CommitId;

use super::{FlowError, Project};

/// Which tests to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    Full,
    /// These, as the selection named them.
    Some(Vec<String>),
}

impl Project {
    /// The command for these tests; `None` where nothing is configured.
    pub(crate) fn test_command(&self, which: &Which) -> Option<String> {
        match which {
            Which::Full => self.policy.tests.all.clone(),
            Which::Some(tests) => {
                let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                choose::command(self.policy.tests.some.as_deref()?, &tests)
            }
        }
    }

    /// The id of a set of tests.
    pub(crate) fn test_set(&self, which: &Which) -> String {
        let all = self.policy.tests.all.clone().unwrap_or_default();
        match which {
            Which::Full => TestSet::of(&all, &[]).as_str().to_owned(),
            Which::Some(tests) => {
                let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                let some = self.policy.tests.some.clone().unwrap_or(all);
                TestSet::of(&some, &tests).as_str().to_owned()
            }
        }
    }

    /// The tests that a change needs before the full suite; `None` where only the full suite will do.
    ///
    /// # Errors
    /// Git fails, or a rule made a glob that is none.
    pub(crate) fn selection(&self, base: &CommitId, head: &CommitId) -> Result<Selection, FlowError> {
        let files = super::gate::changed_files(&self.repo.changes(base, head)?);
        let selection = choose::choose(&files, &self.policy.tests.rules);
        let all = self.repo.all_files(head)?;
        choose::expand(selection, &all).map_err(|bad| FlowError::BadValue {
            what: format!("bad glob '{}' in tests.select", bad.glob),
            why: bad.why,
        })
    }
}
