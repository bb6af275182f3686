//! Who goes with whom: footprints first, and a merge only of those that touch the same.

use crate::flow::FlowError;
use crate::git::Repo;
use crate::git::merge_tree::{Composer, Merged, Pair, told};
use crate::queue::Footprint;
use crate::task::id::CommitId;

/// Two changes that touch the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// Places in the list that was asked for.
    pub(crate) pair: (usize, usize),
    /// What both touch; empty where one of them lands alone, or globs may meet.
    pub(crate) shared: Vec<String>,
    /// Files in conflict; empty where the two merge.
    pub(crate) conflict: Vec<String>,
}

/// Every pair of changes that overlaps, and whether it merges: a few processes for all merges.
///
/// # Errors
/// Git fails.
pub(crate) fn meetings(repo: &Repo, changes: &[(&CommitId, &Footprint)]) -> Result<Vec<Meeting>, FlowError> {
    let mut pairs = Vec::new();
    for (other, (_, theirs)) in changes.iter().enumerate() {
        for (one, (_, ours)) in changes[..other].iter().enumerate() {
            if ours.overlaps(theirs) {
                pairs.push((one, other));
            }
        }
    }
    let merges: Vec<Pair<'_>> = pairs
        .iter()
        .map(|&(one, other)| Pair { ours: changes[one].0, theirs: changes[other].0, base: None })
        .collect();
    let merged = Composer::open(repo)?.merge_all(&merges)?;
    let meeting = |(pair, merged): ((usize, usize), Merged)| Meeting {
        pair,
        shared: changes[pair.0].1.shared(changes[pair.1].1).into_iter().collect(),
        conflict: match merged {
            Merged::Clean(_) => Vec::new(),
            Merged::Conflict { files, .. } => told(&files),
            Merged::Unrelated => vec!["(no common history)".to_owned()],
        },
    };
    Ok(pairs.into_iter().zip(merged).map(meeting).collect())
}
