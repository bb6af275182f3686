//! Merges without a worktree, by `git merge-tree`. git decides what conflicts: gix called 2 of 90 real conflicts clean.
//!
//! One process answers many pairs, but no process lives longer than its pairs: git 2.47 keeps its answers in a buffer
//! until its input ends, so it cannot be asked again with what it answered.

use super::command::Git;
use super::{GitError, Repo};
use crate::process::share_out;
use crate::task::id::{CommitId, TreeId};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Merges of one process. git keeps what it read and all its answers until the end: of fifty thousand merges that is
/// more than a machine has.
const TOGETHER: usize = 512;
/// Merges that pay for a process of their own: its start takes as long as about eight of them.
const SHARE: usize = 24;

/// What a merge gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Merged {
    Clean(TreeId),
    /// `tree` has both sides of what conflicts, between markers.
    Conflict {
        files: Vec<PathBuf>,
        tree: TreeId,
    },
    /// The two have no common ancestor.
    Unrelated,
}

/// Files as they are told to people, and compared with what was told: bytes that are no UTF-8 become `�`.
pub(crate) fn told(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.to_string_lossy().into_owned()).collect()
}

/// One merge to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    pub(crate) ours: &'a CommitId,
    pub(crate) theirs: &'a CommitId,
    /// The common ancestor, where it is not the one that history says: the parent of a commit that is replayed.
    pub(crate) base: Option<&'a CommitId>,
}

/// Merges pairs of commits.
pub(crate) struct Composer {
    repo: Repo,
}

impl Composer {
    /// Prepares merges in a repository.
    pub(crate) fn open(repo: &Repo) -> Result<Composer, GitError> {
        Ok(Composer { repo: repo.clone() })
    }

    /// Merges `theirs` into `ours`. The tree is written but not synced: the landing does that.
    pub(crate) fn merge(&mut self, ours: &CommitId, theirs: &CommitId) -> Result<Merged, GitError> {
        self.merge_from(None, ours, theirs)
    }

