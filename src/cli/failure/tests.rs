//! What people and programs read of failures, and that their hints can be typed.

use super::*;
use crate::flow::{FlowError, Gated, Limit};
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::OpenError;
use crate::plan::ready::Waits;
use crate::store::StoreError;
use crate::task::id::{Seconds, TaskId};
use crate::task::state::State;
use crate::task::{Evidence, Refused, Trouble};
use insta::assert_snapshot;

pub(super) fn id(text: &str) -> TaskId {
    TaskId::parse(text).unwrap()
}

/// One of each that a person meets often.
pub(super) fn samples() -> Vec<FlowError> {
    let refused = |refused: Refused| {
        FlowError::Store(StoreError::Refused { id: id("t-1"), refused, state: Box::new(State::Pending) })
    };
    let commit = |digit: char| crate::task::id::CommitId::parse(&digit.to_string().repeat(40)).unwrap();
    vec![
        FlowError::Open(OpenError::NotARepository { dir: "/x".into() }),
        FlowError::Open(OpenError::Bare { dir: "/x".into() }),
        FlowError::Open(OpenError::Reftable { dir: "/x".into() }),
        FlowError::Git(GitError::Failed { args: "merge".to_owned(), status: 1, stderr: "no".to_owned() }),
        refused(Refused::NotNow { event: "approved", state: "ready to be picked" }),
        refused(Refused::OwnWork { owner: crate::task::Who("ana".to_owned()) }),
        refused(Refused::HeadMoved { seen: commit('a'), now: commit('b') }),
        refused(Refused::TakenOver { owner: crate::task::Who("exec@k3f9".to_owned()) }),
        FlowError::NoBase { branch: "main".to_owned() },
        FlowError::Shallow,
        FlowError::NoTests,
        FlowError::BadId(TaskId::parse("../x").unwrap_err()),
        FlowError::Unknown { wanted: "fxi".to_owned(), near: Some(id("fix")) },
        FlowError::Ambiguous { prefix: "f".to_owned(), candidates: vec![id("fa"), id("fb")] },
        FlowError::Exists { id: id("x"), stands: "under review" },
        FlowError::Cycle { path: vec![id("a"), id("b"), id("a")] },
        FlowError::UnknownDependency { id: "t-1".to_owned(), missing: "b".to_owned() },
        FlowError::NothingReady {
            waiting: vec![(id("b"), Waits::For(vec![id("a")]))],
            in_hand: 1,
            needs_you: 1,
        },
        FlowError::Claimed { id: id("t-1"), owner: "exec@k3f9".to_owned(), since: Seconds(0) },
        FlowError::NoChange { branch: "x".to_owned(), base: "main".to_owned() },
        FlowError::MayNotApprove {
            who: "bo".to_owned(),
            id: "t-1".to_owned(),
            approvers: vec!["lead".to_owned()],
            command: "approve t-1".to_owned(),
        },
        FlowError::Gate {
            of: Gated::Task(id("x")),
            limit: Some(Limit::Lines),
            evidence: Box::new(
                Evidence::new(Trouble::TooBig, "diff is 201 lines, the cap is 200")
                    .with_files(vec!["f.rs".to_owned()]),
            ),
        },
        FlowError::HasLanded { id: id("a"), commit: commit('c') },
        FlowError::QueueBusy { pid: Some(12), since: Seconds(0) },
        FlowError::LandingUnderWay,
        FlowError::Rewound {
            id: "t-1".to_owned(),
            remote: "origin".to_owned(),
            theirs: "aaaaaaa".to_owned(),
            ours: "bbbbbbb".to_owned(),
        },
        FlowError::Diverged {
            branch: "main".to_owned(),
            upstream: "origin/main".to_owned(),
            ours: "bbbbbbb".to_owned(),
            theirs: "aaaaaaa".to_owned(),
        },
        FlowError::CheckoutBusy { worktree: "/r".to_owned(), what: "a merge".to_owned(), command: "merge" },
        FlowError::NothingWaits,
        FlowError::SayWhich(vec![id("a"), id("b")]),
        FlowError::NoEvidence("no report".to_owned()),
        FlowError::Interrupted,
        FlowError::Exchange(ExchangeError::NoRemote("origin".to_owned())),
    ]
}

