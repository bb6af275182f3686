//! `git orch approve` and `git orch reject`: a person's yes and no.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::{FlowError, Project};
use crate::store::Stored;
use crate::store::run_state::GO_ON;
use crate::task::id::{CommitId, TaskId};
use crate::task::{State, Task};

use crate::cli::codes::Code;
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::json::TaskJson;
use crate::cli::needs::{Eyes, needs, needs_person};
use crate::cli::{Context, text};

/// The word that means the whole queue.
const QUEUE: &str = "queue";
/// The word that means the budget of the run that waits.
const BUDGET: &str = "budget";

/// What `approve` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch approve\n  git orch approve t-c3v7 t-7k3f\n  git orch approve t-c3v7 -m \"the slow test is known\"\n  git orch approve queue\n  git orch approve budget"
)]
pub(crate) struct ApproveArgs {
    /// The tasks; `queue` to go on after it stopped; `budget` to allow a run its budget once more; without it what waits
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Vec<String>,
    /// A note for the record
    #[arg(short, long, value_name = "NOTE")]
    pub(crate) message: Option<String>,
    /// The commit that you looked at: another one is refused
    #[arg(long, value_name = "COMMIT")]
    pub(crate) head: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: crate::cli::flags::DryRun,
}

/// What `reject` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  git orch reject t-c3v7 -m \"keep the old name of the function\"")]
pub(crate) struct RejectArgs {
    /// The task; without it the one that waits
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Option<String>,
    /// Why: the worker reads it
    #[arg(short, long, value_name = "REASON")]
    pub(crate) message: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: crate::cli::flags::DryRun,
}

pub(crate) fn run(ctx: &Context, args: &ApproveArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    match args.what.as_slice() {
        [] => the_one(ctx, &project, args),
        [one] if one == QUEUE => go_on(ctx, &project, args.dry.dry_run),
        [one] if one == BUDGET => budget(ctx, &project, args.dry.dry_run),
        several => {
            let seen = args.head.as_deref().map(|text| commit(&project, text)).transpose()?;
            if seen.is_some() && several.len() > 1 {
                return Err(Failure::bad_value(
                    "--head is the commit of one task",
                    "one by one",
                    "git orch approve --help",
                ));
            }
            let mut found = Vec::new();
            for what in several {
                found.push(project.find_open(what)?); // all of them are looked up before one is approved
            }
            approve_all(ctx, &project, args, &found, seen.as_ref())
        }
    }
}

/// Approves what waits, if that is one thing.
fn the_one(ctx: &Context, project: &Project, args: &ApproveArgs) -> Result<Exit, Failure> {
    let stored = match waiting(project) {
        Ok(found) => found,
        // Nothing else waits.
        Err(_) if project.budget_waits()?.is_some() => return budget(ctx, project, args.dry.dry_run),
        Err(err) => return Err(err),
    };
    let seen = args.head.as_deref().map(|text| commit(project, text)).transpose()?;
    if ctx.may_ask() && !args.dry.dry_run && !confirmed(ctx, project, &stored)? {
        ctx.out.progress("nothing was changed");
        return Ok(Exit::Done);
    }
    let seen = seen.or_else(|| stored.task.head().cloned());
    approve_all(ctx, project, args, std::slice::from_ref(&stored), seen.as_ref())
}

