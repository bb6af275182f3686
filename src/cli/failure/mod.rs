//! Why a command did not do what was asked, ready to be shown; and the one place that turns errors into it.

mod flow;
mod git;
mod host;
mod store;
mod vague;

use serde_json::{Value, json};

use crate::store::chain;
use crate::task::id::shown;

use super::codes::Code;
use super::exit::Exit;

pub(crate) use flow::waits_text;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) code: Code,
    /// What was tried, on what.
    message: String,
    /// The chain of causes.
    because: Vec<String>,
    /// What to do: never empty when it is shown.
    hints: Vec<Hint>,
}

/// A command that helps.
#[derive(Debug, Clone)]
struct Hint {
    /// What it does, in a few words; may be empty.
    why: String,
    command: String,
}

impl Failure {
    /// A failure without causes and hints yet.
    pub(crate) fn new(exit: Exit, code: Code, message: impl Into<String>) -> Failure {
        Failure { exit, code, message: message.into(), because: Vec::new(), hints: Vec::new() }
    }

    /// Adds a cause.
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Failure {
        self.because.push(cause.into());
        self
    }

    /// Adds a command that helps.
    pub(crate) fn hint(mut self, why: impl Into<String>, command: impl Into<String>) -> Failure {
        self.hints.push(Hint { why: why.into(), command: command.into() });
        self
    }

    /// A value that a person gave cannot be used.
    pub(crate) fn bad_value(message: impl Into<String>, why: &str, command: &str) -> Failure {
        Failure::new(Exit::Usage, Code::BadValue, message).hint(why, command)
    }

    /// Whether the same command may just be run again.
    fn retry(&self) -> bool {
        self.exit == Exit::Race
    }

    fn hints(&self) -> Vec<Hint> {
        if self.hints.is_empty() {
            let command = format!("git orch show {}", self.code.name());
            vec![Hint { why: "what this means".to_owned(), command }]
        } else {
            self.hints.clone()
        }
    }

    /// As people read it.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("error: {}\n", shown(&self.message));
        for cause in &self.because {
            out.push_str(&format!("  because: {}\n", shown(cause)));
        }
        let hints = self.hints();
        let width = hints.iter().map(|hint| hint.why.chars().count() + 2).max().unwrap_or(0);
        for (at, hint) in hints.iter().enumerate() {
            let lead = if at == 0 { "  hint: " } else { "        " };
            let why = if hint.why.is_empty() { String::new() } else { format!("{}: ", hint.why) };
            let pad = if hints.len() > 1 { width } else { 0 };
            out.push_str(&format!("{lead}{why:<pad$}{}\n", shown(&hint.command)));
        }
        let retry = if self.retry() { ", safe to retry" } else { "" };
        out.push_str(&format!("  [{}, exit {}{retry}]\n", self.code.name(), self.exit.code()));
        out
    }

    /// As programs read it.
    pub(crate) fn json(&self) -> Value {
        let hints = self.hints();
        json!({
            "schema": "git-orch/error@1",
            "ok": false,
            "error": {
                "code": self.code.name(),
                "exit": self.exit.code(),
                "message": self.message,
                "because": self.because,
                "hint": hints.first().map(|hint| hint.command.clone()),
                "hints": hints.iter().map(|hint| json!({"why": hint.why, "command": hint.command})).collect::<Vec<_>>(),
                "retry": self.retry(),
            }
        })
    }
}

