//! `git orch bench queue-git`: what the queue's work with git costs on a large repository.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::FlowError;
use crate::flow::bench::queue_git::{self, Figure, Goal, Scale};
use crate::process::own_program;

/// What `bench queue-git` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes a scratch repository in the folder for temporary files, with branches that touch what pull requests of a\n\
                        real project touched, and measures in it. Compare ratios, not times, between machines.\n\n\
                        Examples:\n  \
                        git orch bench queue-git\n  \
                        git orch bench queue-git --files 2000 --entries 64"
)]
pub(crate) struct QueueGitArgs {
    /// Files of the scratch repository
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(200..))]
    files: u32,
    /// Branches that are queued
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4000))]
    entries: u32,
}

pub(crate) fn run(ctx: &Context, args: &QueueGitArgs) -> Result<Exit, Failure> {
    let program = own_program().map_err(FlowError::from)?;
    let scale = Scale { files: args.files as usize, entries: args.entries as usize };
    let found = queue_git::measure(&ctx.given, &program, scale, &|line| ctx.out.progress(line))?;
    let data = json!({
        "files": args.files,
        "entries": args.entries,
        "figures": found.iter().map(figure_json).collect::<Vec<_>>(),
    });
    ctx.out.success("bench-queue-git", data, || text(args, &found), &[]);
    Ok(Exit::Done)
}

fn figure_json(figure: &Figure) -> Value {
    let (against, against_millis, goal) = match &figure.goal {
        Goal::None => (None, None, None),
        Goal::Under(most) => (None, None, Some(json!({"millis": most}))),
        Goal::Faster { than, theirs, times } => (Some(than), Some(theirs), Some(json!({"times": times}))),
    };
    json!({"what": figure.what, "millis": figure.ours, "against": against, "against_millis": against_millis,
           "goal": goal, "reached": figure.reached()})
}

fn text(args: &QueueGitArgs, found: &[Figure]) -> String {
    let mut out =
        format!("{} files, {} entries\n{:<60} {:>10}  beside\n", args.files, args.entries, "", "ms");
    for figure in found {
        let beside = match &figure.goal {
            Goal::None => String::new(),
            Goal::Under(most) => format!("goal: under {most:.0} ms"),
            Goal::Faster { than, theirs, times } => {
                format!(
                    "{than}: {theirs:.0} ms, {:.1} times as long (goal: {times:.0})",
                    theirs / figure.ours
                )
            }
        };
        let missed = if figure.reached() { "" } else { "  missed" };
        let line = format!("{:<60} {:>10.1}  {beside}{missed}", figure.what, figure.ours);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_beside_their_goals() {
        let found = [
            Figure { what: "queue add".to_owned(), ours: 12.25, goal: Goal::None },
            Figure { what: "one tick".to_owned(), ours: 1200.0, goal: Goal::Under(1000.0) },
            Figure {
                what: "conflict matrix".to_owned(),
                ours: 100.0,
                goal: Goal::Faster { than: "git merge-tree x 2016".to_owned(), theirs: 5000.0, times: 20.0 },
            },
        ];
        let args = QueueGitArgs { files: 200, entries: 8 };
        insta::assert_snapshot!(text(&args, &found));
    }
}
