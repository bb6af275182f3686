//! Answers of workers that cannot write (E3), written for them: paths held to the repository's own tree, so that no link
//! on the disk is ever followed, and no file that the task may not touch is written at all.

use std::collections::BTreeSet;

use crate::agent::{FileVars, TurnResult};
use crate::git::objects::{Kind, NewCommit, TreeEdit};
use crate::git::refs::Expected;
use crate::guard::paths;
use crate::select::globs::Globs;
use crate::store::layout;
use crate::synthesis::{Block, Content, Joined, Overlap, join, parse};
use crate::task::id::{CommitId, shown};
use crate::task::{Evidence, Task, Trouble};

use super::contract::changelog_in;
use super::{FlowError, Project};

/// Bytes of files in one prompt; what does not fit is named.
const FILES_MAX: usize = 200 * 1024;
/// Files that are named in one prompt.
const NAMES_MAX: usize = 400;

impl Project {
    /// The files that a task may be about, for a worker that cannot read them: those in its paths, the smallest that
    /// fit.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn files_for(&self, task: &Task, at: &CommitId) -> Result<Vec<FileVars>, FlowError> {
        let globs = Globs::parse(&task.paths).map_err(|bad| FlowError::BadValue {
            what: format!("bad glob '{}' in the paths of {}", shown(&bad.glob), task.id),
            why: bad.why,
        })?;
        let mut files = Vec::new();
        let mut left = FILES_MAX;
        let all = self.repo.all_files(at)?;
        for path in all.into_iter().filter(|path| globs.is_empty() || globs.matches(path)).take(NAMES_MAX) {
            let bytes = self.repo.read_file(at, &path)?.unwrap_or_default();
            let text =
                String::from_utf8(bytes).ok().filter(|text| text.len() <= left && !text.contains('\0'));
            left -= text.as_ref().map_or(0, String::len);
            files.push(FileVars { path, left_out: text.is_none(), text: text.unwrap_or_default() });
        }
        Ok(files)
    }

    /// Writes what a turn's answer holds as a commit of the task's branch, and brings its worktree along. Says what
    /// several workers wrote both, and how that was settled.
    ///
    /// # Errors
    /// Git fails. What is wrong with the answer is evidence.
    pub(super) fn write_answer(
        &self,
        task: &Task,
        author: &str,
        result: &TurnResult,
    ) -> Result<Result<Vec<Overlap>, Evidence>, FlowError> {
        let path = self.worktree_of(&task.id);
        if !self.repo.is_clean(&path)? {
            // An earlier try of an agent that edits: the answer stands on what it left.
            self.commit_worktree(task, author, &format!("{}: work so far", task.title))?;
        }
        let head = self.repo.worktree_head(&path)?;
        let joined = match self.one_answer(result, &head)? {
            Ok(joined) => joined,
            Err(evidence) => return Ok(Err(evidence)),
        };
        if let Some(evidence) = self.refused_blocks(task, &head, &joined.blocks)? {
            return Ok(Err(evidence));
        }
        let edits = self.edits(&head, &joined.blocks)?;
        let tree = self.repo.edit_tree(Some(&self.repo.tree_of(&head)?), &edits)?;
        if tree == self.repo.tree_of(&head)? {
            // It may be what an earlier answer brought already: then that is looked at once more.
            return Ok(Ok(joined.overlaps));
        }
        let person = self.committer();
        let mut message = task.title.clone();
        if let Some(line) = changelog_in(&result.answer) {
            message.push_str(&format!("\n\nChangelog: {}\n", crate::store::journal::one_line(&line)));
        } else {
            message.push_str("\n\n");
        }
        message.push_str(&format!("Orch-Task: {}\n", task.id));
        if self.policy.signoff {
            message.push_str(&format!("Signed-off-by: {} <{}>\n", person.name, person.email));
        }
        let author =
            crate::git::objects::Person { name: crate::store::journal::one_line(author), ..person.clone() };
        let commit = self.repo.commit(&NewCommit {
            tree: &tree,
            parents: std::slice::from_ref(&head),
            author: &author,
            committer: &person,
            message: &message,
        })?;
        let branch = layout::branch_ref(&task.branch);
        if self.store.swap(&branch, Expected::At(&head), &commit, "write an answer")?.is_some() {
            return Err(crate::git::GitError::BranchMoved(task.branch.clone()).into());
        }
        match self.repo.bring_along(&path, &head, &commit)? {
            crate::git::bring_along::Brought::Done => Ok(Ok(joined.overlaps)),
            crate::git::bring_along::Brought::Left { files } => {
                // Nothing of it is in the worktree: the branch must not say otherwise.
                let _ = self.store.swap(&branch, Expected::At(&commit), &head, "take an answer back")?;
                let text = format!("files of the worktree are in the way: {}", files.join(", "));
                Ok(Err(Evidence::new(Trouble::BadAnswer, text).with_files(files)))
            }
        }
    }

    /// The blocks of an answer; of several workers' answers, made one.
    fn one_answer(
        &self,
        result: &TurnResult,
        head: &CommitId,
    ) -> Result<Result<Joined, Evidence>, FlowError> {
        let bad = |who: Option<&str>, why: String| {
            let who = who.map(|who| format!("{who}: ")).unwrap_or_default();
            Evidence::new(Trouble::BadAnswer, format!("{who}the answer cannot be used: {why}"))
        };
        if result.answer_cut {
            return Ok(Err(bad(None, "it is longer than what is read of one".to_owned())));
        }
        if result.parts.is_empty() {
            let blocks = match parse(&result.answer) {
                Ok(blocks) => blocks,
                Err(why) => return Ok(Err(bad(None, why.to_string()))),
            };
            return Ok(match blocks.is_empty() {
                true => Err(Evidence::new(Trouble::NoChange, "the answer holds no file")),
                false => Ok(Joined { blocks, overlaps: Vec::new() }),
            });
        }
        let mut answers = Vec::new();
        for (worker, answer) in &result.parts {
            match parse(answer) {
                Ok(blocks) => answers.push((worker.clone(), blocks)),
                Err(why) => return Ok(Err(bad(Some(worker), why.to_string()))),
            }
        }
        if answers.iter().all(|(_, blocks)| blocks.is_empty()) {
            return Ok(Err(Evidence::new(Trouble::NoChange, "no worker's answer holds a file")));
        }
        let before = |path: &str| {
            let bytes = self.repo.read_file(head, path).ok().flatten()?;
            String::from_utf8(bytes).ok()
        };
        let merge = |before: &str, ours: &str, theirs: &str| {
            self.repo.merge_text(before, ours, theirs).ok().flatten()
        };
        let joined = join(&answers, &before, &merge);
        // Two workers may each be right and together be wrong: a file of one where the other has a folder.
        let all: String = joined.blocks.iter().map(|block| format!("DELETE: {}\n", block.path)).collect();
        Ok(match parse(&all) {
            Ok(_) => Ok(joined),
            Err(why) => Err(bad(None, why.to_string())),
        })
    }

    /// What keeps blocks from being written: the limits of paths, and what the tree has there already.
    fn refused_blocks(
        &self,
        task: &Task,
        head: &CommitId,
        blocks: &[Block],
    ) -> Result<Option<Evidence>, FlowError> {
        let mut allowed = self.allowed_paths();
        if let Ok(globs) = Globs::parse(&task.paths)
            && !globs.is_empty()
        {
            allowed.push((paths::Whose::Task, globs));
        }
        let names: Vec<&str> = blocks.iter().map(|block| block.path.as_str()).collect();
        if let Err(outside) = paths::check(&names, &allowed, &self.policy.paths.deny) {
            let text = outside.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let files = outside.into_iter().map(|outside| outside.path).collect();
            return Ok(Some(Evidence::new(Trouble::OutsidePaths, text).with_files(files)));
        }
        let there = Tree::of(self.repo.all_files(head)?);
        for block in blocks {
            let why = match self.kind_at(head, &block.path)? {
                Err((part, kind)) => Some(format!("{part} is {kind}")),
                Ok(Some(Kind::Link)) => Some("it is a link".to_owned()),
                Ok(Some(Kind::Submodule)) => Some("it is a submodule".to_owned()),
                Ok(Some(Kind::Folder)) => Some("it is a folder".to_owned()),
                Ok(None) if block.content == Content::Gone => Some("it is not there".to_owned()),
                Ok(None | Some(Kind::File | Kind::Executable)) => there.other_case(&block.path),
            };
            if let Some(why) = why {
                let text = format!("the answer cannot be written: {}: {why}", shown(&block.path));
                let evidence = Evidence::new(Trouble::OutsidePaths, text);
                return Ok(Some(evidence.with_files(vec![block.path.clone()])));
            }
        }
        Ok(None)
    }

    /// What is at a path: or the first part of the way that is no folder, and what it is.
    fn kind_at(
        &self,
        head: &CommitId,
        path: &str,
    ) -> Result<Result<Option<Kind>, (String, &'static str)>, FlowError> {
        let mut folder = String::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let entries = self.repo.list_folder(head, &folder)?;
            let kind = entries.iter().find(|(name, _)| name == part).map(|(_, kind)| *kind);
            if parts.peek().is_none() {
                return Ok(Ok(kind));
            }
            if !folder.is_empty() {
                folder.push('/');
            }
            folder.push_str(part);
            match kind {
                Some(Kind::Folder) => {}
                None => return Ok(Ok(None)),
                Some(Kind::Link) => return Ok(Err((folder, "a link"))),
                Some(Kind::Submodule) => return Ok(Err((folder, "a submodule"))),
                Some(Kind::File | Kind::Executable) => return Ok(Err((folder, "a file"))),
            }
        }
        Ok(Ok(None))
    }

    fn edits(&self, head: &CommitId, blocks: &[Block]) -> Result<Vec<TreeEdit<'static>>, FlowError> {
        let mut edits = Vec::new();
        for block in blocks {
            let path = block.path.clone();
            edits.push(match &block.content {
                Content::Gone => TreeEdit::Remove { path },
                Content::Text(text) => {
                    let executable = self.kind_at(head, &path)? == Ok(Some(Kind::Executable));
                    TreeEdit::Put { path, bytes: text.clone().into_bytes(), executable }
                }
            });
        }
        Ok(edits)
    }
}

