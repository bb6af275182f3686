//! `queue pause`, `queue resume` and `queue drop`: what a person keeps back.

use clap::Args;
use serde_json::json;

use crate::flow::{FlowError, Project};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::{Context, text};

/// What `queue pause` is asked for.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Why
    #[arg(short, long, value_name = "WHY")]
    message: Option<String>,
    /// Only what is less urgent than this priority waits; 0 goes first
    #[arg(long, value_name = "0-3", value_parser = clap::value_parser!(u8).range(0..=3))]
    below: Option<u8>,
    #[command(flatten)]
    dry: DryRun,
}

pub(super) fn run(ctx: &Context, project: &Project, args: &PauseArgs) -> Result<Exit, Failure> {
    let why = args.message.clone().unwrap_or_else(|| format!("by {}", project.who));
    let (dry, what) = (
        args.dry.dry_run,
        match args.below {
            Some(min) => format!("closed below priority {min}: {}", text::line(&why)),
            None => format!("paused: {}", text::line(&why)),
        },
    );
    let paused = args.below.is_none().then(|| why.clone());
    if !dry {
        change(project, &format!("the queue is {what}"), paused.as_ref(), args.below)?;
    }
    let data = json!({"paused": paused, "below": args.below});
    let line = format!("the queue {} {what}\n", if dry { "would be" } else { "is" });
    let next = if dry { Vec::new() } else { vec!["git orch queue resume".to_owned()] };
    ctx.out.success("queue-state", data, || line, &next);
    Ok(Exit::Done)
}

pub(super) fn resume(ctx: &Context, project: &Project, dry: bool) -> Result<Exit, Failure> {
    if !dry {
        change(project, "the queue goes on", None, None)?;
    }
    let data = json!({"paused": null, "below": null});
    let line = if dry { "the queue would go on\n" } else { "the queue goes on\n" };
    let next = if dry { Vec::new() } else { vec!["git orch queue run".to_owned()] };
    ctx.out.success("queue-state", data, || line.to_owned(), &next);
    Ok(Exit::Done)
}

fn change(
    project: &Project,
    subject: &str,
    paused: Option<&String>,
    below: Option<u8>,
) -> Result<(), Failure> {
    project
        .store
        .change_repo(&project.op(), &project.who, subject, |mut state| {
            state.paused = paused.cloned();
            state.min_priority = below;
            state
        })
        .map_err(FlowError::from)?;
    Ok(())
}

pub(super) fn drop_task(
    ctx: &Context,
    project: &Project,
    task: &str,
    message: Option<&str>,
    dry: bool,
) -> Result<Exit, Failure> {
    let stored = project.find_open(task)?;
    let id = stored.task.id.clone();
    let why = message.map_or_else(|| format!("taken out of the queue by {}", project.who), str::to_owned);
    let task = if dry { stored.task } else { project.drop_from_queue(&project.op(), &id, &why)?.task };
    let would = if dry { "would take" } else { "took" };
    let data = TaskJson::of(project, &task);
    ctx.out.success(
        "task",
        data,
        || format!("{would} {id} out of the queue\n"),
        &[format!("git orch approve {id}")],
    );
    Ok(Exit::Done)
}
