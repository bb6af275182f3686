//! `git orch queue`: shows, fills, holds and runs the merge queue.

mod add;
mod conflicts;
mod list;
mod pause;
pub(super) mod run;
mod why;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;

use crate::cli::Context;
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;

/// What `queue` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch queue\n  git orch queue add my-branch && git orch queue run\n  git orch queue add --stack top-of-my-stack\n  git orch queue pause --below 1 -m \"release day\"\n  git orch queue why t-c3v7"
)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    pub(crate) what: Option<What>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO", global = true)]
    pub(crate) acts_as: Option<String>,
}

impl QueueArgs {
    /// Whether it does more than show.
    pub(crate) fn changes(&self) -> bool {
        !matches!(self.what, None | Some(What::Why { .. } | What::Conflicts))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Put branches into the queue; adding one by hand is its approval
    Add(add::AddArgs),
    /// Take a task out of the queue, back to review
    Drop {
        #[arg(add = ArgValueCompleter::new(task_ids))]
        task: String,
        /// Why
        #[arg(short, long, value_name = "WHY")]
        message: Option<String>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Land nothing until resumed, or nothing below a priority
    Pause(pause::PauseArgs),
    /// Go on after a pause
    Resume {
        #[command(flatten)]
        dry: DryRun,
    },
    /// Test and land until nothing is left to do
    Run(run::RunArgs),
    /// What a task waits for
    Why {
        #[arg(add = ArgValueCompleter::new(task_ids))]
        task: String,
    },
    /// Which tasks in the queue touch the same, and which do not merge
    Conflicts,
}

pub(crate) fn run(ctx: &Context, args: &QueueArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    match &args.what {
        None => list::run(ctx, &project),
        Some(What::Add(args)) => add::run(ctx, &project, args),
        Some(What::Drop { task, message, dry }) => {
            pause::drop_task(ctx, &project, task, message.as_deref(), dry.dry_run)
        }
        Some(What::Pause(args)) => pause::run(ctx, &project, args),
        Some(What::Resume { dry }) => pause::resume(ctx, &project, dry.dry_run),
        Some(What::Run(args)) => run::run(ctx, &project, args),
        Some(What::Why { task }) => why::run(ctx, &project, task),
        Some(What::Conflicts) => conflicts::run(ctx, &project),
    }
}
