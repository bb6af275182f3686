//! `git orch run`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::text;
use crate::cli::watcher::watcher;
use crate::flow::run::{Idle, Left, RunOutcome, RunRequest, Which};
use crate::flow::{FlowError, Project};
use crate::plan::retry;
use crate::plan::turns::{self, Roles, Work, Workload};
use crate::policy::value::parse_time;
use crate::report::{self, Ending, Outcome};
use crate::store::runs::report_json;

/// What `run` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Starts agents on what is ready, lets reviewers look at what they hand in, sends back, tests and lands.\n\
                        Always resumes what an earlier run left; one that was killed, interrupted or waits for its budget goes on as the\n\
                        same run, over its tasks, within its budget and time. First Ctrl-C: no new turns; second: end the running ones.\n\n\
                        Examples:\n  git orch run --agent \"exec:my-agent --headless\"\n  \
                        git orch run t-7k3f -j 2 --agent review=exec:./review.sh\n  git orch run --no-land\n  git orch run --for 8h --budget 20 --on-failure continue"
)]
pub(crate) struct RunArgs {
    /// Only these tasks
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// Agents at work at the same time, all roles together
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: Option<u32>,
    /// Which agent, for all roles or for one: implement, fix, review [exec:COMMAND, script:FOLDER, or a name of orch.toml]
    #[arg(long, value_name = "[ROLE=]AGENT")]
    agent: Vec<String>,
    /// Time limit of a turn that implements or fixes, such as 15m
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// What the agents may cost: at the limit it pauses, and asks
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<String>,
    /// Work unattended for so long, such as 8h: look at everything before, wait for agents that pause
    #[arg(long = "for", value_name = "TIME")]
    for_time: Option<String>,
    /// What follows when a task fails for good
    #[arg(long, value_name = "WHAT", default_value = "continue")]
    on_failure: OnFailure,
    /// Let agents do all that you may yourself: read your files, use the network, write anywhere
    #[arg(long, env = "GIT_ORCH_NO_SANDBOX", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_sandbox: bool,
    /// Leave what is approved in the queue
    #[arg(long)]
    no_land: bool,
    #[command(flatten)]
    dry: DryRun,
}

/// What a run does when a task needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnFailure {
    /// Go on with the others
    Continue,
    /// Start nothing more, and end
    Abort,
}

/// An example of an unattended run.
const NIGHT: &str = "git orch run --for 8h";
/// Longest time of an unattended run.
const NIGHT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

const ROLES: [&str; 5] = ["implement", "fix", "review", "test", "clarify"];

pub(crate) fn run(ctx: &Context, args: &RunArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let mut request = RunRequest { no_land: args.no_land, ..RunRequest::default() };
    request.unattended = args.for_time.as_deref().map(unattended).transpose()?;
    request.own_budget = args.budget.is_some();
    request.abort_on_failure = args.on_failure == OnFailure::Abort;
    for task in &args.tasks {
        request.only.push(project.find_open(task)?.task.id);
    }
    request.agents = args.agent.iter().map(|text| role_and_agent(text)).collect();
    if args.dry.dry_run {
        return dry_run(ctx, &project, &request);
    }
    crate::cli::stand_in(&project);
    let watcher = watcher(&ctx.out);
    let outcome = crate::flow::run::run(&project, &request, watcher.as_ref())?;
    drop(watcher);
    answer(ctx, &outcome)
}

fn unattended(text: &str) -> Result<Duration, Failure> {
    let time = parse_time(text)
        .map_err(|why| Failure::bad_value(format!("--for '{}': {why}", text::line(text)), "as in", NIGHT))?;
    if time > NIGHT_MAX {
        return Err(Failure::bad_value("--for is a week at most", "as in", NIGHT));
    }
    Ok(time)
}

/// `review=exec:x` is for one role; `exec:x=y` is for all.
fn role_and_agent(text: &str) -> (Option<String>, String) {
    match text.split_once('=') {
        Some((role, agent)) if ROLES.contains(&role) => (Some(role.to_owned()), agent.to_owned()),
        _ => (None, text.to_owned()),
    }
}

