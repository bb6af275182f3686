//! `git orch bench side-by-side`: the queue beside the policies of others, with a suite that is really run.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::FlowError;
use crate::flow::bench::side_by_side::{self, Match, Score};
use crate::process::own_program;

/// What `bench side-by-side` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Everybody gets the same branches in a scratch repository of its own, and really merges, tests and lands them. The\n\
                        others are scripts of public rules over plain git, not those programs.\n\n\
                        Examples:\n  \
                        git orch bench side-by-side\n  \
                        git orch bench side-by-side --branches 8 --bad 1 --suite 0.5 --rounds 1"
)]
pub(crate) struct SideBySideArgs {
    /// Branches that are queued at once
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    branches: u16,
    /// How many of them break the suite
    #[arg(long, default_value_t = 2, value_name = "N")]
    bad: u16,
    /// Seconds that the suite takes
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    suite: f64,
    /// Runs of the suite at the same time
    #[arg(short, long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Times that everybody plays, with the bad ones at other places
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
}

pub(crate) fn run(ctx: &Context, args: &SideBySideArgs) -> Result<Exit, Failure> {
    let program = own_program().map_err(FlowError::from)?;
    let played = Match {
        branches: usize::from(args.branches),
        bad: usize::from(args.bad.min(args.branches)),
        suite: args.suite.clamp(0.0, 3600.0),
        slots: usize::from(args.jobs),
        rounds: usize::from(args.rounds),
    };
    let say = |line: &str| ctx.out.progress(line);
    let queues = side_by_side::policies(&program, played, &say)?;
    let searches = side_by_side::searches(&program, Match { bad: played.bad.min(1), ..played }, &say)?;
    let data = json!({
        "branches": played.branches, "bad": played.bad, "suite_seconds": played.suite,
        "slots": played.slots, "rounds": played.rounds,
        "queues": queues.iter().map(score_json).collect::<Vec<_>>(),
        "searches": searches.iter().map(score_json).collect::<Vec<_>>(),
    });
    ctx.out.success("bench-side-by-side", data, || text(played, &queues, &searches), &[]);
    Ok(Exit::Done)
}

fn score_json(score: &Score) -> Value {
    json!({"who": score.player.name(), "slots": score.slots, "seconds": score.seconds, "runs": score.runs})
}

fn text(played: Match, queues: &[Score], searches: &[Score]) -> String {
    let Match { branches, bad, suite, slots, rounds } = played;
    let mut out = format!(
        "{branches} branches, {bad} bad, a suite of {suite} s, {slots} at a time, mean of {rounds}: until all are decided\n"
    );
    out.push_str(&table(queues));
    out.push_str(&format!(
        "\n{branches} branches, {} bad: until the culprit is known and all others have landed\n",
        bad.min(1)
    ));
    out.push_str(&table(searches));
    out
}

/// Scores beside the first of them.
fn table(scores: &[Score]) -> String {
    let mut out =
        format!("{:<36} {:>5} {:>8} {:>6} {:>6} {:>6}\n", "", "slots", "seconds", "times", "runs", "times");
    let Some(first) = scores.first() else { return out };
    for score in scores {
        out.push_str(&format!(
            "{:<36} {:>5} {:>8.1} {:>6.2} {:>6.1} {:>6.2}\n",
            score.player.name(),
            score.slots,
            score.seconds,
            score.seconds / first.seconds,
            score.runs,
            score.runs / first.runs,
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::bench::rivals::Rival;
    use crate::flow::bench::side_by_side::Player;

    #[test]
    fn everybody_stands_beside_ours() {
        let score = |player, seconds, runs| Score { player, slots: 2, seconds, runs };
        let queues = [score(Player::Ours, 10.0, 5.0), score(Player::Rival(Rival::Serial), 50.0, 24.0)];
        let played = Match { branches: 24, bad: 2, suite: 2.0, slots: 2, rounds: 3 };
        insta::assert_snapshot!(text(played, &queues, &queues[..1]));
    }
}
