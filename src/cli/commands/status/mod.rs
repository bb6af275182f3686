//! `git orch status`: what is going on, and what to do next. From cards alone: fast with 10,000 tasks.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::flow::{FlowError, Project};
use crate::plan::Card;
use crate::task::State;
use crate::task::id::TaskId;
use crate::tracker::{Listed, todo_md};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

use screen::{Screen, matches};

mod json;
mod render;
mod screen;

/// What `status` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch status\n  git orch status login        only tasks with this in id, title, owner or state\n  \
    git orch status --short      for the shell's prompt\n  \
    git orch status --format todo-md > TODO.md"
)]
pub(crate) struct StatusArgs {
    /// Only tasks that have all of these in id, title, owner, branch or state
    pub(crate) filter: Vec<String>,
    /// Everything: long lists whole, finished tasks too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// One line, for the shell's prompt
    #[arg(long)]
    pub(crate) short: bool,
    /// Write a file for other programs and people: todo-md, a TODO.md with the sections of the pipeline
    #[arg(long, value_name = "FORMAT", conflicts_with = "short")]
    pub(crate) format: Option<Format>,
}

/// Forms of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    TodoMd,
}

pub(crate) fn run(ctx: &Context, args: &StatusArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let open = project.store.open_tasks().map_err(FlowError::from)?;
    let cards: Vec<Card> = open.rows.into_iter().map(|row| row.card).collect();
    if let Some(Format::TodoMd) = args.format {
        let listed = listed(&project, cards, &args.filter)?;
        let done = if args.all { finished_titles(&project, &args.filter)? } else { Vec::new() };
        let file = todo_md(&listed, &done);
        ctx.out.success("status-todo-md", json!({ "text": file }), || file.clone(), &[]);
        return Ok(Exit::Done);
    }
    let mut screen = Screen::of(&project, &cards, &args.filter, args.all)?;
    screen.broken = open.broken;
    if args.all && !args.short {
        screen.finished = screen::finished(&project, &args.filter)?;
    }
    if args.short {
        ctx.out.success("status-short", json::short(&screen), || render::short(&screen), &[]);
    } else if ctx.out.is_json() {
        let data = json::data(&project, &screen, &cards)?;
        ctx.out.success("status", data, String::new, &screen.next());
    } else {
        ctx.out.success("status", (), || render::render(&screen), &screen.next());
    }
    Ok(Exit::Done)
}

/// Open tasks with their specs: for a file that holds all of them.
fn listed(project: &Project, cards: Vec<Card>, filter: &[String]) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    for card in cards.into_iter().filter(|card| matches(card, filter)) {
        let stored = project.store.load(&card.id).map_err(FlowError::from)?;
        let (spec, paths) = stored.map(|stored| (stored.task.spec, stored.task.paths)).unwrap_or_default();
        listed.push(Listed { card, spec, paths });
    }
    Ok(listed)
}

/// Finished tasks with their titles, those that have landed.
fn finished_titles(project: &Project, filter: &[String]) -> Result<Vec<(TaskId, String)>, Failure> {
    let mut rows = Vec::new();
    for id in project.store.archived_ids().map_err(FlowError::from)? {
        if let Some(task) = project.store.archived_task(&id).map_err(FlowError::from)?
            && matches!(task.state, State::Completed { .. })
            && matches(&Card::of(&task), filter)
        {
            rows.push((id, task.title));
        }
    }
    Ok(rows)
}