    /// Merges `theirs` into `ours` as if `base` were their common ancestor.
    pub(crate) fn merge_from(
        &mut self,
        base: Option<&CommitId>,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<Merged, GitError> {
        let mut merged = self.merge_all(&[Pair { ours, theirs, base }])?;
        Ok(merged.pop().expect("one answer for each pair"))
    }

    /// Merges the second of each pair into the first, in order: one process for each core of the machine, where there
    /// are enough pairs to share.
    ///
    /// # Errors
    /// Git cannot be started or fails, or a commit is not there.
    pub(crate) fn merge_all(&mut self, pairs: &[Pair<'_>]) -> Result<Vec<Merged>, GitError> {
        let repo = self.repo.clone();
        let shares = share_out(pairs, SHARE, move |share| merge_in_turn(&repo, share));
        let merged = shares.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(merged.into_iter().flatten().collect())
    }
}

/// Merges pairs one after the other: [`TOGETHER`] of them in one process, where none is unrelated.
fn merge_in_turn(repo: &Repo, pairs: &[Pair<'_>]) -> Result<Vec<Merged>, GitError> {
    let mut all = Vec::with_capacity(pairs.len());
    while all.len() < pairs.len() {
        let rest = &pairs[all.len()..];
        let rest = &rest[..rest.len().min(TOGETHER)];
        let lines: String = rest.iter().map(Pair::line).collect();
        let git = command(repo).stdin(lines.into_bytes());
        let finished = git.finish()?;
        let answers = read_answers(&finished.stdout).ok_or_else(|| git.unclear(&finished.stdout))?;
        let answered = answers.len();
        all.extend(answers);
        if let Some(pair) = rest.get(answered) {
            // It dies at the first unrelated pair, or at a missing object, and reads no further.
            if pair.base.is_some() || repo.merge_base(pair.ours, pair.theirs)?.is_some() {
                return Err(git.failed(&finished));
            }
            all.push(Merged::Unrelated);
        }
    }
    Ok(all)
}

impl Pair<'_> {
    fn line(&self) -> String {
        let Pair { ours, theirs, base } = self;
        base.map_or_else(|| format!("{ours} {theirs}\n"), |base| format!("{base} -- {ours} {theirs}\n"))
    }
}

fn command(repo: &Repo) -> Git {
    Git::on(repo)
        .judging_by_base(repo)
        .without_local_filters(repo) // merge.renormalize would run them
        .args(["merge-tree", "--write-tree", "--stdin"]) // --stdin implies -z
        .arg("--name-only") // conflicted files once each, without stages
        .arg("--no-messages") // their number of fields differs from kind to kind
}

/// Answers one after the other: `1|0 NUL tree NUL [file NUL]… NUL`, 1 is clean.
fn read_answers(output: &[u8]) -> Option<Vec<Merged>> {
    let output = output.strip_suffix(b"\0").unwrap_or(output);
    let mut fields = output.split(|&b| b == 0);
    let mut answers = Vec::new();
    if output.is_empty() {
        return Some(answers);
    }
    while let Some(clean) = fields.next() {
        let tree = TreeId::parse(std::str::from_utf8(fields.next()?).ok()?).ok()?;
        // Bytes, as a tree has them: a name that is changed on the way is another file's, or nobody's.
        let path = |file| Path::new(OsStr::from_bytes(file)).to_owned();
        let files = fields.by_ref().take_while(|file| !file.is_empty()).map(path).collect();
        answers.push(match clean {
            b"1" => Merged::Clean(tree),
            b"0" => Merged::Conflict { files, tree },
            _ => return None,
        });
    }
    Some(answers)
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
        let Merged::Conflict { files, tree } = composer.merge(&ours, &clash).unwrap() else {
            panic!("a conflict");
        };
        assert_eq!(told(&files), ["a.txt"]);
        let marked = repo.read_tree_file(&tree, "a.txt").unwrap().unwrap();
        assert!(String::from_utf8(marked).unwrap().starts_with("<<<<<<< "));
        assert_eq!(composer.merge(&ours, &alone).unwrap(), Merged::Unrelated);
        let Merged::Clean(tree) = composer.merge(&ours, &renamed).unwrap() else { panic!("not clean") };
        assert_eq!(repo.read_tree_file(&tree, "dir/z.txt").unwrap().unwrap(), b"ONE\ntwo\nthree\n");
        let pair = |ours, theirs| Pair { ours, theirs, base: None };
        let pairs = [pair(&ours, &apart), pair(&ours, &alone), pair(&ours, &clash), pair(&clash, &renamed)];
        let all = composer.merge_all(&pairs).unwrap();
        assert!(matches!(
            all[..],
            [Merged::Clean(_), Merged::Unrelated, Merged::Conflict { .. }, Merged::Clean(_)]
        ));
        // More than one process has: the answers stand in the order of the pairs.
        let many: Vec<Pair<'_>> = pairs.iter().copied().cycle().take(5 * SHARE).collect();
        let shared = composer.merge_all(&many).unwrap();
        assert_eq!(shared.len(), many.len());
        assert!(shared.chunks(pairs.len()).all(|chunk| chunk == &all[..chunk.len()]));
        assert_eq!(composer.merge_all(&[]).unwrap(), []);
        let twice = sandbox.commit_on(&ours, &[("a.txt", "ONE\ntwo\nTHREE\n")]);
        let Merged::Clean(tree) = composer.merge_from(Some(&ours), &clash, &twice).unwrap() else {
            panic!("only what the second commit did");
        };
        let replayed = repo.read_tree_file(&tree, "a.txt").unwrap().unwrap();
        assert_eq!(replayed, b"uno\ntwo\nTHREE\n");
        let missing = CommitId::parse(&"1".repeat(40)).unwrap();
        assert!(composer.merge(&ours, &missing).is_err());
        assert!(matches!(composer.merge(&ours, &apart).unwrap(), Merged::Clean(_)));
    }
}
