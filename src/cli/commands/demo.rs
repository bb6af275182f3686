//! `git orch demo`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::flow::demo::{self, DemoRequest, Summary};
use crate::flow::progress::Unwatched;
use crate::process::own_program;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

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
    if !ctx.output.quiet {
        ctx.output.aside(&format!("Made a repository with 8 tasks: {}\n", project.root().display()));
    }
    if !args.make_only {
        demo::start_run(&project, &Unwatched)?;
    }
    let summary = demo::summary(&project.reopened()?)?;
    ctx.output.answer("demo", true, &data(&summary), &render(&summary));
    Ok(Exit::Done)
}

#[expect(clippy::disallowed_methods, reason = "cli reads the environment")]
fn places(ctx: &Context) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    [Some(ctx.given.dir.clone()), Some(std::env::temp_dir()), home].into_iter().flatten().collect()
}

/// The data of `--json`.
pub(crate) fn data(summary: &Summary) -> Value {
    let landed: Vec<&str> = summary.landed.iter().map(|(id, _)| id.as_str()).collect();
    let open: Vec<&str> = summary.open.iter().map(|(id, _)| id.as_str()).collect();
    let needs_you: Vec<Value> =
        summary.needs_you.iter().map(|(id, _, why)| json!({ "id": id.as_str(), "why": why })).collect();
    json!({
        "dir": summary.dir.display().to_string(),
        "landed": landed,
        "needs_you": needs_you,
        "open": open,
        "next": next(summary),
    })
}

/// The text for people.
pub(crate) fn render(summary: &Summary) -> String {
    let mut text = String::new();
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    let with_title = |tasks: &[(crate::task::id::TaskId, String)]| {
        tasks.iter().map(|(id, title)| format!("{:<14}{title}", id.as_str())).collect()
    };
    part("Landed on main:", with_title(&summary.landed));
    let needs_you = summary.needs_you.iter();
    part(
        "Needs you:",
        needs_you
            .flat_map(|(id, title, why)| [format!("{:<14}{title}", id.as_str()), format!("{:<14}{why}", "")])
            .collect(),
    );
    part("Still to do:", with_title(&summary.open));
    part("The repository stays; look around in it, and decide:", next(summary));
    text.trim_start().to_owned()
}

/// Commands to go on with.
fn next(summary: &Summary) -> Vec<String> {
    let mut next =
        vec![format!("cd {}", quoted(&summary.dir.display().to_string())), "git orch status".to_owned()];
    if let Some((id, ..)) = summary.needs_you.first() {
        next.push(format!("git orch show {id}"));
        next.push(format!("git orch approve {id}"));
    }
    next.push("git orch log".to_owned());
    next.push("git log --first-parent main".to_owned());
    next
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}
