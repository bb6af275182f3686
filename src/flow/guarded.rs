//! What of the repository's own files nothing but a sandbox keeps agents from: its settings and its hooks. Without one, a
//! change is noticed, said, and can be taken back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::store::journal::nonce;
use crate::task::id::shown;

use super::Project;

/// Settings and hooks as they were.
pub(super) struct Guarded {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Guarded {
    /// Remembers what is there now.
    pub(super) fn begin(project: &Project) -> Guarded {
        Guarded { files: read(project) }
    }

    /// What changed since it last looked, and where it is kept as it was.
    pub(super) fn look(&mut self, project: &Project) -> Option<String> {
        let now = read(project);
        if now == self.files {
            return None;
        }
        let was = std::mem::replace(&mut self.files, now);
        let names = was.keys().chain(self.files.keys());
        let mut changed: Vec<&PathBuf> =
            names.filter(|path| was.get(*path) != self.files.get(*path)).collect();
        changed.sort();
        changed.dedup();
        let kept = project.local().join(format!("before-{}", nonce()));
        let copies = was.iter().filter(|(path, _)| changed.contains(path));
        let written = std::fs::create_dir_all(&kept).and_then(|()| {
            for (path, bytes) in copies {
                std::fs::write(kept.join(path.file_name().unwrap_or_default()), bytes)?;
            }
            Ok(())
        });
        let shown_path = |path: &PathBuf| shown(&path.display().to_string());
        let changed: Vec<String> = changed.into_iter().map(shown_path).collect();
        let kept = match written {
            Ok(()) => format!("as it was: {}", shown_path(&kept)),
            Err(err) => format!("what it was could not be kept: {err}"),
        };
        Some(format!("{} changed while agents without a sandbox were at work; {kept}", changed.join(", ")))
    }
}

fn read(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    let common = project.repo.common_dir();
    let hooks = std::fs::read_dir(common.join("hooks")).into_iter().flatten().flatten();
    let files = [common.join("config"), common.join("config.worktree"), common.join("info/attributes")];
    let files = files.into_iter().chain(hooks.map(|entry| entry.path()));
    files.filter_map(|path| Some((path.clone(), std::fs::read(&path).ok()?))).collect()
}
