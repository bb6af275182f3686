//! A repository: where it is, and what its settings say. Opening it is all that most commands do before they read.

use super::GitError;
use super::error::Cause;
use super::mark::FileMark;
use crate::task::id::CommitId;
use gix::bstr::{BString, ByteSlice};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// An open repository. Clone it to use it on another thread.
#[derive(Clone)]
pub(crate) struct Repo {
    pub(super) gix: gix::Repository,
    common: PathBuf,
    main: PathBuf,
    here: Option<PathBuf>,
    /// Whose `.gitattributes` count where changes are measured and merged.
    pub(super) attributes: Option<CommitId>,
    pub(super) version: Arc<OnceLock<Version>>,
    /// Objects that were written and are not yet on the disk for sure; shared, as any clone may write the ref.
    pub(super) unsynced: Arc<Mutex<Vec<gix::ObjectId>>>,
    /// The packed refs file that this very clone of gix has read.
    pub(super) packed_seen: Cell<Option<FileMark>>,
}

/// Why no repository could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{} is not in a git repository", dir.display())]
    NotARepository { dir: PathBuf },
    #[error("{} is a bare repository: there is nowhere to put worktrees", dir.display())]
    Bare { dir: PathBuf },
    /// Made with `--separate-git-dir`: from another worktree nobody finds the first one, git itself does not.
    #[error("{} has its repository in {}, which does not say where its files are", files.display(), git.display())]
    Apart {
        files: PathBuf,
        git: PathBuf,
        /// `files` are those of another worktree than the first.
        linked: bool,
    },
    /// gix 0.90 writes loose refs into such a repository, that git then never sees.
    #[error("{} keeps its refs as a reftable, which is not supported yet", dir.display())]
    Reftable { dir: PathBuf },
    #[error("the repository in {} could not be read", dir.display())]
    Unreadable { dir: PathBuf, source: Cause },
}

/// Version of the git binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Which file a setting comes from, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    System,
    Global,
    Local,
    Worktree,
    /// `git -c` and `GIT_CONFIG_*`.
    Command,
}

impl Repo {
    /// Opens the repository that `dir` is in: in its main worktree, in a linked one, or in a folder below.
    ///
    /// # Errors
    /// Where there is none, or one that cannot be used.
    pub(crate) fn discover(dir: &Path) -> Result<Repo, OpenError> {
        let unreadable = |source: Cause| OpenError::Unreadable { dir: dir.to_owned(), source };
        let dir_found = dir.canonicalize().map_err(|err| unreadable(err.into()))?;
        let (git_dir, _trust) = gix::discover::upwards(&dir_found)
            .map_err(|_| OpenError::NotARepository { dir: dir.to_owned() })?;
        let (git_dir, around) = git_dir.into_repository_and_work_tree_directories();
        refuse_reftable(&git_dir, dir)?;
        let gix = open(&git_dir).map_err(|err| unreadable(err.into()))?;
        let common = gix.common_dir().canonicalize().map_err(|err| unreadable(err.into()))?;
        let linked = gix.git_dir() != gix.common_dir();
        // In a linked worktree, gix takes `core.worktree` for the place of that one; it is where the first one is.
        let here = if linked { around } else { gix.workdir().map(Path::to_owned) };
        let here = here.and_then(|here| here.canonicalize().ok());
        // A linked worktree's own folder may go while we work, and the way to the objects would lead through it.
        let gix = if linked { open(&common).map_err(|err| unreadable(err.into()))? } else { gix };
        let Some(main) = gix.workdir().and_then(|main| main.canonicalize().ok()) else {
            let apart = dir_found.ancestors().find(|folder| folder.join(".git").is_file());
            return Err(match apart {
                Some(files) => OpenError::Apart { files: files.to_owned(), git: common, linked },
                None => OpenError::Bare { dir: dir.to_owned() },
            });
        };
        let here = here.filter(|here| dir_found.starts_with(here) && !dir_found.starts_with(&common));
        Ok(Repo {
            gix,
            common,
            main,
            here,
            attributes: None,
            version: Arc::default(),
            unsynced: Arc::default(),
            packed_seen: Cell::default(),
        })
    }

