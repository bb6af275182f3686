//! Exchange with other repositories: fetch, push, listing. By the git binary, that knows transports and credentials.
//!
//! There is no type that could express a forced push: `+` switches `--force-with-lease` off in silence, and 20 of 20
//! tasks were claimed twice in a trial.

use super::command::{Git, tail};
use super::refs::full_name;
use super::{GitError, Repo, lock};
use crate::process::short::Finished;
use crate::process::{ask_again, is_set};
use crate::task::id::{CommitId, shown};
use rustix::fs::FlockOperation;
use std::time::Duration;

/// Most time for one exchange with a remote: what is sent are journals and single changes, not whole histories.
const EXCHANGE: Duration = Duration::from_secs(15 * 60);
/// As git calls ssh itself, but that it notices when the other side is gone: four unanswered questions in two minutes.
const SSH: &str = "ssh -o ConnectTimeout=120 -o ServerAliveInterval=30 -o ServerAliveCountMax=4";

/// Held by every push of a landing until its own end, also where whoever started it was killed.
const LANDING: &str = "push.lock";
/// How long to wait for a push that somebody left running.
const PATIENCE: Duration = Duration::from_secs(10);

/// One ref to push, as a plain fast-forward or a new ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PushSpec {
    pub(crate) commit: CommitId,
    /// Full name of the ref on the other side.
    pub(crate) name: String,
}

/// What became of one ref of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pushed {
    pub(crate) name: String,
    pub(crate) flag: Flag,
}

/// What the other side did with a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flag {
    /// It was moved by this push. Read it again where it matters: then you won.
    Done,
    /// It was there already: **not** a win, another may have pushed the same object.
    UpToDate,
    /// It was not moved, or the answer was lost: read again, then decide. Never take it as "somebody else won".
    Rejected { reason: String },
}

/// One ref that a fetch moved or could not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchedRef {
    pub(crate) name: String,
    pub(crate) new: Option<CommitId>,
    /// It was no fast-forward and was left.
    pub(crate) rejected: bool,
}

/// What a fetch brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) refs: Vec<FetchedRef>,
}

/// A remote's branch that a local branch follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) remote: String,
    /// Full name of the ref on the remote.
    pub(crate) branch: String,
}

