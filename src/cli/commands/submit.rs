//! `git orch submit`.

use clap::Args;
use serde_json::json;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, held_by_another};
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::needs::{Eyes, needs};
use crate::cli::text;
use crate::flow::submit::HandIn;
use crate::flow::{FlowError, Project};
use crate::task::id::TaskId;
use crate::task::{State, Trouble};

/// What `submit` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Commits what is in the task's worktree (or takes your commits), measures it, and puts it before its\n\
                        reviewers; without an agent for reviews it waits for somebody else's git orch approve.\n\n\
                        Examples:\n  git orch submit                      in the task's worktree\n  \
                        git orch submit t-7k3f -m \"Fix the login race\""
)]
pub(crate) struct SubmitArgs {
    /// The task; without it the one whose worktree you are in
    pub(crate) task: Option<String>,
    /// The commit message; for a change over the cap, why it cannot be split
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// One line for the CHANGELOG
    #[arg(long, value_name = "LINE")]
    changelog: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &SubmitArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let id = task_of(ctx, &project, args.task.as_deref())?;
    let actor = project.person();
    let hand_in = HandIn { message: args.message.clone(), changelog: args.changelog.clone() };
    if args.dry.dry_run {
        return dry_run(ctx, &project, &id);
    }
    let (stored, measured) =
        project.submit(&project.op(), &actor, &id, &hand_in).map_err(|err| refused(err, &id))?;
    let size = &measured.size;
    let data = json!({
        "task": stored.task.id.as_str(),
        "state": stored.task.state.word(),
        "head": measured.head.as_str(),
        "diff": { "added": size.added, "removed": size.removed, "cap": project.policy.cap.caps.diff },
        "full": TaskJson::of(&project, &stored.task),
    });
    let waits = match &stored.task.state {
        State::Escalated { because, .. } => format!("waits for an exception: {}", text::line(&because.text)),
        _ if project.agents_review() => "waits for its reviewers".to_owned(),
        _ => "waits for somebody else's approval".to_owned(),
    };
    let files = measured.files.len();
    let line = format!(
        "{id}  {}  +{} -{} of {}, {}; {waits}\n",
        stored.task.state.column().word(),
        size.added,
        size.removed,
        project.policy.cap.caps.diff,
        text::count(files, "file"),
    );
    let mut next = vec![format!("git orch show {id}")];
    if project.seat().is_none() && needs(&stored.task, &Eyes::of(&project)).is_some() {
        next.push(format!("git orch approve {id} --as NAME"));
    }
    ctx.out.success("submit", data, || line, &next);
    Ok(Exit::Done)
}

/// A refusal, with what the worker can still do.
fn refused(err: FlowError, id: &TaskId) -> Failure {
    let trouble = match &err {
        FlowError::Gate { evidence, .. } => Some(evidence.trouble),
        _ => None,
    };
    let failure = match err {
        FlowError::Claimed { id, owner, since } => held_by_another(&id, &owner, since),
        err => Failure::from(err),
    };
    match trouble {
        Some(Trouble::TooBig) => failure
            .hint("or ask for an exception", format!("git orch submit {id} -m \"why it cannot be split\"")),
        _ => failure,
    }
}

/// The task that is named, or the one whose worktree one stands in.
fn task_of(ctx: &Context, project: &Project, named: Option<&str>) -> Result<TaskId, Failure> {
    if let Some(named) = named {
        return Ok(project.find_open(named)?.task.id);
    }
    match project.task_here(&ctx.given.dir) {
        Some(id) => Ok(project.find_open(id.as_str())?.task.id),
        None => Err(FlowError::NoTaskHere.into()),
    }
}

/// Measures what is there, uncommitted changes included, and writes nothing.
fn dry_run(ctx: &Context, project: &Project, id: &TaskId) -> Result<Exit, Failure> {
    let stored = project.find_open(id.as_str())?;
    let worktree = project.worktree_of(id);
    let status = project.repo.status(&worktree).map_err(FlowError::from)?;
    let head = project.work_of(&stored.task)?;
    let head = head.ok_or_else(|| FlowError::NoBranch(stored.task.branch.clone()))?;
    let measured = project.measure(Some(&stored.task), &project.merge_base(&head)?, &head)?;
    let size = &measured.size;
    let refusal = measured.refusal().map(|evidence| evidence.text);
    let data = json!({
        "task": id.as_str(),
        "uncommitted": status.len(),
        "diff": { "added": size.added, "removed": size.removed, "cap": project.policy.cap.caps.diff },
        "refusal": refusal,
    });
    let would = match &refusal {
        Some(why) => format!("would refuse {id}: {}", text::line(why)),
        None if measured.files.is_empty() => format!("would refuse {id}: nothing has changed"),
        None => format!("would commit {} and hand {id} in", text::count(status.len(), "file")),
    };
    let cap = project.policy.cap.caps.diff;
    let files = text::count(measured.files.len(), "file");
    let line = format!("{would}\n+{} -{} of {cap}, {files}\n", size.added, size.removed);
    ctx.out.success("submit", data, || line, &[]);
    Ok(Exit::Done)
}
