//! What git, the repository or its remote said no to.

use std::path::Path;

use super::{Failure, of};
use crate::cli::codes::Code;
use crate::cli::text;
use crate::flow::FlowError;
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::OpenError;
use crate::task::id::shown;

pub(super) fn opening(err: &OpenError) -> Failure {
    match err {
        OpenError::NotARepository { dir } => {
            Failure::new(Code::NoRepository, format!("not a git repository: {}", dir.display()))
                .hint("make one", "git init && git commit --allow-empty -m start")
        }
        OpenError::Bare { dir } => Failure::new(
            Code::Bare,
            format!("bare repository: worktrees need a checkout elsewhere ({})", dir.display()),
        )
        .hint("work in a clone of it", format!("git clone {} work", dir.display())),
        OpenError::Apart { linked: true, .. } => of(Code::Bare, err).hint(
            "say so once, in the folder of the first worktree",
            "cd FOLDER && git config core.worktree \"$PWD\"",
        ),
        OpenError::Apart { files, .. } => of(Code::Bare, err).hint("say so once", tell_worktree(files)),
        OpenError::Reftable { dir } => Failure::new(
            Code::Reftable,
            format!("ref format 'reftable' is not supported yet ({})", dir.display()),
        )
        .hint("convert it", "git refs migrate --ref-format=files"),
        OpenError::Unreadable { .. } => {
            of(Code::Unreadable, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

/// `main`: the repository's own folder.
pub(super) fn folder_gone(err: &FlowError, main: Option<&Path>) -> Failure {
    let quoted = main.and_then(|main| shlex::try_quote(main.to_str()?).ok());
    Failure::new(Code::NoRepository, err.to_string())
        .hint("go where there is one", quoted.map_or("cd ..".to_owned(), |main| format!("cd {main}")))
}

/// The command by which a repository learns where its files are.
fn tell_worktree(files: &std::path::Path) -> String {
    format!("git config core.worktree {}", shown(&files.display().to_string()))
}

/// What the repository lacks before anything can land in it.
pub(super) fn environment(err: &FlowError) -> Failure {
    match err {
        FlowError::NoBase { branch } => of(Code::NoBase, err)
            .hint("make the first commit", "git commit --allow-empty -m start")
            .hint(format!("or name another than {}", shown(branch)), "git config orch.base BRANCH"),
        FlowError::OldGit { .. } => of(Code::OldGit, err).hint("which git is this", "git --version"),
        FlowError::Shallow => of(Code::Shallow, err).hint("get the rest", "git fetch --unshallow"),
        _ => of(Code::NoTests, err)
            .hint("write there under [tests]: all = \"COMMAND\"", super::EDIT_SETTINGS)
            .hint("and commit it", "git add orch.toml && git commit -m \"Say how to run the tests\""),
    }
}

pub(super) fn git(err: &GitError) -> Failure {
    let plain = |code, why: &str, command: &str| of(code, err).hint(why, command);
    match err {
        GitError::Start { .. } => plain(Code::NotFound, "check what is installed", "git orch doctor"),
        GitError::BrokenRef(_) => {
            plain(Code::BrokenRecord, "mend what can be mended", "git orch doctor --fix")
        }
        GitError::BranchMoved(_) | GitError::Contended { .. } => {
            plain(Code::Contended, "look again, then retry", "git orch status")
        }
        GitError::BranchExists(branch) => {
            plain(Code::Git, "look at that branch", &format!("git log --oneline {}", shown(branch)))
        }
        GitError::NestedRepository { folder } => plain(
            Code::Git,
            "take its folder .git away, or make it a submodule",
            &format!("ls -a {}", shown(folder)),
        ),
        GitError::Unstageable { .. } => {
            plain(Code::Git, "remove or rename what it names, then try again", "git status")
        }
        GitError::TooLarge { .. } => {
            plain(Code::TooBig, "what the cap is", "git orch config explain cap.diff")
        }
        GitError::BadRefName(_) | GitError::BadPath(_) => {
            plain(Code::BadValue, "see the branches", "git branch --list")
        }
        GitError::Detached(_) => plain(Code::Git, "see the worktrees", "git worktree list"),
        // Of an object that is not well-formed: git reads over some of that.
        GitError::Gix { .. } => {
            plain(Code::Git, "see which objects are not well-formed", "git fsck --no-dangling")
        }
        GitError::Silent { .. }
        | GitError::Failed { .. }
        | GitError::Answer { .. }
        | GitError::Io { .. }
        | GitError::NoWorktree(_)
        | GitError::NotForward { .. }
        | GitError::OtherTree { .. } => plain(Code::Git, "look for what is wrong", "git orch doctor"),
    }
}

pub(super) fn exchange(err: &ExchangeError) -> Failure {
    match err {
        ExchangeError::NoRemote(remote) => {
            Failure::new(Code::NoRemote, format!("no remote '{}'", shown(remote)))
                .hint("see the remotes", "git remote -v")
        }
        ExchangeError::Unreachable { remote, stderr } => {
            Failure::new(Code::Unreachable, format!("the remote '{}' cannot be reached", shown(remote)))
                // What follows the first line is advice about rights.
                .because(stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing"))
                .hint("ask it yourself", format!("git ls-remote {}", shown(remote)))
                .again("or work without", "--offline")
        }
        ExchangeError::Refused { .. } => {
            of(Code::RemoteRefused, err).hint("check what it allows", "git orch doctor")
        }
        ExchangeError::Git(err) => git(err),
    }
}

pub(super) fn dirty(files: &[String]) -> Failure {
    let names: Vec<String> = files.iter().take(10).map(|file| shown(file)).collect();
    let message =
        format!("worktree has {}: {}", text::count(files.len(), "uncommitted file"), names.join(", "));
    Failure::new(Code::Dirty, message).hint("see them", "git status --short")
}

pub(super) fn rewound(id: &str, remote: &str, theirs: &str, ours: &str) -> Failure {
    Failure::new(Code::Rewound, format!("{id} was rewound on {remote}: {theirs} is not after {ours}"))
        .because("events that were seen there are gone; nothing was taken over")
        .hint("compare both", format!("git log {ours} {theirs}"))
}

pub(super) fn diverged(err: &FlowError, branch: &str, upstream: &str) -> Failure {
    let (branch, upstream) = (shown(branch), shown(upstream));
    of(Code::Diverged, err)
        .because("each has commits that the other lacks; nothing was moved")
        .hint("compare them", format!("git log --oneline --left-right {branch}...{upstream}"))
        .hint("put yours on top", format!("git switch {branch} && git rebase {upstream}"))
}