/// Why an exchange did not take place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("there is no remote '{}'", shown(.0))]
    NoRemote(String),
    #[error("the remote '{}' cannot be reached: {stderr}", shown(.remote))]
    Unreachable { remote: String, stderr: String },
    #[error("the remote '{}' refused: {stderr}", shown(.remote))]
    Refused { remote: String, stderr: String },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repo {
    /// Tells whether a remote of that name is configured.
    pub(crate) fn remote_exists(&self, remote: &str) -> bool {
        let set = |key| self.config_string(&format!("remote.{remote}.{key}")).is_some();
        !remote.is_empty() && !remote.starts_with('-') && (set("url") || set("pushurl"))
    }

    /// Whether a remote is pushed to under other addresses than it is fetched from.
    pub(crate) fn has_push_url(&self, remote: &str) -> bool {
        self.config_string(&format!("remote.{remote}.pushurl")).is_some()
    }

    /// What a local branch follows, given by its short name; `None` also where it follows another local branch.
    pub(crate) fn upstream_of(&self, branch: &str) -> Option<Upstream> {
        let remote = self.config_string(&format!("branch.{branch}.remote"))?;
        let branch = self.config_string(&format!("branch.{branch}.merge"))?;
        self.remote_exists(&remote).then_some(Upstream { remote, branch })
    }

    /// Fetches exactly these refspecs; nothing that is configured for the remote comes along.
    pub(crate) fn fetch(&self, remote: &str, refspecs: &[String]) -> Result<Fetched, ExchangeError> {
        self.check_remote(remote)?;
        // A half-made worktree breaks a fetch that runs at the same time (kamp-us/phoenix#7331).
        let path = self.local_path("worktrees.lock")?;
        let _lock = lock::wait(&path, FlockOperation::LockExclusive)?;
        let git = patient(self)
            .changing()
            .args(["fetch", "--porcelain"])
            .arg("--refmap=") // else the configured refspecs move tracking refs too
            .args(["--no-tags", "--no-prune", "--no-prune-tags"]) // settings could delete what was not pushed yet
            .args(["--no-write-fetch-head", "--no-auto-maintenance"]) // files that others write as well
            .args(["--no-recurse-submodules", "--", remote])
            .args(refspecs.iter().map(String::as_str));
        let finished = git.finish()?;
        let fetched = parse_fetch(&String::from_utf8_lossy(&finished.stdout));
        if finished.status != 0 && !fetched.refs.iter().any(|found| found.rejected) {
            return Err(self.why(remote, &finished));
        }
        Ok(fetched)
    }

    /// Pushes some refs, each for itself: several in one push may be done in part, whatever `--atomic` says.
    pub(crate) fn push(&self, remote: &str, specs: &[PushSpec]) -> Result<Vec<Pushed>, ExchangeError> {
        self.check_remote(remote)?;
        for spec in specs {
            full_name(&spec.name)?;
        }
        let refspecs: Vec<String> =
            specs.iter().map(|spec| format!("{}:{}", spec.commit, spec.name)).collect();
        let git = push_command(self).args(["--", remote]).args(refspecs.iter().map(String::as_str));
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        self.run_push(&git, remote, &names)
    }

    /// Pushes a landing, that goes on where whoever asks is killed: see [`Repo::await_landing`].
    pub(crate) fn push_landing(&self, remote: &str, spec: &PushSpec) -> Result<Vec<Pushed>, ExchangeError> {
        self.check_remote(remote)?;
        full_name(&spec.name)?;
        let lock = lock::wait(&self.local_path(LANDING)?, FlockOperation::LockShared)?;
        let git = push_command(self).args(["--", remote, &format!("{}:{}", spec.commit, spec.name)]);
        self.run_push(&git.holding(lock), remote, &[&spec.name])
    }

    /// Waits for a push of a landing that a killed process left running, for some seconds: before it has ended, nobody
    /// knows what has landed. False where it still goes on.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub(crate) fn await_landing(&self) -> Result<bool, GitError> {
        let path = self.local_path(LANDING)?;
        let alone = ask_again(PATIENCE, || lock::try_lock(&path, FlockOperation::NonBlockingLockExclusive))?;
        Ok(alone.is_some())
    }

    /// Deletes a remote's ref that must be at `expected`.
    pub(crate) fn delete_remote(
        &self,
        remote: &str,
        name: &str,
        expected: &CommitId,
    ) -> Result<Pushed, ExchangeError> {
        self.check_remote(remote)?;
        full_name(name)?;
        let git = push_command(self)
            .arg(format!("--force-with-lease={name}:{expected}"))
            .args(["--", remote])
            .arg(format!(":{name}"));
        let pushed = self.run_push(&git, remote, &[name])?;
        pushed.into_iter().next().ok_or_else(|| git.unclear(b"").into())
    }

    /// Refs of a remote that match patterns such as `refs/heads/*`.
    pub(crate) fn ls_remote(
        &self,
        remote: &str,
        patterns: &[&str],
    ) -> Result<Vec<(String, CommitId)>, ExchangeError> {
        self.check_remote(remote)?;
        let finished = ls_remote(self, remote, patterns).finish()?;
        if finished.status != 0 {
            return Err(ExchangeError::Unreachable {
                remote: remote.to_owned(),
                stderr: tail(&finished.stderr),
            });
        }
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(pairs.filter_map(|(id, name)| Some((name.to_owned(), CommitId::parse(id).ok()?))).collect())
    }

    fn check_remote(&self, remote: &str) -> Result<(), ExchangeError> {
        if self.remote_exists(remote) { Ok(()) } else { Err(ExchangeError::NoRemote(remote.to_owned())) }
    }

    /// Tells a refusal from a remote that cannot be reached, by asking it something that it cannot refuse.
    fn why(&self, remote: &str, finished: &Finished) -> ExchangeError {
        let (remote, stderr) = (remote.to_owned(), tail(&finished.stderr));
        match ls_remote(self, &remote, &["HEAD"]).finish() {
            Ok(answer) if answer.status == 0 => ExchangeError::Refused { remote, stderr },
            _ => ExchangeError::Unreachable { remote, stderr },
        }
    }

    fn run_push(&self, git: &Git, remote: &str, names: &[&str]) -> Result<Vec<Pushed>, ExchangeError> {
        let mut finished = git.finish()?;
        if finished.status != 0 && half_unpacked(&finished.stderr) {
            let _no_fetch = lock::wait(&self.local_path("worktrees.lock")?, FlockOperation::LockShared)?;
            finished = git.finish()?;
        }
        let mut answers = parse_push(&String::from_utf8_lossy(&finished.stdout));
        if let Some(said) = remote_words(&finished.stderr) {
            for answer in &mut answers {
                if let Flag::Rejected { reason } = &mut answer.flag {
                    reason.push_str(&format!(": {said}"));
                }
            }
        }
        if answers.is_empty() && finished.status != 0 {
            return Err(self.why(remote, &finished));
        }
        let unanswered = || Flag::Rejected { reason: tail(&finished.stderr) };
        // A remote may be several places: one of them that refused counts.
        let flag = |name: &str| {
            let of_name = || answers.iter().filter(|found| found.name == name).map(|found| &found.flag);
            of_name().find(|flag| matches!(flag, Flag::Rejected { .. })).or_else(|| of_name().next()).cloned()
        };
        Ok(names
            .iter()
            .map(|&name| Pushed { name: name.to_owned(), flag: flag(name).unwrap_or_else(unanswered) })
            .collect())
    }
}