#[test]
fn failures_say_what_why_and_what_to_do() {
    let texts: Vec<String> =
        samples().into_iter().map(|err| Failure::from(err).of_command("queue run").text()).collect();
    assert_snapshot!(texts.join(""), @r#"
    error: not a git repository: /x
      hint: make one: git init && git commit --allow-empty -m start
      [E-NO-REPOSITORY, exit 7]
    error: bare repository: worktrees need a checkout elsewhere (/x)
      hint: work in a clone of it: git clone /x work
      [E-BARE, exit 7]
    error: ref format 'reftable' is not supported yet (/x)
      hint: convert it: git refs migrate --ref-format=files
      [E-REFTABLE, exit 7]
    error: git merge failed (1): no
      hint: look for what is wrong: git orch doctor
      [E-GIT, exit 1]
    error: t-1 cannot be approved while it is ready to be picked
      hint: what can happen to it: git orch show t-1
      [E-NOT-NOW, exit 1]
    error: you wrote t-1; another person or reviewer must approve
      hint: somebody else says: git orch approve t-1 --as NAME
      [E-OWN-WORK, exit 4]
    error: head moved aaaaaaa..bbbbbbb since you looked; review again
      hint: see the change:           git orch show -p t-1
            see what can be done now: git orch show t-1
      [E-HEAD-MOVED, exit 6, safe to retry]
    error: t-1 was taken over by exec
      hint: see how it stands: git orch show t-1
            or take another:   git orch pick
      [E-TAKEN-OVER, exit 6, safe to retry]
    error: branch main has no commit
      hint: make the first commit:     git commit --allow-empty -m start
            or name another than main: git config orch.base BRANCH
      [E-NO-BASE, exit 7]
    error: history ends before the merge base: the clone is shallow
      hint: get the rest: git fetch --unshallow
      [E-SHALLOW, exit 7]
    error: the base branch has no orch.toml that says how to run the tests (tests.all)
      hint: write there under [tests]: all = "COMMAND": $(git var GIT_EDITOR) orch.toml
            and commit it:                              git add orch.toml && git commit -m "Say how to run the tests"
      [E-NO-TESTS, exit 7]
    error: task id '../x' may only use a-z 0-9 - (found '.')
      hint: let one be made: git orch add TITLE
      [E-BAD-ID, exit 2]
    error: no task 'fxi'; did you mean 'fix'?
      hint: look at that one: git orch show fix
      [E-UNKNOWN, exit 2]
    error: 'f' may be any of fa, fb
      hint: type more of it: git orch show fa
      [E-AMBIGUOUS, exit 2]
    error: task 'x' exists (under review)
      hint: look at it:           git orch show x
            or let an id be made: git orch add TITLE
      [E-EXISTS, exit 2]
    error: dependency cycle: a -> b -> a
      hint: see what it waits for: git orch show a
      [E-CYCLE, exit 2]
    error: t-1 cannot wait for 'b': there is no such task
      hint: see the tasks: git orch status -a
      [E-UNKNOWN-DEPENDENCY, exit 2]
    error: no task is ready (1 blocked)
      because: b waits for a
      because: 1 task in hand
      because: 1 task waits for a person
      hint: see them: git orch status
      [E-NOTHING-READY, exit 8]
    error: t-1 is already claimed
      because: exec has held it since 1970-01-01T00:00:00Z
      hint: take another:    git orch pick
            or take it over: git orch pick t-1 --take-over
      [E-CLAIMED, exit 6, safe to retry]
    error: branch x has no change over main
      hint: see what is there: git log --oneline main..x
      [E-NO-CHANGE, exit 3]
    error: bo may not approve t-1: review.approvers are lead
      hint: one of them may: git orch approve t-1 --as lead
            or lets you:     git orch edit t-1 --delegate NAME --as lead
      [E-NOT-YOURS, exit 3]
    error: x: diff is 201 lines, the cap is 200
      hint: split it:       git orch add "second half" --after x
            or see the cap: git orch config explain cap.diff
      [E-TOO-BIG, exit 3]
    error: a has landed already: ccccccc
      because: the process that landed it ended before it wrote that down
      hint: write it down:                git orch queue run
            then see how to take it back: git orch undo --help
      [E-NOT-NOW, exit 1]
    error: another git orch is running (pid 12, since 1970-01-01T00:00:00Z)
      because: one process of a machine lands at a time; it takes along whatever is in the queue
      hint: see what it does: git orch queue
      [E-QUEUE-BUSY, exit 6, safe to retry]
    error: a push of an earlier landing still goes on: nobody knows yet what has landed
      hint: see whether it has ended: git orch queue
            then:                     git orch queue run
      [E-QUEUE-BUSY, exit 6, safe to retry]
    error: t-1 was rewound on origin: aaaaaaa is not after bbbbbbb
      because: events that were seen there are gone; nothing was taken over
      hint: compare both: git log bbbbbbb aaaaaaa
      [E-REWOUND, exit 4]
    error: main and origin/main have gone apart (bbbbbbb here, aaaaaaa there)
      because: each has commits that the other lacks; nothing was moved
      hint: compare them:     git log --oneline --left-right main...origin/main
            put yours on top: git switch main && git rebase origin/main
      [E-DIVERGED, exit 4]
    error: a merge is going on in /r: git merge --continue, or git merge --abort
      hint: see how it stands: git status
            give it up:        git merge --abort
            then:              git orch queue run
      [E-CHECKOUT, exit 4]
    error: nothing waits for a person
      hint: see what is going on: git orch status
      [E-NOTHING-WAITS, exit 8]
    error: 2 tasks wait for a person: say which
      hint: look: git orch show a
            look: git orch show b
      [E-SAY-WHICH, exit 2]
    error: the test command gave no result that counts
      because: no report
      hint: see which command that is: git orch config explain tests.all
      [E-NO-EVIDENCE, exit 3]
    error: interrupted
      because: state kept
      hint: go on: git orch queue run
      [E-INTERRUPTED, exit 130]
    error: no remote 'origin'
      hint: see the remotes: git remote -v
      [E-NO-REMOTE, exit 7]
    "#);
}

#[test]
fn every_failure_names_a_command() {
    for err in samples() {
        let failure = Failure::from(err);
        assert!(!failure.hints().is_empty());
        assert!(failure.hints().iter().all(|hint| !hint.command.trim().is_empty()), "{failure:?}");
    }
    for (code, name, ..) in crate::cli::codes::CODES {
        let text = Failure::new(*code, "x").text();
        assert!(text.contains(&format!("hint: what this means: git orch show {name}")), "{text}");
    }
}

#[test]
fn programs_get_the_same_as_an_envelope() {
    let failure =
        Failure::from(FlowError::Claimed { id: id("t-1"), owner: "ana".to_owned(), since: Seconds(0) });
    assert_snapshot!(failure.json().to_string(), @r#"{"error":{"because":["ana has held it since 1970-01-01T00:00:00Z"],"code":"E-CLAIMED","exit":6,"hint":"git orch pick","hints":[{"command":"git orch pick","why":"take another"},{"command":"git orch pick t-1 --take-over","why":"or take it over"}],"message":"t-1 is already claimed","retry":true},"ok":false,"schema":"git-orch/error@1"}"#);
}
