//! Every hint is a command that can be typed: of ours, its subcommand and its flags exist.

use std::collections::BTreeSet;

use super::tests::{id, samples};
use super::*;
use crate::agent::{AgentError, PromptError};
use crate::cli::args::Cli;
use crate::cli::codes::CODES;
use crate::flow::looked_at::Check;
use crate::flow::{FlowError, Gated, Limit, Vaguely};
use crate::forge::BadPayload;
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::{OpenError, Version};
use crate::git::stale::HeldLock;
use crate::git::worktree::RemoveRefused;
use crate::github::GithubError;
use crate::plan::ready::Waits;
use crate::process::ProcessError;
use crate::store::StoreError;
use crate::store::record::RecordError;
use crate::task::contract::{Gap, Section};
use crate::task::id::{CommitId, RunId, Seconds};
use crate::task::state::State;
use crate::task::{Authority, Evidence, Refused, Trouble, Who};
use crate::tracker::BadSource;

fn io() -> std::io::Error {
    std::io::Error::other("no")
}

fn text() -> String {
    "x".to_owned()
}

fn commit() -> CommitId {
    CommitId::parse(&"c".repeat(40)).unwrap()
}

/// What [`samples`] leaves out, because it is seldom met: with it, everything that has a hint of its own.
fn rare() -> Vec<FlowError> {
    let mut all = git();
    all.extend(store());
    all.extend(tasks());
    all.extend(gates());
    all.extend(machine());
    all
}

fn git() -> Vec<FlowError> {
    [
        GitError::Start {
            args: text(),
            source: ProcessError::NotFound { program: text(), searched: text() },
        },
        GitError::BrokenRef(text()),
        GitError::BranchMoved(text()),
        GitError::BranchExists(text()),
        GitError::NestedRepository { folder: text() },
        GitError::Unstageable { why: text() },
        GitError::TooLarge { what: text(), size: 2, limit: 1 },
        GitError::BadRefName(text()),
        GitError::Detached("/x".into()),
    ]
    .map(FlowError::Git)
    .into_iter()
    .chain([
        FlowError::FolderGone { main: Some("/x y".into()) },
        FlowError::FolderGone { main: None },
        FlowError::Open(OpenError::Unreadable { dir: "/x".into(), source: Box::new(io()) }),
        FlowError::Exchange(ExchangeError::Unreachable { remote: text(), stderr: text() }),
        FlowError::Exchange(ExchangeError::Refused { remote: text(), stderr: text() }),
        FlowError::Remove(RemoveRefused::Dirty { files: vec![text()] }),
        FlowError::OldGit {
            found: Version { major: 2, minor: 1, patch: 0 },
            need: Version { major: 2, minor: 43, patch: 7 },
        },
        FlowError::BranchInTheWay,
    ])
    .collect()
}

fn store() -> Vec<FlowError> {
    let record = |source| StoreError::Record { name: text(), commit: commit(), source };
    let refused = |refused| StoreError::Refused { id: id("t-1"), refused, state: Box::new(State::Pending) };
    [
        record(RecordError::Newer { found: 2 }),
        record(RecordError::Broken { what: "x", why: text() }),
        refused(Refused::NotYours { event: "approved", may: &[Authority::Person] }),
        refused(Refused::HeldBy { owner: Who(text()) }),
        refused(Refused::Standing { reviewer: text() }),
        refused(Refused::Order),
        StoreError::NotBegun(Refused::Order),
        StoreError::NoTask(id("t-1")),
        StoreError::Contended { name: text(), tries: 9 },
        StoreError::Locked { name: text(), lock: None },
        StoreError::Locked {
            name: text(),
            lock: Some(HeldLock { file: text().into(), age: std::time::Duration::from_secs(9) }),
        },
        StoreError::File { doing: "read", path: text(), source: io() },
    ]
    .map(FlowError::Store)
    .into()
}

fn tasks() -> Vec<FlowError> {
    let vague = |what| FlowError::Vague {
        what,
        title: "Fix bugs".to_owned(),
        gaps: vec![Gap::Missing(Section::Objective)],
    };
    vec![
        FlowError::Finished { id: id("t-1") },
        FlowError::BadValue { what: text(), why: text() },
        FlowError::NoTaskHere,
        FlowError::NoBranch(text()),
        FlowError::NoRun(text()),
        FlowError::InsideAgent,
        FlowError::NothingReady { waiting: Vec::new(), in_hand: 0, needs_you: 0 },
        FlowError::NotReady { id: id("t-2"), waits: Waits::For(vec![id("t-1")]) },
        FlowError::NotReady { id: id("t-2"), waits: Waits::ForNothing(id("t-1")) },
        FlowError::NoPlan { agent: text(), why: text() },
        FlowError::NothingToUndo(text()),
        vague(Vaguely::Added),
        vague(Vaguely::Planned),
        vague(Vaguely::Edited(id("t-1"))),
        vague(Vaguely::Approved(id("t-1"))),
        FlowError::Source(BadSource::TooMany { found: 1 }),
    ]
}

fn gates() -> Vec<FlowError> {
    let gate = |of, trouble, limit, reproduce: Option<&str>| FlowError::Gate {
        of,
        evidence: Box::new(Evidence {
            reproduce: reproduce.map(str::to_owned),
            ..Evidence::new(trouble, "no")
        }),
        limit,
    };
    let task = || Gated::Task(id("t-1"));
    let branch = || Gated::Branch("topic".to_owned());
    vec![
        gate(branch(), Trouble::TooBig, Some(Limit::Lines), None),
        gate(branch(), Trouble::TooBig, Some(Limit::Binary), None),
        gate(task(), Trouble::OutsidePaths, Some(Limit::TaskPaths), None),
        gate(task(), Trouble::OutsidePaths, Some(Limit::Allowed), None),
        gate(task(), Trouble::OutsidePaths, Some(Limit::Denied), None),
        gate(branch(), Trouble::ConflictBase, None, Some("git merge-tree --write-tree main topic")),
        gate(task(), Trouble::Worse, None, Some("git orch check t-1 --only tests")),
        gate(task(), Trouble::NotStarted, None, None),
        FlowError::MayNotApprove {
            who: text(),
            id: text(),
            approvers: vec![text()],
            command: "queue add x".to_owned(),
        },
        FlowError::CheckoutInWay { worktree: text(), files: vec![text()] },
    ]
}

