//! `git orch approve` and `git orch reject`: a person's yes and no.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::{FlowError, Project};
use crate::store::Stored;
use crate::task::State;
use crate::task::id::{CommitId, TaskId};

use crate::cli::codes::Code;
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::json::{Eyes, TaskJson, needs, needs_person};
use crate::cli::{Context, text};

/// The word that means the whole queue.
const QUEUE: &str = "queue";

/// What `approve` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch approve\n  git orch approve t-c3v7 -m \"the slow test is known\"\n  git orch approve queue"
)]
pub(crate) struct ApproveArgs {
    /// The task, or `queue` to go on after it stopped; without it the one that waits
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Option<String>,
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
    pub(crate) dry: crate::cli::args::DryRun,
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
    pub(crate) dry: crate::cli::args::DryRun,
}

pub(crate) fn run(ctx: &Context, args: &ApproveArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    if args.what.as_deref() == Some(QUEUE) {
        return go_on(ctx, &project, args.dry.dry_run);
    }
    let (stored, guessed) = which(&project, args.what.as_deref())?;
    let seen = args.head.as_deref().map(|text| commit(&project, text)).transpose()?;
    if guessed && ctx.may_ask() && !args.dry.dry_run && !confirmed(ctx, &project, &stored)? {
        ctx.out.progress("nothing was changed");
        return Ok(Exit::Done);
    }
    let seen = seen.or_else(|| if guessed { stored.task.head().cloned() } else { None });
    let id = stored.task.id.clone();
    let already = matches!(stored.task.state, State::ReadyForHandoff { .. });
    if args.dry.dry_run {
        let event = crate::task::Event::Approved { head: seen, note: args.message.clone() };
        return would(ctx, &project, &stored, &event, "approve");
    }
    let task = project.approve(&project.op(), &id, seen.as_ref(), args.message.as_deref())?.task;
    let looks = needs(&task, &Eyes::of(&project)).is_some();
    let next = match &task.state {
        State::ReadyForHandoff { .. } => "git orch queue run".to_owned(),
        State::UnderReview { .. } if looks => format!("git orch approve {id}"),
        _ => format!("git orch show {id}"),
    };
    let data = TaskJson::of(&project, &task);
    let line = match &task.state {
        _ if already => format!("approved {id}: it was approved already; your note is kept\n"),
        State::UnderReview { .. } => format!("approved {id}: the size is allowed; it still needs a review\n"),
        state => format!("approved {id}: now {}\n", state.word()),
    };
    ctx.out.success("task", data, || line, &[next]);
    Ok(Exit::Done)
}

pub(crate) fn reject(ctx: &Context, args: &RejectArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let (stored, _) = which(&project, args.what.as_deref())?;
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
        return would(ctx, &project, &stored, &event, "reject");
    }
    let task = project.reject(&project.op(), &id, &reason)?.task;
    let data = TaskJson::of(&project, &task);
    let line = format!("rejected {id}: now {}\n", task.state.word());
    ctx.out.success("task", data, || line, &[format!("git orch show {id}")]);
    Ok(Exit::Done)
}

fn no_reason(id: &TaskId) -> Failure {
    Failure::new(Exit::Usage, Code::Usage, "a rejection needs a reason")
        .hint("say what must change", format!("git orch reject {id} -m \"what must change\""))
}

/// Shows what an event would do, and changes nothing.
fn would(
    ctx: &Context,
    project: &Project,
    stored: &Stored,
    event: &crate::task::Event,
    verb: &str,
) -> Result<Exit, Failure> {
    let at = project.op().at;
    let task = stored.task.after(event, &project.person(), at).map_err(|refused| {
        let state = Box::new(stored.task.state.clone());
        FlowError::Store(crate::store::StoreError::Refused { id: stored.task.id.clone(), refused, state })
    })?;
    let line = format!("would {verb} {}: then {}\n", task.id, task.state.word());
    ctx.out.success("task", TaskJson::of(project, &task), || line, &[]);
    Ok(Exit::Done)
}

/// The task that is meant, and whether that was a guess: the only one that waits.
fn which(project: &Project, what: Option<&str>) -> Result<(Stored, bool), Failure> {
    if let Some(what) = what {
        return Ok((project.find_open(what)?, false));
    }
    let eyes = Eyes::of(project);
    let rows = project.store.open_tasks().map_err(FlowError::from)?.rows;
    let waiting: Vec<TaskId> =
        rows.into_iter().filter(|row| needs_person(&row.card, &eyes)).map(|row| row.card.id).collect();
    match waiting.as_slice() {
        [] => Err(FlowError::NothingWaits.into()),
        [only] => Ok((project.find_open(only.as_str())?, true)),
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
