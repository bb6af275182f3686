//! Ratios that were published of another queue, and the same policies in our simulator.
//!
//! EuroSys 2019, "Keeping Master Green at Scale", as notes of others report it: 500 changes an hour, 500 workers, minutes to
//! land as ratios to a queue that knows all outcomes. How many changes were played and how long a build took is not
//! reported, and the single queue falls behind for as long as changes come: its ratio is half their number. So the worlds
//! below are two: durations as another simulator assumed them, and those that the published ratios themselves imply.

use super::contender::Contender;
use super::measure::measure;
use super::synthetic::{Arrivals, Setting, Suite};

/// A policy's published ratios to the oracle at P50, P95, P99: least and most; `None` where none was reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Published {
    pub(crate) who: Contender,
    pub(crate) what: &'static str,
    pub(crate) ratios: [Option<(f64, f64)>; 3],
}

/// A world to play them in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) what: &'static str,
    pub(crate) setting: Setting,
}

/// What one policy came to in one world.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    pub(crate) world: World,
    pub(crate) published: Published,
    /// P50, P95, P99 over those of `one-build`.
    pub(crate) found: [f64; 3],
    pub(crate) runs_per_change: f64,
}

/// How far off is still a reproduction.
const TOLERANCE: f64 = 0.25;

impl Compared {
    /// For each published ratio, whether the found one is within 25 % of it.
    pub(crate) fn within(&self) -> [Option<bool>; 3] {
        let mut within = [None; 3];
        for ((fits, ratio), found) in within.iter_mut().zip(self.published.ratios).zip(self.found) {
            *fits = ratio
                .map(|(least, most)| (least * (1.0 - TOLERANCE)..=most * (1.0 + TOLERANCE)).contains(&found));
        }
        within
    }
}

/// The published ratios.
pub(crate) fn published() -> Vec<Published> {
    let exactly = |ratio: f64| Some((ratio, ratio));
    vec![
        Published {
            who: Contender::Serial,
            what: "single queue",
            ratios: [exactly(80.0), exactly(129.0), exactly(132.0)],
        },
        Published { who: Contender::GitHub, what: "optimistic", ratios: [Some((7.3, 9.6)), None, None] },
        Published { who: Contender::SubmitQueue, what: "submitqueue", ratios: [Some((1.0, 1.2)); 3] },
    ]
}

/// The worlds: 500 changes an hour and 500 slots; the rest is assumed.
pub(crate) fn worlds() -> Vec<World> {
    let setting = |sigma, changes| Setting {
        slots: 500,
        changes,
        arrivals: Arrivals::Poisson { per_hour: 500.0 },
        suite: Suite { median: 27.0, sigma, most: 120.0 },
        ..Setting::plain(500, DEFECTS)
    };
    vec![
        World { what: "builds of 27 minutes, P99 three times that", setting: setting(0.45, CHANGES) },
        World { what: "builds of 27 minutes, nearly all alike", setting: setting(0.1, CHANGES) },
    ]
}

/// Chosen so that the median of the single queue is the published one: the length of a trace is not reported.
const CHANGES: usize = 150;
const DEFECTS: f64 = 0.03;

/// Plays all of them in all worlds.
///
/// # Errors
/// A contender broke a rule of the world: a bug of ours.
pub(crate) fn compare(seeds: &[u64]) -> Result<Vec<Compared>, String> {
    let mut rows = Vec::new();
    for world in worlds() {
        let oracle = measure(&world.setting, Contender::OneBuild, seeds)?.figures;
        for published in published() {
            let figures = measure(&world.setting, published.who, seeds)?.figures;
            let found = [figures.p50 / oracle.p50, figures.p95 / oracle.p95, figures.p99 / oracle.p99];
            let runs_per_change = figures.runs_per_change;
            rows.push(Compared { world: world.clone(), published, found, runs_per_change });
        }
    }
    Ok(rows)
}
