//! `git orch check`.

use clap::{Args, ValueEnum};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text;
use crate::cli::verdict::{data, next, shown};
use crate::cli::watcher::watcher;
use crate::flow::check::Gate;
use crate::flow::{FlowError, Project};

/// What `check` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "The same gates as in the pre-push hook and the queue; limits and test commands come from the base branch.\n\n\
                        Examples:\n  git orch check                       the branch you are on\n  \
                        git orch check t-7k3f --only tests   a task's tests, on top of today's base\n  \
                        git orch check main..topic --only size,paths"
)]
pub(crate) struct CheckArgs {
    /// A task, a branch, or A..B; without it what you stand on
    pub(crate) change: Option<String>,
    /// Ask only these gates
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GATE,..")]
    only: Vec<Word>,
    /// Say which rule chose which test
    #[arg(long)]
    explain: bool,
}

/// The name of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Word {
    Size,
    Paths,
    Tests,
    Review,
}

impl CheckArgs {
    /// The same question without the tests, where they run outside of the sandbox of the agent that asks.
    ///
    /// # Errors
    /// It asks for nothing but the tests.
    pub(crate) fn without_tests(mut self) -> Result<CheckArgs, FlowError> {
        if self.only.is_empty() {
            self.only = vec![Word::Size, Word::Paths, Word::Review];
        } else if self.only.contains(&Word::Tests) {
            let why = "tests.sandbox is off, so they would run outside of your sandbox: run the test command yourself";
            return Err(FlowError::NotForAgents(format!("an agent cannot ask for the tests: {why}")));
        }
        Ok(self)
    }
}

pub(crate) fn run(ctx: &Context, args: &CheckArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let gates = gates(&args.only);
    warn_of_uncommitted(ctx, &project, args.change.as_deref());
    let watcher = watcher(&ctx.out);
    let checked = project.check(args.change.as_deref(), &gates, watcher.as_ref())?;
    drop(watcher);
    // Who has the explanation needs no hint at it.
    let next = if args.explain { Vec::new() } else { next(&checked) };
    ctx.out.success("check", data(&checked), || shown(&checked, args.explain), &next);
    Ok(if checked.refused() { Exit::Gate } else { Exit::Done })
}

/// The gates of these names in their own order; all of them where none is named.
pub(super) fn gates(only: &[Word]) -> Vec<Gate> {
    let wanted = |gate: &Gate| only.is_empty() || only.iter().any(|word| gate_of(*word) == *gate);
    Gate::ALL.into_iter().filter(wanted).collect()
}

/// Of a branch, and of what was handed in, only commits are checked: says so where the worktree has more.
fn warn_of_uncommitted(ctx: &Context, project: &Project, change: Option<&str>) {
    let named = match change {
        Some(change) => project.find_open(change).ok(),
        None => project.task_here(&ctx.given.dir).and_then(|id| project.find_open(id.as_str()).ok()),
    };
    let in_hand = named.as_ref().is_some_and(|stored| stored.task.head().is_none() && !stored.task.adopted);
    if in_hand {
        return; // all that is in its worktree is looked at
    }
    let task = named.map(|stored| stored.task.id);
    let folder = match (&task, change) {
        (Some(id), _) => project.worktree_of(id),
        (None, None) => ctx.given.dir.clone(),
        (None, Some(_)) => return,
    };
    // A task without a worktree has nothing uncommitted.
    let files = project.repo.status(&folder).map_or(0, |status| status.len());
    if files > 0 {
        let verb = if files == 1 { "is" } else { "are" };
        let how = match &task {
            Some(id) => format!(": git orch submit {id} commits them"),
            None => String::new(),
        };
        let files = text::count(files, "uncommitted file");
        ctx.out.warning(&format!("{files} {verb} not part of this check{how}"));
    }
}

fn gate_of(word: Word) -> Gate {
    match word {
        Word::Size => Gate::Size,
        Word::Paths => Gate::Paths,
        Word::Tests => Gate::Tests,
        Word::Review => Gate::Review,
    }
}
