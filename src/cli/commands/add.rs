//! `git orch add`: a new task.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::flow::task::AddRequest;
use crate::flow::{FlowError, Project};
use crate::task::Task;
use crate::task::event::NewTask;

use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::{Context, text};

/// Longest title, in characters: it stands in one line everywhere.
const TITLE_MAX: usize = 200;

/// What `add` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    git orch add \"Fix the flaky login test\"\n  \
    git orch add \"Add retry\" --paths 'src/net/**' -p 1 --after t-c3v7\n  \
    git orch add \"ISO dates\" -m \"Objective: dates sort as text\" -m \"Done when: 'tally list' shows 2026-11-20\"\n  \
    git orch add --template > task.md\n  \
    git orch add -F task.md --id retry")]
pub(crate) struct AddArgs {
    /// What you want done, in one line
    pub(crate) title: Option<String>,
    /// Read the spec from a file; - is standard input. Its first heading is the title if none is given
    #[arg(short = 'F', long = "file", value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// The spec in a few words; several are paragraphs
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) message: Vec<String>,
    /// Print the template of a spec, to be filled in and read with -F
    #[arg(long, conflicts_with_all = ["title", "file", "message"])]
    pub(crate) template: bool,
    /// Its id instead of one that is made up: a-z, 0-9 and -
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Tasks that must land before
    #[arg(long, value_name = "TASK,..", value_delimiter = ',', add = ArgValueCompleter::new(task_ids))]
    pub(crate) after: Vec<String>,
    /// 0 goes first, 4 last
    #[arg(short, long, value_name = "0-4", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub(crate) priority: Option<u8>,
    /// Globs of the files that it may touch, with commas between them; everything if none is given
    #[arg(long, value_name = "GLOB,..")]
    pub(crate) paths: Vec<String>,
    /// How much review it needs: 1 little to 4 much
    #[arg(long, value_name = "1-4", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) tier: Option<u8>,
    /// The part of the project whose lead looks at it
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Only a draft: nobody may take it before it is approved
    #[arg(long)]
    pub(crate) draft: bool,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &AddArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    if args.template {
        let template = project.spec_template()?;
        let data = serde_json::json!({ "template": template });
        ctx.out.success("template", data, || template.clone(), &[]);
        return Ok(Exit::Done);
    }
    let (title, spec) = title_and_spec(ctx, &project, args)?;
    let request = AddRequest {
        id: args.id.clone(),
        title,
        spec,
        priority: args.priority,
        paths: crate::cli::globs::globs(&args.paths)?,
        after: args.after.iter().filter(|id| !id.is_empty()).cloned().collect(),
        tier: args.tier,
        domain: args.domain.clone(),
        draft: args.draft,
    };
    let new = project.plan_add(&request)?;
    let op = project.op();
    if args.dry.dry_run {
        let task = planned(&project, new, op.at)?;
        let data = TaskJson::of(&project, &task);
        ctx.out.success("task", data, || format!("would add {}", added(&task)), &[]);
        return Ok(Exit::Done);
    }
    let task = project.add(&op, new)?.task;
    let next = match project.waits(&task) {
        _ if args.draft => vec![format!("git orch approve {}", task.id)],
        // It cannot be picked yet, and a run does the others first.
        Some(_) => vec!["git orch run".to_owned(), format!("git orch show {}", task.id)],
        None => vec!["git orch run".to_owned(), format!("git orch pick {}", task.id)],
    };
    let data = TaskJson::of(&project, &task);
    ctx.out.success("task", data, || format!("added {}", added(&task)), &next);
    Ok(Exit::Done)
}

/// The task that a dry run shows: made, and written nowhere.
fn planned(project: &Project, new: NewTask, at: crate::task::id::Seconds) -> Result<Task, Failure> {
    let id = new.id.clone();
    let event = crate::task::Event::Added(Box::new(new));
    Task::begin(&event, &project.person(), at)
        .map_err(|refused| FlowError::BadValue { what: id.to_string(), why: refused.to_string() }.into())
}

/// One line that says what was added.
fn added(task: &Task) -> String {
    let mut line = format!("{}  {}", task.id, text::line(&task.title));
    line.push_str(&format!("  (priority {}", task.priority));
    if !task.after.is_empty() {
        let names: Vec<&str> = task.after.iter().map(crate::task::id::TaskId::as_str).collect();
        line.push_str(&format!(", after {}", names.join(", ")));
    }
    if !task.paths.is_empty() {
        line.push_str(&format!(", paths {}", text::line(&task.paths.join(" "))));
    }
    line + ")\n"
}

fn title_and_spec(ctx: &Context, project: &Project, args: &AddArgs) -> Result<(String, String), Failure> {
    if let Some(file) = &args.file {
        let spec = ctx.read_input(file)?;
        let title = match &args.title {
            Some(title) => title.clone(),
            None => title_of(&spec).unwrap_or_default(),
        };
        return Ok((checked_title(&title)?, spec));
    }
    if let Some(title) = &args.title {
        return Ok((checked_title(title)?, args.message.join("\n\n")));
    }
    if !ctx.may_ask() {
        return Err(Failure::bad_value(
            "a task needs a title or a file",
            "say what you want done",
            "git orch add \"what you want done\"",
        ));
    }
    let template = format!(
        "{}\n#! The first line is the title. Headings that you do not need can go. No title: no task.\n",
        project.spec_template()?
    );
    let spec = ctx.edit_text(project, &template)?;
    let first = spec.lines().next().unwrap_or_default();
    let title = first.trim_start_matches('#').trim().to_owned();
    let rest = spec.lines().skip(1).collect::<Vec<_>>().join("\n");
    Ok((checked_title(&title)?, rest.trim().to_owned()))
}

/// A spec's title: its first heading, or else its first line.
pub(super) fn title_of(spec: &str) -> Option<String> {
    let heading =
        spec.lines().find_map(|line| line.strip_prefix("# ").filter(|title| !title.trim().is_empty()));
    let first = spec.lines().find(|line| !line.trim().is_empty());
    heading.or(first).map(|line| line.trim_start_matches('#').trim().to_owned())
}

/// A title that can stand in one line everywhere.
pub(super) fn checked_title(title: &str) -> Result<String, Failure> {
    let title = title.trim();
    let refuse = |message: String| {
        Failure::bad_value(
            message,
            "give it one line that says what you want",
            "git orch add \"Fix the login\"",
        )
    };
    let length = title.chars().count();
    if title.is_empty() {
        return Err(refuse("the title is empty".to_owned()));
    }
    if title.contains(['\n', '\r']) {
        return Err(refuse(format!("the title '{}' has several lines", text::line(title))));
    }
    if length > TITLE_MAX {
        return Err(refuse(format!("the title is {length} characters, the limit is {TITLE_MAX}")));
    }
    Ok(title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heading_is_the_title() {
        assert_eq!(title_of("intro\n# Add retry\nmore").as_deref(), Some("Add retry"));
        assert_eq!(title_of("\n  Add retry \nmore").as_deref(), Some("Add retry"));
        assert_eq!(title_of(" \n"), None);
    }

    #[test]
    fn titles_are_one_line() {
        assert_eq!(checked_title(" a ").unwrap(), "a");
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert_eq!(checked_title(bad).unwrap_err().exit(), Exit::Usage, "{bad}");
        }
    }
}
