//! Looks how the machine and the repository are set up, whatever its settings say.

use crate::flow::FlowError;
use crate::flow::init::{self, HookState};
use crate::git::Repo;
use crate::git::repo::Scope;
use crate::git::setup::mended_in;
use crate::process::sandbox::{Means, strongest};
use crate::store::layout;

use super::diagnosis::{Diagnosis, INIT};

pub(super) fn sandbox(found: &mut Diagnosis) {
    match strongest() {
        (Means::Bubblewrap, _) => found.fine("sandbox", "bubblewrap holds agents: files, network, processes"),
        (means @ Means::Landlock, why) => {
            found.fine("sandbox", format!("{means} holds agents: files and TCP only ({why})"));
        }
        (Means::Nothing, why) => found.wrong("sandbox", why.clone(), "sudo apt-get install bubblewrap"),
    }
}

pub(super) fn git_version(repo: &Repo, found: &mut Diagnosis) {
    match repo.git_version() {
        Ok(version) => match mended_in(version) {
            None => found.fine("git", format!("git {version}")),
            Some(need) => found.wrong(
                "git",
                format!("git {version} has known holes (CVE-2025-48384 and others); need {need} or newer"),
                "update git, from https://git-scm.com/downloads",
            ),
        },
        Err(err) => found.failed("git", &err.into()),
    }
}

pub(super) fn orch_branch(repo: &Repo, found: &mut Diagnosis) {
    match repo.tip(&layout::branch_ref(layout::BRANCH_PREFIX.trim_end_matches('/'))) {
        Ok(None) => found.fine("branch-orch", "no branch stands in the way of orch/<task>"),
        Ok(Some(_)) => {
            found.wrong("branch-orch", FlowError::BranchInTheWay.to_string(), "git branch -m orch orch-old");
        }
        Err(err) => found.failed("branch-orch", &err.into()),
    }
}

/// Whether git sees nothing of the folder of worktrees: it is not there, or ignores itself.
pub(super) fn is_hidden(folder: &std::path::Path) -> bool {
    !folder.exists() || folder.join(".gitignore").exists()
}

/// Looks at the hook. Returns whether this repository is set up for tasks: one that only has branches for its queue needs
/// neither hook nor worktrees.
pub(super) fn hook(repo: &Repo, found: &mut Diagnosis) -> bool {
    let init = if repo.hooks_folder().shared { "git orch init --with hooks" } else { INIT };
    match init::hook_state(repo) {
        Ok(HookState::Ours) => found.fine("hook", "pre-push checks what is pushed"),
        Ok(HookState::Missing) => {
            found.fine("hook", "there is none that checks what is pushed: git orch init puts one there");
            return false;
        }
        Ok(HookState::Foreign) => found.wrong("hook", "the pre-push hook is not git-orch's", init),
        Ok(HookState::NotExecutable) => {
            let path = repo.hooks_folder().path.join("pre-push");
            found.wrong("hook", "the pre-push hook may not be run", &format!("chmod +x {}", path.display()));
        }
        Err(err) => found.failed("hook", &err),
    }
    true
}

/// Objects that gc removes at once may be those of a commit that is being made.
pub(super) fn prune_expire(repo: &Repo, found: &mut Diagnosis) {
    let set = repo.config_entries("gc").into_iter().rfind(|(key, ..)| key == "gc.pruneexpire");
    match set {
        Some((_, value, scope)) if is_below_a_day(&value) => {
            let file = match scope {
                Scope::System => "--system ",
                Scope::Global => "--global ",
                Scope::Local | Scope::Worktree | Scope::Command => "",
            };
            found.wrong(
                "gc",
                format!("gc.pruneExpire is {value}: git gc may remove what is being written"),
                &format!("git config {file}gc.pruneExpire 2.weeks.ago"),
            );
        }
        _ => found.fine("gc", "git gc keeps young objects"),
    }
}

/// Reads the usual forms: `now`, `90.minutes.ago`, `12 hours ago`. What it does not know it takes for long enough.
fn is_below_a_day(value: &str) -> bool {
    let words: Vec<String> =
        value.split(['.', ' ']).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["now" | "all"] => true,
        [count, unit, ..] => {
            let count: u64 = count.parse().unwrap_or(1);
            let seconds = match unit.trim_end_matches('s') {
                "second" => 1,
                "minute" => 60,
                "hour" => 3600,
                _ => return false,
            };
            count.saturating_mul(seconds) < 86_400
        }
        _ => false,
    }
}
