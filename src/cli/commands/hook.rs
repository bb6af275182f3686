//! `git orch hook`: called by git, not by people.

use std::io::Read as _;

use clap::{Args, Subcommand};

use crate::flow::check::{Checked, Gate};
use crate::flow::hook::{self, Pushed, Refusal};
use crate::guard::size::{Breach, FileChange};
use crate::task::id::shown;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::watcher::watcher;
use crate::flow::FlowError;

use super::check;
use crate::cli::verdict;

/// Called by git hooks
#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    pub(crate) name: HookName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookName {
    /// Judge what is pushed: reads `LOCAL-REF OID REMOTE-REF OID` lines
    PrePush {
        /// The remote's name, or its address
        remote: Option<String>,
        /// Its address
        url: Option<String>,
        /// Ask these gates, as `git orch check` does; without it size and paths, which takes milliseconds
        #[arg(long, value_enum, value_delimiter = ',', value_name = "GATE,..")]
        only: Vec<check::Word>,
        #[command(flatten)]
        manager: Manager,
    },
}

/// What pre-commit and prek say instead of arguments and standard input, in variables.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manager {
    #[arg(long, hide = true, env = "PRE_COMMIT_REMOTE_NAME", hide_env = true)]
    pub(crate) remote_name: Option<String>,
    #[arg(long, hide = true, env = "PRE_COMMIT_LOCAL_BRANCH", hide_env = true)]
    pub(crate) local_branch: Option<String>,
    #[arg(long, hide = true, env = "PRE_COMMIT_REMOTE_BRANCH", hide_env = true)]
    pub(crate) remote_branch: Option<String>,
    /// A commit that the remote has
    #[arg(long, hide = true, env = "PRE_COMMIT_FROM_REF", hide_env = true)]
    pub(crate) from_ref: Option<String>,
    /// The commit that is pushed
    #[arg(long, hide = true, env = "PRE_COMMIT_TO_REF", hide_env = true)]
    pub(crate) to_ref: Option<String>,
}

/// Files that a refusal names.
const LARGEST: usize = 3;

pub(crate) fn run(ctx: &Context, args: &HookArgs) -> Result<Exit, Failure> {
    let HookName::PrePush { remote, url: _, only, manager } = &args.name;
    let (remote, pushed) = match (remote, &manager.remote_name) {
        (Some(remote), _) => (remote, hook::parse(&standard_input()?)?),
        (None, Some(remote)) => (remote, vec![of_manager(ctx, manager)?]),
        (None, None) => {
            return Err(Failure::bad_value(
                "hook pre-push needs the remote's name and what is pushed",
                "let git call it",
                "git orch init",
            ));
        }
    };
    if !only.is_empty() || ctx.out.is_json() {
        return verdicts(ctx, &pushed, only);
    }
    let refusals = hook::pre_push(&ctx.given, remote, &pushed)?;
    for refusal in &refusals {
        ctx.out.note(&render(refusal));
    }
    Ok(if refusals.is_empty() { Exit::Done } else { Exit::Gate })
}

/// One verdict for each branch, the same bytes as those of `git orch check`.
fn verdicts(ctx: &Context, pushed: &[Pushed], only: &[check::Word]) -> Result<Exit, Failure> {
    let gates = if only.is_empty() { vec![Gate::Size, Gate::Paths] } else { check::gates(only) };
    let watcher = watcher(&ctx.out);
    let verdicts = hook::verdicts(&ctx.given, pushed, &gates, watcher.as_ref())?;
    drop(watcher);
    for checked in &verdicts {
        verdict::say(ctx, checked, false);
    }
    Ok(if verdicts.iter().any(Checked::refused) { Exit::Gate } else { Exit::Done })
}

/// All of standard input, as text.
pub(super) fn standard_input() -> Result<String, FlowError> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|source| FlowError::File {
        doing: "read",
        path: "standard input".to_owned(),
        source,
    })?;
    Ok(text)
}

/// The one branch that a manager of hooks tells of. It names no commits where the remote has none of the history.
fn of_manager(ctx: &Context, manager: &Manager) -> Result<Pushed, Failure> {
    let branch = manager.local_branch.as_deref().unwrap_or_default();
    let pushed = manager.to_ref.as_deref().unwrap_or(branch);
    let missing = || FlowError::NoBranch(shown(pushed));
    let project = ctx.project()?;
    let find = |text: &str| project.repo.resolve(text).map_err(FlowError::from);
    let head = find(pushed)?.ok_or_else(missing)?;
    let known = manager.from_ref.as_deref().map(find).transpose()?.flatten();
    Ok(Pushed {
        local_ref: manager.local_branch.clone().unwrap_or_default(),
        local: Some(head),
        remote_ref: manager.remote_branch.clone().ok_or_else(missing)?,
        remote: known,
    })
}

/// The text for people, on standard error.
pub(crate) fn render(refusal: &Refusal) -> String {
    let size = &refusal.measured.size;
    let too_big = match size.breaches.first() {
        Some(Breach::TooBig { lines, cap, .. }) => Some((lines, cap)),
        Some(Breach::Binary { .. }) | None => None,
    };
    let by_paths = !refusal.measured.marked.is_empty() || !refusal.measured.outside.is_empty();
    match (too_big, by_paths) {
        (Some((lines, cap)), false) => {
            let doing = if refusal.task.is_some() { "hand in" } else { "push" };
            let mut text =
                format!("error: {} is too big to {doing}: {lines} lines, the cap is {cap}\n", refusal.what);
            text.push_str(&format!("  because: {}\n", counted(&size.files)));
            for (file, why) in size.excluded.iter().take(LARGEST) {
                text.push_str(&format!("           ({} is not counted: {why})\n", figures(file)));
            }
            text.push_str(&hints(refusal));
            text.push_str("  [E-TOO-BIG, exit 3]\n");
            text
        }
        _ => {
            let because = refusal.measured.refusal().map(|evidence| evidence.text).unwrap_or_default();
            let hint = match refusal.is_base() {
                true => on_a_branch(),
                false => format!("  hint: see what the gate says: git orch check {}\n", refusal.what),
            };
            format!(
                "error: {} may not be pushed\n  because: {because}\n{hint}  [E-GATE, exit 3]\n",
                refusal.what
            )
        }
    }
}

fn counted(files: &[FileChange]) -> String {
    let mut parts: Vec<String> = files.iter().take(LARGEST).map(figures).collect();
    if files.len() > LARGEST {
        parts.push(format!("{} more", files.len() - LARGEST));
    }
    parts.join(", ")
}

fn figures(file: &FileChange) -> String {
    let path = shown(&file.path);
    match (file.added, file.removed) {
        (Some(added), Some(removed)) => format!("{path} +{added} -{removed}"),
        _ => format!("{path} (binary)"),
    }
}

/// The base branch itself only takes what fits; larger work goes through a branch.
fn on_a_branch() -> String {
    "  hint: put it on a branch: git switch -c TOPIC\n        then queue it:      git orch queue add TOPIC\n"
        .to_owned()
}

fn hints(refusal: &Refusal) -> String {
    match &refusal.task {
        Some(id) => format!(
            "  hint: split it:          git orch add \"second half\" --after {id}\n        \
             or ask for more:   git orch submit {id} -m \"why it cannot be split\"    (a person decides; recorded)\n"
        ),
        None if refusal.is_base() => on_a_branch(),
        None => format!(
            "  hint: split it into branches of at most {} lines; what there is: git diff --stat {}...\n        \
             or let people decide on more: cap.diff in orch.toml on {}\n",
            refusal.cap, refusal.base, refusal.base
        ),
    }
}
