//! Brings a test slot to exactly one commit, whatever the run before left there.
//!
//! That run was of other people's code, with the rights to write all that git knows of the slot: its index says which files
//! are unchanged and which nobody is to look at, and with an index of its own making a test decides what the next candidate is
//! tested with. So no index outlives a run. A new one is made from the commit, git hashes each file for it (20,000 files with
//! 79 MB: 0.4 to 0.7 s in all, where it was 0.15), and what is right keeps its times, so that an incremental build goes on.

use super::command::Git;
use super::lock::Shared;
use super::sweep::{empty_folder, make_removable};
use super::unseen::sweep_unseen;
use super::{GitError, Repo};
use crate::task::id::CommitId;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Files that git writes otherwise than they are stored: those with one of these attributes, but for `eol=lf`, which changes
/// nothing of what git stores.
const CONVERTED: [&str; 3] = [
    ".",
    ":(top,exclude,attr:!filter !ident !eol !working-tree-encoding)",
    ":(top,exclude,attr:!filter !ident eol=lf !working-tree-encoding)",
];

impl Repo {
    /// Puts a commit into a test slot: all its files as they are in the commit, and nothing else but `keep`. Folders of
    /// submodules are empty afterwards.
    ///
    /// # Errors
    /// The folder is no worktree of this repository, git fails, or something cannot be removed: then the slot holds nothing
    /// that tests may run on.
    pub(crate) fn switch_detached(
        &self,
        path: &Path,
        commit: &CommitId,
        keep: &[String],
    ) -> Result<(), GitError> {
        let admin = self.admin(path)?;
        self.restore_git_file(&admin, path)?;
        self.put_there(&admin, path, commit, keep).or_else(|_| {
            make_removable(path);
            self.put_there(&admin, path, commit, keep)
        })
    }

    fn put_there(
        &self,
        admin: &Path,
        path: &Path,
        commit: &CommitId,
        keep: &[String],
    ) -> Result<(), GitError> {
        self.index_anew(admin, path, commit)?;
        let checkout = ["checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules"];
        let git = Git::in_worktree(self, admin, path).holding(Shared::wait(self)?.into_file());
        git.args(checkout).args([commit.as_str(), "--"]).output()?;
        let mut clean = Git::in_worktree(self, admin, path)
            .holding(Shared::wait(self)?.into_file())
            .args(["clean", "--quiet", "-d"])
            .arg("-x") // ignored files are what a test leaves for the next one
            .arg("-ff"); // twice: repositories inside too
        for kept in keep {
            clean = clean.arg(format!("--exclude=/{}", escape_pattern(kept)));
        }
        clean.output()?;
        // Git looks into no submodule without its settings, which the run before could write: so nothing of them is believed.
        let kept: Vec<PathBuf> = keep.iter().map(|kept| path.join(kept.trim_matches('/'))).collect();
        for module in self.submodules(admin, path)? {
            if kept.iter().any(|kept| path.join(&module).starts_with(kept)) || !is_below(path, &module) {
                continue;
            }
            let folder = path.join(module);
            empty_folder(&folder, &kept).map_err(GitError::io("empty", &folder))?;
        }
        sweep_unseen(path, keep);
        Ok(())
    }

    /// Makes the slot's index from the commit. It knows the times of those files that are byte for byte what git would write,
    /// and no others, so a forced checkout writes these.
    fn index_anew(&self, admin: &Path, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        let index = admin.join("index");
        match std::fs::remove_file(&index) {
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(GitError::io("remove", &index)(err)),
            _ => {}
        }
        let git = || {
            let git = Git::in_worktree(self, admin, path).config("core.splitIndex", "false");
            Ok::<_, GitError>(git.holding(Shared::wait(self)?.into_file()))
        };
        git()?.args(["read-tree", commit.as_str()]).output()?;
        // What has to be converted cannot be compared with what is stored, only with what a filter makes of it.
        let converted = Git::in_worktree(self, admin, path)
            .env("GIT_ATTR_SOURCE", commit.as_str())
            .env("GIT_LITERAL_PATHSPECS", "0")
            .args(["ls-files", "-z", "--"])
            .args(CONVERTED)
            .output()?;
        if !converted.is_empty() {
            git()?.args(["update-index", "--force-remove", "-z", "--stdin"]).stdin(converted).output()?;
        }
        // By the bytes: with a `text` attribute, git takes a file for the same whose line ends a test has changed.
        let none = gix::ObjectId::empty_tree(self.gix.object_hash()).to_string();
        let refresh = git()?
            .config("core.attributesFile", "/dev/null")
            .config("core.autocrlf", "false")
            .env("GIT_ATTR_SOURCE", none)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .args(["update-index", "-q", "--refresh"]);
        let finished = refresh.finish()?;
        // 1: there are files to be written.
        if finished.status > 1 { Err(refresh.failed(&finished)) } else { Ok(()) }
    }

