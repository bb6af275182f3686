//! What happened, newest first: the histories of all journals, runs and of the archive, merged by time.

use std::collections::{BinaryHeap, HashSet};

use crate::store::layout;
use crate::task::id::{CommitId, Seconds};

use super::{FlowError, Project};

/// One thing that happened. Its id is a commit: plain git shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) commit: CommitId,
    pub(crate) at: Seconds,
    /// In words, as the commit's subject has it.
    pub(crate) subject: String,
    pub(crate) who: String,
    /// The operation that it was part of.
    pub(crate) op: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) state: Option<String>,
}

/// A commit whose turn has not come.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    at: Seconds,
    commit: CommitId,
    /// A commit of the archive only joins journals.
    archive: bool,
}

impl Project {
    /// The last events of `tips`, or of everything where there are none.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn happened(
        &self,
        tips: &[CommitId],
        limit: usize,
        since: Option<Seconds>,
    ) -> Result<Vec<Happened>, FlowError> {
        let mut heap = BinaryHeap::new();
        let mut seen = HashSet::new();
        let mut starts: Vec<(CommitId, bool)> = tips.iter().map(|tip| (tip.clone(), false)).collect();
        if tips.is_empty() {
            for (name, tip) in self.repo.list(layout::ALL)?.refs {
                let journal = name.starts_with(layout::TASKS) || name.starts_with(layout::RUNS);
                if journal || name == layout::REPO || name == layout::ARCHIVE {
                    starts.push((tip, name == layout::ARCHIVE));
                }
            }
        }
        for (commit, archive) in starts {
            if seen.insert(commit.clone()) {
                heap.push(Next { at: self.repo.read_commit(&commit)?.committer_time, commit, archive });
            }
        }
        let mut found = Vec::new();
        while let Some(Next { at, commit, archive }) = heap.pop() {
            if found.len() >= limit || since.is_some_and(|since| at < since) {
                break;
            }
            let info = self.repo.read_commit(&commit)?;
            let follow = if archive { info.parents.len() } else { 1 };
            for (place, parent) in info.parents.iter().take(follow).enumerate() {
                if seen.insert(parent.clone()) {
                    let at = self.repo.read_commit(parent)?.committer_time;
                    // The first parent of the archive is the archive before, unless it is the very first one.
                    let archive = archive && place == 0 && self.is_archive_commit(parent)?;
                    heap.push(Next { at, commit: parent.clone(), archive });
                }
            }
            if archive {
                continue;
            }
            let trailer = |key: &str| {
                info.trailers.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone())
            };
            found.push(Happened {
                commit,
                at,
                who: info.author.name.clone(),
                op: trailer("Orch-Op"),
                task: trailer("Orch-Task"),
                state: trailer("Orch-State"),
                subject: info.subject,
            });
        }
        Ok(found)
    }

    fn is_archive_commit(&self, commit: &CommitId) -> Result<bool, FlowError> {
        let info = self.repo.read_commit(commit)?;
        let state = info.trailers.iter().any(|(key, _)| key == "Orch-State");
        Ok(!state && info.subject.starts_with("archive "))
    }
}