/// What a failure says where its causes stand in the error's chain.
fn of(exit: Exit, code: Code, err: &dyn std::error::Error) -> Failure {
    let failure = Failure::new(exit, code, err.to_string());
    match err.source() {
        Some(source) => failure.because(chain(source)),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowError;
    use crate::git::GitError;
    use crate::git::exchange::ExchangeError;
    use crate::git::repo::OpenError;
    use crate::plan::ready::Waits;
    use crate::store::StoreError;
    use crate::task::id::{Seconds, TaskId};
    use crate::task::state::{Column, State};
    use crate::task::{Evidence, Refused, Trouble};
    use insta::assert_snapshot;

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    /// One of each that a person meets often.
    fn samples() -> Vec<FlowError> {
        let refused = |refused: Refused| {
            FlowError::Store(StoreError::Refused { id: id("t-1"), refused, state: Box::new(State::Pending) })
        };
        let commit = |digit: char| crate::task::id::CommitId::parse(&digit.to_string().repeat(40)).unwrap();
        vec![
            FlowError::Open(OpenError::NotARepository { dir: "/x".into() }),
            FlowError::Open(OpenError::Bare { dir: "/x".into() }),
            FlowError::Open(OpenError::Reftable { dir: "/x".into() }),
            FlowError::Git(GitError::Failed { args: "merge".to_owned(), status: 1, stderr: "no".to_owned() }),
            refused(Refused::NotNow { event: "approved", state: "pending" }),
            refused(Refused::OwnWork { owner: crate::task::Who("ana".to_owned()) }),
            refused(Refused::HeadMoved { seen: commit('a'), now: commit('b') }),
            refused(Refused::TakenOver { owner: crate::task::Who("exec@k3f9".to_owned()) }),
            FlowError::NoBase { branch: "main".to_owned() },
            FlowError::Shallow,
            FlowError::NoTests,
            FlowError::BadId(TaskId::parse("../x").unwrap_err()),
            FlowError::Unknown { wanted: "fxi".to_owned(), near: Some(id("fix")) },
            FlowError::Ambiguous { prefix: "f".to_owned(), candidates: vec![id("fa"), id("fb")] },
            FlowError::Exists { id: id("x"), column: Column::Review },
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
                id: "x".to_owned(),
                evidence: Box::new(
                    Evidence::new(Trouble::TooBig, "diff is 201 lines, the cap is 200")
                        .with_files(vec!["f.rs".to_owned()]),
                ),
            },
            FlowError::HasLanded { id: id("a"), commit: commit('c') },
            FlowError::QueueBusy { pid: Some(12), since: Seconds(0) },
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
            FlowError::CheckoutBusy {
                worktree: "/r".to_owned(),
                what: "a merge".to_owned(),
                command: "merge",
            },
            FlowError::NothingWaits,
            FlowError::SayWhich(vec![id("a"), id("b")]),
            FlowError::NoEvidence("no report".to_owned()),
            FlowError::Interrupted,
            FlowError::Exchange(ExchangeError::NoRemote("origin".to_owned())),
        ]
    }

    #[test]
    fn failures_say_what_why_and_what_to_do() {
        let texts: Vec<String> = samples().into_iter().map(|err| Failure::from(err).text()).collect();
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
        error: t-1 cannot be approved while it is pending
          hint: what can happen to it: git orch show t-1
          [E-NOT-NOW, exit 1]
        error: you wrote t-1; another person or reviewer must approve
          hint: somebody else says: git orch approve t-1 --as NAME
          [E-OWN-WORK, exit 4]
        error: head moved aaaaaaa..bbbbbbb since you looked; review again
          hint: see the change: git orch show -p t-1
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
        error: no tests are configured
          hint: write the command under [tests] as all = "COMMAND": $EDITOR orch.toml
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
        error: task 'x' exists (REVIEW)
          hint: look at it:           git orch show x
                or let an id be made: git orch add TITLE
          [E-EXISTS, exit 2]
        error: dependency cycle: a -> b -> a
          hint: see what it waits for: git orch show a
          [E-CYCLE, exit 2]
        error: t-1 depends on 'b', which does not exist
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
          [E-NO-EVIDENCE, exit 1]
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
        for (code, name, _) in crate::cli::codes::CODES {
            let text = Failure::new(Exit::Failed, *code, "x").text();
            assert!(text.contains(&format!("hint: what this means: git orch show {name}")), "{text}");
        }
    }

    #[test]
    fn programs_get_the_same_as_an_envelope() {
        let failure =
            Failure::from(FlowError::Claimed { id: id("t-1"), owner: "ana".to_owned(), since: Seconds(0) });
        assert_snapshot!(failure.json().to_string(), @r#"{"error":{"because":["ana has held it since 1970-01-01T00:00:00Z"],"code":"E-CLAIMED","exit":6,"hint":"git orch pick","hints":[{"command":"git orch pick","why":"take another"},{"command":"git orch pick t-1 --take-over","why":"or take it over"}],"message":"t-1 is already claimed","retry":true},"ok":false,"schema":"git-orch/error@1"}"#);
    }
}
