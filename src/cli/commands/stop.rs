//! `git orch stop`: holds tasks, gives them up, or ends the run softly.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::cli::Context;
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::text;
use crate::flow::Project;
use crate::task::State;

/// What `stop` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  git orch stop                 the run ends after the work in hand\n  \
    git orch stop t-c3v7          hold it; git orch approve t-c3v7 goes on\n  \
    git orch stop t-c3v7 --abandon\n\n\
    A task that waits for a person already is given up; git orch undo takes that back.")]
pub(crate) struct StopArgs {
    /// Tasks to hold, or, where they wait for a person already, to give up; without any, the run is asked to end
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) tasks: Vec<String>,
    /// Give them up; their work is kept
    #[arg(long, requires = "tasks")]
    pub(crate) abandon: bool,
    /// Why
    #[arg(short, long, value_name = "WHY")]
    pub(crate) message: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &StopArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let because = args.message.clone().unwrap_or_else(|| format!("asked by {}", project.who));
    if args.tasks.is_empty() {
        return end_run(ctx, &project, &because, args.dry.dry_run);
    }
    let mut found = Vec::new();
    for text in &args.tasks {
        found.push(project.find_open(text)?.task); // all of them are looked up before one is changed
    }
    let op = project.op();
    let (mut lines, mut tasks, mut next) = (String::new(), Vec::new(), Vec::new());
    for task in found {
        let waits = matches!(task.state, State::Escalated { .. } | State::Blocked { .. });
        let task =
            if args.dry.dry_run { task } else { project.stop(&op, &task.id, args.abandon, &because)?.task };
        let id = &task.id;
        let gives_up = args.abandon || waits || task.state.is_finished();
        let verb = match (args.dry.dry_run, gives_up) {
            (true, true) => "would give up",
            (true, false) => "would hold",
            (false, true) => "gave up",
            (false, false) => "holds",
        };
        let why = if waits && !args.abandon { ": it waited for a person already" } else { "" };
        lines.push_str(&format!("{verb} {id}{why}\n"));
        let worktree = project.worktree_of(id);
        if task.state.is_finished() && !task.adopted && worktree.join(".git").exists() {
            lines.push_str(
                "  its worktree stays: it has files that are in no commit; if nobody wants them:\n",
            );
            lines.push_str(&format!(
                "  git worktree remove -f -f {}\n",
                text::line(&worktree.display().to_string())
            ));
        }
        if !task.state.is_finished() {
            next.push(format!("git orch approve {id}"));
        } else if !args.dry.dry_run {
            next.push("git orch undo".to_owned());
        }
        tasks.push(TaskJson::of(&project, &task));
    }
    ctx.out.success("stop", json!({"run": false, "tasks": tasks}), || lines, &next);
    Ok(Exit::Done)
}

/// Asks the run of this clone, if one goes on, to end softly.
fn end_run(ctx: &Context, project: &Project, because: &str, dry: bool) -> Result<Exit, Failure> {
    let goes_on = project.run_goes_on()?;
    if goes_on && !dry {
        project.ask_run_to_stop(because)?;
    }
    let line = match (goes_on, dry) {
        (true, false) => "asked the run to end after the work in hand\n",
        (true, true) => "would ask the run to end after the work in hand\n",
        (false, _) => "no run goes on in this clone\n",
    };
    let data = json!({"run": goes_on, "tasks": []});
    ctx.out.success("stop", data, || line.to_owned(), &["git orch status".to_owned()]);
    Ok(Exit::Done)
}
