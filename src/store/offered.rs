//! What a remote offers below `refs/orch/`: which of it is taken over at all, and whether it can be read. Whoever may push
//! there may have written anything.

use crate::select::globs::Globs;
use crate::task::id::{CommitId, RunId, TaskId, shown};

use super::journal::Store;
use super::record::RecordError;
use super::{StoreError, layout};

/// So many of a journal's last events must be readable; nothing decides by older ones.
const EVENTS: usize = 500;

/// Whether a ref of this name is exchanged with remotes. Candidates and what was rescued are this clone's own, and any
/// other name might stand in the way of one of ours, as `refs/orch/tasks` would in that of all journals.
pub(crate) fn is_exchanged(name: &str) -> bool {
    if name == layout::ARCHIVE || name == layout::REPO || layout::task_of_ref(name).is_some() {
        return true;
    }
    if let Some(run) = name.strip_prefix(layout::RUNS) {
        return name == layout::run_ref(&RunId(run.to_owned())) && is_plain(run);
    }
    let attempt = name.strip_prefix(layout::ATTEMPTS).and_then(|rest| rest.split_once('/'));
    attempt.is_some_and(|(task, number)| TaskId::parse(task).is_ok() && number.parse::<u32>().is_ok())
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl Store {
    /// Why what a remote has under this name is not taken over; `None` where it can be read.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn unreadable(&self, name: &str, theirs: &CommitId) -> Result<Option<String>, StoreError> {
        let read = match layout::task_of_ref(name) {
            Some(id) => match self.task_at(theirs, "", name) {
                Ok(task) if task.id == id => {
                    if let Err(err) = self.events(theirs, EVENTS) {
                        return Ok(Some(super::chain(&err)));
                    }
                    let bad = Globs::parse(&task.paths).err();
                    return Ok(bad.map(|bad| format!("bad glob '{}' in its paths", shown(&bad.glob))));
                }
                Ok(task) => return Ok(Some(format!("it is the journal of {}", task.id))),
                Err(err) => Err(err),
            },
            None if name == layout::REPO => self.repo_state_at(theirs).map(|_| ()),
            None => self.repo.read_commit(theirs).map(|_| ()).map_err(StoreError::from),
        };
        match read {
            Ok(()) => Ok(None),
            Err(err) => Ok(Some(super::chain(&err))),
        }
    }

    /// Puts journals whose last commits cannot be read back to the last one that can. What was there is kept. Those of a
    /// newer program stay as they are. Returns a line for each.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn mend_unreadable(&self) -> Result<Vec<String>, StoreError> {
        let mut said = Vec::new();
        for (name, _) in self.open_tasks()?.broken {
            let (Some(id), Some(tip)) = (layout::task_of_ref(&name), self.repo.tip(&name)?) else { continue };
            let newer = |err: &StoreError| {
                matches!(err, StoreError::Record { source: RecordError::Newer { .. }, .. })
            };
            if self.task_at(&tip, "", &name).is_ok_and(|task| task.id == id)
                || self.task_at(&tip, "", &name).is_err_and(|err| newer(&err))
            {
                continue;
            }
            let kept = self.rescue(name.trim_start_matches(layout::ALL), &tip)?;
            let chain = self.repo.first_parent(&tip, None, usize::MAX).unwrap_or_default();
            let good = chain
                .iter()
                .find(|commit| self.task_at(&commit.id, "", &name).is_ok_and(|task| task.id == id));
            said.push(match good {
                Some(good) => {
                    let _ =
                        self.swap(&name, crate::git::refs::Expected::At(&tip), &good.id, "readable again")?;
                    self.remember(&id, &good.id)?;
                    format!(
                        "the journal of {id} is back at {}, the last that can be read; kept: {kept}",
                        good.id.short()
                    )
                }
                None => {
                    let _ = self.delete(&name, &tip)?;
                    self.forget(&id)?;
                    format!("nothing in {name} can be read: it is kept as {kept}")
                }
            });
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::is_exchanged;

    #[test]
    fn only_known_names_are_exchanged() {
        for name in ["archive", "repo", "tasks/t-1", "attempts/t-1/2", "runs/r-abcd"] {
            assert!(is_exchanged(&format!("refs/orch/{name}")), "{name}");
        }
        for name in [
            "tasks",
            "tasks/",
            "tasks/A B",
            "tasks/t-1/x",
            "archive/x",
            "repo/x",
            "runs",
            "runs/r/x",
            "attempts/t-1",
            "attempts/t-1/x",
            "attempts/t-1/1/2",
            "candidates/0123",
            "rescue/x/1",
            "new",
        ] {
            assert!(!is_exchanged(&format!("refs/orch/{name}")), "{name}");
        }
        assert!(!is_exchanged("refs/orch-local/verdicts") && !is_exchanged("refs/heads/main"));
    }
}
