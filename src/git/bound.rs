//! A cheap upper bound for the size of a change, without a process: most pushes are small, and a hook must be fast.

use super::refs::object_id;
use super::{GitError, Repo};
use crate::task::id::CommitId;
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use std::collections::BTreeMap;

/// A change of more files is left to git.
const FILES: usize = 100;
/// A larger file is left to git.
const BYTES: u64 = 1 << 20;
/// git takes a file for a binary if there is a NUL in so many bytes.
const BINARY: usize = 8000;

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) path: String,
    /// What it is now; empty where it is gone.
    pub(crate) text: Vec<u8>,
}

type Entry = (EntryKind, ObjectId);
type Entries = BTreeMap<Vec<u8>, Entry>;
/// A name, and what it is in each of two folders.
type Both = (Vec<u8>, Option<Entry>, Option<Entry>);

impl Repo {
    /// The files that differ, if no way of counting finds more than `most` lines in the change. `None` = not known:
    /// then [`Repo::changes`] has to count.
    ///
    /// A renamed file counts as two here, and a changed one from its first line that differs to its last.
    ///
    /// # Errors
    /// An object cannot be read.
    pub(crate) fn touched_within(
        &self,
        from: &CommitId,
        to: &CommitId,
        most: u64,
    ) -> Result<Option<Vec<Touched>>, GitError> {
        let mut pairs = Vec::new();
        if !self.differing_files(b"", Some(object_id(from)?), Some(object_id(to)?), &mut pairs)? {
            return Ok(None);
        }
        let (mut touched, mut lines) = (Vec::new(), 0);
        for (path, old, new) in pairs {
            let (Some(old), Some(text)) = (self.small_text(old)?, self.small_text(new)?) else {
                return Ok(None);
            };
            lines += differing_lines(&old, &text);
            let Ok(path) = String::from_utf8(path) else { return Ok(None) };
            touched.push(Touched { path, text });
        }
        Ok((lines <= most).then_some(touched))
    }

