//! An opened repository with its settings: what every command starts from.

use std::path::{Path, PathBuf};

use crate::git::Repo;
use crate::git::exchange::Upstream;
use crate::git::repo::Scope as GitScope;
use crate::policy::Policy;
use crate::policy::file::{self, Values};
use crate::policy::layer::{Layer, Origin, Scope};
use crate::policy::layers::Settings;
use crate::process::random_letters;
use crate::store::journal::Store;
use crate::store::{Op, layout};
use crate::task::Actor;
use crate::task::id::{CommitId, Seconds, shown};

use super::FlowError;
use super::bad_settings::BadSettings;
use super::seat::Seat;
use super::tools::Tools;

/// The settings file, at the top of the base branch's tree.
pub(crate) const SETTINGS: &str = file::NAME;

/// What the command line and the environment say before any file is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// Where the command was called.
    pub(crate) dir: PathBuf,
    /// `--as`, or its variable.
    pub(crate) acts_as: Option<String>,
    /// The user's login name, where git has no identity.
    pub(crate) login: Option<String>,
    /// Variables `GIT_ORCH_*`.
    pub(crate) environment: Vec<(String, String)>,
    /// Settings given as flags of this command: flag, key, text.
    pub(crate) flags: Vec<(String, String, String)>,
    pub(crate) offline: bool,
    /// `--no-sandbox`, said aloud.
    pub(crate) no_sandbox: bool,
    /// The agent that speaks, where it is one.
    pub(crate) seat: Option<Seat>,
}

impl Given {
    /// The repository around the folder where the command was called.
    ///
    /// # Errors
    /// The folder is gone, or in no repository that can be used.
    pub(crate) fn repo(&self) -> Result<Repo, FlowError> {
        if self.dir.exists() {
            return Ok(Repo::discover(&self.dir)?);
        }
        let worktrees =
            |folder: &&Path| folder.file_name().is_some_and(|name| name == crate::guard::paths::WORKTREES);
        let main = self.dir.ancestors().skip(1).find(worktrees).and_then(Path::parent);
        Err(FlowError::FolderGone { main: main.filter(|main| main.exists()).map(Path::to_owned) })
    }
}

/// The branch onto which everything lands.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Its short name, such as `main`.
    pub(crate) branch: String,
    pub(crate) tip: CommitId,
    /// Where it is pushed to, if the landing is that push.
    pub(crate) upstream: Option<Upstream>,
}

impl Base {
    /// The ref's full name.
    pub(crate) fn full(&self) -> String {
        layout::branch_ref(&self.branch)
    }
}

/// Where landings are pushed to, as people write it: `origin/main`.
pub(crate) fn destination(upstream: &Upstream) -> String {
    format!("{}/{}", upstream.remote, upstream.branch.trim_start_matches("refs/heads/"))
}

/// An opened repository with its settings.
#[derive(Clone)]
pub(crate) struct Project {
    pub(crate) repo: Repo,
    pub(crate) store: Store,
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) base: Base,
    /// Under whose name the command acts.
    pub(crate) who: String,
    pub(crate) offline: bool,
    /// Whether the settings are committed on the base; until then built-in limits hold.
    pub(crate) settings_landed: bool,
    pub(crate) tools: Tools,
    given: Given,
}

