//! The shapes of `--json`, version 1. Within a version things are only added.

/// From tasks to these shapes.
mod fill;

use serde::Serialize;

/// Lines of a change, against its cap.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DiffJson {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) cap: u64,
}

/// A test that made a task worse.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TestJson {
    pub(crate) name: String,
    pub(crate) line: String,
}

/// Why a task needs somebody.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NeedsJson {
    pub(crate) kind: String,
    pub(crate) why: String,
    pub(crate) files: Vec<String>,
    pub(crate) pair: Option<String>,
    pub(crate) tests: Vec<TestJson>,
    pub(crate) reproduce: Option<String>,
    pub(crate) confirmed: bool,
    /// The log of the turn or of the tests that failed, where it is on this machine.
    pub(crate) log: Option<String>,
    /// Commands that answer it.
    pub(crate) options: Vec<String>,
}

/// A task in a list: what its card has.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RowJson {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) column: &'static str,
    pub(crate) priority: u8,
    pub(crate) owner: Option<String>,
    pub(crate) branch: String,
    pub(crate) head: Option<String>,
    pub(crate) after: Vec<String>,
    #[serde(rename = "try")]
    pub(crate) try_number: u32,
    pub(crate) tries_max: u32,
    /// `null` is unknown.
    pub(crate) cost_usd: Option<f64>,
    pub(crate) diff: DiffJson,
    pub(crate) needs: Option<NeedsJson>,
    pub(crate) since: String,
    pub(crate) created_at: String,
    pub(crate) adopted: bool,
}

/// A whole task: its row, and what only its journal has.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TaskJson {
    #[serde(flatten)]
    pub(crate) row: RowJson,
    pub(crate) worktree: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) tokens: Option<u64>,
    pub(crate) tier: u8,
    pub(crate) domain: Option<String>,
    pub(crate) changelog: Option<String>,
    pub(crate) spec: String,
    pub(crate) landed: Option<String>,
}
