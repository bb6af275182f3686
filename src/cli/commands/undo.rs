//! `git orch undo`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::text;

/// What `undo` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Journals only grow: an undo adds an event after which each task is what it was before.\n\
                        What has landed is not undone so; revert it on a branch and queue that.\n\n\
                        Examples:\n  git orch undo\n  git orch undo 4c90b17        an event of git orch log"
)]
pub(crate) struct UndoArgs {
    /// The operation: its id, or a commit that git orch log shows; without it the last one
    op: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &UndoArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let undone = project.plan_undo(args.op.as_deref())?;
    if !args.dry.dry_run {
        project.undo(&project.op(), &undone)?;
    }
    let events: Vec<Value> =
        undone.events.iter().map(|(id, what)| json!({ "task": id.as_str(), "what": what })).collect();
    let verb = if args.dry.dry_run { "would undo" } else { "undid" };
    let lines: String =
        undone.events.iter().map(|(id, what)| format!("{verb}  {id}  {}\n", text::line(what))).collect();
    ctx.out.success(
        "undo",
        json!({ "undone": undone.op, "events": events }),
        || lines,
        &["git orch status".to_owned()],
    );
    Ok(Exit::Done)
}
