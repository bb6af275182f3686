//! `git orch show`: everything about one task, run or error code.

/// What its JSON has besides the task.
mod json;
/// The diff of its change.
mod patch;
/// What was sent to agents.
mod prompts;
/// The screen of one task.
mod screen;

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::task::State;
use crate::task::id::{RunId, shown};

use crate::cli::Context;
use crate::cli::codes::{self, Code};
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::needs::Eyes;

pub(super) use patch::patch;

use json::ShownJson;
use prompts::{prompts, sent_json};
use screen::{Screen, render, trouble_of};

/// What `show` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch show t-c3v7\n  git orch show -p t-c3v7\n  git orch show --prompt t-c3v7\n  git orch show my-branch\n  git orch show E-CLAIMED"
)]
pub(crate) struct ShowArgs {
    /// A task, its branch, a run or an error code; without it the task of this worktree
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Option<String>,
    /// Print the diff of its change
    #[arg(short, long)]
    pub(crate) patch: bool,
    /// Print what was sent to the agent at each turn, word for word
    #[arg(long, conflicts_with = "patch")]
    pub(crate) prompt: bool,
    /// Print its whole spec
    #[arg(long, conflicts_with_all = ["patch", "prompt"])]
    pub(crate) spec: bool,
}

pub(crate) fn run(ctx: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    if let Some((code, name, meaning)) = args.what.as_deref().and_then(codes::explain) {
        let exit = code.exit();
        let data = json!({"code": name, "exit": exit.code(), "meaning": meaning});
        let text = || format!("{name}  (exit {}: {})\n{meaning}\n", exit.code(), exit.meaning());
        ctx.out.success("code", data, text, &[]);
        return Ok(Exit::Done);
    }
    if let Some(what) = args.what.as_deref().filter(|what| what.starts_with("E-")) {
        return Err(Failure::new(Code::Unknown, format!("no such code '{}'", shown(what)))
            .hint("a code stands at the end of an error, as in", "git orch show E-CLAIMED"));
    }
    let project = ctx.project()?;
    let found = match &args.what {
        Some(what) => match report_of_run(ctx, &project, what)? {
            Some(exit) => return Ok(exit),
            None => project.find(what)?,
        },
        None => {
            let id = project.task_here(&ctx.given.dir).ok_or(FlowError::NoTaskHere)?;
            project.find(id.as_str())?
        }
    };
    let stored = found.stored();
    if args.patch {
        let patch = patch(&project, stored)?;
        let data = json!({"id": stored.task.id.as_str(), "patch": patch});
        ctx.out.success("patch", data, || patch.clone(), &[]);
        return Ok(Exit::Done);
    }
    if args.spec {
        let (id, spec) = (stored.task.id.as_str(), stored.task.spec.trim_end());
        ctx.out.success("spec", json!({"id": id, "spec": spec}), || format!("{}\n", shown(spec)), &[]);
        return Ok(Exit::Done);
    }
    if args.prompt {
        let sent = project.sent(stored)?;
        let data: Vec<serde_json::Value> = sent.iter().map(sent_json).collect();
        ctx.out.success("prompts", data, || prompts(&sent), &[]);
        return Ok(Exit::Done);
    }
    let events = project.store.events(&stored.tip, 400).map_err(FlowError::from)?;
    let screen = Screen {
        task: &stored.task,
        cap: project.policy.cap.caps.diff,
        eyes: Eyes::of(&project),
        timeline: events.iter().map(|(_, event)| (event.at, event.event.subject(&event.actor.who))).collect(),
        now: now(),
        waits: project.waits(&stored.task).filter(|_| matches!(stored.task.state, State::Pending)),
        log: trouble_of(&stored.task).and_then(|why| project.log_behind(&stored.task.id, why)),
    };
    ctx.out.success("task", ShownJson::of(&project, &screen), || render(&screen), &[]);
    Ok(Exit::Done)
}

/// Prints the report of a run, if `what` is one.
fn report_of_run(ctx: &Context, project: &Project, what: &str) -> Result<Option<Exit>, Failure> {
    if !what.starts_with("r-") {
        return Ok(None);
    }
    let run = RunId(what.to_owned());
    let file = |name: &str| project.store.run_file(&run, name).map_err(FlowError::from);
    let Ok(Some(markdown)) = file("report.md") else {
        // A task may be called so, too.
        return match project.find(what) {
            Ok(_) => Ok(None),
            Err(_) => Err(FlowError::NoRun(shown(what)).into()),
        };
    };
    let report: serde_json::Value =
        file("report.json")?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    ctx.out.success("run", report, || shown(&String::from_utf8_lossy(&markdown)), &[]);
    Ok(Some(Exit::Done))
}
