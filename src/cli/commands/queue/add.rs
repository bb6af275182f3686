//! `queue add`: branches and tasks into the queue.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::adopt::Adoption;
use crate::flow::intake::Intake;
use crate::flow::{FlowError, Project};
use crate::store::{Op, layout};
use crate::task::id::{Seconds, TaskId};
use crate::task::{State, Task};

use crate::cli::codes::Code;
use crate::cli::complete::{task_ids, tasks_and_branches};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::needs::options;
use crate::cli::{Context, text};

/// What `queue add` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch queue add topic-a topic-b\n  git orch queue add --stack topic-c      with the branches that it is built on\n  git orch queue add urgent --hotfix      what runs is thrown away for it"
)]
pub(crate) struct AddArgs {
    /// Branches, or tasks
    #[arg(required = true, value_name = "TASK-OR-BRANCH", add = ArgValueCompleter::new(tasks_and_branches))]
    what: Vec<String>,
    /// The branches that each is built on as well, the lowest first
    #[arg(long)]
    stack: bool,
    /// Tasks that must land before
    #[arg(long, value_name = "TASK,..", value_delimiter = ',', add = ArgValueCompleter::new(task_ids))]
    after: Vec<String>,
    /// 0 goes first, 4 last
    #[arg(short, long, value_name = "0-4", value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: Option<u8>,
    /// Before everything else: test runs without it are thrown away
    #[arg(long)]
    hotfix: bool,
    #[command(flatten)]
    dry: DryRun,
}

/// What a word of `queue add` means.
enum Added {
    Branch(String),
    /// A task that is in the queue already.
    There(Box<Task>),
}

pub(super) fn run(ctx: &Context, project: &Project, args: &AddArgs) -> Result<Exit, Failure> {
    let mut meant = Vec::new();
    for word in &args.what {
        match classify(project, word)? {
            Added::Branch(branch) if args.stack => {
                meant.extend(project.stack_of(&branch)?.into_iter().map(Added::Branch));
            }
            other => meant.push(other),
        }
    }
    let mut intake = Intake::open(project)?;
    let (mut branches, mut below) = (Vec::new(), None);
    for added in &meant {
        if let Added::Branch(branch) = added {
            let onto = adoption(project, &intake, args, branch)?.onto.or(below.filter(|_| args.stack));
            branches.push((branch.clone(), onto));
            below = project.repo.tip(&layout::branch_ref(branch)).map_err(FlowError::from)?;
        }
    }
    let checked = intake.check(&branches)?; // all of them, before anything is written
    if !args.dry.dry_run {
        let op = project.op();
        let mut later = i64::try_from(checked.len()).unwrap_or(i64::MAX);
        for one in &checked {
            later -= 1;
            // Whoever stands first goes first: times are whole seconds, so each gets its own.
            let at = Seconds(op.at.0 - later);
            let with = adoption(project, &intake, args, &one.branch)?;
            intake.plan(Op { at, ..op.clone() }, one, with)?;
        }
    }
    let mut written = intake.write()?.into_iter();
    let (mut lines, mut tasks) = (String::new(), Vec::new());
    for added in meant {
        match added {
            Added::There(task) => {
                lines.push_str(&format!("{} is in the queue already\n", task.id));
                tasks.push(TaskJson::of(project, &task));
            }
            Added::Branch(branch) => match written.next() {
                None => lines.push_str(&format!("would queue {}\n", text::line(&branch))),
                Some(stored) => {
                    lines.push_str(&queued_line(&stored.task));
                    tasks.push(TaskJson::of(project, &stored.task));
                }
            },
        }
    }
    let next = if args.dry.dry_run { Vec::new() } else { vec!["git orch queue run".to_owned()] };
    ctx.out.success("queue-add", json!({"tasks": tasks}), || lines, &next);
    Ok(Exit::Done)
}

fn queued_line(task: &Task) -> String {
    let (added, removed) = task.state.change().map_or((0, 0), |change| (change.added, change.removed));
    let after: Vec<&str> = task.after.iter().map(TaskId::as_str).collect();
    let after = if after.is_empty() { String::new() } else { format!("  after {}", after.join(", ")) };
    format!("queued {}  {}  (+{added} -{removed}){after}\n", task.id, text::line(&task.title))
}

/// What a branch is added with: what was asked for, and the tasks in the queue that it is built on.
fn adoption(
    project: &Project,
    intake: &Intake<'_>,
    args: &AddArgs,
    branch: &str,
) -> Result<Adoption, Failure> {
    let below = intake.built_on(branch)?;
    let mut after = project.dependencies(branch, &args.after)?;
    for (id, _) in &below {
        if !after.contains(id) {
            after.push(id.clone());
        }
    }
    let onto = below.last().map(|(_, head)| head.clone());
    Ok(Adoption { after, priority: args.priority, hotfix: args.hotfix, onto })
}

/// A branch of somebody's own, or a task. An exact name counts before a prefix.
fn classify(project: &Project, word: &str) -> Result<Added, Failure> {
    let word = word.strip_prefix("refs/heads/").unwrap_or(word);
    let exact = match TaskId::parse(word) {
        Ok(id) => project.store.load(&id).map_err(FlowError::from)?,
        Err(_) => None,
    };
    if let Some(stored) = exact.filter(|stored| !stored.task.adopted) {
        return of_task(project, stored.task);
    }
    let own = word.starts_with(layout::BRANCH_PREFIX);
    let branch =
        if word.starts_with('-') { None } else { project.repo.tip(&layout::branch_ref(word)).ok().flatten() };
    if branch.is_some() && !own {
        return Ok(Added::Branch(word.to_owned()));
    }
    match project.find_open(word) {
        Ok(stored) => of_task(project, stored.task),
        // What is no task was most likely meant as a branch.
        Err(FlowError::Unknown { near: None, .. } | FlowError::BadId(_)) if branch.is_none() => {
            Err(FlowError::NoBranch(crate::task::id::shown(word)).into())
        }
        Err(FlowError::Unknown { .. } | FlowError::BadId(_)) => Ok(Added::Branch(word.to_owned())),
        Err(err) => Err(err.into()),
    }
}

fn of_task(project: &Project, task: Task) -> Result<Added, Failure> {
    let id = &task.id;
    let answer = || options(&task, &project.who, true).into_iter().next();
    let refuse = |message: String| {
        let failure = Failure::new(Code::UnderReview, message);
        match answer() {
            Some((command, what)) => failure.hint(what, command),
            None => failure.hint("see what it waits for", format!("git orch show {id}")),
        }
    };
    match &task.state {
        State::ReadyForHandoff { .. } => Ok(Added::There(Box::new(task))),
        _ if task.adopted => Ok(Added::Branch(task.branch)),
        State::UnderReview { .. } | State::DomainReview { .. } => {
            Err(refuse(format!("{id} is under review; it lands after approval and tests")))
        }
        State::Blocked { .. } | State::Escalated { .. } => {
            Err(refuse(format!("{id} is {}: it needs an answer first", task.state.said())))
        }
        state => Err(refuse(format!(
            "{id} is {}; it lands after it is handed in, approved and tested",
            state.said()
        ))),
    }
}
