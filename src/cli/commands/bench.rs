//! `git orch bench`: whole commands of this program against plain git, in one interleaved series.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::bench::{self, Measured};
use crate::process::own_program;

use super::bench_queue::{self, QueueBenchArgs};
use super::bench_queue_git::{self, QueueGitArgs};
use super::bench_side_by_side::{self, SideBySideArgs};

/// What `bench` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes a scratch repository with that many open tasks and prints medians and ratios of one run.\n\
                        Times are of whole processes; compare ratios, not times, between machines."
)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// Open tasks in the scratch repository
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    tasks: usize,
    /// Rounds of each command
    #[arg(long, default_value_t = 9, value_name = "N")]
    rounds: usize,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
enum What {
    /// Play changes against the queue's policy
    Queue(QueueBenchArgs),
    /// Measure the queue's work with git on a large repository
    QueueGit(QueueGitArgs),
    /// Land the same branches by our queue, by other policies, and by tools that search culprits
    SideBySide(SideBySideArgs),
}

pub(crate) fn run(ctx: &Context, args: &BenchArgs) -> Result<Exit, Failure> {
    match &args.what {
        Some(What::Queue(args)) => return bench_queue::run(ctx, args),
        Some(What::QueueGit(args)) => return bench_queue_git::run(ctx, args),
        Some(What::SideBySide(args)) => return bench_side_by_side::run(ctx, args),
        None => {}
    }
    let program = own_program().map_err(crate::flow::FlowError::from)?;
    ctx.out.progress(&format!("making a repository with {} tasks", args.tasks));
    let measured =
        bench::measure(&ctx.given, &program, args.tasks, args.rounds, &|line| ctx.out.progress(line))?;
    let data: Vec<_> = measured
        .iter()
        .map(|m| {
            json!({ "what": m.what, "millis": m.ours, "against": m.against, "against_millis": m.theirs,
                         "ratio": m.ratio(), "goal": m.goal, "peak_mb": m.peak_mb })
        })
        .collect();
    ctx.out.success("bench", data, || table(&measured), &[]);
    Ok(Exit::Done)
}

fn table(measured: &[Measured]) -> String {
    let mut out = format!(
        "{:<34} {:>9} {:>9} {:>6} {:>5} {:>8}\n",
        "whole process, median", "ours ms", "git ms", "ratio", "goal", "peak MB"
    );
    for m in measured {
        let peak = m.peak_mb.map_or_else(String::new, |mb| format!("{mb:.0}"));
        out.push_str(&format!(
            "{:<34} {:>9.1} {:>9.1} {:>6.2} {:>5.1} {peak:>8}\n",
            m.what,
            m.ours,
            m.theirs,
            m.ratio(),
            m.goal
        ));
    }
    out.push_str(
        "git: for-each-ref with subjects over refs/orch/tasks; for the hook: diff --numstat main...\n",
    );
    out
}