    /// The folders of submodules in a slot's index.
    fn submodules(&self, admin: &Path, path: &Path) -> Result<Vec<PathBuf>, GitError> {
        let listed = Git::in_worktree(self, admin, path).args(["ls-files", "--stage", "-z"]).output()?;
        let links = listed.split(|&byte| byte == 0).filter(|entry| entry.starts_with(b"160000 "));
        let name =
            |entry: &[u8]| entry.iter().position(|&byte| byte == b'\t').map(|at| entry[at + 1..].to_vec());
        Ok(links.filter_map(name).map(|name| PathBuf::from(OsStr::from_bytes(&name))).collect())
    }
}

/// Whether each part of the way to a folder is a folder, and no link to one.
fn is_below(top: &Path, folder: &Path) -> bool {
    let mut at = top.to_owned();
    folder.components().all(|part| {
        at.push(part);
        at.symlink_metadata().is_ok_and(|found| found.is_dir())
    })
}

/// A path as a pattern that matches only itself.
fn escape_pattern(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.trim_matches('/').chars() {
        if "*?[]\\!#".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, git};
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn no_index_that_a_test_has_written_is_believed() {
        let sandbox = Sandbox::new();
        let (repo, path) = (&sandbox.repo, sandbox.beside("slot"));
        let files = [("check.sh", "test ! -e broken\n"), ("same", "same\n"), ("a/deep", "deep\n")];
        let first = sandbox.commit_on(&sandbox.main(), &files);
        repo.add_detached(&path, &first).unwrap();
        let check = path.join("check.sh");
        let index = repo.admin(&path).unwrap().join("index");
        let id = |name: &str| git(&path, &["rev-parse", &format!(":{name}")]).trim().to_owned();
        let bytes = |id: &str| -> Vec<u8> {
            (0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()).collect()
        };
        // Hidden and gone.
        git(&path, &["update-index", "--skip-worktree", "check.sh"]);
        fs::remove_file(&check).unwrap();
        let written = path.join("same").metadata().unwrap();
        repo.switch_detached(&path, &first, &[]).unwrap();
        assert_eq!(fs::read_to_string(&check).unwrap(), files[0].1);
        // Other bytes, with the times that the index says and the blob of the commit.
        let good = id("check.sh");
        fs::write(&check, "true\n").unwrap();
        // Git reads those again that are as young as its index.
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(&check).unwrap().set_modified(old).unwrap();
        git(&path, &["update-index", "check.sh"]);
        let (bad, good) = (bytes(&id("check.sh")), bytes(&good));
        let mut forged = fs::read(&index).unwrap();
        let at = forged.windows(20).position(|window| *window == bad[..]).unwrap();
        forged[at..at + 20].copy_from_slice(&good);
        let end = forged.len() - 20;
        forged[end..].fill(0); // no checksum, as with `index.skipHash`
        fs::write(&index, forged).unwrap();
        assert_eq!(git(&path, &["--no-optional-locks", "status", "--porcelain"]), "", "git believes it");
        repo.switch_detached(&path, &first, &[]).unwrap();
        assert_eq!(fs::read_to_string(&check).unwrap(), files[0].1);
        // A folder of the same files, elsewhere.
        let elsewhere = sandbox.beside("elsewhere");
        fs::rename(path.join("a"), &elsewhere).unwrap();
        symlink(&elsewhere, path.join("a")).unwrap();
        repo.switch_detached(&path, &first, &[]).unwrap();
        assert!(path.join("a").symlink_metadata().unwrap().is_dir() && elsewhere.join("deep").exists());
        let now = path.join("same").metadata().unwrap();
        assert_eq!(
            (now.ino(), now.mtime_nsec()),
            (written.ino(), written.mtime_nsec()),
            "it was right all along"
        );
    }

    #[test]
    fn a_file_that_git_converts_is_what_git_makes_of_it() {
        let sandbox = Sandbox::new();
        let (repo, path) = (&sandbox.repo, sandbox.beside("slot"));
        let attributes =
            "*.sh text eol=lf\n*.auto text=auto\n*.bat text eol=crlf\n*.id ident\n*.up filter=up\n";
        let files = [
            (".gitattributes", attributes),
            ("a.sh", "x\n"),
            ("b.auto", "x\n"),
            ("c.bat", "x\n"),
            ("d.id", "$Id$\n"),
            ("e.up", "x\n"),
        ];
        let first = sandbox.commit_on(&sandbox.main(), &files);
        repo.add_detached(&path, &first).unwrap();
        let read = || {
            ["a.sh", "b.auto", "c.bat", "d.id", "e.up"]
                .map(|name| fs::read_to_string(path.join(name)).unwrap())
        };
        let right = read();
        assert_eq!(right[2], "x\r\n");
        let written = path.join("a.sh").metadata().unwrap();
        for (name, text) in
            [("b.auto", "x\r\n"), ("c.bat", "x\n"), ("d.id", "$Id: other $\n"), (".gitattributes", "")]
        {
            fs::write(path.join(name), text).unwrap();
        }
        repo.switch_detached(&path, &first, &[]).unwrap();
        assert_eq!(read(), right);
        let now = path.join("a.sh").metadata().unwrap();
        assert_eq!(
            (now.ino(), now.mtime_nsec()),
            (written.ino(), written.mtime_nsec()),
            "eol=lf converts nothing"
        );
        assert_eq!(git(&path, &["status", "--porcelain"]), "");
    }

    #[test]
    fn folders_of_submodules_are_emptied_and_no_link_is_followed() {
        let sandbox = Sandbox::new();
        let (repo, path) = (&sandbox.repo, sandbox.beside("slot"));
        let tip = sandbox.main();
        for name in ["lib", "kept", "some", "linked", "in/linked"] {
            let entry = format!("160000,{tip},{name}");
            sandbox.git(&["update-index", "--add", "--cacheinfo", &entry]);
        }
        sandbox.git(&["commit", "-q", "-m", "submodules"]);
        let first = CommitId::parse(sandbox.git(&["rev-parse", "HEAD"]).trim()).unwrap();
        repo.add_detached(&path, &first).unwrap();
        let elsewhere = sandbox.beside("elsewhere");
        fs::create_dir_all(elsewhere.join("linked")).unwrap();
        fs::write(elsewhere.join("linked/precious"), "").unwrap();
        fs::write(elsewhere.join("precious"), "").unwrap();
        for folder in ["lib/deep", "lib/.git", "kept", "some/target", "some/src"] {
            fs::create_dir_all(path.join(folder)).unwrap();
            fs::write(path.join(folder).join("check.sh"), "true\n").unwrap();
        }
        symlink(elsewhere.join("linked"), path.join("lib/out")).unwrap();
        fs::set_permissions(path.join("lib/deep"), fs::Permissions::from_mode(0o555)).unwrap();
        fs::remove_dir_all(path.join("in")).unwrap();
        fs::remove_dir(path.join("linked")).unwrap();
        symlink(&elsewhere, path.join("in")).unwrap();
        symlink(&elsewhere, path.join("linked")).unwrap();
        repo.switch_detached(&path, &first, &["kept/".to_owned(), "some/target".to_owned()]).unwrap();
        let left = |name: &str| fs::read_dir(path.join(name)).unwrap().count();
        assert_eq!((left("lib"), left("some"), left("linked")), (0, 1, 0));
        assert!(path.join("kept/check.sh").exists() && path.join("some/target/check.sh").exists());
        assert!(elsewhere.join("linked/precious").exists() && elsewhere.join("precious").exists());
    }

    #[test]
    fn what_a_test_hides_from_git_does_not_stay_for_the_next() {
        let sandbox = Sandbox::new();
        let (repo, path) = (&sandbox.repo, sandbox.beside("slot"));
        let first = sandbox.commit_on(&sandbox.main(), &[("check.sh", "test\n"), ("b", "b\n")]);
        sandbox.git(&["sparse-checkout", "set", "nothing"]);
        repo.add_detached(&path, &first).unwrap();
        assert!(path.join("check.sh").exists(), "a slot has all files, whatever the checkout has");
        for mark in ["--skip-worktree", "--assume-unchanged"] {
            git(&path, &["update-index", mark, "check.sh"]);
            std::fs::write(path.join("check.sh"), "exit 0\n").unwrap();
            let folder = path.join("module/read-only");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("f"), "").unwrap();
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
            repo.switch_detached(&path, &first, &[]).unwrap();
            assert_eq!(std::fs::read_to_string(path.join("check.sh")).unwrap(), "test\n", "{mark}");
            assert!(!path.join("module").exists());
        }
    }

    #[test]
    fn a_slot_holds_only_the_commit_and_what_is_kept() {
        let sandbox = Sandbox::new();
        let path = sandbox.beside("slot");
        sandbox.repo.add_detached(&path, &sandbox.main()).unwrap();
        let next = sandbox.commit_on(&sandbox.main(), &[(".gitignore", "target\nlog\n"), ("b", "b")]);
        for folder in ["target", "log", "nested/.git", "ta*"] {
            std::fs::create_dir_all(path.join(folder)).unwrap();
            std::fs::write(path.join(folder).join("f"), "x").unwrap();
        }
        std::fs::write(path.join("a.txt"), "changed").unwrap();
        sandbox.repo.switch_detached(&path, &next, &["target".to_owned()]).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".git", ".gitignore", "a.txt", "b", "target"]);
        assert_eq!(sandbox.repo.worktree_head(&path).unwrap(), next);
    }
}
