//! Objects: blobs, trees and commits, written and read without a worktree.

use super::refs::{commit_id, hex, object_id};
use super::{GitError, Repo};
use crate::task::id::{CommitId, Seconds, TreeId};
use gix::bstr::{BStr, ByteSlice};
use gix::objs::tree::{Editor, EntryKind};
use gix::objs::{Commit, Tree};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// How often an object is written again: `git gc` removes an empty object folder under the writer (4 of 711).
const WRITE_TRIES: u32 = 5;

/// One change of a tree. Paths have `/` between their parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TreeEdit<'a> {
    Put {
        path: String,
        bytes: Vec<u8>,
        executable: bool,
    },
    /// Removes a file, or a folder with all that is in it; nothing happens where there is none.
    Remove {
        path: String,
    },
    /// Puts there what a commit has at this path, with its mode: a file, a link, a submodule or a folder. Where it has
    /// nothing, removes what is there.
    Take {
        path: &'a Path,
        from: &'a CommitId,
    },
    /// Puts a whole tree at a path.
    Graft {
        path: String,
        tree: &'a TreeId,
    },
}

/// A name, an address and a moment, as a commit has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) time: Seconds,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
}

/// A commit to be written; the same values always give the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCommit<'a> {
    pub(crate) tree: &'a TreeId,
    pub(crate) parents: &'a [CommitId],
    pub(crate) author: &'a Person,
    pub(crate) committer: &'a Person,
    pub(crate) message: &'a str,
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitInfo {
    pub(crate) id: CommitId,
    pub(crate) tree: TreeId,
    pub(crate) parents: Vec<CommitId>,
    pub(crate) author: Person,
    pub(crate) committer_time: Seconds,
    pub(crate) subject: String,
    /// What follows the subject, trailers included.
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Executable,
    Link,
    Folder,
    Submodule,
}