/// The names of a tree, files and folders.
struct Tree {
    names: BTreeSet<String>,
}

impl Tree {
    fn of(files: Vec<String>) -> Tree {
        let mut names = BTreeSet::new();
        for file in files {
            let mut at = 0;
            while let Some(slash) = file[at..].find('/') {
                names.insert(file[..at + slash].to_owned());
                at += slash + 1;
            }
            names.insert(file);
        }
        Tree { names }
    }

    /// Why a path would be another one's twin where case does not count, if it would.
    fn other_case(&self, path: &str) -> Option<String> {
        let mut folded: Vec<String> = Vec::new();
        let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        ends.push(path.len());
        for end in ends {
            if !self.names.contains(&path[..end]) {
                folded.push(path[..end].to_lowercase());
            }
        }
        let twin = self.names.iter().find(|name| folded.contains(&name.to_lowercase()))?;
        Some(format!("{} is there, which is the same where case does not count", shown(twin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_of_other_case_are_found_in_every_part() {
        let tree = Tree::of(vec!["src/a.rs".to_owned(), "README".to_owned()]);
        for (path, twin) in [
            ("src/a.rs", None),
            ("src/b.rs", None),
            ("src/A.rs", Some("src/a.rs")),
            ("Src/c.rs", Some("src")),
            ("readme", Some("README")),
            ("readme/x", Some("README")),
        ] {
            let why = tree.other_case(path);
            assert_eq!(why.as_ref().and_then(|why| why.split(' ').next()), twin, "{path}");
        }
    }
}
