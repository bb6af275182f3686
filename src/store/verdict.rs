//! What a test run said of a tree.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::suite::result::Results;
use crate::task::id::{CommitId, Seconds, TreeId};

/// What one test run of a tree said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Which tests passed, failed and were skipped.
    Results(Results),
    /// Nothing that counts, and why.
    NoEvidence(String),
}

/// One test run of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Names the run: two runs of the same second and length are still two.
    pub(crate) run: String,
    /// Which tests: the id of the test set.
    pub(crate) set: String,
    /// Where: the environment's digest.
    pub(crate) environment: String,
    pub(crate) at: Seconds,
    /// Duration in milliseconds.
    pub(crate) millis: u64,
    pub(crate) command: String,
    pub(crate) said: Said,
}

/// Verdicts of trees as they were read at one tip of each of the two notes, own ones first. A report of ten thousand tests
/// takes longer to read than all else that the queue does in a tick.
#[derive(Clone, Default)]
pub(super) struct ReadVerdicts(pub(super) Arc<Mutex<[ReadAt; 2]>>);

#[derive(Default)]
pub(super) struct ReadAt {
    pub(super) tip: Option<CommitId>,
    pub(super) trees: HashMap<TreeId, Vec<Arc<Verdict>>>,
}
