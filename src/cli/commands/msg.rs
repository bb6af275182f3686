//! `git orch msg`.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::{Context, text};
use crate::flow::FlowError;
use crate::task::id::TaskId;

/// What `msg` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Kept in the task's journal, for whoever looks at it: git orch show, git orch log.\n\n\
                        Examples:\n  git orch msg t-7k3f -m \"the flaky test is #12, not this\"\n  \
                        git orch msg -m \"needs the schema of t-9x2a\"     in the task's worktree"
)]
pub(crate) struct MsgArgs {
    /// The task; without it the one whose worktree you are in
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) task: Option<String>,
    /// What to say, at most 4000 bytes
    #[arg(short, long, value_name = "TEXT")]
    message: String,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &MsgArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let id: TaskId = match &args.task {
        Some(named) => project.find_open(named)?.task.id,
        None => project.task_here(&ctx.given.dir).ok_or(FlowError::NoTaskHere)?,
    };
    let who = project.person().who;
    if !args.dry.dry_run {
        let _ = project.say(&project.op(), &id, &args.message)?;
    }
    let data = json!({ "task": id.as_str(), "by": who.0, "text": args.message.trim() });
    let verb = if args.dry.dry_run { "would say" } else { "said" };
    let line = || format!("{id}  {verb} by {}: {}\n", text::owner(&who.0), text::line(args.message.trim()));
    ctx.out.success("msg", data, line, &[]);
    Ok(Exit::Done)
}