/// Approves these tasks. What the first look refuses is refused before any of them is changed.
fn approve_all(
    ctx: &Context,
    project: &Project,
    args: &ApproveArgs,
    tasks: &[Stored],
    seen: Option<&CommitId>,
) -> Result<Exit, Failure> {
    let event = crate::task::Event::Approved { head: seen.cloned(), note: args.message.clone() };
    if args.dry.dry_run || tasks.len() > 1 {
        let planned: Vec<Task> =
            tasks.iter().map(|stored| after(project, stored, &event)).collect::<Result<_, _>>()?;
        if args.dry.dry_run {
            return would(ctx, project, &planned, "approve");
        }
    }
    let op = project.op();
    let (mut lines, mut approved, mut next) = (String::new(), Vec::new(), Vec::new());
    for stored in tasks {
        let id = &stored.task.id;
        let already = matches!(stored.task.state, State::ReadyForHandoff { .. });
        let task = project.approve(&op, id, seen, args.message.as_deref())?.task;
        lines.push_str(&match &task.state {
            _ if already => format!("approved {id}: it was approved already; your note is kept\n"),
            State::UnderReview { .. } => {
                format!("approved {id}: the size is allowed; it still needs a review\n")
            }
            _ => format!("approved {id}: now {}\n", task.said()),
        });
        let looks = needs(&task, &Eyes::of(project)).is_some();
        let command = match &task.state {
            State::ReadyForHandoff { .. } => "git orch queue run".to_owned(),
            State::Pending => "git orch run".to_owned(),
            State::UnderReview { .. } if looks => format!("git orch approve {id}"),
            _ => format!("git orch show {id}"),
        };
        if !next.contains(&command) {
            next.push(command);
        }
        approved.push(task);
    }
    answer(ctx, project, &approved, lines, &next);
    Ok(Exit::Done)
}

/// One task answers as itself, several as a list.
fn answer(ctx: &Context, project: &Project, tasks: &[Task], lines: String, next: &[String]) {
    let mut data: Vec<TaskJson> = tasks.iter().map(|task| TaskJson::of(project, task)).collect();
    match data.len() {
        1 => ctx.out.success("task", data.remove(0), || lines, next),
        _ => ctx.out.success("tasks", json!({"tasks": data}), || lines, next),
    }
}

pub(crate) fn reject(ctx: &Context, args: &RejectArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let stored = match &args.what {
        Some(what) => project.find_open(what)?,
        None => waiting(&project)?,
    };
    let id = stored.task.id.clone();
    let given = args.message.clone().filter(|reason| !reason.trim().is_empty());
    let reason = match given {
        Some(reason) => reason,
        None if ctx.may_ask() => ctx
            .ask(&format!("why? (the worker of {id} reads it) "))
            .filter(|reason| !reason.is_empty())
            .ok_or_else(|| no_reason(&id))?,
        None => return Err(no_reason(&id)),
    };
    if args.dry.dry_run {
        let event = crate::task::Event::Rejected { because: reason };
        return would(ctx, &project, &[after(&project, &stored, &event)?], "reject");
    }
    let task = project.reject(&project.op(), &id, &reason)?.task;
    let data = TaskJson::of(&project, &task);
    let line = format!("rejected {id}: now {}\n", task.said());
    ctx.out.success("task", data, || line, &[format!("git orch show {id}")]);
    Ok(Exit::Done)
}

fn no_reason(id: &TaskId) -> Failure {
    Failure::new(Code::Usage, "a rejection needs a reason")
        .hint("say what must change", format!("git orch reject {id} -m \"what must change\""))
}

/// The task as an event of this person would leave it.
fn after(project: &Project, stored: &Stored, event: &crate::task::Event) -> Result<Task, Failure> {
    let at = project.op().at;
    let after = stored.task.after(event, &project.person(), at).map_err(|refused| {
        let state = Box::new(stored.task.state.clone());
        FlowError::Store(crate::store::StoreError::Refused { id: stored.task.id.clone(), refused, state })
    })?;
    Ok(after)
}

/// Says what would become of these tasks, and changes nothing.
fn would(ctx: &Context, project: &Project, tasks: &[Task], verb: &str) -> Result<Exit, Failure> {
    let lines = tasks.iter().map(|task| format!("would {verb} {}: then {}\n", task.id, task.said()));
    answer(ctx, project, tasks, lines.collect(), &[]);
    Ok(Exit::Done)
}