impl Project {
    /// Opens the repository around `given.dir`.
    ///
    /// # Errors
    /// No repository that can be used, no base branch, settings that cannot be read.
    pub(crate) fn open(given: &Given) -> Result<Project, FlowError> {
        let repo = given.repo()?;
        let worktree_file = read_optional(&repo.main_worktree().join(SETTINGS))?;
        let branch = base_branch(&repo, given, worktree_file.as_deref())?;
        let behind = repo.branch_behind(&layout::branch_ref(&branch))?;
        let branch = behind.strip_prefix("refs/heads/").map_or(branch, str::to_owned);
        let tip = repo
            .tip(&layout::branch_ref(&branch))?
            .ok_or_else(|| FlowError::NoBase { branch: branch.clone() })?;
        let repo = repo.with_attributes_of(&tip);
        let committed = repo.read_file(&tip, SETTINGS)?;
        let settings_landed = committed.is_some();
        let text = committed.as_ref().or(worktree_file.as_ref()).cloned().unwrap_or_default();
        let settings = Settings::new(layers(&repo, given, &tip, &branch, committed, worktree_file)?);
        let unfit = |err| BadSettings::of_policy(&err, &settings, &String::from_utf8_lossy(&text));
        let policy = settings.policy().map_err(unfit)?;
        let upstream = if policy.queue.push { repo.upstream_of(&branch) } else { None };
        let who = acting(given, &repo);
        Ok(Project {
            store: Store::new(repo.clone()),
            policy,
            settings,
            base: Base { branch, tip, upstream },
            who,
            offline: given.offline,
            settings_landed,
            tools: Tools::default(),
            // Opened anew from here: the folder where the command was called may be a worktree that goes.
            given: Given { dir: repo.main_worktree().to_owned(), ..given.clone() },
            repo,
        })
    }

    /// The same project, read anew: the base may have moved, the settings with it.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub(crate) fn reopened(&self) -> Result<Project, FlowError> {
        let anew = Project::open(&self.given)?;
        Ok(Project { tools: self.tools.clone(), store: anew.store.clone().knowing(&self.store), ..anew })
    }

    /// Starts an operation: all events of one command carry its id and time.
    pub(crate) fn op(&self) -> Op {
        // Begins with the time in milliseconds, so that operations of one second keep their order.
        Op { id: format!("op-{:011x}{}", jiff_millis(), random_letters(5)), at: now() }
    }

    /// Whoever called the command: a person, or an agent over its control socket.
    pub(crate) fn person(&self) -> Actor {
        self.seat().map_or_else(|| Actor::person(&self.who), Seat::actor)
    }

    /// The agent that speaks, where it is one.
    pub(crate) fn seat(&self) -> Option<&Seat> {
        self.given.seat.as_ref()
    }

    /// The top of the main worktree.
    pub(crate) fn root(&self) -> &Path {
        self.repo.main_worktree()
    }

    /// The folder for logs and test slots of this machine.
    pub(crate) fn local(&self) -> PathBuf {
        self.repo.common_dir().join("orch")
    }

    /// Where landings go, as the repository's settings say now.
    pub(crate) fn lands_at(&self) -> String {
        let Some(upstream) = &self.base.upstream else { return "nowhere but here".to_owned() };
        let url = self.repo.address_of(&upstream.remote).unwrap_or_default();
        format!("{} at {}", destination(upstream), shown(&url))
    }

    /// Whether a person said that agents may do what they themselves may.
    pub(crate) fn unheld(&self) -> bool {
        self.given.no_sandbox
    }

    /// The remote on which claims are made and landings pushed, unless told to work without.
    pub(crate) fn remote(&self) -> Option<&str> {
        let upstream = self.base.upstream.as_ref()?;
        if self.offline { None } else { Some(&upstream.remote) }
    }
}

impl Project {
    /// What `orch.toml` in the main worktree says, whatever counts; nothing where it is not there or cannot be read.
    pub(super) fn settings_here(&self) -> Option<Values> {
        let bytes = read_optional(&self.root().join(SETTINGS)).ok()??;
        file::read(&String::from_utf8_lossy(&bytes)).ok()
    }

    /// What `orch.toml` says as it is committed on the base.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn settings_committed(&self) -> Result<Option<Values>, FlowError> {
        let bytes = self.repo.read_file(&self.base.tip, SETTINGS)?;
        Ok(bytes.and_then(|bytes| file::read(&String::from_utf8_lossy(&bytes)).ok()))
    }
}

/// The time now.
pub(crate) fn now() -> Seconds {
    Seconds(jiff_millis().div_euclid(1000))
}