/// What hooks of the other side said, in one line.
fn remote_words(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("remote:")?.trim()).filter(|said| !said.is_empty()))
        .collect();
    (!lines.is_empty()).then(|| shown(&lines.join("; ")))
}

/// Tells whether a push met a commit of which a fetch beside it had not unpacked the parents yet: git writes loose
/// objects in the order of the pack, children first (seen in the race of sixteen workers on four clones).
fn half_unpacked(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.contains("error: Could not read ") || text.contains("could not parse commit ")
}

fn ls_remote(repo: &Repo, remote: &str, patterns: &[&str]) -> Git {
    patient(repo).args(["ls-remote", "--refs", "--quiet", "--", remote]).args(patterns.iter().copied())
}

/// A command that talks to a remote gives up where nothing comes for two minutes, and after a quarter of an hour in any
/// case: nobody is there at night. How somebody calls ssh is theirs to say, then the limit alone holds.
fn patient(repo: &Repo) -> Git {
    let own = ["GIT_SSH_COMMAND", "GIT_SSH"].into_iter().any(is_set);
    let own = own || repo.config_string("core.sshCommand").is_some();
    let git = Git::on(repo).config("http.lowSpeedLimit", "1").config("http.lowSpeedTime", "120");
    let git = if own { git } else { git.config("core.sshCommand", SSH) };
    git.limit(EXCHANGE)
}

fn push_command(repo: &Repo) -> Git {
    patient(repo)
        .config("push.followTags", "false")
        .config("push.gpgSign", "false") // asks for a passphrase
        .args(["push", "--porcelain", "--no-atomic", "--recurse-submodules=no"])
}

