//! Runs: one chain of commits each, whose tree holds what was run and, at the end, the report.

use crate::git::objects::TreeEdit;
use crate::git::refs::Expected;
use crate::task::id::{RunId, Seconds};

use super::journal::{Op, Store, one_line, pause, put};
use super::{StoreError, layout};

/// How often a run's append is tried; only `sync` ever writes the same chain.
const TRIES: u32 = 16;

/// A run in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) run: RunId,
    /// What happened last, in words.
    pub(crate) subject: String,
    pub(crate) at: Seconds,
}

impl Store {
    /// Appends to a run's chain: `subject` says what happened, `files` replace those of the same path.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn append_run(
        &self,
        op: &Op,
        run: &RunId,
        subject: &str,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let name = layout::run_ref(run);
        for round in 0..TRIES {
            let old = self.repo.tip(&name)?.map(|tip| self.repo.read_commit(&tip)).transpose()?;
            let edits: Vec<TreeEdit<'_>> = files.iter().map(|(path, text)| put(path, text.clone())).collect();
            let tree = self.repo.edit_tree(old.as_ref().map(|old| &old.tree), &edits)?;
            let at = old.as_ref().map_or(op.at, |old| old.committer_time.max(op.at));
            let message = format!("{run}: {}\n\nOrch-Run: {run}\nOrch-Op: {}\n", one_line(subject), op.id);
            let parents = old.iter().map(|old| old.id.clone()).collect();
            let new = self.commit(tree, parents, "git-orch", at, message)?;
            let expected = old.as_ref().map_or(Expected::Absent, |old| Expected::At(&old.id));
            if self.swap(&name, expected, &new, "run")?.is_none() {
                return Ok(());
            }
            pause(round);
        }
        Err(StoreError::Contended { name, tries: TRIES })
    }

    /// A file of a run's tree, `None` if the run or the file does not exist.
    pub(crate) fn run_file(&self, run: &RunId, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.repo.tip(&layout::run_ref(run))? {
            Some(tip) => Ok(self.repo.read_file(&tip, path)?),
            None => Ok(None),
        }
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut rows = Vec::new();
        for (name, tip) in self.repo.list(layout::RUNS)?.refs {
            let commit = self.repo.read_commit(&tip)?;
            let run = RunId(name.trim_start_matches(layout::RUNS).to_owned());
            rows.push(RunRow { run, subject: commit.subject, at: commit.committer_time });
        }
        rows.sort_by(|a, b| (b.at, &b.run).cmp(&(a.at, &a.run)));
        Ok(rows)
    }
}