#[expect(clippy::disallowed_methods, reason = "flow hands the time to everything below it")]
fn jiff_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What an `orch.toml` calls the base. A file that cannot be read says so when its turn comes.
fn base_in_file(bytes: &[u8]) -> Option<String> {
    match file::read(&String::from_utf8_lossy(bytes)).ok()?.get("base")? {
        crate::policy::value::Value::Text(branch) => Some(branch.clone()),
        _ => None,
    }
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(err)
            if matches!(err.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(err) => Err(FlowError::file("read", path)(err)),
    }
}

/// The base branch's short name: a setting, else what the remote calls its main branch, else `main`, `master`, or
/// whatever is checked out.
fn base_branch(repo: &Repo, given: &Given, worktree_file: Option<&[u8]>) -> Result<String, FlowError> {
    let variable = given.environment.iter().find(|(name, _)| name == "GIT_ORCH_BASE");
    let set = variable.map(|(_, value)| value.clone()).or_else(|| repo.config_string("orch.base"));
    if let Some(branch) = set.or_else(|| worktree_file.and_then(base_in_file)) {
        return Ok(branch);
    }
    let checked_out = repo.worktree_branch(repo.main_worktree())?;
    let checked_out = checked_out.as_deref().and_then(|full| full.strip_prefix("refs/heads/"));
    let usual = ["main", "master", "trunk"];
    for branch in usual {
        if repo.tip(&layout::branch_ref(branch))?.is_some() {
            return Ok(branch.to_owned());
        }
    }
    Ok(checked_out.unwrap_or("main").to_owned())
}

fn layers(
    repo: &Repo,
    given: &Given,
    tip: &CommitId,
    branch: &str,
    committed: Option<Vec<u8>>,
    worktree_file: Option<Vec<u8>>,
) -> Result<Vec<Layer>, FlowError> {
    let mut all = Vec::new();
    let file = match (committed, worktree_file) {
        (Some(bytes), _) => {
            Some((Origin::Base { branch: branch.to_owned(), commit: tip.short().to_owned() }, bytes))
        }
        (None, Some(bytes)) => Some((Origin::Worktree, bytes)),
        (None, None) => None,
    };
    if let Some((origin, bytes)) = file {
        let values = file::read(&String::from_utf8_lossy(&bytes))
            .map_err(|err| BadSettings::of_file(&err, &origin))?;
        all.push(Layer::of_file(origin, values));
    }
    all.extend(git_layers(repo)?);
    let environment = Layer::of_environment(&given.environment);
    all.push(environment.map_err(|err| BadSettings::of_layer(&err, &Origin::Environment))?);
    for (flag, name, text) in &given.flags {
        all.push(Layer::of_flag(flag, name, text)?);
    }
    Ok(all)
}

/// A layer for each of git's own files that has settings `orch.*`.
fn git_layers(repo: &Repo) -> Result<Vec<Layer>, FlowError> {
    let entries = repo.config_entries("orch");
    let scopes = [
        (GitScope::System, Scope::System),
        (GitScope::Global, Scope::Global),
        (GitScope::Local, Scope::Local),
        (GitScope::Worktree, Scope::Worktree),
        (GitScope::Command, Scope::Command),
    ];
    let mut found = Vec::new();
    for (theirs, ours) in scopes {
        let own: Vec<(String, String)> = entries
            .iter()
            .filter(|(_, _, scope)| *scope == theirs)
            .map(|(key, value, _)| (key.trim_start_matches("orch.").to_owned(), value.clone()))
            .collect();
        if !own.is_empty() {
            let layer = Layer::of_git_config(ours, &own);
            found.push(layer.map_err(|err| BadSettings::of_layer(&err, &Origin::GitConfig(ours)))?);
        }
    }
    Ok(found)
}

fn acting(given: &Given, repo: &Repo) -> String {
    let identity = repo.identity().map(|(name, email)| if name.is_empty() { email } else { name });
    let named = given.acts_as.clone().filter(|name| !name.trim().is_empty());
    named.or(identity).or_else(|| given.login.clone()).unwrap_or_else(|| "somebody".to_owned())
}
