//! Fills the shapes of `--json` with tasks.

use crate::flow::Project;
use crate::plan::Card;
use crate::task::id::TaskId;
use crate::task::{State, Task};

use super::{DiffJson, NeedsJson, RowJson, TaskJson};
use crate::cli::needs::{Eyes, needs};
use crate::cli::text::rfc3339;

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

#[expect(clippy::cast_precision_loss, reason = "no task costs 2^52 millionths of a dollar")]
fn dollars(micro: u64) -> f64 {
    micro as f64 / 1e6
}

fn names(ids: &[TaskId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
