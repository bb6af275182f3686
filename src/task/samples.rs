//! One example of each state and each event, for the tests of the transition table and of the stored records.

use super::actor::{Actor, Authority, Who};
use super::event::{Edit, Event, NewTask, ReviewGiven, ReviewVerdict};
use super::evidence::{Evidence, FailedTest, Trouble};
use super::finding::{Finding, Severity};
use super::id::{CommitId, Seconds, TaskId};
use super::record::{MicroUsd, Note, Task, TurnRecord};
use super::state::{Approval, Change, Claim, Phase, State};

pub(crate) fn commit(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).unwrap()
}

pub(crate) fn actor(authority: Authority) -> Actor {
    let who = match authority {
        Authority::Person => "ana",
        Authority::Worker => "exec",
        Authority::Reviewer => "safety",
        Authority::Orchestrator => "git-orch",
    };
    Actor { who: Who(who.to_owned()), authority }
}

fn claim() -> Claim {
    Claim { owner: Who("exec".to_owned()), epoch: 1 }
}

pub(crate) fn change() -> Change {
    Change { claim: claim(), head: commit('a'), base: commit('b'), added: 9, removed: 2 }
}

pub(crate) fn evidence(trouble: Trouble) -> Evidence {
    Evidence {
        files: vec!["src/a.rs".to_owned()],
        pair: Some(TaskId::parse("t-2").unwrap()),
        tests: vec![FailedTest { name: "a::b".to_owned(), line: "left != right".to_owned() }],
        reproduce: Some("git orch check t-1 --only tests".to_owned()),
        base: Some(commit('c')),
        candidate: Some(commit('d')),
        confirmed: true,
        ..Evidence::new(trouble, "something is wrong")
    }
}

pub(crate) fn new_task() -> NewTask {
    NewTask {
        id: TaskId::parse("t-1").unwrap(),
        title: "Fix the flaky login test".to_owned(),
        spec: "# Objective\nMake it pass.\n".to_owned(),
        priority: 2,
        paths: vec!["src/**".to_owned()],
        after: vec![TaskId::parse("t-0").unwrap()],
        tier: 1,
        domain: Some("backend".to_owned()),
        branch: "orch/t-1".to_owned(),
        adopted: false,
        draft: false,
        tries_max: 2,
    }
}

/// A task in `state`, on its first try of two.
pub(crate) fn task(state: State) -> Task {
    let added = Event::Added(Box::new(new_task()));
    let mut task = Task::begin(&added, &actor(Authority::Person), Seconds(1000)).unwrap();
    task.epoch = 1;
    task.state = state;
    task
}

pub(crate) fn states() -> Vec<State> {
    let approval = Approval { by: Who("ben".to_owned()), accept_worse: false };
    let queued = |phase| State::ReadyForHandoff { change: change(), approval: approval.clone(), phase };
    vec![
        State::Pending,
        State::InPlanning,
        State::Assigned { claim: claim() },
        State::InProgress { claim: claim() },
        State::UnderReview { change: change() },
        State::DomainReview { change: change() },
        queued(Phase::Waiting),
        queued(Phase::Testing { candidate: commit('e') }),
        queued(Phase::Held { behind: TaskId::parse("t-2").unwrap(), files: vec!["a".to_owned()] }),
        State::Completed { landed: commit('f'), owner: Some(Who("ana".to_owned())) },
        State::Blocked { because: "wait".to_owned(), was: Box::new(State::Pending) },
        State::Escalated {
            because: evidence(Trouble::Worse),
            was: Box::new(State::ReadyForHandoff { change: change(), approval, phase: Phase::Waiting }),
        },
        State::Escalated {
            because: evidence(Trouble::NoChange),
            was: Box::new(State::Assigned { claim: claim() }),
        },
        State::Cancelled { because: "no longer wanted".to_owned() },
    ]
}

pub(crate) fn review(verdict: Result<ReviewVerdict, String>) -> ReviewGiven {
    ReviewGiven {
        reviewer: "safety".to_owned(),
        head: commit('a'),
        verdict,
        summary: "one thing".to_owned(),
        findings: vec![Finding {
            severity: Severity::High,
            file: Some("src/a.rs".to_owned()),
            line: Some(3),
            title: "unchecked index".to_owned(),
            detail: "may panic".to_owned(),
            reviewer: "safety".to_owned(),
        }],
    }
}

pub(crate) fn events() -> Vec<Event> {
    let text = || "a reason".to_owned();
    vec![
        Event::Added(Box::new(new_task())),
        Event::Edited(Edit {
            priority: Some(3),
            hotfix: Some(true),
            delegates: Some(vec![Who("bo".to_owned())]),
            ..Edit::default()
        }),
        Event::Planned,
        Event::Claimed(Claim { owner: Who("exec".to_owned()), epoch: 2 }),
        Event::Started,
        Event::Released { because: text() },
        Event::Submitted { change: change(), changelog: Some("Faster.".to_owned()), message: Some(text()) },
        Event::Reviewed(review(Ok(ReviewVerdict::Revise))),
        Event::ReviewPassed,
        Event::SentBack { because: evidence(Trouble::Findings) },
        Event::PassedOn,
        Event::Approved { head: Some(commit('a')), note: Some(text()) },
        Event::Rejected { because: text() },
        Event::Enqueued { change: change() },
        Event::Testing { candidate: commit('e') },
        Event::Waiting,
        Event::Held { behind: TaskId::parse("t-2").unwrap(), files: vec!["a".to_owned()] },
        Event::Ejected { because: evidence(Trouble::ConflictTask) },
        Event::Failed { because: evidence(Trouble::TimeLimit) },
        Event::Escalated { because: evidence(Trouble::NoVerdict) },
        Event::Landed { commit: commit('f') },
        Event::Stopped { because: text() },
        Event::Resumed,
        Event::Abandoned { because: text() },
        Event::Renewed,
        Event::Said { text: text() },
        Event::TurnEnded(TurnRecord {
            role: "implement".to_owned(),
            agent: "exec".to_owned(),
            run: Some("r-1".to_owned()),
            ended: "exit 0".to_owned(),
            seconds: 12,
            tokens: None,
            cost: Some(MicroUsd(310_000)),
            estimated: true,
            prompt: Some("1".repeat(40)),
            model: Some("small-1".to_owned()),
            tier: Some("cheap".to_owned()),
            chosen: Some("cheap for a task of tier 1".to_owned()),
            note: Some(Note {
                role: "implement".to_owned(),
                try_number: 1,
                tags: vec!["backend".to_owned(), "src/**".to_owned()],
                text: "The test waits for a clock.".to_owned(),
            }),
        }),
        Event::Undone { op: "op-1".to_owned(), restored: Box::new(task(State::Pending)) },
    ]
}
