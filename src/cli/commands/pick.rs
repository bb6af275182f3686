//! `git orch pick`: claims a task and prepares its worktree.

use std::collections::BTreeMap;

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde::Serialize;

use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::plan::{Card, ready};
use crate::task::Task;
use crate::task::id::{Seconds, TaskId};

use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::{NeedsJson, TaskJson};
use crate::cli::needs::of_evidence;
use crate::cli::{Context, text};

/// What `pick` is asked for.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one per flag")]
#[command(
    after_help = "Examples:\n  cd \"$(git orch pick --path)\"\n  git orch pick t-c3v7 --as \"$USER\"\n  git orch pick --explain -n"
)]
pub(crate) struct PickArgs {
    /// The task; without it the next one that is ready
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) task: Option<String>,
    /// Under whose name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    /// Print only the worktree's path
    #[arg(long, conflicts_with = "release")]
    pub(crate) path: bool,
    /// Give the task back to everybody; its work stays
    #[arg(long, conflicts_with_all = ["take_over", "explain"])]
    pub(crate) release: bool,
    /// Take it from whoever holds it; their later writes are refused
    #[arg(long, requires = "task")]
    pub(crate) take_over: bool,
    /// Say why this task, and what else was ready
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

/// What whoever works on a task must keep to.
#[derive(Debug, Serialize)]
struct Contract {
    objective: Objective,
    paths: Vec<String>,
    limits: Limits,
    base: BaseJson,
    output: String,
    boundaries: Vec<String>,
    /// The six parts of the contract: what the spec says, or what holds where it says nothing.
    parts: BTreeMap<&'static str, PartJson>,
    /// Why the last try was sent back.
    evidence: Option<NeedsJson>,
}

#[derive(Debug, Serialize)]
struct Objective {
    title: String,
    spec: String,
}

#[derive(Debug, Serialize)]
struct PartJson {
    text: String,
    given: bool,
}

#[derive(Debug, Serialize)]
struct Limits {
    diff: u64,
    minutes: u64,
}

#[derive(Debug, Serialize)]
struct BaseJson {
    branch: String,
    commit: String,
}

#[derive(Debug, Serialize)]
struct PickJson {
    task: TaskJson,
    branch: String,
    worktree: String,
    contract: Contract,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<Vec<String>>,
}

pub(crate) fn run(ctx: &Context, args: &PickArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    if args.release {
        return release(ctx, &project, args);
    }
    let wanted = match &args.task {
        Some(text) => Some(project.find_open(text)?.task.id),
        None => None,
    };
    let cards = if args.explain || args.dry.dry_run {
        project.store.open_tasks().map_err(FlowError::from)?.cards()
    } else {
        Vec::new()
    };
    if args.dry.dry_run {
        return would(ctx, &project, &cards, wanted.as_ref(), args);
    }
    let picked = project.pick(&project.op(), &project.person(), wanted.as_ref(), args.take_over)?;
    let task = &picked.stored.task;
    let worktree = picked.worktree.display().to_string();
    let explained = args.explain.then(|| explain(&project, &cards, &task.id, now()));
    let data = PickJson {
        task: TaskJson::of(&project, task),
        branch: task.branch.clone(),
        worktree: worktree.clone(),
        contract: contract(&project, task),
        explained: explained.clone(),
    };
    if args.path {
        ctx.out.success("pick", data, || format!("{worktree}\n"), &[]);
    } else {
        let next = [format!("cd {worktree}"), format!("git orch submit {}", task.id)];
        ctx.out.success("pick", data, || render(task, &worktree, explained.as_deref()), &next);
    }
    Ok(Exit::Done)
}

fn release(ctx: &Context, project: &Project, args: &PickArgs) -> Result<Exit, Failure> {
    let id = match &args.task {
        Some(text) => project.find_open(text)?.task.id,
        None => project.task_here(&ctx.given.dir).ok_or(FlowError::NoTaskHere)?,
    };
    let task = if args.dry.dry_run {
        project.find_open(id.as_str())?.task
    } else {
        project.release(&project.op(), &id, &format!("given back by {}", project.who))?.task
    };
    let would = if args.dry.dry_run { "would give back" } else { "gave back" };
    let data = TaskJson::of(project, &task);
    ctx.out.success("task", data, || format!("{would} {id}; its branch and worktree stay\n"), &[]);
    Ok(Exit::Done)
}

