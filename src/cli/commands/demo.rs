//! `git orch demo`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::flow::demo::{self, DemoRequest, Summary};
use crate::flow::run::{RunEnd, RunOutcome};
use crate::process::own_program;
use crate::report;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watcher::watcher;

/// Play a whole run in a toy repository, without an agent
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A new or empty folder; without it, one is made here, in TMPDIR or in HOME
    pub(crate) dir: Option<PathBuf>,
    /// Make the repository with its tasks, and run nothing
    #[arg(long)]
    pub(crate) make_only: bool,
}

pub(crate) fn run(ctx: &Context, args: &DemoArgs) -> Result<Exit, Failure> {
    let request = DemoRequest {
        dir: args.dir.clone(),
        places: places(ctx),
        program: own_program().map_err(crate::flow::FlowError::from)?,
    };
    let project = demo::make(&ctx.given, &request)?;
    ctx.out.progress(&format!("Made a repository with 8 tasks: {}", project.root().display()));
    let outcome = match args.make_only {
        true => None,
        false => Some(demo::start_run(&project, watcher(&ctx.out).as_ref())?),
    };
    let summary = demo::summary(&project.reopened()?)?;
    let program = called(&request.program);
    ctx.out.success("demo", data(&summary, &program), || render(&summary, outcome.as_ref(), &program), &[]);
    let interrupted = outcome.is_some_and(|outcome| outcome.end == RunEnd::Interrupted);
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}

#[expect(clippy::disallowed_methods, reason = "cli reads the environment")]
fn places(ctx: &Context) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    [Some(ctx.given.dir.clone()), Some(std::env::temp_dir()), home].into_iter().flatten().collect()
}

/// The data of `--json`.
pub(crate) fn data(summary: &Summary, program: &str) -> Value {
    let landed: Vec<&str> = summary.landed.iter().map(|(id, _)| id.as_str()).collect();
    let open: Vec<&str> = summary.open.iter().map(|(id, _)| id.as_str()).collect();
    let needs_you: Vec<Value> =
        summary.needs_you.iter().map(|(id, _, why)| json!({ "id": id.as_str(), "why": why })).collect();
    json!({
        "dir": summary.dir.display().to_string(),
        "landed": landed,
        "needs_you": needs_you,
        "open": open,
        "next": next(summary, program).into_iter().map(|(command, _)| command).collect::<Vec<_>>(),
    })
}

/// The text for people: the run's report, then what a person does next.
pub(crate) fn render(summary: &Summary, outcome: Option<&RunOutcome>, program: &str) -> String {
    let mut text = outcome.map(|outcome| report::text(&outcome.report)).unwrap_or_default();
    text.push_str("\nNow it is your turn. The repository stays; look around in it, and decide:\n");
    let next = next(summary, program);
    let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    for (command, why) in next {
        text.push_str(format!("  {command:<width$}  {why}").trim_end());
        text.push('\n');
    }
    text
}

/// Commands to go on with, each with what it is for.
fn next(summary: &Summary, program: &str) -> Vec<(String, String)> {
    let mut next = vec![
        (format!("cd {}", quoted(&summary.dir.display().to_string())), String::new()),
        (format!("{program} status"), "what is going on".to_owned()),
    ];
    if !summary.open.is_empty() {
        next.push((format!("{program} run"), "let the agents do what is open".to_owned()));
    }
    for (id, ..) in &summary.needs_you {
        next.push((format!("{program} show {id}"), "why it stopped, and what you can do".to_owned()));
    }
    if let Some((id, ..)) = summary.needs_you.first() {
        next.push((format!("{program} approve {id}"), "allow it all the same, then run again".to_owned()));
    }
    next.push((format!("{program} log"), "what happened, newest first".to_owned()));
    next.push(("git log --first-parent main".to_owned(), "the landings".to_owned()));
    next
}

/// How a person calls this program: through git where git finds it, else by its path.
#[expect(clippy::disallowed_methods, reason = "cli reads the environment")]
fn called(program: &std::path::Path) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("git-orch").is_file());
    if found { "git orch".to_owned() } else { quoted(&program.display().to_string()) }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}
