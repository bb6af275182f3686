//! Which journals there were, and at which tip: so that a ref that vanished or broke is noticed, and comes back.
//!
//! `git clone` of a repository with a broken ref exits 0 and just lacks it (`reference: git.md 13`). The census is a
//! machine-local file to which every append adds a line; the last line of a task counts.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::git::refs::Expected;
use crate::task::id::{CommitId, TaskId};

use super::journal::Store;
use super::{StoreError, layout};

const FILE: &str = "census";
/// Lines from which the file is written anew, without what is superseded.
const LONG: usize = 20_000;

/// A journal that was missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Restored {
    /// Its ref is again at the last tip that this clone knew.
    Back { id: TaskId, tip: CommitId },
    /// Nothing is left of it here.
    Lost { name: String, why: String },
}

impl Store {
    fn census_path(&self) -> PathBuf {
        self.repo.common_dir().join("orch").join(FILE)
    }

    /// Notes a journal's new tip.
    pub(super) fn remember(&self, id: &TaskId, tip: &CommitId) -> Result<(), StoreError> {
        self.note(&format!("{id} {tip}\n"))
    }

    /// Notes where many journals are.
    pub(super) fn remember_all<'a>(
        &self,
        tips: impl Iterator<Item = (&'a TaskId, &'a CommitId)>,
    ) -> Result<(), StoreError> {
        self.note(&tips.map(|(id, tip)| format!("{id} {tip}\n")).collect::<String>())
    }

    /// Notes that a journal has no ref of its own any more.
    pub(super) fn forget(&self, id: &TaskId) -> Result<(), StoreError> {
        self.note(&format!("{id} -\n"))
    }

    fn note(&self, lines: &str) -> Result<(), StoreError> {
        let path = self.census_path();
        let failed = |source| StoreError::File { doing: "write", path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // One append: lines of concurrent writers do not mix.
        let mut file = std::fs::File::options().append(true).create(true).open(&path).map_err(failed)?;
        file.write_all(lines.as_bytes()).map_err(failed)
    }

    /// What the census knows: each task with the last tip, if it had one.
    fn census(&self) -> BTreeMap<TaskId, CommitId> {
        let text = std::fs::read_to_string(self.census_path()).unwrap_or_default();
        let mut known = BTreeMap::new();
        for line in text.lines() {
            let Some((id, tip)) = line.split_once(' ') else { continue };
            let Ok(id) = TaskId::parse(id) else { continue };
            match CommitId::parse(tip) {
                Ok(tip) => known.insert(id, tip),
                Err(_) => known.remove(&id),
            };
        }
        if text.lines().count() > LONG {
            let lines: String = known.iter().map(|(id, tip)| format!("{id} {tip}\n")).collect();
            let path = self.census_path();
            let fresh = path.with_extension(super::journal::nonce());
            // Lines that are lost in this moment cost no more than a warning less.
            if std::fs::write(&fresh, lines).is_ok() {
                let _ = std::fs::rename(fresh, path);
            }
        }
        known
    }

    /// Brings back journals whose ref is broken or gone although nobody archived them.
    ///
    /// # Errors
    /// A broken ref file cannot be moved away, or git fails.
    pub(crate) fn restore_lost(&self) -> Result<Vec<Restored>, StoreError> {
        let listing = self.repo.list(layout::TASKS)?;
        let known = self.census();
        let mut restored = Vec::new();
        for name in &listing.broken {
            self.move_away(name)?;
            let Some(id) = layout::task_of_ref(name) else { continue };
            match known.get(&id) {
                Some(tip) => restored.push(self.put_back(&id, tip)?),
                None => restored.push(Restored::Lost {
                    name: name.clone(),
                    why: "its file was broken and this clone never saw its tip".to_owned(),
                }),
            }
        }
        let there: std::collections::HashSet<&str> =
            listing.refs.iter().map(|(name, _)| name.as_str()).collect();
        for (id, tip) in &known {
            let name = layout::task_ref(id);
            let broken = listing.broken.contains(&name);
            if !broken && !there.contains(name.as_str()) && self.archived(id)?.is_none() {
                restored.push(self.put_back(id, tip)?);
            }
        }
        Ok(restored)
    }

    /// Names of journals whose ref is broken or gone although nobody archived them.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub(crate) fn lost(&self) -> Result<Vec<String>, StoreError> {
        let listing = self.repo.list(layout::TASKS)?;
        let mut lost = listing.broken;
        for id in self.census().into_keys() {
            let name = layout::task_ref(&id);
            let there = listing.refs.iter().any(|(found, _)| *found == name) || lost.contains(&name);
            if !there && self.archived(&id)?.is_none() {
                lost.push(name);
            }
        }
        Ok(lost)
    }

    fn put_back(&self, id: &TaskId, tip: &CommitId) -> Result<Restored, StoreError> {
        let name = layout::task_ref(id);
        if self.task_at(tip, "", &name).is_err() {
            self.forget(id)?;
            return Ok(Restored::Lost { name, why: format!("its last commit {} is gone too", tip.short()) });
        }
        let _ = self.swap(&name, Expected::Absent, tip, "restored by the census")?;
        Ok(Restored::Back { id: id.clone(), tip: tip.clone() })
    }

    /// git refuses to repair a broken ref file: it has to go out of the way.
    fn move_away(&self, name: &str) -> Result<(), StoreError> {
        let from = self.repo.common_dir().join(name);
        let folder = self.repo.common_dir().join("orch").join("broken");
        let to = folder.join(format!("{}-{}", name.replace('/', "_"), super::journal::nonce()));
        let failed =
            |source| StoreError::File { doing: "move away", path: from.display().to_string(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        std::fs::rename(&from, to).map_err(failed)
    }
}