impl Repo {
    /// Writes a blob and returns its id.
    pub(crate) fn write_blob(&self, bytes: &[u8]) -> Result<String, GitError> {
        Ok(self.put_blob(bytes)?.to_string())
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<gix::ObjectId, GitError> {
        self.put(|| self.gix.write_blob(bytes).map(gix::Id::detach))
    }

    /// Writes an object, again where its folder vanished, and remembers that it is not on the disk yet.
    fn put(&self, write: impl Fn() -> gix::Result<gix::ObjectId>) -> Result<gix::ObjectId, GitError> {
        let id = self.put_unnoted(write)?;
        self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
        Ok(id)
    }

    /// Writes an object, again where its folder vanished.
    fn put_unnoted(&self, write: impl Fn() -> gix::Result<gix::ObjectId>) -> Result<gix::ObjectId, GitError> {
        let mut tries = 1;
        let id = loop {
            match write() {
                Ok(id) => break id,
                Err(err) if tries == WRITE_TRIES || !err.is_not_found() => {
                    return Err(GitError::gix("write an object")(err));
                }
                Err(_) => tries += 1,
            }
        };
        self.freshen(&id);
        Ok(id)
    }

    /// Makes a loose object young. gix does not write what is there already; where that is an old left-over,
    /// `git gc` would remove it before it has a ref.
    fn freshen(&self, id: &gix::oid) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW};
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        // No loose file: it is in a pack.
        let _ = rustix::fs::utimensat(CWD, self.loose_path(id), &times, AtFlags::empty());
    }

    /// Reads a blob by its id; `None` where there is none.
    pub(crate) fn read_blob(&self, id: &str) -> Result<Option<Vec<u8>>, GitError> {
        let Ok(id) = hex(id) else { return Ok(None) };
        if !self.gix.has_object(id) {
            return Ok(None);
        }
        let mut blob = self.gix.find_blob(id).map_err(GitError::gix(format!("read {id}")))?;
        Ok(Some(blob.take_data()))
    }

    /// Reads a file as it is in a commit; `None` where there is no file at that path.
    pub(crate) fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        self.read_in(object_id(commit)?, path, u64::MAX)
    }

    /// Reads a file as it is in a tree.
    pub(crate) fn read_tree_file(
        &self,
        tree: &TreeId,
        path: impl AsRef<Path>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        self.read_in(hex(tree.as_str())?, path, u64::MAX)
    }

    /// What is at a path in a tree; `None` where nothing is.
    pub(crate) fn kind_in_tree(
        &self,
        tree: &TreeId,
        path: impl AsRef<Path>,
    ) -> Result<Option<Kind>, GitError> {
        Ok(self.entry(hex(tree.as_str())?, path)?.map(|(_, mode)| kind(mode.kind())))
    }

    pub(super) fn read_in(
        &self,
        root: gix::ObjectId,
        path: impl AsRef<Path>,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let path = path.as_ref();
        let Some(entry) = self.entry(root, path)?.filter(|entry| entry.1.is_blob()) else { return Ok(None) };
        let doing = || format!("read {}", path.display());
        if limit < u64::MAX {
            let size = self.gix.find_header(entry.0).map_err(GitError::gix(doing()))?.size();
            if size > limit {
                return Err(GitError::TooLarge { what: path.display().to_string(), size, limit });
            }
        }
        let mut blob = self.gix.find_blob(entry.0).map_err(GitError::gix(doing()))?;
        Ok(Some(blob.take_data()))
    }

    /// The object and mode at a path below a commit or tree.
    pub(super) fn entry(
        &self,
        root: gix::ObjectId,
        path: impl AsRef<Path>,
    ) -> Result<Option<(gix::ObjectId, gix::objs::tree::EntryMode)>, GitError> {
        let path = path.as_ref();
        let tree = self.root(root)?;
        let parts = path.as_os_str().as_bytes().split(|&byte| byte == b'/');
        let entry = tree.lookup_entry(parts);
        let entry = entry.map_err(GitError::gix(format!("look up {}", path.display())))?;
        Ok(entry.map(|entry| (entry.object_id(), entry.mode())))
    }

    pub(super) fn root(&self, id: gix::ObjectId) -> Result<gix::Tree<'_>, GitError> {
        let object = self.gix.find_object(id).map_err(GitError::gix(format!("read {id}")))?;
        object.peel_to_tree().map_err(GitError::gix(format!("read the tree of {id}")))
    }

    /// Paths of all files of a commit.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn all_files(&self, commit: &CommitId) -> Result<Vec<String>, GitError> {
        let git = super::command::Git::on(self).args(["ls-tree", "-r", "-z", "--name-only", commit.as_str()]);
        Ok(super::command::fields(&git.output()?).collect())
    }

    /// What is in a folder of a commit; the empty path is the root. Empty where there is no such folder.
    pub(crate) fn list_folder(&self, commit: &CommitId, path: &str) -> Result<Vec<(String, Kind)>, GitError> {
        let mut tree = self.root(object_id(commit)?)?;
        if !path.is_empty() {
            match self.entry(tree.id, path)? {
                Some((id, mode)) if mode.is_tree() => tree = self.root(id)?,
                _ => return Ok(Vec::new()),
            }
        }
        let decoded = tree.decode().map_err(GitError::gix(format!("read the folder {path}")))?;
        let name = |entry: &gix::objs::tree::EntryRef<'_>| entry.filename.to_str_lossy().into_owned();
        Ok(decoded.entries.iter().map(|entry| (name(entry), kind(entry.mode.kind()))).collect())
    }

    /// Writes the tree that `base` (or the empty tree) is after some edits.
    pub(crate) fn edit_tree(
        &self,
        base: Option<&TreeId>,
        edits: &[TreeEdit<'_>],
    ) -> Result<TreeId, GitError> {
        let root = match base {
            Some(base) => {
                let tree = self.root(hex(base.as_str())?)?;
                Tree::from(tree.decode().map_err(GitError::gix("read a tree"))?)
            }
            None => Tree::empty(),
        };
        let mut editor = Editor::new(root, &self.gix.objects, self.gix.object_hash());
        for edit in edits {
            self.apply(&mut editor, edit)?;
        }
        let id = editor.write(|tree| self.put(|| self.gix.write_object(tree).map(gix::Id::detach)))?;
        Ok(tree_id(id))
    }

    /// The tree after a file got another content; a file that is there stays executable if it is. Where no file can be
    /// without taking something else away (a link, a folder, a submodule at its path or above), the tree as it is.
    pub(crate) fn edit_file(&self, tree: &TreeId, path: &str, bytes: Vec<u8>) -> Result<TreeId, GitError> {
        let root = hex(tree.as_str())?;
        for (at, _) in path.match_indices('/') {
            if self.entry(root, &path[..at])?.is_some_and(|(_, mode)| !mode.is_tree()) {
                return Ok(tree.clone());
            }
        }
        let entry = self.entry(root, path)?;
        if entry.is_some_and(|(_, mode)| !mode.is_blob()) {
            return Ok(tree.clone());
        }
        let executable = entry.is_some_and(|(_, mode)| mode.kind() == EntryKind::BlobExecutable);
        self.edit_tree(Some(tree), &[TreeEdit::Put { path: path.to_owned(), bytes, executable }])
    }

    fn apply(&self, editor: &mut Editor<'_>, edit: &TreeEdit<'_>) -> Result<(), GitError> {
        let (path, entry) = match edit {
            TreeEdit::Remove { path } => (Path::new(path), None),
            TreeEdit::Take { path, from } => {
                let found = self.entry(object_id(from)?, path)?;
                (*path, found.map(|(id, mode)| (mode.kind(), id)))
            }
            TreeEdit::Graft { path, tree } => (Path::new(path), Some((EntryKind::Tree, hex(tree.as_str())?))),
            TreeEdit::Put { path, bytes, executable } => {
                let kind = if *executable { EntryKind::BlobExecutable } else { EntryKind::Blob };
                (Path::new(path), Some((kind, self.put_blob(bytes)?)))
            }
        };
        let parts = parts(path)?;
        match entry {
            None => editor.remove(parts).map(|_| ()),
            Some((kind, id)) => editor.upsert(parts, kind, id).map(|_| ()),
        }
        .map_err(GitError::gix(format!("change {} in a tree", path.display())))
    }

    /// Writes a commit. It has no ref yet: give it one at once.
    pub(crate) fn commit(&self, new: &NewCommit<'_>) -> Result<CommitId, GitError> {
        let commit = object_of(new)?;
        self.put(|| self.gix.write_object(&commit).map(gix::Id::detach)).map(commit_id)
    }

    /// Writes a commit that most probably gets no ref, so that nothing waits for it to be on the disk: of a hundred that a
    /// queue composes, few are tested. Before one gets a ref, [`Repo::sync_with_next`] is told.
    pub(crate) fn commit_for_now(&self, new: &NewCommit<'_>) -> Result<CommitId, GitError> {
        let commit = object_of(new)?;
        self.put_unnoted(|| self.gix.write_object(&commit).map(gix::Id::detach)).map(commit_id)
    }

    /// Notes commits that must be on the disk before the next ref is written.
    pub(crate) fn sync_with_next<'c>(
        &self,
        commits: impl IntoIterator<Item = &'c CommitId>,
    ) -> Result<(), GitError> {
        let ids: Vec<gix::ObjectId> = commits.into_iter().map(object_id).collect::<Result<_, _>>()?;
        self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(ids);
        Ok(())
    }

    /// Reads a commit.
    pub(crate) fn read_commit(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        let failed = || GitError::gix(format!("read the commit {id}"));
        let commit = self.gix.find_commit(object_id(id)?).map_err(failed())?;
        let decoded = commit.decode().map_err(failed())?;
        let author = decoded.author().map_err(failed())?;
        let author_time = author.time().map_err(failed())?;
        // Written in another encoding than UTF-8: git knows them all.
        let recoded = decoded.encoding.map(|_| self.recoded(id)).transpose()?;
        let [name, email, text] = match &recoded {
            Some(parts) => [0, 1, 2].map(|at| BStr::new(&parts[at])),
            None => [author.name, author.email, decoded.message],
        };
        let message = gix::objs::commit::MessageRef::from_bytes(text);
        let body = message.body();
        let trailers =
            body.map(|body| body.trailers().map(|trailer| (lossy(trailer.token), lossy(&*trailer.value))));
        Ok(CommitInfo {
            id: id.clone(),
            tree: tree_id(decoded.tree()),
            parents: decoded.parents().map(commit_id).collect(),
            author: Person {
                name: lossy(name),
                email: lossy(email),
                time: Seconds(author_time.seconds),
                offset: author_time.offset,
            },
            committer_time: Seconds(decoded.time().map_err(failed())?.seconds),
            subject: lossy(&*message.summary()),
            body: message.body.map(lossy).unwrap_or_default(),
            trailers: trailers.into_iter().flatten().collect(),
        })
    }

    /// A commit's author, address and message in UTF-8.
    fn recoded(&self, id: &CommitId) -> Result<[Vec<u8>; 3], GitError> {
        let git = super::command::Git::on(self)
            .args(["log", "-1", "--no-mailmap", "--no-notes", "--no-show-signature", "--encoding=UTF-8"])
            .args(["--format=tformat:%an%x00%ae%x00%B%x00", id.as_str(), "--"]);
        let output = git.output()?;
        let mut parts = output.split(|&byte| byte == 0).map(<[u8]>::to_vec);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(email), Some(text)) => Ok([name, email, text]),
            _ => Err(git.unclear(&output)),
        }
    }

    /// The tree of a commit.
    pub(crate) fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError> {
        self.root(object_id(commit)?).map(|tree| tree_id(tree.id))
    }

    /// Tells whether `ancestor` is `commit` or one of its ancestors.
    pub(crate) fn is_ancestor(&self, ancestor: &CommitId, commit: &CommitId) -> Result<bool, GitError> {
        Ok(ancestor == commit || self.merge_base(ancestor, commit)?.as_ref() == Some(ancestor))
    }

    /// The best common ancestor; `None` where the histories are unrelated.
    pub(crate) fn merge_base(&self, one: &CommitId, other: &CommitId) -> Result<Option<CommitId>, GitError> {
        let failed = GitError::gix(format!("find the merge base of {one} and {other}"));
        let base = self.gix.merge_base(object_id(one)?, object_id(other)?).map_err(failed)?;
        Ok(base.map(|base| commit_id(base.detach())))
    }

    /// Commits of `head`'s history, oldest first, without merges and without what `without` has.
    pub(crate) fn commits_without(
        &self,
        head: &CommitId,
        without: &[&CommitId],
    ) -> Result<Vec<CommitId>, GitError> {
        let git = super::command::Git::on(self)
            .args(["rev-list", "--topo-order", "--reverse", "--no-merges", head.as_str(), "--not"])
            .args(without.iter().map(|commit| commit.as_str()))
            .arg("--");
        let output = git.output()?;
        let text = String::from_utf8_lossy(&output);
        let ids: Result<Vec<CommitId>, _> = text.lines().map(CommitId::parse).collect();
        ids.map_err(|_| git.unclear(&output))
    }

    /// Commits along first parents, newest first, down to but without `until`.
    pub(crate) fn first_parent(
        &self,
        from: &CommitId,
        until: Option<&CommitId>,
        limit: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let mut commits = Vec::new();
        let mut next = Some(from.clone());
        while let Some(id) = next.filter(|id| Some(id) != until && commits.len() < limit) {
            let commit = self.read_commit(&id)?;
            next = commit.parents.first().cloned();
            commits.push(commit);
        }
        Ok(commits)
    }

    /// The commit that a person means by the name of a branch or tag, or by an object id or its start.
    ///
    /// `refs/…` is taken as it is; a branch goes before a tag of the same name. Nothing is an option here.
    pub(crate) fn resolve(&self, text: &str) -> Result<Option<CommitId>, GitError> {
        if let ("HEAD", Some(here)) = (text, self.here()) {
            return self.worktree_head(here).map(Some);
        }
        let candidates = match text {
            "HEAD" => vec![text.to_owned()],
            _ if text.starts_with("refs/") => vec![text.to_owned()],
            _ => ["refs/heads/", "refs/tags/", "refs/remotes/"]
                .map(|folder| format!("{folder}{text}"))
                .to_vec(),
        };
        for name in candidates {
            if super::refs::full_name(&name).is_ok()
                && let Some(tip) = self.tip(&name)?
            {
                return self.peel(object_id(&tip)?).map(Some);
            }
        }
        let id_like = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        match id_like.then(|| self.gix.rev_parse_single(text)) {
            Some(Ok(id)) => self.peel(id.detach()).map(Some),
            // Not found or ambiguous: either way it names no one commit.
            Some(Err(_)) | None => Ok(None),
        }
    }

    fn peel(&self, id: gix::ObjectId) -> Result<CommitId, GitError> {
        let object = self.gix.find_object(id).map_err(GitError::gix(format!("read {id}")))?;
        let commit = object.peel_to_commit().map_err(GitError::gix(format!("read {id} as a commit")))?;
        Ok(commit_id(commit.id))
    }
}

