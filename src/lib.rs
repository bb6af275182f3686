//! `git orch`: hands tasks to coding agents and people, and lands what they make.
//!
//! The map. Rooms from the ground up: a room may use the pure rooms above it in this list, and effect rooms only as
//! `docs/architecture.md` draws them; `tests/architecture.rs` holds both. *Decide in a pure room, do in an effect
//! room*: the queue's rules are in `queue/`, they are carried out in `flow/queue/`.

// Pure rooms decide. They know no files, programs, network, clock or environment: all of it comes in as values.

/// What a task is: names, states, the one transition function, events, the spec.
mod task;
/// Which task comes next: dependencies, priority, nearly-done work first.
mod plan;
/// What agents answer in agreed forms: verdicts and findings, why an attempt failed, plans.
mod review;
/// Which tests a change needs: globs with captures over the changed files.
mod select;
/// What tests answered: report formats, results as sets, what counts as worse.
mod suite;
/// Hard limits of a change: size and paths.
mod guard;
/// What workers that cannot write answer: `FILE:` blocks, and several answers made one.
mod synthesis;
/// The merge queue's planner.
mod queue;
/// The queue under invented or recorded traffic, with a clock of its own: benchmarks of the policy.
mod bench;
/// Settings: `orch.toml`, its layers, which of them wins and why.
mod policy;
/// Figures and text of a finished run.
mod report;
/// What is said to and by the host of pull requests: webhooks, slash commands, comments.
mod forge;
/// Other trackers: their files read into items, and our tasks written as one.
mod tracker;

// Effect rooms do one kind of thing each.

/// Runs programs: short trusted ones, and supervised ones with limits.
#[expect(clippy::disallowed_methods, reason = "the one room that spawns programs and looks up its own")]
mod process;
/// Knows git: gix for objects and refs, the git binary for merges, worktrees and exchange.
mod git;
/// Knows the names and formats of what is stored in git.
mod store;
/// Knows how each agent is called and what its answer looks like.
mod agent;
/// Asks the host of pull requests and answers it: the only room that knows octocrab.
mod github;
/// Brings pure and effect rooms together, under the pure rooms' names.
mod flow;
/// The command line: the only room that prints and that reads arguments and environment.
mod cli;

/// Runs the command line and returns the process's exit code.
pub fn run() -> u8 {
    cli::run()
}
