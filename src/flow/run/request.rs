//! What a run is asked for.

use std::time::Duration;

use crate::task::id::TaskId;

/// What a run was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunRequest {
    /// Only these tasks; empty = all, or those of the run that has not ended.
    pub(crate) only: Vec<TaskId>,
    /// Agents, each for a role or for all.
    pub(crate) agents: Vec<(Option<String>, String)>,
    /// Leave what is ready in the queue.
    pub(crate) no_land: bool,
    /// Nobody watches: work as long as this, wait for agents however often they pause, and look at everything before.
    pub(crate) unattended: Option<Duration>,
    /// End when a task needs a person; without it the others go on.
    pub(crate) abort_on_failure: bool,
    /// Its budget was given with it: it may take the place of a run that waits for its own.
    pub(crate) own_budget: bool,
}
