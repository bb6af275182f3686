//! Two clones wrote the journal of one task at the same time: which of our events go on top of theirs.

use super::actor::Actor;
use super::event::Event;
use super::id::Seconds;
use super::record::Task;
use super::state::State;

/// What becomes of an event of ours on a journal that went on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// It happened, and theirs does not know it yet.
    Append,
    /// Theirs says the same, or it is written again whenever it is true.
    Known,
    /// Both cannot have happened: a person has to see ours.
    Conflict,
}

/// What becomes of `event`, that happened to our task when it was `ours`, where another clone has made the task `theirs`.
pub(crate) fn join(ours: &Task, theirs: &Task, event: &Event, actor: &Actor, at: Seconds) -> Join {
    let same_change = theirs.head() == ours.head();
    match event {
        // Where it stands in one machine's queue.
        Event::Testing { .. } | Event::Waiting | Event::Held { .. } => Join::Known,
        // The proof is on the base branch, that both sides share.
        Event::Landed { .. } if matches!(theirs.state, State::Completed { .. }) => Join::Known,
        // A queue's judgement. What it judged is out of the queue there, or another change by now.
        Event::Ejected { .. } | Event::Escalated { .. }
            if !same_change || theirs.state.word() != ours.state.word() =>
        {
            Join::Known
        }
        // A word on a claim that somebody else took over: it is not the new one's.
        Event::Started | Event::Renewed | Event::Released { .. } | Event::Failed { .. }
            if theirs.state.claim() != ours.state.claim() =>
        {
            Join::Known
        }
        // It would take back what others did meanwhile.
        Event::Undone { .. } => Join::Conflict,
        // A word on a change is one on exactly that change.
        Event::Approved { .. }
        | Event::Rejected { .. }
        | Event::SentBack { .. }
        | Event::ReviewPassed
        | Event::PassedOn
            if !same_change =>
        {
            Join::Conflict
        }
        Event::Added(_)
        | Event::Edited(_)
        | Event::Planned
        | Event::Claimed(_)
        | Event::Started
        | Event::Released { .. }
        | Event::Submitted { .. }
        | Event::Reviewed(_)
        | Event::ReviewPassed
        | Event::SentBack { .. }
        | Event::PassedOn
        | Event::Approved { .. }
        | Event::Rejected { .. }
        | Event::Enqueued { .. }
        | Event::Ejected { .. }
        | Event::Failed { .. }
        | Event::Escalated { .. }
        | Event::Landed { .. }
        | Event::Stopped { .. }
        | Event::Resumed
        | Event::Abandoned { .. }
        | Event::Renewed
        | Event::Said { .. }
        | Event::TurnEnded(_) => match theirs.after(event, actor, at) {
            Ok(_) => Join::Append,
            Err(_) => Join::Conflict,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::actor::Authority;
    use crate::task::evidence::Trouble;
    use crate::task::samples::{actor, change, commit, events, evidence, states, task};
    use crate::task::state::{Approval, Phase};
    use crate::task::{Who, table};
    use proptest::prelude::*;

    fn ready() -> Task {
        let approval = Approval { by: Who("ana".to_owned()), accept_worse: false };
        task(State::ReadyForHandoff { change: change(), approval, phase: Phase::Waiting })
    }

    fn orchestrated(theirs: &Task, event: &Event) -> Join {
        join(&ready(), theirs, event, &actor(Authority::Orchestrator), Seconds(2000))
    }

    fn after(event: &Event) -> Task {
        ready().after(event, &actor(Authority::Orchestrator), Seconds(2000)).unwrap()
    }

    #[test]
    fn a_landing_of_both_is_one_and_wins_over_an_ejection() {
        let landed = Event::Landed { commit: commit('7') };
        let ejected = Event::Ejected { because: evidence(Trouble::Worse) };
        assert_eq!(orchestrated(&after(&landed), &landed), Join::Known);
        assert_eq!(orchestrated(&after(&ejected), &landed), Join::Append);
        assert_eq!(orchestrated(&after(&landed), &ejected), Join::Known);
        assert_eq!(orchestrated(&after(&ejected), &ejected), Join::Known);
        assert_eq!(orchestrated(&ready(), &ejected), Join::Append);
        let gone = Event::Abandoned { because: "no".to_owned() };
        let gone = ready().after(&gone, &actor(Authority::Person), Seconds(2000)).unwrap();
        assert_eq!(orchestrated(&gone, &landed), Join::Conflict);
    }

    #[test]
    fn a_word_on_another_change_is_not_carried_over() {
        let mut other = ready();
        let State::ReadyForHandoff { change, .. } = &mut other.state else { unreachable!() };
        change.head = commit('9');
        let yes = Event::Approved { head: None, note: None };
        let by = actor(Authority::Person);
        assert_eq!(join(&ready(), &other, &yes, &by, Seconds(2000)), Join::Conflict);
        assert_eq!(join(&ready(), &ready(), &yes, &by, Seconds(2000)), Join::Append);
    }

    proptest! {
        #[test]
        fn whatever_is_appended_is_allowed_there(
            picks in prop::collection::vec((0_usize..64, 0_usize..4), 0..30),
            event in 0_usize..64,
            state in 0_usize..64,
            who in 0_usize..4,
        ) {
            let (all, begun) = (events(), states());
            let theirs = table::history(&picks).pop().expect("it begins with one");
            let ours = task(begun[state % begun.len()].clone());
            let event = &all[event % all.len()];
            let by = actor(Authority::ALL[who]);
            if join(&ours, &theirs, event, &by, Seconds(2000)) == Join::Append {
                prop_assert!(theirs.after(event, &by, Seconds(2000)).is_ok());
            }
        }
    }
}