/// The object that a commit becomes.
fn object_of(new: &NewCommit<'_>) -> Result<Commit, GitError> {
    let mut message = new.message.replace('\0', "").trim_end().to_owned();
    message.push('\n');
    Ok(Commit {
        tree: hex(new.tree.as_str())?,
        parents: new.parents.iter().map(object_id).collect::<Result<_, _>>()?,
        author: new.author.signature(),
        committer: new.committer.signature(),
        encoding: None,
        message: message.into(),
        extra_headers: Vec::new(),
    })
}

impl Person {
    fn signature(&self) -> gix::actor::Signature {
        // These would end the field early; git drops them as well.
        let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
        gix::actor::Signature {
            name: clean(&self.name).into(),
            email: clean(&self.email).into(),
            time: gix::date::Time { seconds: self.time.0, offset: self.offset },
        }
    }
}

/// The parts of a path inside a tree.
fn parts(path: &Path) -> Result<Vec<&BStr>, GitError> {
    let bad = |part: &[u8]| {
        matches!(part, b"" | b"." | b"..") || part.eq_ignore_ascii_case(b".git") || part.contains(&0)
    };
    let parts = || path.as_os_str().as_bytes().split(|&byte| byte == b'/');
    if parts().any(bad) {
        return Err(GitError::BadPath(path.display().to_string()));
    }
    Ok(parts().map(BStr::new).collect())
}