    /// Collects plain files that differ; false where there are too many, or where something is no plain file.
    fn differing_files(
        &self,
        folder: &[u8],
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        pairs: &mut Vec<(Vec<u8>, Option<ObjectId>, Option<ObjectId>)>,
    ) -> Result<bool, GitError> {
        for (name, before, after) in self.differing_entries(old, new)? {
            let path = [folder, &name].concat();
            let kinds: Vec<EntryKind> = [before, after].iter().flatten().map(|(kind, _)| *kind).collect();
            let (before, after) = (before.map(|(_, id)| id), after.map(|(_, id)| id));
            let plain = |kind: &EntryKind| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
            if kinds.iter().all(plain) && pairs.len() < FILES {
                pairs.push((path, before, after));
            } else if kinds.iter().all(|kind| *kind == EntryKind::Tree) {
                if !self.differing_files(&[&path[..], b"/"].concat(), before, after, pairs)? {
                    return Ok(false);
                }
            } else {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The entries of two folders that differ, by name.
    fn differing_entries(&self, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Vec<Both>, GitError> {
        let (old, mut new) = (self.entries(old)?, self.entries(new)?);
        let mut both = Vec::new();
        for (name, before) in old {
            let after = new.remove(&name);
            if after != Some(before) {
                both.push((name, Some(before), after));
            }
        }
        both.extend(new.into_iter().map(|(name, after)| (name, None, Some(after))));
        Ok(both)
    }

    /// Collects the paths of all that differs: files, links, submodules.
    pub(super) fn differing_paths(
        &self,
        folder: &[u8],
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        paths: &mut Vec<String>,
    ) -> Result<(), GitError> {
        for (name, before, after) in self.differing_entries(old, new)? {
            let path = [folder, &name].concat();
            let tree =
                |side: Option<Entry>| side.filter(|(kind, _)| *kind == EntryKind::Tree).map(|(_, id)| id);
            let (tree_before, tree_after) = (tree(before), tree(after));
            // A file that became a folder is both: the file's own path, and what is in the folder.
            if before.is_some() != tree_before.is_some() || after.is_some() != tree_after.is_some() {
                paths.push(String::from_utf8_lossy(&path).into_owned());
            }
            if tree_before.is_some() || tree_after.is_some() {
                self.differing_paths(&[&path[..], b"/"].concat(), tree_before, tree_after, paths)?;
            }
        }
        Ok(())
    }

    fn entries(&self, id: Option<ObjectId>) -> Result<Entries, GitError> {
        let Some(id) = id else { return Ok(Entries::new()) };
        let tree = self.root(id)?;
        let decoded = tree.decode().map_err(GitError::gix(format!("read the tree {id}")))?;
        let entry = |entry: &gix::objs::tree::EntryRef<'_>| {
            (entry.filename.to_vec(), (entry.mode.kind(), entry.oid.to_owned()))
        };
        Ok(decoded.entries.iter().map(entry).collect())
    }

    /// The content of a file; empty where there is none, nothing where it is large or a binary.
    fn small_text(&self, id: Option<ObjectId>) -> Result<Option<Vec<u8>>, GitError> {
        let Some(id) = id else { return Ok(Some(Vec::new())) };
        let header = self.gix.find_header(id).map_err(GitError::gix(format!("read {id}")))?;
        if header.size() > BYTES {
            return Ok(None);
        }
        let bytes = self.gix.find_blob(id).map_err(GitError::gix(format!("read {id}")))?.take_data();
        let binary = bytes.iter().take(BINARY).any(|&byte| byte == 0);
        Ok((!binary).then_some(bytes))
    }
}

/// Lines from the first to the last that differ, of both sides.
fn differing_lines(old: &[u8], new: &[u8]) -> u64 {
    let split = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (old, new) = (split(old), split(new));
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = rest.take_while(|(a, b)| a == b).count();
    (old.len() + new.len() - 2 * (start + end)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;
    use proptest::prelude::*;

    #[test]
    fn differing_lines_are_counted_from_both_ends() {
        for (old, new, expected) in [
            ("", "", 0),
            ("", "a\nb", 2),
            ("a\nb\n", "a\nb\n", 0),
            ("a\nb\nc\n", "a\nx\nc\n", 2),
            ("a\n", "a", 2),
            ("a\na\n", "a\na\na\n", 1),
        ] {
            assert_eq!(differing_lines(old.as_bytes(), new.as_bytes()), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn what_is_no_plain_text_is_left_to_git() {
        let sandbox = Sandbox::new();
        let main = sandbox.main();
        let touched = |files: &[(&str, &str)], most| {
            let commit = sandbox.commit_on(&main, files);
            let found = sandbox.repo.touched_within(&main, &commit, most).unwrap()?;
            Some(found.into_iter().map(|touched| touched.path).collect::<Vec<_>>())
        };
        assert_eq!(
            touched(&[("a.txt", "one\n2\nthree\n"), ("deep/er/b", "x")], 3).unwrap(),
            ["a.txt", "deep/er/b"]
        );
        assert_eq!(touched(&[("a.txt", "one\n2\nthree\n"), ("deep/er/b", "x")], 2), None);
        assert_eq!(touched(&[("x", "a\0b")], 100), None);
        assert_eq!(touched(&[("a.txt/x", "now a folder")], 100), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn git_never_counts_more(old in "([ab]\n){0,12}", new in "([abc]\n){0,12}c?") {
            let sandbox = Sandbox::new();
            let from = sandbox.commit_on(&sandbox.main(), &[("f", &old)]);
            let to = sandbox.commit_on(&from, &[("f", &new), ("g", &old)]);
            let counted: u64 = sandbox.repo.changes(&from, &to).unwrap().iter()
                .map(|change| change.added.unwrap_or(0) + change.removed.unwrap_or(0)).sum();
            if counted > 0 {
                prop_assert_eq!(sandbox.repo.touched_within(&from, &to, counted - 1).unwrap(), None);
            }
        }
    }
}
