//! Plays one setting for several seeds and takes the means.

use super::beliefs::{ATTRIBUTION, Beliefs};
use super::check::check;
use super::contender::Contender;
use super::figures::{Figures, figures};
use super::play::{Noise, play};
use super::synthetic::Setting;

/// What a contender came to in one setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    /// Of 1,000 landings.
    pub(crate) red: f64,
    /// Landings of what was not tested as a whole, of 1,000 landings.
    pub(crate) untested: f64,
    /// Ejections of changes that would have passed, of 1,000 changes.
    pub(crate) falsely_ejected: f64,
    /// Share of changes that really were broken by themselves.
    pub(crate) defects: f64,
}

/// Plays a setting for each seed. References are not judged: they eject without a run.
///
/// # Errors
/// The contender broke a rule of the world: a bug of ours.
pub(crate) fn measure(setting: &Setting, who: Contender, seeds: &[u64]) -> Result<Measured, String> {
    let mut all = Vec::with_capacity(seeds.len());
    let (mut red, mut untested, mut falsely_ejected, mut landed, mut defects) = (0, 0, 0, 0, 0);
    for &seed in seeds {
        let trace = setting.trace(seed);
        let beliefs =
            Beliefs { flake: setting.flakes, attribution: ATTRIBUTION, confirmations: setting.confirmations };
        let noise = if who.is_oracle() { Noise::NONE } else { setting.noise(seed) };
        let played = play(&trace, noise, &mut *who.on(&trace, beliefs))?;
        let found = figures(&trace, &played);
        defects += trace.changes.iter().filter(|change| change.defect).count();
        landed += played.decided.iter().filter(|decision| decision.landed).count();
        all.push(found);
        if who.is_oracle() {
            continue;
        }
        let verdict = check(&trace, &played, setting.flakes > 0.0);
        if let Some(fault) = verdict.faults.first() {
            return Err(format!("{}, seed {seed}: {fault}", who.name()));
        }
        red += verdict.red.len();
        untested += verdict.untested.len();
        falsely_ejected += verdict.falsely_ejected.len();
    }
    let changes = (seeds.len() * setting.changes).max(1) as f64;
    let per_landed = |count: usize| 1000.0 * count as f64 / (landed.max(1)) as f64;
    Ok(Measured {
        figures: Figures::mean_of(&all),
        red: per_landed(red),
        untested: per_landed(untested),
        falsely_ejected: 1000.0 * falsely_ejected as f64 / changes,
        defects: defects as f64 / changes,
    })
}

/// Runs and suites' worth of minutes until all eight changes are decided, of which exactly one is broken: means over
/// its eight positions and the seeds, with one slot.
///
/// Where failures show early, tests that failed in an earlier run of the search go first in the next one.
///
/// # Errors
/// The contender broke a rule of the world: a bug of ours.
pub(crate) fn one_culprit_of_eight(
    who: Contender,
    fail_fast: bool,
    confirmations: u32,
    seeds: &[u64],
) -> Result<(f64, f64), String> {
    let setting = Setting {
        changes: 8,
        arrivals: super::synthetic::Arrivals::Saturated,
        conflicts: false,
        fail_fast,
        confirmations,
        ..Setting::plain(1, 0.05)
    };
    let noise = Noise { failing_first: fail_fast, ..Noise::NONE };
    let (mut runs, mut suites, mut times) = (0, 0.0, 0.0);
    for &seed in seeds {
        for position in 0..8 {
            let mut trace = setting.trace(seed);
            for (at, change) in trace.changes.iter_mut().enumerate() {
                change.defect = at == position;
                change.suite_minutes = 5.0;
            }
            let beliefs = Beliefs { confirmations, ..Beliefs::default() };
            let played = play(&trace, noise, &mut *who.on(&trace, beliefs))?;
            runs += played.runs.len();
            suites += played.runs.iter().map(|run| (run.end - run.start) / 5.0).sum::<f64>();
            times += 1.0;
        }
    }
    Ok((f64::from(u32::try_from(runs).unwrap_or(u32::MAX)) / times, suites / times))
}
