//! `git orch report`.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::Context;
use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text;
use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::report::{Figures, against, differing};
use crate::store::record::RecordError;
use crate::store::runs::{RunRow, report_figures};
use crate::task::id::{RunId, shown};

/// What `report` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch report              the last run\n  git orch report r-9c2d\n  \
                        git orch report --list       all runs\n  \
                        git orch report --against r-9c2d              the last run beside another\n  \
                        git orch report --against ../old/report.json  or beside one of another repository"
)]
pub(crate) struct ReportArgs {
    /// The run; without it the last one
    run: Option<String>,
    /// List all runs, newest first
    #[arg(long)]
    list: bool,
    /// Put it beside another run: its name, or a file that holds the output of report --json
    #[arg(long, value_name = "RUN|FILE", conflicts_with = "list")]
    against: Option<String>,
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
    if let Some(other) = &args.against {
        let other = match by_prefix(&runs, other) {
            Ok(other) => figures_of(&project, &other)?,
            Err(unknown) => figures_in(&ctx.given.dir.join(other)).ok_or(unknown)??,
        };
        return beside(ctx, &figures_of(&project, &run)?, &other);
    }
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
    let text = shown(&String::from_utf8_lossy(&text));
    ctx.out.success("report", data, || text, &[]);
    Ok(Exit::Done)
}

fn figures_of(project: &Project, run: &RunId) -> Result<Figures, Failure> {
    let text = project.store.run_file(run, "report.json").map_err(FlowError::from)?;
    let text = text.ok_or_else(|| unfinished(run))?;
    report_figures(&text).map_err(|why| unreadable(&run.0, &why))
}

/// The figures in a file; `None` where there is no such file.
fn figures_in(path: &Path) -> Option<Result<Figures, Failure>> {
    let text = std::fs::read(path).ok()?;
    Some(report_figures(&text).map_err(|why| unreadable(&path.display().to_string(), &why)))
}

fn unfinished(run: &RunId) -> Failure {
    Failure::new(Code::NoRun, format!("{run} has no report yet"))
        .hint("end it first, or go on with it", "git orch run")
        .hint("or see the others", "git orch report --list")
}

fn unreadable(what: &str, why: &RecordError) -> Failure {
    Failure::new(Code::BadValue, format!("{} holds no report", shown(what)))
        .because(shown(&why.to_string()))
        .hint("a report as data", "git orch report --json")
}

/// Two runs side by side: `one` is what is asked about.
fn beside(ctx: &Context, one: &Figures, other: &Figures) -> Result<Exit, Failure> {
    let pair = |name: &String| json!([other.metrics.get(name), one.metrics.get(name)]);
    let metrics: Map<String, Value> = one.metrics.keys().map(|name| (name.clone(), pair(name))).collect();
    let settings = differing(one, other).map(|settings| {
        let pairs = settings.into_iter().map(|(key, one, other)| (key.to_owned(), json!([other, one])));
        pairs.collect::<Map<String, Value>>()
    });
    let data = json!({ "run": one.run, "against": other.run, "metrics": metrics, "settings": settings });
    ctx.out.success("report-against", data, || against(one, other), &[]);
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
        _ => Err(FlowError::NoRun(shown(wanted)).into()),
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
