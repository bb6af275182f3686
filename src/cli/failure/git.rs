//! What git, the repository or its remote said no to.

use super::{Failure, of};
use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::text;
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::OpenError;
use crate::task::id::shown;

pub(super) fn opening(err: &OpenError) -> Failure {
    match err {
        OpenError::NotARepository { dir } => Failure::new(
            Exit::Environment,
            Code::NoRepository,
            format!("not a git repository: {}", dir.display()),
        )
        .hint("make one", "git init && git commit --allow-empty -m start"),
        OpenError::Bare { dir } => Failure::new(
            Exit::Environment,
            Code::Bare,
            format!("bare repository: worktrees need a checkout elsewhere ({})", dir.display()),
        )
        .hint("work in a clone of it", format!("git clone {} work", dir.display())),
        OpenError::Apart { files, .. } => {
            of(Exit::Environment, Code::Bare, err).hint("say so once", tell_worktree(files))
        }
        OpenError::Reftable { dir } => Failure::new(
            Exit::Environment,
            Code::Reftable,
            format!("ref format 'reftable' is not supported yet ({})", dir.display()),
        )
        .hint("convert it", "git refs migrate --ref-format=files"),
        OpenError::Unreadable { .. } => {
            of(Exit::Environment, Code::Unreadable, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

/// The command by which a repository learns where its files are.
fn tell_worktree(files: &std::path::Path) -> String {
    format!("git config core.worktree {}", shown(&files.display().to_string()))
}

pub(super) fn git(err: &GitError) -> Failure {
    let plain = |exit, code, why: &str, command: &str| of(exit, code, err).hint(why, command);
    match err {
        GitError::Start { .. } => {
            plain(Exit::Environment, Code::NotFound, "check what is installed", "git orch doctor")
        }
        GitError::BrokenRef(_) => {
            plain(Exit::Environment, Code::BrokenRecord, "mend what can be mended", "git orch doctor --fix")
        }
        GitError::BranchMoved(_) | GitError::Contended { .. } => {
            plain(Exit::Race, Code::Contended, "look again, then retry", "git orch status")
        }
        GitError::BranchExists(branch) => plain(
            Exit::Failed,
            Code::Git,
            "look at that branch",
            &format!("git log --oneline {}", shown(branch)),
        ),
        GitError::NestedRepository { folder } => plain(
            Exit::Failed,
            Code::Git,
            "take its folder .git away, or make it a submodule",
            &format!("ls -a {}", shown(folder)),
        ),
        GitError::Unstageable { .. } => {
            plain(Exit::Failed, Code::Git, "remove or rename what it names, then try again", "git status")
        }
        GitError::TooLarge { .. } => {
            plain(Exit::Gate, Code::TooBig, "what the cap is", "git orch config explain cap.diff")
        }
        GitError::BadRefName(_) | GitError::BadPath(_) => {
            plain(Exit::Usage, Code::BadValue, "see the branches", "git branch --list")
        }
        GitError::Detached(_) => plain(Exit::Failed, Code::Git, "see the worktrees", "git worktree list"),
        // Of an object that is not well-formed: git reads over some of that.
        GitError::Gix { .. } => {
            plain(Exit::Failed, Code::Git, "see which objects are not well-formed", "git fsck --no-dangling")
        }
        GitError::Silent { .. }
        | GitError::Failed { .. }
        | GitError::Answer { .. }
        | GitError::Io { .. }
        | GitError::NoWorktree(_)
        | GitError::NotForward { .. }
        | GitError::OtherTree { .. } => {
            plain(Exit::Failed, Code::Git, "look for what is wrong", "git orch doctor")
        }
    }
}

pub(super) fn exchange(err: &ExchangeError) -> Failure {
    match err {
        ExchangeError::NoRemote(remote) => {
            Failure::new(Exit::Environment, Code::NoRemote, format!("no remote '{}'", shown(remote)))
                .hint("see the remotes", "git remote -v")
        }
        ExchangeError::Unreachable { remote, .. } => of(Exit::Environment, Code::Unreachable, err)
            .hint("ask it yourself", format!("git ls-remote {}", shown(remote)))
            .hint("or work without", "git orch --offline pick"),
        ExchangeError::Refused { .. } => {
            of(Exit::Environment, Code::RemoteRefused, err).hint("check what it allows", "git orch doctor")
        }
        ExchangeError::Git(err) => git(err),
    }
}

pub(super) fn dirty(files: &[String]) -> Failure {
    let names: Vec<String> = files.iter().take(10).map(|file| shown(file)).collect();
    let message =
        format!("worktree has {}: {}", text::count(files.len(), "uncommitted file"), names.join(", "));
    Failure::new(Exit::Failed, Code::Dirty, message).hint("see them", "git status --short")
}

pub(super) fn rewound(id: &str, remote: &str, theirs: &str, ours: &str) -> Failure {
    Failure::new(
        Exit::Person,
        Code::Rewound,
        format!("{id} was rewound on {remote}: {theirs} is not after {ours}"),
    )
    .because("events that were seen there are gone; nothing was taken over")
    .hint("compare both", format!("git log {ours} {theirs}"))
}