/// Says how a run ended.
pub(crate) fn answer(ctx: &Context, outcome: &RunOutcome) -> Result<Exit, Failure> {
    let report = &outcome.report;
    let data: serde_json::Value = serde_json::from_slice(&report_json(report)).unwrap_or_default();
    let needs = report.tasks.iter().filter(|task| task.result == Outcome::NeedsPerson).count();
    let mut next = report::next(report);
    next.extend(outcome.kept.then(|| format!("git orch report {}", report.run)));
    let exit = exit_of(outcome, needs);
    let mut whole = match (outcome.kept, report.tasks.is_empty()) {
        (false, true) => "nothing to do: no task is open\n".to_owned(),
        _ => report::text(report),
    };
    if let Some(Idle { why, remedy }) = &outcome.idle {
        whole = format!("{}\n", text::line(why));
        next = match remedy {
            Some(command) => vec![command.clone(), "git orch run".to_owned()],
            None => vec!["git orch run --agent exec:COMMAND".to_owned(), "git orch pick".to_owned()],
        };
    }
    if let Some(Left { tasks, why, remedy }) = &outcome.left {
        let tasks = if *tasks == 1 { "1 task is".to_owned() } else { format!("{tasks} tasks are") };
        whole.push_str(&format!("\n{tasks} left, and no agent may have a turn: {}\n", text::line(why)));
        if let Some(command) = remedy {
            next.insert(0, command.clone());
        }
    }
    if outcome.budget_waits {
        next.insert(0, "git orch approve budget".to_owned());
    }
    ctx.out.success("run", data, || whole, &next);
    Ok(exit)
}

fn exit_of(outcome: &RunOutcome, needs: usize) -> Exit {
    match (&outcome.report.ending, &outcome.idle) {
        (Ending::Interrupted, _) => Exit::Interrupted,
        (Ending::StoppedAsWorse { .. } | Ending::Aborted { .. }, _) => Exit::Person,
        (Ending::Limit { .. }, _) => Exit::Limit,
        (Ending::Done, _) if needs > 0 || outcome.left.is_some() || outcome.report.stands.is_some() => {
            Exit::Person
        }
        (Ending::Done, Some(_)) => Exit::Nothing,
        (Ending::Done, None) => Exit::Done,
    }
}

/// The turns that would start first.
fn dry_run(ctx: &Context, project: &Project, request: &RunRequest) -> Result<Exit, Failure> {
    let only = match project.which_run(request, project.op().at)? {
        Which::Again { state, .. } => state.only,
        Which::Anew(_) => request.only.iter().cloned().collect(),
    };
    let crew = project.crew(&request.agents)?;
    let rows = project.store.open_tasks().map_err(FlowError::from)?;
    let mut load = Workload {
        cards: rows.cards(),
        roles: Roles {
            implement: !crew.implement.is_empty(),
            fix: !crew.fix.is_empty(),
            review: !crew.review.is_empty(),
            test: !crew.test.is_empty(),
            clarify: !crew.clarify.is_empty(),
        },
        only,
        ours: "@".to_owned(),
        ..Workload::default()
    };
    for card in load.cards.iter().filter(|card| card.sent_back || card.try_number > 1) {
        if let Some(stored) = project.store.load(&card.id).map_err(FlowError::from)? {
            load.to_test.extend(retry::to_test(&stored.task).then(|| card.id.clone()));
            load.to_clarify.extend(retry::to_clarify(&stored.task).then(|| card.id.clone()));
        }
    }
    for card in load.cards.iter().filter(|card| card.state == "under-review") {
        if let Some(stored) = project.store.load(&card.id).map_err(FlowError::from)? {
            load.reviews.insert(card.id.clone(), project.reviewers_to_ask(&stored.task));
        }
    }
    let wanted = turns::wanted(&load, &|id| project.finished(id));
    let lines: Vec<String> = wanted
        .iter()
        .map(|work| match work {
            Work::Review { task, reviewer } => format!("review {reviewer} {task}"),
            Work::Fix { task } => format!("fix {task}"),
            Work::Implement { task } => format!("implement {task}"),
            Work::Test { task } => format!("test {task}"),
            Work::Clarify { task } => format!("clarify {task}"),
        })
        .collect();
    let shown =
        if lines.is_empty() { "nothing would start\n".to_owned() } else { format!("{}\n", lines.join("\n")) };
    ctx.out.success("run-plan", &lines, || shown, &[]);
    Ok(Exit::Done)
}
