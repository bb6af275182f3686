//! `git orch bench`: whole commands of this program against plain git, in one interleaved series.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::bench::{self, Measured};
use crate::flow::bench_sandbox::{self, Held};
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
    /// What a sandbox costs at its start, and six agents that wait
    Sandbox(SandboxBenchArgs),
}

/// What `bench sandbox` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  git orch bench sandbox --rounds 50 --seconds 30")]
pub(crate) struct SandboxBenchArgs {
    /// Starts of each kind
    #[arg(long, default_value_t = 31, value_name = "N")]
    rounds: usize,
    /// Agents that wait at the same time
    #[arg(long, default_value_t = 6, value_name = "N")]
    agents: usize,
    /// How long they are looked at
    #[arg(long, default_value_t = 20, value_name = "N")]
    seconds: u64,
}

/// Most milliseconds that a sandbox may add to a start, most percent of a core and most MB for six idle agents.
const GOALS: (f64, f64, f64) = (40.0, 1.0, 30.0);

pub(crate) fn run(ctx: &Context, args: &BenchArgs) -> Result<Exit, Failure> {
    match &args.what {
        Some(What::Queue(args)) => return bench_queue::run(ctx, args),
        Some(What::QueueGit(args)) => return bench_queue_git::run(ctx, args),
        Some(What::SideBySide(args)) => return bench_side_by_side::run(ctx, args),
        Some(What::Sandbox(args)) => return sandbox(ctx, args),
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

fn sandbox(ctx: &Context, args: &SandboxBenchArgs) -> Result<Exit, Failure> {
    let say = |line: &str| ctx.out.progress(line);
    let held = bench_sandbox::measure(&ctx.given, args.rounds, args.agents, args.seconds, &say)?;
    let data = json!({
        "means": held.means.to_string(), "rounds": held.rounds, "supervised_ms": held.supervised,
        "held_ms": held.held, "start_ms": held.start(), "agents": held.agents, "seconds": held.seconds,
        "cpu_percent": held.cpu_percent, "memory_mb": held.memory_mb, "processes": held.processes,
    });
    ctx.out.success("bench-sandbox", data, || sandbox_table(&held), &[]);
    Ok(Exit::Done)
}

fn sandbox_table(held: &Held) -> String {
    let (start, cpu, memory) = GOALS;
    format!(
        "{} adds to a start      {:>6.1} ms   goal {start:.0}   ({:.1} ms with it, {:.1} without; medians of {})\n\
         {} idle agents, {} s    {:>6.2} %    goal {cpu:.0}    of one core\n\
         {:<26} {:>6.1} MB   goal {memory:.0}   in {} processes, all but the agents' own\n",
        held.means,
        held.start(),
        held.held,
        held.supervised,
        held.rounds,
        held.agents,
        held.seconds,
        held.cpu_percent,
        "",
        held.memory_mb,
        held.processes,
    )
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
