//! Whole histories with real git: branches of all kinds go through the queue while it is killed at its steps, people push
//! and change their minds, and housekeeping goes on. Whatever happens: what landed was tested, as exactly what git makes of
//! its parts; everything of it is there, and nothing else; nobody is lost, and nobody lands twice.
//!
//! `GIT_ORCH_HISTORIES=2000` is the full size. Each history comes from a seed; a failure names it, and
//! `GIT_ORCH_HISTORY=<seed>` plays that one again. `GIT_ORCH_SEED` is the first seed of many, which count up.

mod check;
mod crash;
mod draw;
mod make;
mod play;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::kill_support::size;
use check::Ends;
use play::Played;

/// Plays in a test run; see `GIT_ORCH_HISTORIES`.
const SHARE: usize = 4;

#[test]
fn every_history_ends_right() {
    let begun = Instant::now();
    let seed = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = match seed("GIT_ORCH_HISTORY") {
        Some(one) => (one, 1),
        None => (
            seed("GIT_ORCH_SEED").unwrap_or_else(|| fastrand::u64(..u64::MAX / 2)),
            size("GIT_ORCH_HISTORIES", SHARE),
        ),
    };
    let mut sum = Ends::default();
    let (mut failed, mut kills, mut longest) = (Vec::new(), BTreeMap::<usize, usize>::new(), 0);
    for seed in (first..).take(count) {
        match catch_unwind(AssertUnwindSafe(|| one(seed))) {
            Ok((ends, killed_at, boundaries)) => {
                sum.landed += ends.landed;
                sum.left += ends.left;
                sum.runs += ends.runs;
                longest = longest.max(boundaries);
                killed_at.into_iter().for_each(|at| *kills.entry(at).or_default() += 1);
            }
            Err(_) => {
                eprintln!("history {seed} failed; again with GIT_ORCH_HISTORY={seed}");
                failed.push(seed);
            }
        }
    }
    eprintln!(
        "{count} histories from seed {first}: {} kills at {} different boundaries, at most {longest} in a call; \
         {} landed, {} left, {} test runs; {:.0} s",
        kills.values().sum::<usize>(),
        kills.len(),
        sum.landed,
        sum.left,
        sum.runs,
        begun.elapsed().as_secs_f64()
    );
    assert!(failed.is_empty(), "histories that failed: {failed:?}");
}

fn one(seed: u64) -> (Ends, Vec<usize>, usize) {
    let mut played = Played::new(seed);
    let ends = catch_unwind(AssertUnwindSafe(|| {
        played.play();
        played.check()
    }));
    match ends {
        Ok(ends) => (ends, std::mem::take(&mut played.killed_at), played.boundaries),
        Err(panic) => {
            eprintln!("{}", played.history.shown());
            for (round, said) in played.said.iter().enumerate() {
                eprintln!("--- call {round}\n{said}");
            }
            // Within the panic, so that its folder is kept for a look.
            let _kept = played;
            std::panic::resume_unwind(panic)
        }
    }
}