fn machine() -> Vec<FlowError> {
    vec![
        FlowError::File { doing: "read", path: text(), source: io() },
        FlowError::RunBusy,
        FlowError::RunWaits { run: RunId("r-1".to_owned()), why: text(), names: vec!["t-1".to_owned()] },
        FlowError::NoSandbox { why: text() },
        FlowError::NotFit(vec![Check { check: "disk", ok: false, message: text(), fix: None }]),
        FlowError::Prompt(PromptError::Missing { name: text() }),
        FlowError::Policy(crate::policy::PolicyError::NoCommand { name: text() }),
        FlowError::Agent(AgentError::Empty { kind: "exec" }),
        FlowError::Agent(AgentError::Unknown {
            given: text(),
            meant: Some("claude".to_owned()),
            known: text(),
        }),
        FlowError::AgentNotCommitted { agent: text(), branch: "main".to_owned(), on_base: false },
        FlowError::Agent(AgentError::NotInstalled { agent: text(), program: text() }),
        FlowError::Agent(AgentError::Path("/x".into())),
        FlowError::Agent(AgentError::File { path: "/x".into(), source: io() }),
        FlowError::Process(ProcessError::NotFound { program: text(), searched: text() }),
        FlowError::Process(ProcessError::Refused(text())),
        FlowError::Github(GithubError::Answered { call: text(), status: 403, message: text() }),
        FlowError::Github(GithubError::Limited { call: text(), seconds: 9 }),
        FlowError::Github(GithubError::Unsure { call: text(), why: text() }),
        FlowError::Payload(BadPayload::Event(text())),
        FlowError::PullMoved { number: 1, head: text() },
    ]
}

/// Codes that only commands give: each of their hints is run in `tests/cli/hints.rs`, or stands beside its check.
const OF_COMMANDS: [&str; 4] = ["E-USAGE", "E-UNDER-REVIEW", "E-EDITOR", "E-BUG"];

#[test]
fn every_code_that_the_work_gives_is_looked_at() {
    let seen: BTreeSet<&str> =
        samples().into_iter().chain(rare()).map(|err| Failure::from(err).code.name()).collect();
    let missing: Vec<&str> =
        CODES.iter().map(|(_, name, ..)| *name).filter(|name| !seen.contains(name)).collect();
    let only_by_commands: Vec<&str> =
        CODES.iter().map(|(_, name, ..)| *name).filter(|name| OF_COMMANDS.contains(name)).collect();
    assert_eq!(missing, only_by_commands);
}

#[test]
fn every_hint_can_be_typed() {
    for err in samples().into_iter().chain(rare()) {
        let failure = Failure::from(err).of_command("queue run --json");
        for hint in failure.hints() {
            for command in hint.command.split("&&") {
                if let Err(why) = typed(command.trim()) {
                    panic!("{}: '{}': {why}", failure.code.name(), hint.command);
                }
            }
        }
    }
}

#[test]
fn what_the_command_itself_would_mend_is_said_with_its_own_words() {
    let unreachable =
        || Failure::from(FlowError::Exchange(ExchangeError::Unreachable { remote: text(), stderr: text() }));
    assert!(!unreachable().text().contains("--offline"), "nobody knows what was typed");
    let told = unreachable().of_command("queue run -j 2").text();
    assert!(told.contains("or work without: git orch --offline queue run -j 2\n"), "{told}");
    let interrupted = Failure::from(FlowError::Interrupted).of_command("run --for 8h").text();
    assert!(interrupted.contains("go on: git orch run --for 8h\n"), "{interrupted}");
    let _ = Seconds(0);
}

/// Programs of others that hints name.
const OTHERS: [&str; 6] = ["sudo", "ls", "sleep", "rm", "cd", "df"];
/// Commands of git that hints name.
const OF_GIT: [&str; 18] = [
    "switch",
    "rebase",
    "merge",
    "fsck",
    "init",
    "commit",
    "clone",
    "refs",
    "log",
    "status",
    "branch",
    "worktree",
    "remote",
    "ls-remote",
    "stash",
    "config",
    "fetch",
    "merge-tree",
];

/// Reads one command as a shell and we would.
fn typed(command: &str) -> Result<(), String> {
    let command = command.replace("$(git var GIT_EDITOR)", "git commit");
    let (command, _) = command.split_once(" > ").unwrap_or((&command, ""));
    let words = shlex::split(command).ok_or("its quotes do not close")?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["git", "orch", ..] => match Cli::read(&ours(&words)) {
            Ok(_) => Ok(()),
            Err(err) if !err.use_stderr() => Ok(()), // help, the version
            Err(err) => Err(err.to_string()),
        },
        ["git", "add" | "--version", ..] => Ok(()),
        ["git", of_git, ..] if OF_GIT.contains(of_git) => Ok(()),
        [other, ..] if OTHERS.contains(other) => Ok(()),
        _ => Err("it is no command".to_owned()),
    }
}

fn ours(words: &[String]) -> Vec<std::ffi::OsString> {
    std::iter::once("git-orch".into()).chain(words.iter().skip(2).map(Into::into)).collect()
}
