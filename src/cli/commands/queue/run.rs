//! `queue run`: tests and lands until nothing is left to do, or a bound is reached.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::flow::queue::{Bounds, Lander, Rounds};
use crate::flow::{FlowError, Project, interrupt};
use crate::process::Stop;
use crate::task::id::TaskId;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::watcher::watcher;
use crate::cli::{Context, text};

/// What `queue run` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch queue run\n  git orch queue run -j 2 --for 8h\n  git orch queue run --runs 20\n\nEnds with 4 where a person is needed, else with 3 where something went back to its worker; with 5 where a bound was\nreached: call it again to go on."
)]
pub(crate) struct RunArgs {
    /// Only until one task has landed or left the queue
    #[arg(long)]
    once: bool,
    /// Test runs at the same time
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Start no test run after this time: 90s, 15m, 8h
    #[arg(long = "for", value_name = "TIME", value_parser = crate::policy::value::parse_time)]
    time: Option<Duration>,
    /// Start no more test runs than this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    #[command(flatten)]
    dry: DryRun,
}

pub(super) fn run(ctx: &Context, project: &Project, args: &RunArgs) -> Result<Exit, Failure> {
    if args.dry.dry_run {
        let cards = project.store.open_tasks().map_err(FlowError::from)?.cards();
        let ids: Vec<String> = super::list::in_order(&cards).iter().map(|card| card.id.to_string()).collect();
        let line = match ids.as_slice() {
            [] => "nothing is in the queue\n".to_owned(),
            ids => format!("would test and land {}\n", ids.join(", ")),
        };
        ctx.out.success("queue-run", json!({"would": ids}), || line, &[]);
        return Ok(Exit::Done);
    }
    for line in project.recover()? {
        ctx.out.progress(&text::line(&line));
    }
    let project = project.reopened()?;
    let stop = Stop::new();
    interrupt::interrupts_request(&stop)?;
    let watcher = watcher(&ctx.out);
    let slots = args.jobs.unwrap_or(project.policy.queue.jobs);
    crate::cli::stand_in(&project);
    let bounds = Bounds { once: args.once, runs: args.runs, time: args.time };
    let mut rounds = Lander::new(&project, &*watcher, stop, slots).asked_again().drain(&bounds)?;
    drop(watcher);
    if rounds.stands.is_none() && !rounds.waiting.is_empty() {
        let stopped = project.store.repo_state().map_err(FlowError::from)?.stopped;
        rounds.stands = stopped.map(|why| format!("stopped: {why}"));
    }
    let ids = |ids: &[TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let data = json!({
        "landed": ids(&rounds.landed),
        "sent_back": ids(&rounds.sent_back),
        "needs_you": ids(&rounds.needs_you),
        "waiting": ids(&rounds.waiting),
        "runs": rounds.runs,
        "limit": rounds.limit,
        "stands": rounds.stands,
    });
    let mut next: Vec<String> = rounds.needs_you.iter().map(|id| format!("git orch show {id}")).collect();
    next.extend(rounds.limit.is_some().then(|| "git orch queue run".to_owned()));
    if rounds.stands.is_some() {
        let state = project.store.repo_state().map_err(FlowError::from)?;
        let kept_back = state.paused.is_some() || state.min_priority.is_some();
        next.extend(state.stopped.map(|_| "git orch approve queue".to_owned()));
        next.extend(kept_back.then(|| "git orch queue resume".to_owned()));
    }
    ctx.out.success("queue-run", data, || summary(&rounds), &next);
    Ok(exit_of(&rounds))
}

/// 0 where everything landed or nothing was to do, 3 where something was sent back to its worker, 4 where something is
/// left for a person, 5 where a bound was reached.
fn exit_of(rounds: &Rounds) -> Exit {
    let stands = rounds.needs_person || rounds.stands.is_some() && !rounds.waiting.is_empty();
    if rounds.limit.is_some() {
        Exit::Limit
    } else if stands || !rounds.needs_you.is_empty() {
        Exit::Person
    } else if !rounds.sent_back.is_empty() {
        Exit::Gate
    } else {
        Exit::Done
    }
}

pub(crate) fn summary(rounds: &Rounds) -> String {
    let mut out = String::new();
    let mut part = |what: &str, ids: &[TaskId]| {
        if !ids.is_empty() {
            let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            out.push_str(&format!("{what}: {}\n", names.join(", ")));
        }
    };
    part("landed", &rounds.landed);
    part("sent back", &rounds.sent_back);
    part("needs you", &rounds.needs_you);
    part("still waiting", &rounds.waiting);
    if let Some(limit) = &rounds.limit {
        out.push_str(&format!("stopped at its bound: {limit}\n"));
    }
    if let Some(why) = &rounds.stands {
        out.push_str(&format!("nothing more lands: {}\n", text::line(why)));
    }
    if out.is_empty() { "nothing to do\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    #[test]
    fn the_exit_says_whether_somebody_is_needed() {
        let landed = Rounds { landed: vec![id("t-1")], runs: 2, ..Rounds::default() };
        assert_eq!((exit_of(&landed), summary(&landed).as_str()), (Exit::Done, "landed: t-1\n"));
        assert_eq!(
            (exit_of(&Rounds::default()), summary(&Rounds::default()).as_str()),
            (Exit::Done, "nothing to do\n")
        );
        let left = Rounds { needs_you: vec![id("t-2")], ..landed };
        assert_eq!(
            (exit_of(&left), summary(&left).as_str()),
            (Exit::Person, "landed: t-1\nneeds you: t-2\n")
        );
        let stands = Rounds { stands: Some("the queue is paused".to_owned()), ..Rounds::default() };
        assert_eq!(exit_of(&stands), Exit::Done, "nothing waits");
        assert_eq!(exit_of(&Rounds { waiting: vec![id("t-3")], ..stands.clone() }), Exit::Person);
        let stopped = Rounds { needs_person: true, ..stands.clone() };
        assert_eq!(exit_of(&stopped), Exit::Person, "though nothing waits");
        let back = Rounds { sent_back: vec![id("t-4")], ..Rounds::default() };
        assert_eq!(exit_of(&back), Exit::Gate, "its worker is at it");
        assert_eq!(exit_of(&Rounds { needs_you: vec![id("t-2")], ..back }), Exit::Person);
        let limit = Rounds { limit: Some("20 test runs".to_owned()), ..stands };
        assert_eq!(exit_of(&limit), Exit::Limit);
    }
}
