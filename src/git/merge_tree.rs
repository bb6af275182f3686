//! Merges without a worktree, by one long-lived `git merge-tree`. git decides what conflicts: gix called 2 of 90 real
//! conflicts clean.

use super::command::Git;
use super::{GitError, Repo};
use crate::process::piped::Piped;
use crate::task::id::{CommitId, TreeId};

/// What a merge gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Merged {
    Clean(TreeId),
    /// `tree` has both sides of what conflicts, between markers.
    Conflict { files: Vec<String>, tree: TreeId },
    /// The two have no common ancestor.
    Unrelated,
}

/// Why the process gave no answer: it is started again and asked once more.
type Unanswered = super::error::Cause;

/// Merges pairs of commits in one process, that is started again when it dies.
pub(crate) struct Composer {
    repo: Repo,
    process: Option<Piped>,
}

impl Composer {
    /// Starts the process.
    pub(crate) fn open(repo: &Repo) -> Result<Composer, GitError> {
        let mut composer = Composer { repo: repo.clone(), process: None };
        composer.start()?;
        Ok(composer)
    }

    /// Merges `theirs` into `ours`. The tree is written but not synced: the landing does that.
    pub(crate) fn merge(&mut self, ours: &CommitId, theirs: &CommitId) -> Result<Merged, GitError> {
        if let Ok(merged) = self.ask(ours, theirs) {
            return Ok(merged);
        }
        // It dies at unrelated histories and at missing objects, and reads nothing more.
        self.process = None;
        if self.repo.merge_base(ours, theirs)?.is_none() {
            return Ok(Merged::Unrelated);
        }
        let doing = format!("merge {theirs} into {ours}");
        self.ask(ours, theirs).map_err(|err| {
            self.process = None; // whatever it still says belongs to this pair
            GitError::gix(doing)(err)
        })
    }

    fn start(&mut self) -> Result<&mut Piped, GitError> {
        let git = command(&self.repo);
        let process = Piped::start(git.command())
            .map_err(|source| GitError::Start { args: "merge-tree --stdin".to_owned(), source })?;
        Ok(self.process.insert(process))
    }

    fn ask(&mut self, ours: &CommitId, theirs: &CommitId) -> Result<Merged, Unanswered> {
        let process = match self.process {
            Some(ref mut process) => process,
            None => self.start()?,
        };
        process.write_all(format!("{ours} {theirs}\n").as_bytes())?;
        read_answer(process)
    }
}

fn command(repo: &Repo) -> Git {
    Git::on(repo)
        .without_local_filters(repo) // merge.renormalize would run them
        .args(["merge-tree", "--write-tree", "--stdin"]) // --stdin implies -z
        .arg("--name-only") // conflicted files once each, without stages
        .arg("--no-messages") // their number of fields differs from kind to kind
}

/// One answer: `1|0 NUL tree NUL [file NUL]… NUL`, 1 is clean.
fn read_answer(process: &mut Piped) -> Result<Merged, Unanswered> {
    let clean = process.read_until(0)?;
    let tree = String::from_utf8_lossy(&process.read_until(0)?).into_owned();
    let mut files = Vec::new();
    loop {
        let file = process.read_until(0)?;
        if file.is_empty() {
            break;
        }
        files.push(String::from_utf8_lossy(&file).into_owned());
    }
    let tree = TreeId::parse(&tree)?;
    match clean.as_slice() {
        b"1" => Ok(Merged::Clean(tree)),
        b"0" => Ok(Merged::Conflict { files, tree }),
        other => Err(String::from_utf8_lossy(other).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::objects::{NewCommit, TreeEdit};
    use crate::git::testing::{Sandbox, person};

    #[test]
    fn merges_are_clean_conflict_or_unrelated() {
        let sandbox = Sandbox::new();
        let (repo, base) = (&sandbox.repo, sandbox.main());
        let ours = sandbox.commit_on(&base, &[("a.txt", "ONE\ntwo\nthree\n")]);
        let clash = sandbox.commit_on(&base, &[("a.txt", "uno\ntwo\nthree\n"), ("other", "x\n")]);
        let apart = sandbox.commit_on(&base, &[("b\nb", "b\n")]);
        let bytes = repo.read_file(&base, "a.txt").unwrap().unwrap();
        let moved = [
            TreeEdit::Remove { path: "a.txt".into() },
            TreeEdit::Put { path: "dir/z.txt".into(), bytes, executable: false },
        ];
        let tree = repo.edit_tree(None, &moved).unwrap();
        let who = person();
        let commit = |parents: &[CommitId]| {
            let new = NewCommit { tree: &tree, parents, author: &who, committer: &who, message: "x" };
            repo.commit(&new).unwrap()
        };
        let (renamed, alone) = (commit(std::slice::from_ref(&base)), commit(&[]));

        let mut composer = Composer::open(repo).unwrap();
        let Merged::Clean(tree) = composer.merge(&ours, &apart).unwrap() else { panic!("not clean") };
        assert_eq!(repo.read_tree_file(&tree, "b\nb").unwrap().unwrap(), b"b\n");
        assert_eq!(composer.merge(&ours, &clash).unwrap(), Merged::Conflict { files: vec!["a.txt".into()] });
        assert_eq!(composer.merge(&ours, &alone).unwrap(), Merged::Unrelated);
        let Merged::Clean(tree) = composer.merge(&ours, &renamed).unwrap() else { panic!("not clean") };
        assert_eq!(repo.read_tree_file(&tree, "dir/z.txt").unwrap().unwrap(), b"ONE\ntwo\nthree\n");
        let missing = CommitId::parse(&"1".repeat(40)).unwrap();
        assert!(composer.merge(&ours, &missing).is_err());
        assert!(matches!(composer.merge(&ours, &apart).unwrap(), Merged::Clean(_)));
    }
}
