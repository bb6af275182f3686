//! The shapes of `--json`, version 1. Within a version things are only added.

use serde::Serialize;

use crate::flow::Project;
use crate::plan::Card;
use crate::plan::card::Need;
use crate::task::id::TaskId;
use crate::task::{Evidence, State, Task, Trouble};

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
    /// Commands that answer it.
    pub(crate) options: Vec<String>,
}

/// A task.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TaskJson {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) column: &'static str,
    pub(crate) priority: u8,
    pub(crate) owner: Option<String>,
    pub(crate) branch: String,
    pub(crate) worktree: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) head: Option<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) after: Vec<String>,
    #[serde(rename = "try")]
    pub(crate) try_number: u32,
    pub(crate) tries_max: u32,
    /// `null` is unknown.
    pub(crate) cost_usd: Option<f64>,
    pub(crate) tokens: Option<u64>,
    pub(crate) diff: DiffJson,
    pub(crate) needs: Option<NeedsJson>,
    pub(crate) since: String,
    pub(crate) created_at: String,
    pub(crate) tier: u8,
    pub(crate) domain: Option<String>,
    pub(crate) changelog: Option<String>,
    pub(crate) adopted: bool,
    pub(crate) spec: String,
    pub(crate) landed: Option<String>,
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
    pub(crate) cost_usd: Option<f64>,
    pub(crate) diff: DiffJson,
    pub(crate) needs: Option<NeedsJson>,
    pub(crate) since: String,
    pub(crate) created_at: String,
    pub(crate) adopted: bool,
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
        TaskJson::new(
            task,
            has_worktree.then(|| worktree.display().to_string()),
            project.policy.cap.caps.diff,
            needs(task, &Eyes::of(project)),
        )
    }

    fn new(task: &Task, worktree: Option<String>, cap: u64, needs: Option<NeedsJson>) -> TaskJson {
        let change = task.state.change();
        TaskJson {
            id: task.id.to_string(),
            title: task.title.clone(),
            state: task.state.word().to_owned(),
            column: task.state.column().word(),
            priority: task.priority,
            owner: task.owner().map(|who| who.0.clone()),
            branch: task.branch.clone(),
            worktree,
            base: change.map(|change| change.base.to_string()),
            head: change.map(|change| change.head.to_string()),
            paths: task.paths.clone(),
            after: names(&task.after),
            try_number: task.try_number,
            tries_max: task.tries_max,
            cost_usd: task.spent.cost.map(|cost| dollars(cost.0)),
            tokens: task.spent.tokens,
            diff: DiffJson {
                added: change.map_or(0, |change| change.added),
                removed: change.map_or(0, |change| change.removed),
                cap,
            },
            needs,
            since: rfc3339(task.since),
            created_at: rfc3339(task.created_at),
            tier: task.tier,
            domain: task.domain.clone(),
            changelog: task.changelog.clone(),
            adopted: task.adopted,
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

/// Who looks at what is handed in.
#[derive(Debug, Clone)]
pub(crate) struct Eyes {
    /// The person who asks: nobody approves their own work.
    pub(crate) who: String,
    /// Whether agents review first.
    pub(crate) agents: bool,
}

impl Eyes {
    pub(crate) fn of(project: &Project) -> Eyes {
        Eyes { who: project.who.clone(), agents: project.agents_review() }
    }
}

/// Whether a person has to do something about a task. Where agents review, a task under review is theirs first.
pub(crate) fn needs_person(card: &Card, eyes: &Eyes) -> bool {
    match &card.need {
        None => false,
        Some(Need::Approval) => !eyes.agents || card.state == "domain-review",
        Some(Need::Decision { .. } | Need::Held { .. }) => true,
    }
}

/// Why a task needs somebody, and what would answer it.
pub(crate) fn needs(task: &Task, eyes: &Eyes) -> Option<NeedsJson> {
    let plain = |kind: &str, why: String, options: Vec<String>| NeedsJson {
        kind: kind.to_owned(),
        why,
        files: Vec::new(),
        pair: None,
        tests: Vec::new(),
        reproduce: None,
        confirmed: false,
        options,
    };
    let options = || options(task, &eyes.who).into_iter().map(|(command, _)| command).collect();
    match &task.state {
        State::UnderReview { .. } if eyes.agents => None,
        State::UnderReview { .. } | State::DomainReview { .. } => {
            let why = match owns(task, &eyes.who) {
                true => "was handed in and waits for a review: somebody else must approve",
                false => "was handed in and waits for a review",
            };
            Some(plain("approval", why.to_owned(), options()))
        }
        State::Blocked { because, .. } => Some(plain("held", because.clone(), options())),
        State::Escalated { because, .. } => Some(of_evidence(because, options())),
        State::Pending
        | State::InPlanning
        | State::Assigned { .. }
        | State::InProgress { .. }
        | State::ReadyForHandoff { .. }
        | State::Completed { .. }
        | State::Cancelled { .. } => None,
    }
}

/// Evidence as JSON.
pub(crate) fn of_evidence(evidence: &Evidence, options: Vec<String>) -> NeedsJson {
    NeedsJson {
        kind: evidence.trouble.word().to_owned(),
        why: evidence.text.clone(),
        files: evidence.files.clone(),
        pair: evidence.pair.as_ref().map(ToString::to_string),
        tests: evidence
            .tests
            .iter()
            .map(|test| TestJson { name: test.name.clone(), line: test.line.clone() })
            .collect(),
        reproduce: evidence.reproduce.clone(),
        confirmed: evidence.confirmed,
        options,
    }
}

/// Whether somebody wrote the change of a task: then another has to approve it.
fn owns(task: &Task, who: &str) -> bool {
    !task.adopted && task.state.change().is_some_and(|change| change.claim.owner.0 == who)
}

/// What `who` can do with a task now: commands, each with what it does.
pub(crate) fn options(task: &Task, who: &str) -> Vec<(String, &'static str)> {
    let id = &task.id;
    let approve = format!("git orch approve {id}");
    let looked_at = if owns(task, who) { format!("{approve} --as NAME") } else { approve.clone() };
    let reject = (format!("git orch reject {id} -m \"...\""), "send it back with a reason");
    let see = (format!("git orch show -p {id}"), "see the change");
    let give_up = (format!("git orch stop {id} --abandon"), "give it up; its work is kept");
    match &task.state {
        State::InPlanning => vec![(approve, "let it be worked on"), give_up],
        State::Pending => vec![
            (format!("git orch pick {id}"), "work on it yourself"),
            (format!("git orch edit {id} -p 4"), "change it, here to the least urgent"),
            give_up,
        ],
        State::Assigned { .. } | State::InProgress { .. } => vec![
            (format!("git orch submit {id}"), "hand it in"),
            (format!("git orch pick {id} --release"), "give it back to everybody"),
            (format!("git orch stop {id}"), "hold it"),
        ],
        State::UnderReview { .. } | State::DomainReview { .. } => {
            let what = match owns(task, who) {
                true => "somebody else puts it into the queue",
                false => "put it into the queue",
            };
            vec![(looked_at, what), reject, see]
        }
        State::ReadyForHandoff { .. } => vec![
            (format!("git orch queue why {id}"), "what it waits for"),
            ("git orch queue run".to_owned(), "land what can land"),
            (format!("git orch queue drop {id}"), "take it out of the queue"),
        ],
        State::Blocked { .. } => vec![(approve, "go on with it"), give_up],
        State::Escalated { because, was } => {
            let anyway = match (was.change().is_some(), because.trouble) {
                (true, Trouble::Worse) => "land it anyway (recorded with your name)",
                (true, Trouble::TooBig) => "grant the exception (recorded with your name)",
                (true, trouble) if trouble.may_be_accepted() => "put it into the queue all the same",
                (true, _) if task.adopted => "put it into the queue once more",
                (_, _) => "give it one more try",
            };
            if task.adopted {
                // Nobody works on it here: its author mends the branch and queues it anew.
                let again = (format!("git orch queue add {}", task.branch), "once the branch is mended");
                return vec![(approve, anyway), again, see, give_up];
            }
            if because.trouble == Trouble::Unclear {
                let say =
                    (format!("git orch edit {id} -m \"...\""), "say what is missing: it goes back to work");
                return vec![say, (approve, anyway), give_up];
            }
            let again = was.change().is_none() || !because.trouble.may_be_accepted();
            vec![(if again { approve } else { looked_at }, anyway), reject, see, give_up]
        }
        State::Completed { .. } | State::Cancelled { .. } => vec![see],
    }
}
