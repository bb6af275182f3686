//! `git orch report`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text;
use crate::flow::FlowError;
use crate::flow::project::now;
use crate::store::runs::RunRow;
use crate::task::id::RunId;

/// What `report` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch report              the last run\n  git orch report r-9c2d\n  \
                        git orch report --list       all runs"
)]
pub(crate) struct ReportArgs {
    /// The run; without it the last one
    run: Option<String>,
    /// List all runs, newest first
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(ctx: &Context, args: &ReportArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let runs = project.store.runs().map_err(FlowError::from)?;
    if args.list {
        return list(ctx, &runs);
    }
    let run = match &args.run {
        Some(wanted) => by_prefix(&runs, wanted)?,
        None => runs.first().map(|row| row.run.clone()).ok_or_else(no_run_yet)?,
    };
    let read = |path: &str| project.store.run_file(&run, path).map_err(FlowError::from);
    let text = match read("report.md")? {
        Some(text) => text,
        // The run goes on, or was killed: its log is what there is.
        None => read("log.txt")?.ok_or_else(|| FlowError::NoRun(run.0.clone()))?,
    };
    let data: Value = match read("report.json")? {
        Some(json) => serde_json::from_slice(&json).unwrap_or_default(),
        None => json!({ "run": run.0, "log": String::from_utf8_lossy(&text) }),
    };
    let shown = crate::task::id::shown(&String::from_utf8_lossy(&text));
    ctx.out.success("report", data, || shown, &[]);
    Ok(Exit::Done)
}

fn no_run_yet() -> Failure {
    Failure::new(Code::NoRun, "there is no run yet".to_owned())
        .hint("start one", "git orch run")
        .hint("or see what happened without", "git orch log")
}

fn by_prefix(runs: &[RunRow], wanted: &str) -> Result<RunId, Failure> {
    let mut found = runs.iter().filter(|row| row.run.0.starts_with(wanted));
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row.run.clone()),
        _ => Err(FlowError::NoRun(crate::task::id::shown(wanted)).into()),
    }
}

fn list(ctx: &Context, runs: &[RunRow]) -> Result<Exit, Failure> {
    let data: Vec<Value> = runs
        .iter()
        .map(|row| json!({ "run": row.run.0, "at": text::rfc3339(row.at), "last": row.subject }))
        .collect();
    let lines: Vec<Vec<String>> = runs
        .iter()
        .map(|row| vec![row.run.0.clone(), text::clock(row.at, now()), text::cut(&row.subject, 60)])
        .collect();
    let shown = if lines.is_empty() { "No runs yet\n".to_owned() } else { text::table(&lines, "") };
    ctx.out.success("runs", data, || shown, &[]);
    Ok(Exit::Done)
}
