//! `git orch init`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::flow::init::{self, InitRequest, Landing, Outcome, Setup};
use crate::flow::project::destination;
use crate::policy::template::Holds;
use crate::process::own_program;
use crate::select::preset::Preset;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::{Context, pages, text};
use crate::flow::FlowError;

/// Set up this repository: settings, hook, man page, completions. What is there already is kept.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Write nothing that others would get: no orch.toml
    #[arg(long)]
    pub(crate) local: bool,
    /// Take out what init put in; orch.toml and the tasks stay
    #[arg(long, conflicts_with_all = ["local", "with"])]
    pub(crate) remove: bool,
    /// Ask nothing (there is nothing to ask; for scripts)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Write this too: `github` the workflows that check and land pull requests; `hooks` the hook, even where
    /// core.hooksPath is a folder for several repositories
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) with: Vec<With>,
    /// What the repository holds: it decides who reviews, and what specs must say
    #[arg(long, value_name = "WHAT", default_value = "code")]
    pub(crate) preset: Kind,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

/// What is written only if it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    Hooks,
    Github,
}

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Programs
    Code,
    /// Texts: documentation, a site, a book
    Content,
    /// Data, and the code that makes it
    Data,
}

pub(crate) fn run(ctx: &Context, args: &InitArgs) -> Result<Exit, Failure> {
    let request = InitRequest {
        local: args.local,
        shared_hooks: args.with.contains(&With::Hooks),
        github: args.with.contains(&With::Github),
        holds: match args.preset {
            Kind::Code => Holds::Code,
            Kind::Content => Holds::Content,
            Kind::Data => Holds::Data,
        },
        ..request(ctx)?
    };
    let setup = match args.remove {
        true => init::plan_removal(&ctx.given, &request)?,
        false => init::plan(&ctx.given, &request)?,
    };
    if !args.dry.dry_run {
        init::apply(&setup.steps)?;
    }
    let text = match args.remove {
        true => render_removal(&setup, args.dry.dry_run),
        false => render(&setup, args.dry.dry_run),
    };
    ctx.out.success("init", data(&setup), || text, &[]);
    Ok(Exit::Done)
}

/// What `init` and `doctor` install for this program.
pub(crate) fn request(ctx: &Context) -> Result<InitRequest, FlowError> {
    Ok(InitRequest { program: own_program()?, pages: pages::all((ctx.grammar)()), ..InitRequest::default() })
}

/// The data of `--json`.
pub(crate) fn data(setup: &Setup) -> Value {
    json!({
        "created": setup.with(Outcome::Created),
        "changed": setup.with(Outcome::Changed),
        "kept": setup.with(Outcome::Kept),
        "removed": setup.with(Outcome::Removed),
        "warnings": setup.warnings,
        "next": setup.next,
        "base": setup.base,
        "landing": landing(setup),
    })
}

/// Where landings go, in words.
pub(crate) fn landing(setup: &Setup) -> String {
    match &setup.landing {
        Landing::Pushed(upstream) => format!("landings are pushed to {}", destination(upstream)),
        Landing::Kept => "landings stay local: queue.push is false".to_owned(),
        Landing::NoUpstream => format!("landings stay local: {} has no upstream", setup.base),
    }
}

/// The text for people.
pub(crate) fn render(setup: &Setup, dry: bool) -> String {
    let language = match (&setup.tests, setup.preset) {
        (Some(command), _) => format!("tests by {}", text::line(command)),
        (None, Preset::Unknown) => "no test command".to_owned(),
        (None, known) => format!("{} tests", known.name()),
    };
    let agents = if setup.agents.is_empty() { "none".to_owned() } else { setup.agents.join(", ") };
    let mut text = format!("Looked around: {language}, base {}, agents: {agents}\n", setup.base);
    text.push_str(&steps(setup, dry));
    text.push_str(&format!("Base: {}; {}\n", setup.base, landing(setup)));
    match dry {
        true => text.push_str("Nothing was changed: this was a dry run.\n"),
        false => text.push_str("Nothing was committed.\nUndo: git orch init --remove\n"),
    }
    for (index, next) in setup.next.iter().enumerate() {
        text.push_str(&format!("{} {next}\n", if index == 0 { "Next:" } else { "     " }));
    }
    text
}

/// The text for people after `--remove`.
pub(crate) fn render_removal(setup: &Setup, dry: bool) -> String {
    let mut text = steps(setup, dry);
    if setup.steps.is_empty() {
        text.push_str("Nothing of git orch's own is here.\n");
    }
    text.push_str(if dry { "Nothing was changed: this was a dry run.\n" } else { "Undo: git orch init\n" });
    text
}

fn steps(setup: &Setup, dry: bool) -> String {
    let width = setup.steps.iter().map(|step| step.shown.chars().count()).max().unwrap_or(0).min(40);
    let mut text = String::new();
    for step in &setup.steps {
        let verb = match (step.outcome, dry) {
            (Outcome::Created, false) => "created",
            (Outcome::Changed, false) => "changed",
            (Outcome::Removed, false) => "removed",
            (Outcome::Created, true) => "would create",
            (Outcome::Changed, true) => "would change",
            (Outcome::Removed, true) => "would remove",
            (Outcome::Kept, _) => "kept",
        };
        let line = format!("  {verb:<8} {:<width$}  {}", step.shown, step.note);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for warning in &setup.warnings {
        text.push_str(&format!("  note     {warning}\n"));
    }
    text
}
