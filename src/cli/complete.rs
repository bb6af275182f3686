//! What the shell completes: task ids and branches, read from refs alone.

use std::ffi::OsStr;

use clap_complete::CompletionCandidate;

use crate::git::Repo;
use crate::store::layout;

const HEADS: &str = "refs/heads/";

/// Ids of open tasks that begin as typed.
pub(crate) fn task_ids(typed: &OsStr) -> Vec<CompletionCandidate> {
    let refs = refs_below(layout::TASKS, typed);
    refs.iter()
        .filter_map(|name| layout::task_of_ref(name))
        .map(|id| CompletionCandidate::new(id.as_str()))
        .collect()
}

/// The same, and branches that are not those of tasks: what the queue takes.
pub(crate) fn tasks_and_branches(typed: &OsStr) -> Vec<CompletionCandidate> {
    let branches = refs_below(HEADS, typed);
    let plain = branches.iter().filter_map(|name| name.strip_prefix(HEADS));
    let plain = plain.filter(|name| !name.starts_with(layout::BRANCH_PREFIX)).map(CompletionCandidate::new);
    task_ids(typed).into_iter().chain(plain).collect()
}

/// Names of refs that begin as typed. A shell gets nothing where there is no repository, and no message in its prompt.
fn refs_below(folder: &str, typed: &OsStr) -> Vec<String> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let here = std::env::current_dir().unwrap_or_default();
    let Ok(repo) = Repo::discover(&here) else { return Vec::new() };
    let listed = repo.list(&format!("{folder}{typed}")).map(|listed| listed.refs).unwrap_or_default();
    listed.into_iter().map(|(name, _)| name).collect()
}