fn kind(kind: EntryKind) -> Kind {
    match kind {
        EntryKind::Tree => Kind::Folder,
        EntryKind::Blob => Kind::File,
        EntryKind::BlobExecutable => Kind::Executable,
        EntryKind::Link => Kind::Link,
        EntryKind::Commit => Kind::Submodule,
    }
}

pub(super) fn tree_id(id: gix::ObjectId) -> TreeId {
    TreeId::parse(&id.to_string()).expect("gix writes object ids in full and in lower case")
}

fn lossy(text: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(text.as_ref()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, person};

    fn put(path: &str, text: &str) -> TreeEdit<'static> {
        TreeEdit::Put { path: path.to_owned(), bytes: text.into(), executable: false }
    }

    #[test]
    fn trees_are_edited_and_read() {
        let sandbox = Sandbox::new();
        let repo = &sandbox.repo;
        let inner = repo.edit_tree(None, &[put("x", "1"), put("y/z", "2")]).unwrap();
        let edits =
            [put("d/e/f", "3"), put("gone/a", "4"), TreeEdit::Graft { path: "g".into(), tree: &inner }];
        let tree = repo.edit_tree(None, &edits).unwrap();
        let removed = ["gone", "nothing/here"].map(|path| TreeEdit::Remove { path: path.to_owned() });
        let tree = repo.edit_tree(Some(&tree), &removed).unwrap();
        let listed = sandbox.git(&["ls-tree", "-r", "--name-only", tree.as_str()]);
        assert_eq!(listed, "d/e/f\ng/x\ng/y/z\n");
        assert_eq!(repo.read_tree_file(&tree, "d/e/f").unwrap().unwrap(), b"3");
        assert_eq!(repo.read_tree_file(&tree, "d/e").unwrap(), None);
        for bad in ["", "/a", "a//b", "../a", "a/.git/config", "a/.GIT"] {
            assert!(matches!(repo.edit_tree(None, &[put(bad, "")]), Err(GitError::BadPath(_))), "{bad}");
        }
    }

    #[test]
    fn commits_are_the_same_each_time_and_read_back() {
        let sandbox = Sandbox::new();
        let (repo, main) = (&sandbox.repo, sandbox.main());
        let (tree, parents, who) = (repo.tree_of(&main).unwrap(), [main.clone()], person());
        let message = "Subject\n\nBody text.\n\nOrch-Task: t-1\nOrch-Nonce: abc";
        let new = NewCommit { tree: &tree, parents: &parents, author: &who, committer: &who, message };
        let commit = repo.commit(&new).unwrap();
        assert_eq!(commit, repo.commit(&new).unwrap());
        let info = repo.read_commit(&commit).unwrap();
        assert_eq!(
            (info.subject.as_str(), &info.parents, &info.author),
            ("Subject", &parents.to_vec(), &who)
        );
        assert!(info.body.starts_with("Body text."));
        let trailers =
            [("Orch-Task", "t-1"), ("Orch-Nonce", "abc")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(info.trailers, trailers);
        assert_eq!(sandbox.git(&["fsck", "--strict", commit.as_str()]), "");
        assert_eq!(repo.list_folder(&commit, "").unwrap(), [("a.txt".to_owned(), Kind::File)]);
    }

    #[test]
    fn history_is_walked() {
        let sandbox = Sandbox::new();
        let (repo, first) = (&sandbox.repo, sandbox.main());
        let second = sandbox.commit_on(&first, &[("b", "b")]);
        let other = sandbox.commit_on(&first, &[("c", "c")]);
        assert!(repo.is_ancestor(&first, &second).unwrap() && !repo.is_ancestor(&second, &first).unwrap());
        assert_eq!(repo.merge_base(&second, &other).unwrap(), Some(first.clone()));
        assert_eq!(repo.first_parent(&second, Some(&first), 9).unwrap().len(), 1);
        let (tree, who) = (repo.tree_of(&first).unwrap(), person());
        let alone = NewCommit { tree: &tree, parents: &[], author: &who, committer: &who, message: "Alone" };
        assert_eq!(repo.merge_base(&repo.commit(&alone).unwrap(), &second).unwrap(), None);
    }

    #[test]
    fn people_name_commits() {
        let sandbox = Sandbox::new();
        let (repo, main) = (&sandbox.repo, sandbox.main());
        sandbox.git(&["tag", "-a", "-m", "x", "v1"]);
        let start = &main.as_str()[..8];
        for text in ["main", "v1", "refs/heads/main", "HEAD", main.as_str(), start] {
            assert_eq!(repo.resolve(text).unwrap(), Some(main.clone()), "{text}");
        }
        for text in ["", "-x", "--all", "main..v1", "@{-1}", "nope", "a b", "dead", ":/First"] {
            assert_eq!(repo.resolve(text).unwrap(), None, "{text}");
        }
    }
}
