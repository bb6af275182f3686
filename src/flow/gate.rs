//! The gates size and paths, measured on real changes. The same code on a laptop, in the hook and in the queue.

use std::collections::BTreeSet;

use crate::git::diff::Status;
use crate::guard::generated::Attributes;
use crate::guard::paths::{self, Outside, OutsidePath, Whose};
use crate::guard::size::{self, Breach, Exclusions, FileChange, Size};
use crate::select::choose::ChangedFile;
use crate::select::globs::Globs;
use crate::task::id::{CommitId, shown};
use crate::task::{Evidence, Task, Trouble};

use super::workflows::HOST_FILES;
use super::{FlowError, Limit, Project};

/// Conflict markers as git writes them at the start of a line.
pub(super) const MARKERS: [&str; 2] = ["<<<<<<< ", ">>>>>>> "];

/// A change, measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) base: CommitId,
    pub(crate) head: CommitId,
    pub(crate) size: Size,
    pub(crate) outside: Vec<OutsidePath>,
    /// Files that still have conflict markers.
    pub(crate) marked: Vec<String>,
    /// Files of the change, both sides of renames.
    pub(crate) files: Vec<ChangedFile>,
    /// A person allowed it to be over the cap.
    pub(crate) exception: bool,
}

impl Project {
    /// Where a change starts from the base branch.
    ///
    /// # Errors
    /// No common history, or a shallow clone that hides it.
    pub(crate) fn merge_base(&self, head: &CommitId) -> Result<CommitId, FlowError> {
        match self.repo.merge_base(&self.base.tip, head)? {
            Some(base) => Ok(base),
            None if self.repo.is_shallow()? => Err(FlowError::Shallow),
            None => Err(FlowError::BadValue {
                what: head.short().to_owned(),
                why: format!("has no history in common with {}", self.base.branch),
            }),
        }
    }

    /// The lines of a change, counted by the base's rules.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn size_of(&self, base: &CommitId, head: &CommitId) -> Result<Size, FlowError> {
        Ok(self.sized(&self.repo.changes(base, head)?, head)?)
    }

    fn sized(
        &self,
        changes: &[crate::git::diff::FileChange],
        head: &CommitId,
    ) -> Result<Size, crate::git::GitError> {
        let mut own = BTreeSet::new();
        for file in HOST_FILES.iter().filter(|file| changes.iter().any(|change| change.path == file.path)) {
            if self.repo.read_file(head, file.path)?.is_some_and(|text| text == file.text.as_bytes()) {
                own.insert(file.path.to_owned());
            }
        }
        let attributes = self.repo.read_file(&self.base.tip, ".gitattributes")?.unwrap_or_default();
        let attributes = Attributes::parse(&String::from_utf8_lossy(&attributes));
        let changes: Vec<FileChange> = changes.iter().map(measured).collect();
        let exclusions = Exclusions {
            globs: self.policy.cap.exclude.clone(),
            generated: attributes.generated(changes.iter().map(|change| change.path.as_str())),
            own,
        };
        Ok(size::measure(&changes, &exclusions, self.policy.cap.caps))
    }

    /// Measures a change against the gates size and paths. `task` brings its own paths and exceptions.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn measure(
        &self,
        task: Option<&Task>,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Measured, FlowError> {
        self.measure_changes(task, base, head, &self.repo.changes(base, head)?)
    }

    /// The same, where the changes are known.
    pub(super) fn measure_changes(
        &self,
        task: Option<&Task>,
        base: &CommitId,
        head: &CommitId,
        changes: &[crate::git::diff::FileChange],
    ) -> Result<Measured, FlowError> {
        let size = self.sized(changes, head)?;
        let files = changed_files(changes);
        let mut allowed = self.allowed_paths();
        if let Some(task) = task.filter(|task| !task.paths.is_empty()) {
            let globs = Globs::parse(&task.paths).map_err(|bad| FlowError::BadValue {
                what: format!("bad glob '{}' in the paths of {}", shown(&bad.glob), task.id),
                why: bad.why,
            })?;
            allowed.push((Whose::Task, globs));
        }
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let outside = paths::check(&names, &allowed, &self.policy.paths.deny).err().unwrap_or_default();
        let mut marked = Vec::new();
        for change in changes {
            if self.has_markers(change)? {
                marked.push(change.path.clone());
            }
        }
        let exception = task.is_some_and(|task| task.exception);
        Ok(Measured { base: base.clone(), head: head.clone(), size, outside, marked, files, exception })
    }

    /// The lists of paths that the settings allow.
    pub(super) fn allowed_paths(&self) -> Vec<(Whose, Globs)> {
        self.policy.paths.allow.iter().map(|globs| (Whose::Settings, globs.clone())).collect()
    }

    /// Whether a file got conflict markers that it did not have: a test's own data may contain some.
    fn has_markers(&self, change: &crate::git::diff::FileChange) -> Result<bool, FlowError> {
        let count = |blob: &Option<String>| -> Result<usize, FlowError> {
            let Some(blob) = blob else { return Ok(0) };
            let bytes = self.repo.read_blob(blob)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            Ok(text.lines().filter(|line| MARKERS.iter().any(|mark| line.starts_with(mark))).count())
        };
        let now = count(&change.new_blob)?;
        Ok(now >= 2 && now > count(&change.old_blob)?)
    }
}