fn would(
    ctx: &Context,
    project: &Project,
    cards: &[Card],
    wanted: Option<&TaskId>,
    args: &PickArgs,
) -> Result<Exit, Failure> {
    let finished = |id: &TaskId| project.finished(id);
    let ready = ready::takeable(cards, &project.who, &finished);
    let next = match wanted {
        Some(id) => Some(id.clone()),
        None => ready.first().map(|card| card.id.clone()),
    };
    let Some(id) = next else {
        return Err(FlowError::NothingReady { waiting: Vec::new(), in_hand: 0, needs_you: 0 }.into());
    };
    let task = project.find_open(id.as_str())?.task;
    let explained = args.explain.then(|| explain(project, cards, &id, now()));
    let data = PickJson {
        task: TaskJson::of(project, &task),
        branch: task.branch.clone(),
        worktree: project.worktree_of(&id).display().to_string(),
        contract: contract(project, &task),
        explained: explained.clone(),
    };
    project.refuse_pick(&task, &project.person().who, args.take_over)?;
    let mut shown = format!("would pick {id}  {}\n", text::line(&task.title));
    for line in explained.into_iter().flatten() {
        shown.push_str(&format!("  {line}\n"));
    }
    ctx.out.success("pick", data, || shown, &[]);
    Ok(Exit::Done)
}

fn contract(project: &Project, task: &Task) -> Contract {
    let mut boundaries = vec![
        "change files only in the worktree".to_owned(),
        format!("leave {} and other branches alone", project.base.branch),
    ];
    if !task.paths.is_empty() {
        boundaries.push("touch only files that match the paths".to_owned());
    }
    Contract {
        objective: Objective { title: task.title.clone(), spec: task.spec.clone() },
        paths: task.paths.clone(),
        limits: Limits {
            diff: project.policy.cap.caps.diff,
            minutes: project.policy.limits.implement.as_secs().div_ceil(60),
        },
        base: BaseJson { branch: project.base.branch.clone(), commit: project.base.tip.to_string() },
        output: format!(
            "a change in the worktree, committed or not, handed in by: git orch submit {}",
            task.id
        ),
        boundaries,
        parts: project
            .contract_parts(task)
            .into_iter()
            .map(|part| (part.section.word(), PartJson { text: part.text, given: part.given }))
            .collect(),
        evidence: task.evidence.as_ref().map(|evidence| of_evidence(evidence, Vec::new())),
    }
}

fn render(task: &Task, worktree: &str, explained: Option<&[String]>) -> String {
    let mut out = format!("picked {}  {}\n", task.id, text::line(&task.title));
    out.push_str(&format!("  branch   {}\n  worktree {worktree}\n", text::line(&task.branch)));
    if let Some(evidence) = &task.evidence {
        out.push_str(&format!("  was sent back: {}\n", text::line(&evidence.text)));
        for test in evidence.tests.iter().take(5) {
            out.push_str(&format!("    FAIL {}  {}\n", text::line(&test.name), text::cut(&test.line, 80)));
        }
    }
    for line in explained.into_iter().flatten() {
        out.push_str(&format!("  {line}\n"));
    }
    out
}

/// Which tier of agent it has come to, and which agent a run would choose.
fn tier(project: &Project, id: &TaskId) -> Option<String> {
    let task = project.store.load(id).ok()??.task;
    project.routed(&task).ok()
}

/// Why this task, and why not the others.
fn explain(project: &Project, cards: &[Card], id: &TaskId, now: Seconds) -> Vec<String> {
    let finished = |id: &TaskId| project.finished(id);
    let ready = ready::takeable(cards, &project.who, &finished);
    let open: BTreeMap<&TaskId, &Card> = cards.iter().map(|card| (&card.id, card)).collect();
    let mut lines = Vec::new();
    if let Some(card) = open.get(id) {
        let place = ready.iter().position(|other| other.id == *id);
        let returned = if card.sent_back { ", was sent back to you (nearly done goes first)" } else { "" };
        let place = place.map_or_else(
            || "asked for by name".to_owned(),
            |at| format!("number {} of {} ready", at + 1, ready.len()),
        );
        let age = text::span(now.0 - card.created_at.0);
        lines.push(format!("why {id}: {place}, priority {}, waits since {age}{returned}", card.priority));
    }
    lines.extend(tier(project, id));
    for card in ready.iter().filter(|card| card.id != *id).take(5) {
        let age = text::span(now.0 - card.created_at.0);
        lines.push(format!("also ready: {}  priority {}, {age}", card.id, card.priority));
    }
    let waiting = cards.iter().filter(|card| card.state == "pending" && !card.adopted);
    let waiting =
        waiting.filter_map(|card| Some((card, ready::waits(card, &|id| open.contains_key(id), &finished)?)));
    lines.extend(waiting.take(5).map(|(card, waits)| format!("not ready: {}  {waits}", card.id)));
    lines
}
