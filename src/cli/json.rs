//! The shapes of `--json`, version 1. Within a version things are only added.

use serde::Serialize;

use crate::flow::Project;
use crate::plan::Card;
use crate::task::id::TaskId;
use crate::task::{State, Task};

use super::needs::{Eyes, needs};
use super::text::rfc3339;

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

#[expect(clippy::cast_precision_loss, reason = "no task costs 2^52 millionths of a dollar")]
fn dollars(micro: u64) -> f64 {
    micro as f64 / 1e6
}

fn names(ids: &[TaskId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl TaskJson {
    /// A task as `add`, `show` and others answer with it.
    pub(crate) fn of(project: &Project, task: &Task) -> TaskJson {
        let worktree = project.worktree_of(&task.id);
        let has_worktree = !task.adopted && !task.state.is_finished() && worktree.join(".git").exists();
        let mut needs = needs(task, &Eyes::of(project));
        if let (Some(needs), State::Escalated { because, .. }) = (&mut needs, &task.state) {
            needs.log = project.log_behind(&task.id, because).map(|log| log.path);
        }
        TaskJson {
            row: RowJson::of(&Card::of(task), project.policy.cap.caps.diff, needs),
            worktree: has_worktree.then(|| worktree.display().to_string()),
            base: task.state.change().map(|change| change.base.to_string()),
            paths: task.paths.clone(),
            tokens: task.spent.tokens,
            tier: task.tier,
            domain: task.domain.clone(),
            changelog: task.changelog.clone(),
            spec: task.spec.clone(),
            landed: match &task.state {
                State::Completed { landed, .. } => Some(landed.to_string()),
                _ => None,
            },
        }
    }
}

impl RowJson {
    /// A card, with the needs of the whole task where it was read.
    pub(crate) fn of(card: &Card, cap: u64, needs: Option<NeedsJson>) -> RowJson {
        RowJson {
            id: card.id.to_string(),
            title: card.title.clone(),
            state: card.state.clone(),
            column: card.column.word(),
            priority: card.priority,
            owner: card.owner.clone(),
            branch: card.branch.clone(),
            head: card.head.as_ref().map(ToString::to_string),
            after: names(&card.after),
            try_number: card.try_number,
            tries_max: card.tries_max,
            cost_usd: card.cost.map(|cost| dollars(cost.0)),
            diff: DiffJson { added: card.added, removed: card.removed, cap },
            needs,
            since: rfc3339(card.since),
            created_at: rfc3339(card.created_at),
            adopted: card.adopted,
        }
    }
}
