//! The whole transition table, as a snapshot: whoever adds a transition sees it in the diff. And what holds for any
//! history, however long.

use proptest::prelude::*;

use super::actor::Authority;
use super::event::Event;
use super::evidence::Trouble;
use super::id::Seconds;
use super::samples::{actor, events, states, task};
use super::state::State;
use super::{Refused, Task};

fn cell(state: &State, event: &Event) -> String {
    let task = task(state.clone());
    let mut by = Vec::new();
    for authority in Authority::ALL {
        let text = match task.after(event, &actor(authority), Seconds(2000)) {
            Ok(next) => next.state.word().to_owned(),
            Err(Refused::NotNow { .. } | Refused::NotYours { .. } | Refused::Order) => continue,
            Err(refused) => format!("no: {refused}"),
        };
        by.push((authority.word(), text));
    }
    let Some((_, first)) = by.first() else { return String::new() };
    if by.iter().all(|(_, text)| text == first) {
        let who: Vec<&str> = by.iter().map(|(who, _)| *who).collect();
        return format!("{first} ({})", who.join(", "));
    }
    by.iter().map(|(who, text)| format!("{who}: {text}")).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_whole_table() {
    let mut lines = Vec::new();
    for state in states() {
        let column = state.column().word();
        let detail = match &state {
            State::Escalated { because, .. } => format!(" [{}]", because.trouble.word()),
            _ => String::new(),
        };
        lines.push(format!("{}{detail}, {column}", state.word()));
        for event in events() {
            let cell = cell(&state, &event);
            if !cell.is_empty() {
                lines.push(format!("  {:<13} -> {cell}", event.word()));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn nobody_approves_their_own_work() {
    let mut own = super::samples::change();
    own.claim.owner = actor(Authority::Person).who;
    let refused = task(State::UnderReview { change: own }).after(
        &Event::Approved { head: None, note: None },
        &actor(Authority::Person),
        Seconds(1),
    );
    assert!(matches!(refused, Err(Refused::OwnWork { .. })));
}

#[test]
fn an_approval_is_bound_to_the_commit_that_was_seen() {
    let seen = Some(super::samples::commit('9'));
    let refused = task(State::UnderReview { change: super::samples::change() }).after(
        &Event::Approved { head: seen, note: None },
        &actor(Authority::Person),
        Seconds(1),
    );
    assert!(matches!(refused, Err(Refused::HeadMoved { .. })));
}

#[test]
fn the_second_failure_is_a_persons() {
    let failed = Event::Failed { because: super::samples::evidence(Trouble::NoChange) };
    let first =
        task(states()[3].clone()).after(&failed, &actor(Authority::Orchestrator), Seconds(1)).unwrap();
    assert_eq!((first.state.word(), first.try_number), ("assigned", 2));
    let second = first.after(&failed, &actor(Authority::Orchestrator), Seconds(2)).unwrap();
    assert_eq!(second.state.word(), "escalated");
}

/// A history of events that were accepted, starting from a fresh task.
pub(crate) fn history(picks: &[(usize, usize)]) -> Vec<Task> {
    let all = events();
    let mut so_far = vec![task(State::Pending)];
    for (event, authority) in picks {
        let event = &all[event % all.len()];
        let authority = Authority::ALL[authority % Authority::ALL.len()];
        let last = so_far.last().expect("it begins with one");
        let event = match event {
            // Claims of a random history are always by the next epoch, as `pick` makes them.
            Event::Claimed(claim) => {
                Event::Claimed(super::state::Claim { epoch: last.epoch + 1, ..claim.clone() })
            }
            other => other.clone(),
        };
        if let Ok(next) = last.after(&event, &actor(authority), Seconds(2000)) {
            so_far.push(next);
        }
    }
    so_far
}

proptest! {
    #[test]
    fn any_history_keeps_the_invariants(picks in prop::collection::vec((0_usize..64, 0_usize..4), 0..60)) {
        let tasks = history(&picks);
        for pair in tasks.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            prop_assert!(after.epoch >= before.epoch, "an epoch went down");
            prop_assert!(after.spent.turns >= before.spent.turns, "a turn was forgotten");
            prop_assert!(after.try_number <= after.tries_max.max(before.try_number + 1));
            let (State::Escalated { was, .. } | State::Blocked { was, .. }) = &after.state else { continue };
            let resting = !matches!(**was, State::InProgress { .. } | State::Blocked { .. });
            prop_assert!(resting, "a stopped task still works: {:?}", was);
        }
    }
}
