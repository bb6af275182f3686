//! `git orch import`: tasks of other trackers.

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::{Context, text};
use crate::flow::import::{self, Imported};
use crate::flow::issues;
use crate::task::id::TaskId;

use super::bot;

/// Take tasks over from TODO.md and its fellows, Backlog.md, beads, task-master or GitHub's issues, and follow them
#[derive(Debug, Args)]
#[command(
    after_help = "Twice is once. What changed there follows; what you changed here stays, and is said. What is closed\n\
    there is given up here while nobody works on it; what is in progress there is held here.\n\n\
    Examples:\n  git orch import                               whatever tracker this repository has\n  \
    git orch import docs/TODO.md\n  git orch import .beads/issues.jsonl --dry-run\n  \
    git orch import github --label orch           issues of the repository that origin is\n  \
    git orch import github:OWNER/NAME --close     and close those whose task has landed"
)]
pub(crate) struct ImportArgs {
    /// A file or folder of a tracker, or github, or github:OWNER/NAME
    pub(crate) source: Option<String>,
    /// Only issues with all of these labels
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Close issues whose task has landed
    #[arg(long)]
    pub(crate) close: bool,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

/// Ids that are shown without `--json`.
const SHOWN: usize = 20;

pub(crate) fn run(ctx: &Context, args: &ImportArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let dry = args.dry.dry_run;
    let host = args.source.as_deref().and_then(|source| source.strip_prefix("github"));
    let host = host.filter(|rest| rest.is_empty() || rest.starts_with(':'));
    let (source, closed_there) = match host {
        Some(rest) => {
            let named = rest.strip_prefix(':').map(str::to_owned);
            let named = named.or_else(|| bot::variable(ctx, "GITHUB_REPOSITORY").map(str::to_owned));
            let place = bot::place_of(ctx, named.or_else(|| issues::of_remote(&project)).as_deref())?;
            let (source, github) = issues::read(&project, &place, &args.label)?;
            let closed =
                if args.close { issues::close_landed(&project, &github, &place, dry)? } else { Vec::new() };
            (source, closed)
        }
        None if args.close || !args.label.is_empty() => {
            return Err(Failure::bad_value(
                "--label and --close are for issues of GitHub",
                "say so",
                "git orch import github --label orch",
            ));
        }
        None => (import::read(&tracker(&project, ctx, args.source.as_deref())?)?, Vec::new()),
    };
    let done = project.import(&project.op(), &source, dry)?;
    for notice in &done.notices {
        ctx.out.warning(notice);
    }
    let ids = |list: &[TaskId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let data = json!({
        "added": ids(&done.added), "changed": ids(&done.changed), "closed": ids(&done.closed),
        "same": done.same, "notices": done.notices, "issues_closed": closed_there,
    });
    let next = if done.added.is_empty() || dry { Vec::new() } else { vec!["git orch status".to_owned()] };
    ctx.out.success("import", data, || render(&done, &closed_there, dry), &next);
    Ok(Exit::Done)
}

fn tracker(
    project: &crate::flow::Project,
    ctx: &Context,
    named: Option<&str>,
) -> Result<import::Tracker, Failure> {
    if let Some(named) = named {
        let path = ctx.given.dir.join(named);
        if !path.exists() {
            return Err(Failure::bad_value(
                format!("there is no file or folder '{}'", text::line(named)),
                "which are understood",
                "git orch import --help",
            ));
        }
        return import::tracker_at(&path).ok_or_else(|| {
            Failure::bad_value(
                format!("{} is no tracker that is understood", text::line(named)),
                "which are",
                "git orch import --help",
            )
        });
    }
    let mut found = import::trackers_in(project.repo.here().unwrap_or(project.root()));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::bad_value(
            "there is no TODO.md, backlog/, .beads/ or .taskmaster/ here",
            "what can be named",
            "git orch import --help",
        )),
        _ => {
            Err(Failure::bad_value("there are several trackers here", "say which", "git orch import TODO.md"))
        }
    }
}

fn render(done: &Imported, closed_there: &[u64], dry: bool) -> String {
    let would = if dry { "would be " } else { "" };
    let mut out = String::new();
    for (word, list) in [("added", &done.added), ("changed", &done.changed), ("given up", &done.closed)] {
        if !list.is_empty() {
            let names: Vec<&str> = list.iter().take(SHOWN).map(TaskId::as_str).collect();
            let more = match list.len() - names.len() {
                0 => String::new(),
                more => format!(" and {} more", text::thousands(more)),
            };
            out.push_str(&format!(
                "{would}{word} ({}): {}{more}\n",
                text::thousands(list.len()),
                names.join(", ")
            ));
        }
    }
    if !closed_there.is_empty() {
        let names: Vec<String> = closed_there.iter().map(|number| format!("#{number}")).collect();
        out.push_str(&format!("{would}closed there ({}): {}\n", names.len(), names.join(", ")));
    }
    if out.is_empty() { format!("nothing to do: {} the same\n", text::thousands(done.same)) } else { out }
}
