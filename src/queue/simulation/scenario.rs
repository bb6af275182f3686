//! What a simulated world is made of, and how worlds are drawn.

use crate::queue::{NeedsBaseline, OnWorse, Rules};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One change, as the world knows it. Indices are taken modulo the number of changes before it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn for itself")]
pub(super) struct Change {
    pub(super) priority: u8,
    pub(super) arrives: u32,
    pub(super) paths: BTreeSet<u8>,
    pub(super) glob: bool,
    pub(super) barrier: bool,
    pub(super) defect: bool,
    pub(super) accept_worse: bool,
    pub(super) conflicts_with_base: bool,
    pub(super) contained: bool,
    pub(super) after: Option<usize>,
    /// Another change that it conflicts with in its text.
    pub(super) textual: Option<usize>,
    /// Another change with which it fails, though each is fine alone.
    pub(super) semantic: Option<usize>,
}

/// What one run does, whatever it tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Fine,
    Flake,
    NoEvidence,
}

/// What befalls the world at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Quiet,
    Crash,
    /// Somebody else pushes to the base.
    BaseMoves,
    /// The next landing's record is lost.
    LoseRecord,
}

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) changes: Vec<Change>,
    pub(super) luck: Vec<Luck>,
    pub(super) events: Vec<Event>,
    pub(super) seconds: Vec<u32>,
    pub(super) slots: u32,
    pub(super) rules: Rules,
    /// Whether failing runs are taken to end early.
    pub(super) fail_fast: bool,
    /// Whether what runs said is known only of today's compositions.
    pub(super) forgets: bool,
}

/// A change that touches one path of its own and does no harm.
pub(super) fn harmless(path: u8) -> Change {
    Change {
        priority: 0,
        arrives: 0,
        paths: BTreeSet::from([path]),
        glob: false,
        barrier: false,
        defect: false,
        accept_worse: false,
        conflicts_with_base: false,
        contained: false,
        after: None,
        textual: None,
        semantic: None,
    }
}

fn one_in(n: u32) -> impl Strategy<Value = bool> {
    (0..n).prop_map(|drawn| drawn == 0)
}

fn rarely(of: std::ops::Range<usize>) -> impl Strategy<Value = Option<usize>> {
    prop_oneof![4 => Just(None), 1 => of.prop_map(Some)]
}

fn change() -> impl Strategy<Value = Change> {
    let traits = (one_in(8), one_in(10), one_in(4), one_in(10), one_in(12), one_in(12));
    let links = (rarely(0..10), rarely(0..10), rarely(0..10));
    let paths = proptest::collection::btree_set(0u8..24, 0..3);
    (0u8..3, 0u32..8, paths, traits, links).prop_map(|(priority, arrives, paths, traits, links)| Change {
        priority,
        arrives,
        paths,
        glob: traits.0,
        barrier: traits.1,
        defect: traits.2,
        accept_worse: traits.3,
        conflicts_with_base: traits.4,
        contained: traits.5,
        after: links.0,
        textual: links.1,
        semantic: links.2,
    })
}

/// Any world: few changes, much that can go wrong.
pub(super) fn scenario() -> impl Strategy<Value = Scenario> {
    let luck = prop_oneof![6 => Just(Luck::Fine), 1 => Just(Luck::Flake), 1 => Just(Luck::NoEvidence)];
    let event = prop_oneof![
        12 => Just(Event::Quiet), 1 => Just(Event::Crash), 1 => Just(Event::BaseMoves), 1 => Just(Event::LoseRecord)
    ];
    let baseline =
        prop_oneof![Just(NeedsBaseline::All), Just(NeedsBaseline::Reds), Just(NeedsBaseline::None)];
    let rules = (1usize..6, one_in(5), 0u32..3, baseline, any::<bool>(), one_in(4)).prop_map(
        |(batch_max, stop, confirmations, needs_baseline, vouch, commute)| Rules {
            batch_max,
            on_worse: if stop { OnWorse::Stop } else { OnWorse::Culprit },
            confirmations,
            needs_baseline,
            // Where nobody asks what the base does, nobody would hear of a landing that broke it.
            commute: commute && needs_baseline != NeedsBaseline::None,
            vouch,
            land_when_closed: true,
        },
    );
    (
        proptest::collection::vec(change(), 1..9),
        proptest::collection::vec(luck, 0..24),
        proptest::collection::vec(event, 0..40),
        // A suite is taken to last for 2; some runs last far longer.
        proptest::collection::vec(prop_oneof![4 => 1u32..4, 1 => 6u32..14], 1..5),
        1u32..4,
        rules,
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(|(mut changes, luck, events, seconds, slots, rules, (fail_fast, forgets))| {
            for (at, change) in changes.iter_mut().enumerate() {
                let earlier = |other: Option<usize>| other.filter(|_| at > 0).map(|other| other % at);
                change.after = earlier(change.after);
                change.textual = earlier(change.textual);
                change.semantic = earlier(change.semantic);
            }
            Scenario { changes, luck, events, seconds, slots, rules, fail_fast, forgets }
        })
}
