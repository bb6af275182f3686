//! Notes: views and caches on objects, that `git notes` can read. `git notes append` itself loses concurrent writes
//! (140 of 160), so they are written here by compare-and-swap.

use super::objects::{NewCommit, Person, TreeEdit};
use super::refs::{Expected, Swap, object_id};
use super::{GitError, Repo, lock};
use crate::task::id::{CommitId, TreeId};
use rustix::fs::FlockOperation;

/// How often a write is tried. Writers of this machine queue for a lock, so only others can come in between.
const TRIES: u32 = 50;

impl Repo {
    /// The note of an object, given by its full id, in one state of the notes.
    pub(crate) fn read_note_at(&self, tip: &CommitId, object: &str) -> Result<Option<Vec<u8>>, GitError> {
        Ok(self.find_note(tip, object)?.map(|(_, bytes)| bytes))
    }

    /// Changes the note of an object: `edit` gets what is there, and may be called more than once.
    pub(crate) fn write_note(
        &self,
        notes_ref: &str,
        object: &str,
        edit: impl Fn(Option<Vec<u8>>) -> Vec<u8>,
        committer: &Person,
    ) -> Result<(), GitError> {
        super::refs::hex(object)?;
        // A queue instead of a random pause: it is fair, and nobody starves.
        let _queue = lock::wait(&self.local_path("notes.lock")?, FlockOperation::LockExclusive)?;
        for _ in 0..TRIES {
            let tip = self.tip(notes_ref)?;
            let commit = self.compose_note(tip.as_ref(), object, &edit, committer)?;
            let expected = tip.as_ref().map_or(Expected::Absent, Expected::At);
            match self.swap(notes_ref, expected, &commit, "notes: written by orch")? {
                Swap::Done => return Ok(()),
                Swap::Lost { .. } | Swap::Locked => {}
            }
        }
        Err(GitError::Contended { name: notes_ref.to_owned(), tries: TRIES })
    }

    fn compose_note(
        &self,
        tip: Option<&CommitId>,
        object: &str,
        edit: &impl Fn(Option<Vec<u8>>) -> Vec<u8>,
        committer: &Person,
    ) -> Result<CommitId, GitError> {
        let found = tip.map(|tip| self.find_note(tip, object)).transpose()?.flatten();
        let (path, before) = match (found, tip) {
            (Some((path, bytes)), _) => (path, Some(bytes)),
            (None, Some(tip)) => (self.note_path(tip, object)?, None),
            (None, None) => (object.to_owned(), None),
        };
        let base: Option<TreeId> = tip.map(|tip| self.tree_of(tip)).transpose()?;
        let put = TreeEdit::Put { path, bytes: edit(before), executable: false };
        let tree = self.edit_tree(base.as_ref(), &[put])?;
        let parents: Vec<CommitId> = tip.into_iter().cloned().collect();
        let message = "Notes written by 'git orch'";
        self.commit(&NewCommit { tree: &tree, parents: &parents, author: committer, committer, message })
    }

    /// Path and text of a note, at whatever depth of folders it is.
    fn find_note(&self, tip: &CommitId, object: &str) -> Result<Option<(String, Vec<u8>)>, GitError> {
        for path in paths(object) {
            if let Some(bytes) = self.read_in(object_id(tip)?, &path, u64::MAX)? {
                return Ok(Some((path, bytes)));
            }
        }
        Ok(None)
    }

    /// Where a new note goes: as deep as the folders that git made.
    fn note_path(&self, tip: &CommitId, object: &str) -> Result<String, GitError> {
        let root = object_id(tip)?;
        let is_folder = |path: &str| Ok(self.entry(root, path)?.is_some_and(|entry| entry.1.is_tree()));
        let [plain, one, two] = paths(object);
        if is_folder(&two[..5])? {
            Ok(two)
        } else if is_folder(&one[..2])? {
            Ok(one)
        } else {
            Ok(plain)
        }
    }
}

/// The three forms in which git keeps a note: it splits folders as their number grows.
fn paths(object: &str) -> [String; 3] {
    let (one, rest) = object.split_at_checked(2).unwrap_or((object, ""));
    let (two, tail) = rest.split_at_checked(2).unwrap_or((rest, ""));
    [object.to_owned(), format!("{one}/{rest}"), format!("{one}/{two}/{tail}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, person};

    const NOTES: &str = "refs/notes/test";

    fn note(sandbox: &Sandbox, object: &str) -> Option<Vec<u8>> {
        let tip = sandbox.repo.tip(NOTES).unwrap().unwrap();
        sandbox.repo.read_note_at(&tip, object).unwrap()
    }

    fn append(line: String) -> impl Fn(Option<Vec<u8>>) -> Vec<u8> {
        move |before| [before.unwrap_or_default(), line.clone().into_bytes()].concat()
    }

    #[test]
    fn eight_threads_lose_no_line_and_git_reads_them() {
        let sandbox = Sandbox::new();
        let main = sandbox.main();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (repo, object) = (sandbox.repo.clone(), main.as_str());
                scope.spawn(move || {
                    for round in 0..5 {
                        repo.write_note(NOTES, object, append(format!("{thread}.{round}\n")), &person())
                            .unwrap();
                    }
                });
            }
        });
        let shown = sandbox.git(&["notes", "--ref=test", "show", "main"]);
        assert_eq!(shown.lines().count(), 40);
        assert_eq!(note(&sandbox, main.as_str()).unwrap(), shown.as_bytes());
    }

    #[test]
    fn notes_in_folders_are_found_and_changed_in_place() {
        let sandbox = Sandbox::new();
        let (repo, main) = (&sandbox.repo, sandbox.main());
        let (one, rest) = main.as_str().split_at(2);
        let put =
            TreeEdit::Put { path: format!("{one}/{rest}"), bytes: b"old\n".to_vec(), executable: false };
        let tree = repo.edit_tree(None, &[put]).unwrap();
        let who = person();
        let new = NewCommit { tree: &tree, parents: &[], author: &who, committer: &who, message: "x" };
        let tip = repo.commit(&new).unwrap();
        assert_eq!(repo.swap(NOTES, Expected::Absent, &tip, "x").unwrap(), Swap::Done);
        repo.write_note(NOTES, main.as_str(), append("new\n".to_owned()), &who).unwrap();
        assert_eq!(sandbox.git(&["notes", "--ref=test", "show", "main"]), "old\nnew\n");
        assert_eq!(sandbox.git(&["ls-tree", "-r", "--name-only", NOTES]), format!("{one}/{rest}\n"));
        assert_eq!(note(&sandbox, tree.as_str()), None);
    }
}
