//! The hotfix lane: an explicit flag, not a number. While a hotfix can go, nothing else does, and runs without it end.

use super::View;
use super::rules::{needs, waits};
use crate::task::id::TaskId;
use std::collections::BTreeSet;

/// The view with nothing but the hotfixes that can go, and what they need; `None` where there is none, or nothing else.
pub(super) fn lane(view: &View) -> Option<View> {
    let able = |task: &TaskId| view.entry(task).is_some_and(|entry| !waits(view, entry));
    let mut lane: BTreeSet<&TaskId> = BTreeSet::new();
    for entry in view.entries.iter().filter(|entry| entry.hotfix && able(&entry.task)) {
        lane.insert(&entry.task);
        lane.extend(needs(view, entry));
    }
    if lane.is_empty() || lane.len() == view.entries.len() {
        return None;
    }
    let entries = view.entries.iter().filter(|entry| lane.contains(&entry.task)).cloned().collect();
    Some(View { entries, ..view.clone() })
}
