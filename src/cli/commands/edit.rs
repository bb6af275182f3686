//! `git orch edit`: changes to a task's fields.

use clap::Args;
use clap_complete::ArgValueCompleter;
use similar::TextDiff;

use crate::task::event::Edit;
use crate::task::id::shown;
use crate::task::{Task, Who};

use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::json::TaskJson;
use crate::cli::{Context, text};

/// What `edit` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch edit t-c3v7 -p 0\n  git orch edit t-c3v7 --after \"\"\n  git orch edit t-c3v7 -F spec.md"
)]
pub(crate) struct EditArgs {
    /// The task
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) task: String,
    /// Its new title
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// 0 goes first, 4 last
    #[arg(short, long, value_name = "0-4", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub(crate) priority: Option<u8>,
    /// Globs of the files that it may touch, with commas between them; "" for all
    #[arg(long, value_name = "GLOB,..")]
    pub(crate) paths: Option<Vec<String>>,
    /// Tasks that must land before; "" for none
    #[arg(long, value_name = "TASK,..", value_delimiter = ',')]
    pub(crate) after: Option<Vec<String>>,
    /// How much review it needs: 1 little to 4 much
    #[arg(long, value_name = "1-4", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) tier: Option<u8>,
    /// The part of the project whose lead looks at it
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Before everything else in the queue: test runs without it are thrown away
    #[arg(long, conflicts_with = "no_hotfix")]
    pub(crate) hotfix: bool,
    /// A hotfix no more
    #[arg(long)]
    pub(crate) no_hotfix: bool,
    /// Who else may approve this one task; "" for nobody
    #[arg(long, value_name = "WHO,..", value_delimiter = ',')]
    pub(crate) delegate: Option<Vec<String>>,
    /// The new spec in a few words; several are paragraphs
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) message: Vec<String>,
    /// Read the new spec from a file; - is standard input
    #[arg(short = 'F', long = "file", value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) acts_as: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &EditArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let before = project.find_open(&args.task)?.task;
    let filled = |list: &Vec<String>| -> Vec<String> {
        list.iter().filter(|text| !text.is_empty()).cloned().collect()
    };
    let mut edit = Edit {
        title: args.title.as_deref().map(super::add::checked_title).transpose()?,
        spec: match &args.file {
            Some(file) => Some(ctx.read_input(file)?),
            None if args.message.is_empty() => None,
            None => Some(args.message.join("\n\n")),
        },
        priority: args.priority,
        paths: args.paths.as_deref().map(crate::cli::globs::globs).transpose()?,
        after: None,
        tier: args.tier,
        domain: args.domain.clone(),
        hotfix: args.hotfix.then_some(true).or(args.no_hotfix.then_some(false)),
        delegates: args.delegate.as_ref().map(|names| filled(names).into_iter().map(Who).collect()),
    };
    let after = args.after.as_ref().map(filled);
    if edit == Edit::default() && after.is_none() {
        if !ctx.may_ask() {
            return Err(Failure::bad_value(
                "nothing to change was given",
                "say what to change",
                "git orch edit TASK --title TITLE",
            ));
        }
        edit.spec = Some(ctx.edit_text(&project, &before.spec)?);
    }
    let edit = project.plan_edit(&before, edit, after.as_deref())?;
    if args.dry.dry_run {
        let person = project.person();
        let event = crate::task::Event::Edited(edit);
        let planned = before.after(&event, &person, project.op().at).unwrap_or_else(|_| before.clone());
        let data = TaskJson::of(&project, &planned);
        ctx.out.success("task", data, || format!("would change {}", changes(&before, &planned)), &[]);
        return Ok(Exit::Done);
    }
    let task = project.edit(&project.op(), &before.id, &edit)?.task;
    let data = TaskJson::of(&project, &task);
    ctx.out.success("task", data, || format!("changed {}", changes(&before, &task)), &[]);
    Ok(Exit::Done)
}

/// What is different now, a line each, and the spec as a diff.
fn changes(before: &Task, after: &Task) -> String {
    let ids = |task: &Task| task.after.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let who = |task: &Task| task.delegates.iter().map(|who| who.0.clone()).collect::<Vec<_>>().join(", ");
    let yes = |yes: bool| if yes { "yes".to_owned() } else { String::new() };
    let fields = [
        ("title", before.title.clone(), after.title.clone()),
        ("priority", before.priority.to_string(), after.priority.to_string()),
        ("paths", before.paths.join(" "), after.paths.join(" ")),
        ("after", ids(before), ids(after)),
        ("tier", before.tier.to_string(), after.tier.to_string()),
        ("hotfix", yes(before.hotfix), yes(after.hotfix)),
        ("delegates", who(before), who(after)),
        ("domain", before.domain.clone().unwrap_or_default(), after.domain.clone().unwrap_or_default()),
    ];
    let mut out = format!("{}\n", after.id);
    let plain = |value: &str| if value.is_empty() { "none".to_owned() } else { text::line(value) };
    for (name, old, new) in fields.iter().filter(|(_, old, new)| old != new) {
        out.push_str(&format!("  {name}: {} -> {}\n", plain(old), plain(new)));
    }
    if before.spec != after.spec {
        let (old, new) = (shown(&before.spec), shown(&after.spec));
        let diff = TextDiff::from_lines(&old, &new).unified_diff().context_radius(2).to_string();
        for line in diff.lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}
