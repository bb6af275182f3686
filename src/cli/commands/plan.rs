//! `git orch plan`: from a goal to tasks. A manager proposes, you say yes.

use clap::Args;
use serde_json::json;

use crate::flow::plan::{Goal, Planned};
use crate::review::proposal::Proposal;
use crate::task::id::TaskId;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::{Context, text};

use super::add::{checked_title, title_of};

/// What `plan` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "An agent reads the repository and proposes tasks with acceptance criteria; it can write nothing. The plan is shown\n\
                        and kept; --apply adds its tasks.\n\n\
                        Examples:\n  git orch plan \"Let users export their data\" -m \"CSV first; old accounts too.\"\n  \
                        git orch plan -F goal.md --max 5 --agent claude:opus\n  git orch plan --apply"
)]
pub(crate) struct PlanArgs {
    /// What is wanted, in one line; without it and with --apply: the plan that was shown last
    pub(crate) goal: Option<String>,
    /// More about it; several are paragraphs
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) message: Vec<String>,
    /// Read what is wanted from a file; - is standard input
    #[arg(short = 'F', long = "file", value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Tasks at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) max: u32,
    /// The agent that plans, in place of agents.plan
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,
    /// Add the tasks
    #[arg(long)]
    pub(crate) apply: bool,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &PlanArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let (proposal, planned) = match goal(ctx, args)? {
        Some(goal) if args.dry.dry_run => {
            let line =
                format!("would ask for a plan of at most {} tasks: {}\n", goal.most, text::line(&goal.title));
            ctx.out.success("plan", json!({ "goal": goal.title, "most": goal.most }), || line, &[]);
            return Ok(Exit::Done);
        }
        Some(goal) => {
            let planned = project.plan(&goal)?;
            (planned.proposal.clone(), Some(planned))
        }
        None if !args.apply => {
            return Err(Failure::bad_value(
                "a plan needs a goal",
                "say what you want",
                "git orch plan \"Let users export their data\"",
            ));
        }
        None => match project.kept_plan()? {
            Some(proposal) => (proposal, None),
            None => {
                return Err(Failure::bad_value(
                    "no plan is kept",
                    "make one",
                    "git orch plan \"Let users export their data\"",
                ));
            }
        },
    };
    if !args.apply || args.dry.dry_run {
        let shown = render(&proposal, planned.as_ref());
        ctx.out.success(
            "plan",
            data(&proposal, planned.as_ref()),
            || shown,
            &["git orch plan --apply".to_owned()],
        );
        return Ok(Exit::Done);
    }
    let tasks = project.apply_plan(&project.op(), &proposal)?;
    let data: Vec<TaskJson> = tasks.iter().map(|task| TaskJson::of(&project, task)).collect();
    let mut shown = String::new();
    for task in &tasks {
        let draft =
            if task.state.word() == "in-planning" { "  (draft: its spec says too little)" } else { "" };
        shown.push_str(&format!("added {}  {}{draft}\n", task.id, text::line(&task.title)));
    }
    ctx.out.success("plan-applied", data, || shown, &["git orch run".to_owned()]);
    Ok(Exit::Done)
}

fn goal(ctx: &Context, args: &PlanArgs) -> Result<Option<Goal>, Failure> {
    let spec = match &args.file {
        Some(file) => ctx.read_input(file)?,
        None => args.message.join("\n\n"),
    };
    let title = match &args.goal {
        Some(goal) => goal.clone(),
        None if args.file.is_some() => title_of(&spec).unwrap_or_default(),
        None => return Ok(None),
    };
    let title = checked_title(&title)?;
    Ok(Some(Goal { title, spec, most: args.max, agent: args.agent.clone() }))
}

fn data(proposal: &Proposal, planned: Option<&Planned>) -> serde_json::Value {
    let ids = |ids: &[TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let tasks: Vec<serde_json::Value> = proposal
        .tasks
        .iter()
        .map(|task| {
            json!({
                "id": task.id.as_str(), "title": task.title, "spec": task.spec, "paths": task.paths,
                "after": ids(&task.after), "tier": task.tier, "domain": task.domain,
            })
        })
        .collect();
    let vague = planned.map(|planned| {
        let vague = planned.vague.iter().map(|(id, why)| json!({ "id": id.as_str(), "why": why }));
        vague.collect::<Vec<_>>()
    });
    json!({
        "summary": proposal.summary, "risks": proposal.risks, "tasks": tasks, "vague": vague,
        "agent": planned.map(|planned| planned.agent.clone()),
        "cost_usd": planned.and_then(|planned| planned.cost).map(|cost| cost as f64 / 1e6),
    })
}

fn render(proposal: &Proposal, planned: Option<&Planned>) -> String {
    let mut out = text::count(proposal.tasks.len(), "task");
    if let Some(planned) = planned {
        let cost = text::money(planned.cost);
        out.push_str(&format!(" by {}, {cost}, {:.0} s", text::line(&planned.agent), planned.seconds));
    }
    out.push('\n');
    if !proposal.summary.trim().is_empty() {
        out.push_str(&format!("{}\n", text::line(&proposal.summary)));
    }
    for task in &proposal.tasks {
        let after: Vec<&str> = task.after.iter().map(TaskId::as_str).collect();
        let after = if after.is_empty() { String::new() } else { format!("  after {}", after.join(", ")) };
        out.push_str(&format!("\n{}  {}{after}\n", task.id, text::line(&task.title)));
        if !task.paths.is_empty() {
            out.push_str(&format!("  paths {}\n", text::line(&task.paths.join(" "))));
        }
        for line in task.spec.lines().filter(|line| !line.trim().is_empty()) {
            out.push_str(&format!("  {}\n", text::line(line)));
        }
        let gaps = planned.iter().flat_map(|planned| &planned.vague).filter(|(id, _)| *id == task.id);
        for (_, why) in gaps {
            out.push_str(&format!("  ! too vague, a draft: {}\n", text::line(why)));
        }
    }
    for risk in &proposal.risks {
        out.push_str(&format!("\nrisk: {}\n", text::line(risk)));
    }
    out
}
