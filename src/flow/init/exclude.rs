//! The line that keeps worktrees of tasks out of commits.

use super::step::{Action, Outcome, Step, read, shown_path};
use crate::flow::FlowError;
use crate::flow::tree::FOLDER;
use crate::git::Repo;

/// The line that keeps `git add -A` from staging worktrees as repositories.
fn exclude_line() -> String {
    format!("/{FOLDER}/")
}

/// Whether worktrees of tasks are ignored here.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn is_excluded(repo: &Repo) -> Result<bool, FlowError> {
    let text = read(&repo.exclude_file())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().any(|line| line.trim().trim_matches('/') == FOLDER))
}

pub(super) fn exclude_step(repo: &Repo) -> Result<Step, FlowError> {
    let path = repo.exclude_file();
    let shown = shown_path(repo, &path);
    let note = exclude_line();
    if is_excluded(repo)? {
        return Ok(Step { outcome: Outcome::Kept, shown, note, actions: Vec::new() });
    }
    let old = read(&path)?;
    let outcome = if old.is_some() { Outcome::Changed } else { Outcome::Created };
    let mut bytes = old.unwrap_or_default();
    // A last line without an end keeps having none, so that a removal restores the very bytes.
    let added =
        if bytes.is_empty() || bytes.ends_with(b"\n") { format!("{note}\n") } else { format!("\n{note}") };
    bytes.extend(added.into_bytes());
    Ok(Step { outcome, shown, note, actions: vec![Action::Write { path, bytes, executable: false }] })
}

pub(super) fn remove_exclude(repo: &Repo) -> Result<Option<Step>, FlowError> {
    let path = repo.exclude_file();
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let line = exclude_line();
    let kept: Vec<&[u8]> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|part| part.trim_ascii() != line.as_bytes())
        .collect();
    let mut kept = kept.concat();
    if kept == bytes {
        return Ok(None);
    }
    if !bytes.ends_with(b"\n") && kept.ends_with(b"\n") && bytes.ends_with(line.as_bytes()) {
        kept.pop();
    }
    let shown = shown_path(repo, &path);
    let (outcome, action) = if kept.is_empty() {
        (Outcome::Removed, Action::Delete { path })
    } else {
        (Outcome::Changed, Action::Write { path, bytes: kept, executable: false })
    };
    Ok(Some(Step { outcome, shown, note: format!("without {line}"), actions: vec![action] }))
}