    /// The same, where changes are measured and merged by the attributes of this commit.
    pub(crate) fn with_attributes_of(self, base: &CommitId) -> Repo {
        Repo { attributes: Some(base.clone()), ..self }
    }

    /// The folder that all worktrees share: `.git` of the main worktree.
    pub(crate) fn common_dir(&self) -> &Path {
        &self.common
    }

    /// The folder of the first worktree.
    pub(crate) fn main_worktree(&self) -> &Path {
        &self.main
    }

    /// The worktree that one stands in.
    pub(crate) fn here(&self) -> Option<&Path> {
        self.here.as_deref()
    }

    /// Tells whether history was cut off by a shallow clone: then ancestors are not what they seem.
    pub(crate) fn is_shallow(&self) -> Result<bool, GitError> {
        self.gix.is_shallow().map_err(GitError::gix("read the shallow file"))
    }

    /// The setting at `key`, such as `user.name` or `branch.main.remote`.
    pub(crate) fn config_string(&self, key: &str) -> Option<String> {
        self.gix.config_snapshot().string(key).map(text)
    }

    /// All settings of a section, as `section.name` or `section.subsection.name`, the weakest first.
    pub(crate) fn config_entries(&self, section: &str) -> Vec<(String, String, Scope)> {
        let snapshot = self.gix.config_snapshot();
        let mut entries = Vec::new();
        for part in snapshot.plumbing().sections_by_name(section).into_iter().flatten() {
            let prefix = match part.header().subsection_name() {
                Some(sub) => format!("{section}.{}", sub.to_str_lossy()),
                None => section.to_owned(),
            };
            let scope = scope(part.meta().source);
            let mut names: Vec<String> = part.value_names().collect();
            names.sort();
            names.dedup();
            for name in names {
                let key = format!("{prefix}.{}", name.to_ascii_lowercase());
                entries.extend(part.values(&name).into_iter().map(|value| (key.clone(), text(value), scope)));
            }
        }
        entries.sort_by_key(|&(_, _, scope)| scope);
        entries
    }

    /// Who the user is by `user.name` and `user.email`. `GIT_AUTHOR_*` is not read: a hook or an agent may have set it.
    pub(crate) fn identity(&self) -> Option<(String, String)> {
        Some((self.config_string("user.name")?, self.config_string("user.email")?))
    }

    /// A path for machine-local state, below the common folder; its parent folder is made.
    pub(super) fn local_path(&self, name: &str) -> Result<PathBuf, GitError> {
        let folder = self.common.join("orch");
        std::fs::create_dir_all(&folder).map_err(GitError::io("make the folder", &folder))?;
        Ok(folder.join(name))
    }

    /// Where it is noted what may hold git's locks.
    pub(super) fn notes(&self) -> PathBuf {
        self.common.join("orch").join("under-way")
    }

    /// Filter drivers that the repository's own settings define.
    pub(super) fn local_filters(&self) -> Vec<String> {
        let mut drivers: Vec<String> = self
            .config_entries("filter")
            .into_iter()
            .filter(|(_, _, scope)| matches!(scope, Scope::Local | Scope::Worktree))
            .filter_map(|(key, _, _)| Some(key.strip_prefix("filter.")?.rsplit_once('.')?.0.to_owned()))
            .collect();
        drivers.sort();
        drivers.dedup();
        drivers
    }
}

/// Refuses a reftable before gix opens the repository, by the file that every such repository has.
fn refuse_reftable(git_dir: &Path, dir: &Path) -> Result<(), OpenError> {
    let common = match std::fs::read_to_string(git_dir.join("commondir")) {
        Ok(relative) => git_dir.join(relative.trim()),
        Err(_) => git_dir.to_owned(),
    };
    if common.join("reftable").is_dir() {
        return Err(OpenError::Reftable { dir: dir.to_owned() });
    }
    Ok(())
}