impl Measured {
    /// Why the change must not pass, if it must not.
    pub(crate) fn refusal(&self) -> Option<Evidence> {
        if !self.marked.is_empty() {
            let text = format!("conflict markers are left in {}", self.marked.join(", "));
            return Some(Evidence::new(Trouble::ConflictBase, text).with_files(self.marked.clone()));
        }
        if let Some(first) = self.outside.first() {
            let more = self.outside.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let text = format!("{first}{more}");
            let files = self.outside.iter().map(|outside| outside.path.clone()).collect();
            return Some(Evidence::new(Trouble::OutsidePaths, text).with_files(files));
        }
        if self.exception {
            return None;
        }
        let breach = self.size.breaches.first()?;
        let files = match breach {
            Breach::TooBig { largest, .. } => largest.iter().map(|(path, _)| path.clone()).collect(),
            Breach::Binary { path, .. } => vec![path.clone()],
        };
        let mut text = breach.to_string();
        if let Some(not_counted) = self.size.not_counted() {
            text.push_str(&format!("; {not_counted}"));
        }
        Some(Evidence::new(Trouble::TooBig, text).with_files(files))
    }

    /// The limit that [`Measured::refusal`] is about, where it is about one.
    pub(crate) fn limit(&self) -> Option<Limit> {
        let outside = self.outside.first().map(|first| match &first.because {
            Outside::NotAllowed { whose: Whose::Task, .. } => Limit::TaskPaths,
            Outside::NotAllowed { whose: Whose::Settings, .. } => Limit::Allowed,
            Outside::Denied { .. } | Outside::Unsafe(_) => Limit::Denied,
        });
        let breach = self.size.breaches.first().filter(|_| !self.exception).map(|breach| match breach {
            Breach::TooBig { .. } => Limit::Lines,
            Breach::Binary { .. } => Limit::Binary,
        });
        if self.marked.is_empty() { outside.or(breach) } else { None }
    }
}

fn measured(change: &crate::git::diff::FileChange) -> FileChange {
    FileChange {
        path: change.path.clone(),
        old_path: change.old_path.clone(),
        added: change.added,
        removed: change.removed,
        bytes_added: change.bytes_added,
    }
}

/// The files of a change; a rename is a deleted file and a new one.
pub(crate) fn changed_files(changes: &[crate::git::diff::FileChange]) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    for change in changes {
        if let Some(old) = &change.old_path {
            files.push(ChangedFile { path: old.clone(), deleted: true });
        }
        let deleted = change.status == Status::Deleted;
        files.push(ChangedFile { path: change.path.clone(), deleted });
    }
    files
}
