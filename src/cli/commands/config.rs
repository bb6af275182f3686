//! `git orch config`: settings, and where they come from.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::flow::{FlowError, Project};
use crate::policy::key::{self, Shape};
use crate::policy::layer::Layer;
use crate::policy::layers::Listed;

use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;
use crate::cli::{Context, text};

/// What `config` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch config list --origin\n  git orch config explain cap.diff\n  git orch config set run.jobs 3"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Every setting with its value
    List {
        /// Also where each comes from
        #[arg(long)]
        origin: bool,
    },
    /// One value
    Get { key: String },
    /// Write one into git's own settings, for you alone
    Set {
        key: String,
        value: String,
        /// For all repositories
        #[arg(long)]
        global: bool,
        #[command(flatten)]
        dry: DryRun,
    },
    /// What a setting does, and why it has its value
    Explain { key: String },
}

pub(crate) fn run(ctx: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    match &args.what {
        What::List { origin } => {
            let listed = project.settings.list();
            let rows: Vec<_> = listed
                .iter()
                .map(|row| json!({"key": row.name, "value": row.value, "origin": row.origin, "doc": row.doc}))
                .collect();
            ctx.out.success("config", json!({"settings": rows}), || list(&listed, *origin), &[]);
        }
        What::Get { key } => {
            let found = project.settings.explain(key).ok_or_else(|| unknown(key))?;
            let data = json!({"key": found.name, "value": found.used});
            ctx.out.success("config", data, || format!("{}\n", text::line(&found.used)), &[]);
        }
        What::Explain { key } => {
            let found = project.settings.explain(key).ok_or_else(|| unknown(key))?;
            let rows: Vec<_> = found
                .rows
                .iter()
                .map(
                    |row| json!({"value": row.value, "origin": row.origin, "used": row.used, "why": row.why}),
                )
                .collect();
            let words = match key::find(key).map(|key| key.shape) {
                Some(Shape::Choice(words)) => words,
                _ => &[],
            };
            let data = json!({"key": found.name, "value": found.used, "doc": found.doc, "words": words, "layers": rows});
            let choice =
                if words.is_empty() { String::new() } else { format!("  one of: {}\n", words.join(", ")) };
            let shown = crate::task::id::shown(&found.to_string());
            ctx.out.success("config", data, || format!("{shown}\n{choice}"), &[]);
        }
        What::Set { key, value, global, dry } => {
            let full = key::find(key).map(|_| key.clone()).or_else(|| key::find_in_git(key));
            let full = full.ok_or_else(|| unknown(key))?;
            Layer::of_flag("config set", &full, value).map_err(FlowError::from)?;
            // git allows no `_` in the last part of a name.
            let name = format!("orch.{}", full.replace('_', "-"));
            if !dry.dry_run {
                project.repo.set_config(&name, value, *global).map_err(FlowError::from)?;
                warn_where_another_holds(ctx, &project.reopened()?, &full, value);
            }
            let would = if dry.dry_run { "would set " } else { "" };
            let data = json!({"key": full, "value": value, "git": name});
            ctx.out.success(
                "config",
                data,
                || format!("{would}{name} = {}\n", text::line(value)),
                &[format!("git orch config explain {full}")],
            );
        }
    }
    Ok(Exit::Done)
}

/// A limit can only be tightened here: says so where what was set is not what is used.
fn warn_where_another_holds(ctx: &Context, project: &Project, key: &str, value: &str) {
    let Some(found) = project.settings.explain(key) else { return };
    let passed_over = found.rows.iter().find(|row| !row.used && row.value == value && row.notable);
    if passed_over.is_some() && found.used != value {
        ctx.out.warning(&format!("{key} stays {}: see git orch config explain {key}", found.used));
    }
}

fn list(listed: &[Listed], origin: bool) -> String {
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|row| {
            let value = if row.value.is_empty() { "none".to_owned() } else { text::line(&row.value) };
            let mut cells = vec![text::line(&row.name), value];
            if origin {
                cells.push(text::line(&row.origin));
            }
            cells
        })
        .collect();
    text::table(&rows, "")
}

fn unknown(name: &str) -> Failure {
    let meant = key::similar(name);
    let suggestion = meant.map(|meant| format!("; did you mean '{meant}'?")).unwrap_or_default();
    Failure::new(Code::Settings, format!("unknown key '{}'{suggestion}", text::line(name)))
        .hint("every setting", "git orch config list")
}