fn open(git_dir: &Path) -> gix::Result<gix::Repository> {
    let mut permissions = gix::open::Permissions::all();
    // The environment may come from a hook or an agent: it says neither who acts nor where objects are.
    permissions.env.identity = gix::sec::Permission::Deny;
    permissions.env.objects = gix::sec::Permission::Deny;
    let options = gix::open::Options::default()
        .permissions(permissions)
        // What was tested must be what others get, who lack our replacements.
        .cli_overrides(["core.useReplaceRefs=false"]);
    gix::ThreadSafeRepository::open_opts(git_dir, options).map(|repo| {
        let mut repo = repo.to_thread_local();
        repo.object_cache_size_if_unset(4 * 1024 * 1024);
        repo
    })
}

fn scope(source: gix::config::Source) -> Scope {
    use gix::config::Source;
    match source {
        Source::GitInstallation | Source::System => Scope::System,
        Source::Git | Source::User => Scope::Global,
        Source::Local => Scope::Local,
        Source::Worktree => Scope::Worktree,
        Source::Env | Source::Cli | Source::Api | Source::EnvOverride => Scope::Command,
    }
}

fn text(value: BString) -> String {
    value.to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, git};

    #[test]
    fn a_repository_is_found_from_folders_and_worktrees() {
        let sandbox = Sandbox::new();
        let folder = sandbox.path().join("deep/er");
        std::fs::create_dir_all(&folder).unwrap();
        let repo = Repo::discover(&folder).unwrap();
        assert_eq!((repo.main_worktree(), repo.here()), (sandbox.path(), Some(sandbox.path())));
        let linked = sandbox.beside("linked");
        sandbox.repo.add_worktree(&linked, "x", &sandbox.main()).unwrap();
        let repo = Repo::discover(&linked).unwrap();
        assert_eq!((repo.main_worktree(), repo.here()), (sandbox.path(), Some(linked.as_path())));
        assert_eq!(repo.common_dir(), sandbox.path().join(".git"));
        let (main, absent) = (sandbox.main(), crate::git::refs::Expected::Absent);
        assert_eq!(repo.swap("refs/test/x", absent, &main, "x").unwrap(), crate::git::refs::Swap::Done);
        assert_eq!(repo.list("refs/test/").unwrap().refs, [("refs/test/x".to_owned(), main.clone())]);
        assert_eq!(sandbox.repo.tip("refs/test/x").unwrap(), Some(main));
        assert_eq!(repo.worktree_branch(&linked).unwrap().as_deref(), Some("refs/heads/x"));
        assert_eq!(Repo::discover(&sandbox.path().join(".git")).unwrap().here(), None);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Repo::discover(folder.path()), Err(OpenError::NotARepository { .. })));
        git(folder.path(), &["init", "-q", "--bare", "bare"]);
        assert!(matches!(Repo::discover(&folder.path().join("bare")), Err(OpenError::Bare { .. })));
        git(folder.path(), &["init", "-q", "--ref-format=reftable", "table"]);
        assert!(matches!(Repo::discover(&folder.path().join("table")), Err(OpenError::Reftable { .. })));
    }

    #[test]
    fn a_sha256_repository_works() {
        let sandbox = Sandbox::with_init(&["--object-format=sha256"]);
        let second = sandbox.commit_on(&sandbox.main(), &[("b", "b")]);
        sandbox.move_main(&second);
        assert_eq!(sandbox.git(&["show", "main:b"]), "b");
        assert_eq!(sandbox.repo.changes(&second, &second).unwrap(), []);
    }

    #[test]
    fn settings_know_where_they_come_from() {
        let sandbox = Sandbox::new();
        sandbox.git(&["config", "orch.cap", "7"]);
        sandbox.git(&["config", "--add", "orch.agent.a.b.run", "x"]);
        let repo = Repo::discover(sandbox.path()).unwrap();
        let local = |key: &str, value: &str| (key.to_owned(), value.to_owned(), Scope::Local);
        assert_eq!(repo.config_entries("orch"), [local("orch.cap", "7"), local("orch.agent.a.b.run", "x")]);
        assert_eq!(repo.identity(), Some(("Test".to_owned(), "test@localhost".to_owned())));
        assert!(repo.git_version().unwrap() >= Version { major: 2, minor: 30, patch: 0 });
        assert!(!repo.is_shallow().unwrap());
    }
}