/// Lines `<flag> TAB <from>:<to> TAB <summary>`.
fn parse_push(text: &str) -> Vec<Pushed> {
    let mut pushed = Vec::new();
    for line in text.lines() {
        let mut columns = line.splitn(3, '\t');
        let (Some(flag), Some(refs), Some(summary)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let Some((_, name)) = refs.split_once(':') else { continue };
        let flag = match flag {
            " " | "*" | "-" => Flag::Done,
            "=" => Flag::UpToDate,
            _ => Flag::Rejected { reason: shown(summary) },
        };
        pushed.push(Pushed { name: name.to_owned(), flag });
    }
    pushed
}

/// Lines `<flag> <old> <new> <ref>`, where the flag may be a blank.
fn parse_fetch(text: &str) -> Fetched {
    let mut fetched = Fetched::default();
    for line in text.lines() {
        let Some((flag, rest)) = line.split_at_checked(1) else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        if let [_, new, name] = words[..] {
            let new = CommitId::parse(new).ok().filter(|_| flag != "-");
            fetched.refs.push(FetchedRef { name: name.to_owned(), new, rejected: flag == "!" });
        }
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, git};

    fn with_remote() -> Sandbox {
        let sandbox = Sandbox::new();
        let remote = sandbox.beside("remote.git");
        git(sandbox.path(), &["init", "-q", "--bare", remote.to_str().unwrap()]);
        sandbox.git(&["remote", "add", "origin", "../remote.git"]);
        sandbox
    }

    fn spec(commit: &CommitId, name: &str) -> PushSpec {
        PushSpec { commit: commit.clone(), name: name.to_owned() }
    }

    #[test]
    fn of_several_pushes_one_wins_and_the_same_object_is_no_win() {
        let mut sandbox = with_remote();
        sandbox.repo = Repo::discover(sandbox.path()).unwrap();
        let (name, first) = ("refs/test/claim", sandbox.main());
        let flags =
            |commit: &CommitId| sandbox.repo.push("origin", &[spec(commit, name)]).unwrap()[0].flag.clone();
        assert_eq!(flags(&first), Flag::Done);
        assert_eq!(flags(&first), Flag::UpToDate);
        let claims: Vec<CommitId> =
            (0..6).map(|n| sandbox.commit_on(&first, &[("nonce", &n.to_string())])).collect();
        sandbox.repo.sync_objects().unwrap();
        let answers: Vec<Flag> = std::thread::scope(|scope| {
            let threads = claims.iter().map(|claim| {
                let repo = sandbox.repo.clone();
                scope.spawn(move || repo.push("origin", &[spec(claim, name)]).unwrap()[0].flag.clone())
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|&flag| *flag == Flag::Done).count(), 1, "{answers:?}");
        let winner = answers.iter().position(|flag| *flag == Flag::Done).unwrap();
        let found = sandbox.repo.ls_remote("origin", &["refs/test/*"]).unwrap();
        assert_eq!(found, [(name.to_owned(), claims[winner].clone())]);
        let wrong = sandbox.repo.delete_remote("origin", name, &first).unwrap();
        assert!(matches!(wrong.flag, Flag::Rejected { .. }));
        assert_eq!(sandbox.repo.delete_remote("origin", name, &claims[winner]).unwrap().flag, Flag::Done);
    }

    #[test]
    fn a_silent_server_over_ssh_is_noticed_and_an_own_ssh_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let mut sandbox = with_remote();
        let (bin, called) = (sandbox.beside("bin"), sandbox.beside("called"));
        std::fs::create_dir(&bin).unwrap();
        let ssh = bin.join("ssh");
        std::fs::write(&ssh, format!("#!/bin/sh\necho \"$@\" >> {}\nexit 255\n", called.display())).unwrap();
        std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
        sandbox.git(&["remote", "add", "far", "ssh://git@host.invalid/x.git"]);
        sandbox.repo = Repo::discover(sandbox.path()).unwrap();
        let mut listing = ls_remote(&sandbox.repo, "far", &["HEAD"]);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        listing = listing.env("PATH", path);
        assert_ne!(listing.finish().unwrap().status, 0);
        let said = std::fs::read_to_string(&called).unwrap();
        assert!(said.contains("-o ServerAliveInterval=30 -o ServerAliveCountMax=4"), "{said}");

        sandbox.git(&["config", "core.sshCommand", "ssh -v"]);
        sandbox.repo = Repo::discover(sandbox.path()).unwrap();
        let listing = ls_remote(&sandbox.repo, "far", &["HEAD"]);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        assert_ne!(listing.env("PATH", path).finish().unwrap().status, 0);
        let said = std::fs::read_to_string(&called).unwrap();
        assert!(said.lines().last().unwrap().starts_with("-v "), "{said}");
    }

    #[test]
    fn fetch_brings_only_what_was_asked_for() {
        let mut sandbox = with_remote();
        sandbox.git(&["push", "-q", "-u", "origin", "main", "main:refs/test/one"]);
        sandbox.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
        sandbox.repo = Repo::discover(sandbox.path()).unwrap();
        let fetched = sandbox.repo.fetch("origin", &["refs/test/*:refs/mirror/*".to_owned()]).unwrap();
        assert_eq!(fetched.refs[0].name, "refs/mirror/one");
        assert_eq!(sandbox.repo.tip("refs/remotes/origin/main").unwrap(), None);
        assert_eq!(sandbox.repo.upstream_of("main").unwrap().branch, "refs/heads/main");
        assert!(matches!(sandbox.repo.fetch("nope", &[]), Err(ExchangeError::NoRemote(_))));
        let missing = sandbox.repo.fetch("origin", &["refs/heads/nope:refs/x".to_owned()]);
        assert!(matches!(missing, Err(ExchangeError::Refused { .. })));
        std::fs::remove_dir_all(sandbox.beside("remote.git")).unwrap();
        let gone = sandbox.repo.push("origin", &[spec(&sandbox.main(), "refs/test/x")]);
        assert!(matches!(gone, Err(ExchangeError::Unreachable { .. })));
    }
}
