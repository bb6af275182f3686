//! What the shell completes: task ids, read from refs alone.

use std::ffi::OsStr;

use clap_complete::CompletionCandidate;

use crate::git::Repo;
use crate::store::layout;

/// Ids of open tasks that begin as typed.
pub(crate) fn task_ids(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let here = std::env::current_dir().unwrap_or_default();
    let Ok(repo) = Repo::discover(&here) else { return Vec::new() };
    let listed =
        repo.list(&format!("{}{typed}", layout::TASKS)).map(|listed| listed.refs).unwrap_or_default();
    let ids = listed.iter().filter_map(|(name, _)| layout::task_of_ref(name));
    ids.map(|id| CompletionCandidate::new(id.as_str())).collect()
}
