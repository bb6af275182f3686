//! Which changes touch the same, and footprints of real changes.

use super::trace::{ChangeId, Trace};
use crate::queue::policy::Pairs;

/// How many changes before it a change may conflict with: what "neighbours" means in a trace's header.
pub(crate) const NEIGHBOURS: u32 = 20;

/// What 1,498 consecutive pull requests of rust-lang/cargo touch, up to the merge of 2026-08-22: a line for each, a
/// number for each file. Files that only one of them touches are left out; they overlap with nothing.
const CARGO: &str = include_str!("cargo-footprints.txt");

/// The footprints of real changes, in the order in which they landed.
pub(crate) fn cargo() -> Vec<Vec<u32>> {
    let mut own = 1_000_000;
    CARGO
        .lines()
        .map(|line| {
            let mut files: Vec<u32> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
            if files.is_empty() {
                own += 1;
                files.push(own);
            }
            files.sort_unstable();
            files
        })
        .collect()
}

/// Overlaps of a trace's changes, with most pairs told apart by one comparison.
#[derive(Debug, Clone)]
pub(crate) struct Overlaps<'a> {
    trace: &'a Trace,
    /// One bit per element: footprints without a common bit are disjoint.
    marks: Vec<u64>,
}

impl<'a> Overlaps<'a> {
    pub(crate) fn of(trace: &'a Trace) -> Overlaps<'a> {
        let mark = |element: &u32| 1u64 << (element.wrapping_mul(0x9e37_79b1) >> 26);
        let marks =
            trace.changes.iter().map(|change| change.footprint.iter().fold(0, |all, one| all | mark(one)));
        Overlaps { trace, marks: marks.collect() }
    }
}

impl Pairs for Overlaps<'_> {
    fn overlap(&self, a: ChangeId, b: ChangeId) -> bool {
        self.marks[a as usize] & self.marks[b as usize] != 0
            && share(&self.trace.change(a).footprint, &self.trace.change(b).footprint)
    }

    fn chance(&self, a: ChangeId, b: ChangeId) -> f64 {
        if a.abs_diff(b) > NEIGHBOURS {
            0.0 // the header's rates are those of neighbours
        } else if self.overlap(a, b) {
            self.trace.overlapping
        } else {
            self.trace.disjoint
        }
    }
}

/// Whether two ascending lists have an element in common.
fn share(a: &[u32], b: &[u32]) -> bool {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => a.next(),
            std::cmp::Ordering::Greater => b.next(),
            std::cmp::Ordering::Equal => return true,
        };
    }
    false
}