/// The only task that waits for a person.
fn waiting(project: &Project) -> Result<Stored, Failure> {
    let eyes = Eyes::of(project);
    let rows = project.store.open_tasks().map_err(FlowError::from)?.rows;
    let waiting: Vec<TaskId> =
        rows.into_iter().filter(|row| needs_person(&row.card, &eyes)).map(|row| row.card.id).collect();
    match waiting.as_slice() {
        [] => Err(FlowError::NothingWaits.into()),
        [only] => Ok(project.find_open(only.as_str())?),
        _ => Err(FlowError::SayWhich(waiting).into()),
    }
}

fn commit(project: &Project, text: &str) -> Result<CommitId, Failure> {
    let found = project.repo.resolve(text).map_err(FlowError::from)?;
    found.ok_or_else(|| {
        Failure::bad_value(
            format!("no commit '{}'", text::line(text)),
            "see the commits",
            "git log --oneline --all -20",
        )
    })
}

/// Shows a task and asks for a yes.
fn confirmed(ctx: &Context, project: &Project, stored: &Stored) -> Result<bool, Failure> {
    let task = &stored.task;
    let eyes = Eyes { agents: false, ..Eyes::of(project) };
    let why = needs(task, &eyes).map(|needs| needs.why).unwrap_or_default();
    ctx.out.question(&format!("{}  {}\n  {}\n", task.id, text::line(&task.title), text::line(&why)));
    loop {
        match ctx.ask("approve? [y]es, [n]o, see the [d]iff: ").as_deref() {
            Some("y" | "yes") => return Ok(true),
            Some("d") => ctx.out.question(&super::show::patch(project, stored)?),
            Some("n" | "no" | "") | None => return Ok(false),
            Some(_) => {}
        }
    }
}

/// Allows the run that waits the amount of its budget once more.
fn budget(ctx: &Context, project: &Project, dry: bool) -> Result<Exit, Failure> {
    let Some((run, mut state)) = project.budget_waits()? else {
        let data = json!({"run": null, "was": null});
        ctx.out.success("budget", data, || "no run waits for its budget\n".to_owned(), &[]);
        return Ok(Exit::Done);
    };
    if !dry {
        project.approve_budget(&project.op())?;
    }
    let (would, why) = (if dry { "would allow" } else { "allowed" }, state.waits.take());
    state.ledger.grant();
    let now = state.ledger.summary().unwrap_or_default();
    let mut line = format!("{would} the budget of {run} once more: {}\n", text::line(&now));
    let mut next = GO_ON.to_owned();
    if state.ledger.is_too_small() {
        line.push_str("what is left may be too little for a turn: allow it again, or set a higher one\n");
        next.push_str(" --budget DOLLARS");
    }
    ctx.out.success("budget", json!({"run": run.0, "was": why, "now": now}), || line, &[next]);
    Ok(Exit::Done)
}

/// Lets the queue go on after it stopped.
fn go_on(ctx: &Context, project: &Project, dry: bool) -> Result<Exit, Failure> {
    let stopped = project.store.repo_state().map_err(FlowError::from)?.stopped;
    let line = match &stopped {
        None => "the queue is not stopped\n".to_owned(),
        Some(why) if dry => format!("would let the queue go on (stopped: {})\n", text::line(why)),
        Some(why) => format!("the queue goes on (it was stopped: {})\n", text::line(why)),
    };
    if stopped.is_some() && !dry {
        // Whoever lets it go on has seen what the base lost, if it lost anything.
        let newest = project.store.newest_landing().map_err(FlowError::from)?;
        let given_up = newest.map(|(_, landed)| landed);
        let subject = format!("queue goes on, says {}", project.who);
        project
            .store
            .change_repo(&project.op(), &project.who, &subject, |mut state| {
                state.stopped = None;
                state.given_up.clone_from(&given_up);
                state
            })
            .map_err(FlowError::from)?;
    }
    ctx.out.success(
        "queue-state",
        json!({"stopped": null, "was": stopped}),
        || line,
        &["git orch queue run".to_owned()],
    );
    Ok(Exit::Done)
}
