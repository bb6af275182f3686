//! Why a command did not do what was asked, ready to be shown; and the one place that turns errors into it.

use serde_json::{Value, json};

use crate::agent::AgentError;
use crate::flow::FlowError;
use crate::flow::doctor::Check;
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::OpenError;
use crate::git::worktree::RemoveRefused;
use crate::github::GithubError;
use crate::guard::paths;
use crate::guard::size::ADDS_BINARY;
use crate::plan::ready::Waits;
use crate::process::ProcessError;
use crate::store::record::RecordError;
use crate::store::{StoreError, chain};
use crate::task::id::{Seconds, TaskId, shown};
use crate::task::state::{Column, State};
use crate::task::{Evidence, Refused, Trouble};

use super::codes::Code;
use super::exit::Exit;
use super::text;

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

impl From<FlowError> for Failure {
    fn from(err: FlowError) -> Failure {
        match err {
            FlowError::Open(err) => opening(&err),
            FlowError::Git(err) => git(&err),
            FlowError::Store(err) => store(&err),
            FlowError::Process(err) => process(&err),
            FlowError::Agent(err) => agent(&err),
            FlowError::Policy(err) => settings(&err),
            FlowError::SettingsFile(err) => {
                of(Exit::Usage, Code::Settings, &err).hint("mend the file", "$EDITOR orch.toml")
            }
            FlowError::Layer(err) => settings(&err),
            FlowError::Prompt(err) => {
                of(Exit::Usage, Code::Prompt, &err).hint("what each prompt may use", "git orch show E-PROMPT")
            }
            FlowError::Exchange(err) => exchange(&err),
            FlowError::Remove(RemoveRefused::Git(err)) => git(&err),
            FlowError::Remove(RemoveRefused::Dirty { files }) => dirty(&files),
            FlowError::File { doing, path, source } => {
                Failure::new(Exit::Failed, Code::File, format!("could not {doing} {path}"))
                    .because(source.to_string())
                    .hint("look for what is wrong", "git orch doctor")
            }
            err @ (FlowError::NoBase { .. }
            | FlowError::OldGit { .. }
            | FlowError::Shallow
            | FlowError::NoTests) => environment(&err),
            err @ (FlowError::BadId(_)
            | FlowError::Unknown { .. }
            | FlowError::Ambiguous { .. }
            | FlowError::Exists { .. }
            | FlowError::Finished { .. }
            | FlowError::BadValue { .. }
            | FlowError::Cycle { .. }
            | FlowError::UnknownDependency { .. }
            | FlowError::NoTaskHere
            | FlowError::NoBranch(_)
            | FlowError::SayWhich(_)
            | FlowError::NoRun(_)
            | FlowError::InsideAgent
            | FlowError::NotForAgents(_)) => usage(&err),
            FlowError::NothingReady { waiting, in_hand, needs_you } => {
                nothing_ready(&waiting, in_hand, needs_you)
            }
            FlowError::NotReady { id, waits } => not_ready(&id, &waits),
            FlowError::Claimed { id, owner, since } => claimed(&id, &owner, Some(since)),
            FlowError::NoChange { branch, base } => Failure::new(
                Exit::Gate,
                Code::NoChange,
                format!("branch {} has no change over {base}", shown(&branch)),
            )
            .hint("see what is there", format!("git log --oneline {base}..{}", shown(&branch))),
            FlowError::Gate { id, evidence } => gate(&id, &evidence),
            FlowError::MayNotApprove { ref id, ref approvers, ref command, .. } => {
                let one = approvers.first().cloned().unwrap_or_default();
                let failure = Failure::new(Exit::Gate, Code::NotYours, err.to_string())
                    .hint("one of them may", format!("git orch {command} --as {one}"));
                if command.starts_with("queue add") {
                    return failure.hint("see where the list is", "git orch config explain review.approvers");
                }
                failure.hint("or lets you", format!("git orch edit {id} --delegate NAME --as {one}"))
            }
            FlowError::CheckoutInWay { .. } => {
                Failure::new(Exit::Person, Code::CheckoutInWay, err.to_string())
                    .hint("put them aside", "git stash")
                    .hint("then", "git orch queue run")
            }
            FlowError::NotFit(checks) => not_fit(&checks),
            FlowError::NoSandbox { why } => {
                Failure::new(Exit::Environment, Code::NoSandbox, "no sandbox for agents on this machine")
                    .because(why)
                    .hint("install one", "sudo apt-get install bubblewrap")
                    .hint("or let agents do all that you may", "git orch run --no-sandbox")
            }
            FlowError::RunBusy => Failure::new(Exit::Race, Code::RunBusy, err.to_string())
                .hint("see what it does", "git orch status")
                .hint("end it softly", "git orch stop"),
            FlowError::BranchInTheWay => {
                Failure::new(Exit::Environment, Code::BranchInTheWay, err.to_string())
                    .hint("rename it", "git branch -m orch orch-old")
            }
            FlowError::QueueBusy { pid, since } => queue_busy(pid, since),
            FlowError::Rewound { id, remote, theirs, ours } => rewound(&id, &remote, &theirs, &ours),
            FlowError::NothingToUndo(why) => Failure::new(Exit::Failed, Code::NothingToUndo, why)
                .hint("what happened", "git orch log --oneline"),
            FlowError::NothingWaits => {
                Failure::new(Exit::Nothing, Code::NothingWaits, "nothing waits for a person")
                    .hint("see what is going on", "git orch status")
            }
            FlowError::NoEvidence(why) => {
                Failure::new(Exit::Failed, Code::NoEvidence, "the test command gave no result that counts")
                    .because(why)
                    .hint("see which command that is", "git orch config explain tests.all")
            }
            FlowError::Github(err) => github(&err),
            FlowError::Source(err) => of(Exit::Usage, Code::BadValue, &err)
                .hint("which files are understood", "git orch import --help"),
            FlowError::Payload(err) => of(Exit::Usage, Code::Payload, &err)
                .hint("what the bot's commands read", "git orch bot --help"),
            FlowError::PullMoved { .. } => Failure::new(Exit::Race, Code::HeadMoved, err.to_string())
                .because("something was pushed meanwhile; the push started a run of its own")
                .hint("look at it now", "git orch bot queue"),
            FlowError::Interrupted => Failure::new(Exit::Interrupted, Code::Interrupted, "interrupted")
                .because("state kept")
                .hint("go on", "git orch queue run"),
        }
    }
}

fn github(err: &GithubError) -> Failure {
    match err {
        GithubError::Answered { status: 401 | 403, .. } => of(Exit::Environment, Code::Github, err)
            .hint("which rights each command needs", "git orch show E-GITHUB"),
        GithubError::Limited { seconds, .. } => of(Exit::Environment, Code::Github, err)
            .hint("try again when it is over", format!("sleep {seconds} && git orch bot queue")),
        GithubError::Answered { .. }
        | GithubError::Client { .. }
        | GithubError::KeptFailing { .. }
        | GithubError::Unsure { .. }
        | GithubError::Answer { .. }
        | GithubError::Runtime(_) => {
            of(Exit::Environment, Code::Github, err).hint("what was asked, and how", "git orch bot queue -v")
        }
    }
}

fn opening(err: &OpenError) -> Failure {
    match err {
        OpenError::NotARepository { dir } => Failure::new(
            Exit::Environment,
            Code::NoRepository,
            format!("not a git repository: {}", dir.display()),
        )
        .hint("make one", "git init && git commit --allow-empty -m start"),
        OpenError::Bare { dir } => Failure::new(
            Exit::Environment,
            Code::Bare,
            format!("bare repository: worktrees need a checkout elsewhere ({})", dir.display()),
        )
        .hint("work in a clone of it", format!("git clone {} work", dir.display())),
        OpenError::Reftable { dir } => Failure::new(
            Exit::Environment,
            Code::Reftable,
            format!("ref format 'reftable' is not supported yet ({})", dir.display()),
        )
        .hint("convert it", "git refs migrate --ref-format=files"),
        OpenError::Unreadable { .. } => {
            of(Exit::Environment, Code::Unreadable, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

fn git(err: &GitError) -> Failure {
    let plain = |exit, code, why: &str, command: &str| of(exit, code, err).hint(why, command);
    match err {
        GitError::Start { .. } => {
            plain(Exit::Environment, Code::NotFound, "check what is installed", "git orch doctor")
        }
        GitError::BrokenRef(_) => {
            plain(Exit::Environment, Code::BrokenRecord, "mend what can be mended", "git orch doctor --fix")
        }
        GitError::BranchMoved(_) | GitError::Contended { .. } => {
            plain(Exit::Race, Code::Contended, "look again, then retry", "git orch status")
        }
        GitError::BranchExists(branch) => plain(
            Exit::Failed,
            Code::Git,
            "look at that branch",
            &format!("git log --oneline {}", shown(branch)),
        ),
        GitError::NestedRepository { folder } => plain(
            Exit::Failed,
            Code::Git,
            "take its folder .git away, or make it a submodule",
            &format!("ls -a {}", shown(folder)),
        ),
        GitError::Unstageable { .. } => {
            plain(Exit::Failed, Code::Git, "remove or rename what it names, then try again", "git status")
        }
        GitError::TooLarge { .. } => {
            plain(Exit::Gate, Code::TooBig, "what the cap is", "git orch config explain cap.diff")
        }
        GitError::BadRefName(_) | GitError::BadPath(_) => {
            plain(Exit::Usage, Code::BadValue, "see the branches", "git branch --list")
        }
        GitError::Detached(_) => plain(Exit::Failed, Code::Git, "see the worktrees", "git worktree list"),
        GitError::Silent { .. }
        | GitError::Failed { .. }
        | GitError::Answer { .. }
        | GitError::Gix { .. }
        | GitError::Io { .. }
        | GitError::NoWorktree(_)
        | GitError::NotForward { .. }
        | GitError::OtherTree { .. } => {
            plain(Exit::Failed, Code::Git, "look for what is wrong", "git orch doctor")
        }
    }
}

fn store(err: &StoreError) -> Failure {
    match err {
        StoreError::Git(err) => git(err),
        StoreError::Record { name, commit, source } => record(name, commit.short(), source),
        StoreError::Refused { id, refused, state } => refusal(id, refused, state),
        StoreError::NotBegun(_) => {
            of(Exit::Failed, Code::NotYours, err).hint("who acts", "git config user.name")
        }
        StoreError::NoTask(id) => unknown(id.as_str(), None),
        StoreError::Exists(id) => exists(id, None),
        StoreError::Contended { .. } => {
            of(Exit::Race, Code::Contended, err).hint("look again, then retry", "git orch status")
        }
        StoreError::Locked { .. } => {
            of(Exit::Race, Code::Locked, err).hint("if no other git is running", "git orch doctor --fix")
        }
        StoreError::File { .. } => {
            of(Exit::Failed, Code::File, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

fn record(name: &str, commit: &str, source: &RecordError) -> Failure {
    match source {
        RecordError::Newer { .. } => {
            Failure::new(Exit::Environment, Code::Newer, format!("{name} at {commit}: {source}"))
                .hint("which version is this", "git orch --version")
        }
        RecordError::Broken { .. } => {
            Failure::new(Exit::Environment, Code::BrokenRecord, format!("{name}: cannot read {commit}"))
                .because(source.to_string())
                .hint("mend what can be mended", "git orch doctor --fix")
                .hint("or ask a remote", "git orch sync")
        }
    }
}

/// The transition table says no.
fn refusal(id: &TaskId, refused: &Refused, state: &State) -> Failure {
    let show = format!("git orch show {id}");
    match refused {
        Refused::NotNow { event, .. } => not_now(id, event, state),
        Refused::NotYours { .. } => Failure::new(Exit::Failed, Code::NotYours, format!("{id}: {refused}"))
            .hint("what can happen to it", show),
        Refused::HeldBy { owner } => claimed(id, &owner.0, None),
        Refused::TakenOver { owner } => Failure::new(
            Exit::Race,
            Code::TakenOver,
            format!("{id} was taken over by {}", text::owner(&owner.0)),
        )
        .hint("see how it stands", show)
        .hint("or take another", "git orch pick"),
        Refused::OwnWork { .. } => Failure::new(
            Exit::Person,
            Code::OwnWork,
            format!("you wrote {id}; another person or reviewer must approve"),
        )
        .hint("somebody else says", format!("git orch approve {id} --as NAME")),
        Refused::HeadMoved { seen, now } => Failure::new(
            Exit::Race,
            Code::HeadMoved,
            format!("head moved {}..{} since you looked; review again", seen.short(), now.short()),
        )
        .hint("see the change", format!("git orch show -p {id}")),
        Refused::Standing { reviewer } => Failure::new(
            Exit::Gate,
            Code::Standing,
            format!("{id}: reviewer {} has not passed it", text::line(reviewer)),
        )
        .hint("see what stands against it", show),
        Refused::Order => {
            Failure::new(Exit::Failed, Code::NotNow, format!("{id}: {refused}")).hint("see its events", show)
        }
    }
}

fn not_now(id: &TaskId, event: &str, state: &State) -> Failure {
    let column = state.column();
    let message = match column {
        Column::Done => format!("{id} is finished ({}): it cannot be {event}", state.word()),
        _ => format!("{id} cannot be {event} while it is {}", state.word()),
    };
    Failure::new(Exit::Failed, Code::NotNow, message)
        .hint("what can happen to it", format!("git orch show {id}"))
}

fn claimed(id: &TaskId, owner: &str, since: Option<Seconds>) -> Failure {
    let owner = text::owner(owner);
    let held = match since {
        Some(since) => format!("{owner} has held it since {}", text::rfc3339(since)),
        None => format!("{owner} holds it"),
    };
    Failure::new(Exit::Race, Code::Claimed, format!("{id} is already claimed"))
        .because(held)
        .hint("take another", "git orch pick")
        .hint("or take it over", format!("git orch pick {id} --take-over"))
}

fn process(err: &ProcessError) -> Failure {
    match err {
        ProcessError::NotFound { .. } => {
            of(Exit::Environment, Code::NotFound, err).hint("check what is installed", "git orch doctor")
        }
        ProcessError::Start { .. }
        | ProcessError::Folder { .. }
        | ProcessError::Log { .. }
        | ProcessError::NotText(_)
        | ProcessError::Supervisor { .. }
        | ProcessError::Refused(_)
        | ProcessError::TooLong { .. }
        | ProcessError::System { .. } => {
            of(Exit::Failed, Code::Program, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

fn agent(err: &AgentError) -> Failure {
    let explain =
        |failure: Failure| failure.hint("which agents are set", "git orch config explain agents.implement");
    match err {
        AgentError::Process(err) => process(err),
        AgentError::Unknown { .. }
        | AgentError::NoModel { .. }
        | AgentError::Empty { .. }
        | AgentError::LongPrompt { .. } => explain(of(Exit::Usage, Code::Agent, err)),
        AgentError::NotInstalled { agent, .. } => of(Exit::Environment, Code::Agent, err)
            .hint("see what is missing", format!("git orch doctor --ping {}", shown(agent))),
        AgentError::NoScript { .. } | AgentError::Path(_) => explain(of(Exit::Failed, Code::Agent, err)),
        AgentError::File { .. } => {
            of(Exit::Failed, Code::File, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

fn settings(err: &dyn std::error::Error) -> Failure {
    of(Exit::Usage, Code::Settings, err)
        .hint("every setting and where it comes from", "git orch config list --origin")
}

fn exchange(err: &ExchangeError) -> Failure {
    match err {
        ExchangeError::NoRemote(remote) => {
            Failure::new(Exit::Environment, Code::NoRemote, format!("no remote '{}'", shown(remote)))
                .hint("see the remotes", "git remote -v")
        }
        ExchangeError::Unreachable { remote, .. } => of(Exit::Environment, Code::Unreachable, err)
            .hint("ask it yourself", format!("git ls-remote {}", shown(remote)))
            .hint("or work without", "git orch --offline pick"),
        ExchangeError::Refused { .. } => {
            of(Exit::Environment, Code::RemoteRefused, err).hint("check what it allows", "git orch doctor")
        }
        ExchangeError::Git(err) => git(err),
    }
}

fn environment(err: &FlowError) -> Failure {
    let failure = |code| of(Exit::Environment, code, err);
    match err {
        FlowError::NoBase { branch } => failure(Code::NoBase)
            .hint("make the first commit", "git commit --allow-empty -m start")
            .hint(format!("or name another than {}", shown(branch)), "git config orch.base BRANCH"),
        FlowError::OldGit { .. } => failure(Code::OldGit).hint("which git is this", "git --version"),
        FlowError::Shallow => failure(Code::Shallow).hint("get the rest", "git fetch --unshallow"),
        _ => failure(Code::NoTests)
            .hint("write the command under [tests] as all = \"COMMAND\"", "$EDITOR orch.toml"),
    }
}

fn usage(err: &FlowError) -> Failure {
    let failure = |code| of(Exit::Usage, code, err);
    match err {
        FlowError::BadId(_) => failure(Code::BadId).hint("let one be made", "git orch add TITLE"),
        FlowError::Unknown { wanted, near } => unknown(wanted, near.as_ref()),
        FlowError::Ambiguous { candidates, .. } => {
            let first = candidates.first().map_or("TASK", TaskId::as_str);
            failure(Code::Ambiguous).hint("type more of it", format!("git orch show {first}"))
        }
        FlowError::Exists { id, column } => exists(id, Some(*column)),
        FlowError::Finished { id } => {
            failure(Code::NotNow).hint("see how it ended", format!("git orch show {id}"))
        }
        FlowError::Cycle { path } => {
            let first = path.first().map_or("TASK", TaskId::as_str);
            failure(Code::Cycle).hint("see what it waits for", format!("git orch show {first}"))
        }
        FlowError::UnknownDependency { .. } => {
            failure(Code::UnknownDependency).hint("see the tasks", "git orch status -a")
        }
        FlowError::NoTaskHere => failure(Code::NoTaskHere).hint("see the tasks", "git orch status"),
        FlowError::NoBranch(_) => failure(Code::NoBranch).hint("see the branches", "git branch --list"),
        FlowError::SayWhich(tasks) => tasks
            .iter()
            .take(5)
            .fold(failure(Code::SayWhich), |failure, id| failure.hint("look", format!("git orch show {id}"))),
        FlowError::NoRun(_) => failure(Code::NoRun).hint("see the runs", "git orch report --list"),
        FlowError::InsideAgent | FlowError::NotForAgents(_) => {
            failure(Code::InsideAgent).hint("see the task", "git orch show")
        }
        _ => failure(Code::BadValue).hint("what the command takes", "git orch --help"),
    }
}

/// A name that nothing has.
pub(crate) fn unknown(wanted: &str, near: Option<&TaskId>) -> Failure {
    let meant = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
    let failure = Failure::new(Exit::Usage, Code::Unknown, format!("no task '{}'{meant}", shown(wanted)));
    match near {
        Some(near) => failure.hint("look at that one", format!("git orch show {near}")),
        None => failure.hint("see the tasks", "git orch status -a"),
    }
}

fn exists(id: &TaskId, column: Option<Column>) -> Failure {
    let place = column.map(|column| format!(" ({})", column.word())).unwrap_or_default();
    Failure::new(Exit::Usage, Code::Exists, format!("task '{id}' exists{place}"))
        .hint("look at it", format!("git orch show {id}"))
        .hint("or let an id be made", "git orch add TITLE")
}

fn nothing_ready(waiting: &[(TaskId, Waits)], in_hand: usize, needs_you: usize) -> Failure {
    let mut failure = Failure::new(
        Exit::Nothing,
        Code::NothingReady,
        match waiting.len() {
            0 => "no task is ready".to_owned(),
            blocked => format!("no task is ready ({blocked} blocked)"),
        },
    );
    for (id, waits) in waiting.iter().take(5) {
        failure = failure.because(format!("{id} {}", waits_text(waits)));
    }
    if in_hand > 0 {
        failure = failure.because(format!("{} in hand", text::count(in_hand, "task")));
    }
    if needs_you > 0 {
        let verb = if needs_you == 1 { "waits" } else { "wait" };
        failure = failure.because(format!("{} {verb} for a person", text::count(needs_you, "task")));
        return failure.hint("see them", "git orch status");
    }
    failure.hint("add one", "git orch add \"what you want done\"")
}

/// What a task waits for, in words.
pub(crate) fn waits_text(waits: &Waits) -> String {
    match waits {
        Waits::For(ids) => {
            let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            format!("waits for {}", names.join(", "))
        }
        Waits::ForNothing(id) => format!("waits for {id}, which will never land"),
    }
}

fn not_ready(id: &TaskId, waits: &Waits) -> Failure {
    let failure =
        Failure::new(Exit::Nothing, Code::NotReady, format!("{id} is not ready")).because(waits_text(waits));
    match waits {
        Waits::For(_) => failure.hint("take another", "git orch pick"),
        Waits::ForNothing(_) => {
            failure.hint("change what it waits for", format!("git orch edit {id} --after \"\""))
        }
    }
}

fn gate(id: &str, evidence: &Evidence) -> Failure {
    let id = shown(id);
    let code = match evidence.trouble {
        Trouble::TooBig => Code::TooBig,
        Trouble::OutsidePaths => Code::Outside,
        Trouble::ConflictBase | Trouble::ConflictTask => Code::Conflict,
        Trouble::Worse => Code::Worse,
        Trouble::NoEvidence => Code::NoEvidence,
        Trouble::NoChange
        | Trouble::TimeLimit
        | Trouble::NotStarted
        | Trouble::AgentFailed
        | Trouble::Findings
        | Trouble::NoVerdict
        | Trouble::HeadMoved
        | Trouble::BranchGone
        | Trouble::Dependency
        | Trouble::Draft
        | Trouble::Rejected
        | Trouble::OverBudget => Code::Gate,
    };
    let mut failure = Failure::new(Exit::Gate, code, format!("{id}: {}", evidence.text));
    for test in evidence.tests.iter().take(5) {
        failure = failure.because(format!("{}: {}", test.name, test.line));
    }
    match (code, &evidence.reproduce) {
        (Code::TooBig, _) if evidence.text.starts_with(ADDS_BINARY) => {
            failure.hint("what the cap is", "git orch config explain cap.binary_mb")
        }
        (Code::TooBig, _) => failure
            .hint("split it", format!("git orch add \"second half\" --after {id}"))
            .hint("or see the cap", "git orch config explain cap.diff"),
        (Code::Outside, _) if evidence.text.contains(paths::TASKS) => {
            failure.hint("let it touch more", format!("git orch edit {id} --paths GLOB"))
        }
        (Code::Conflict, Some(reproduce)) => failure
            .hint("see the conflict", reproduce.clone())
            .hint("after a merge of the base", format!("git orch queue add {id}")),
        (_, Some(reproduce)) => failure.hint("see it again", reproduce.clone()),
        (_, None) => failure.hint("see the rules", "git orch config list --origin"),
    }
}

/// All that is missing before a run, each with what helps.
fn not_fit(checks: &[Check]) -> Failure {
    let what = text::count(checks.len(), "thing");
    let mut failure =
        Failure::new(Exit::Environment, Code::NotFit, format!("nothing was started: {what} not right"));
    for check in checks {
        failure = failure.because(format!("{}: {}", check.check, check.message));
    }
    for check in checks {
        failure =
            failure.hint(check.check, check.fix.clone().unwrap_or_else(|| "git orch doctor".to_owned()));
    }
    failure
}

fn dirty(files: &[String]) -> Failure {
    let names: Vec<String> = files.iter().take(10).map(|file| shown(file)).collect();
    let message =
        format!("worktree has {}: {}", text::count(files.len(), "uncommitted file"), names.join(", "));
    Failure::new(Exit::Failed, Code::Dirty, message).hint("see them", "git status --short")
}

fn queue_busy(pid: Option<u32>, since: Seconds) -> Failure {
    let who = pid.map(|pid| format!("pid {pid}, ")).unwrap_or_default();
    Failure::new(
        Exit::Race,
        Code::QueueBusy,
        format!("another git orch is running ({who}since {})", text::rfc3339(since)),
    )
    .because("one process of a machine lands at a time; it takes along whatever is in the queue")
    .hint("see what it does", "git orch queue")
}

fn rewound(id: &str, remote: &str, theirs: &str, ours: &str) -> Failure {
    Failure::new(
        Exit::Person,
        Code::Rewound,
        format!("{id} was rewound on {remote}: {theirs} is not after {ours}"),
    )
    .because("events that were seen there are gone; nothing was taken over")
    .hint("compare both", format!("git log {ours} {theirs}"))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            FlowError::QueueBusy { pid: Some(12), since: Seconds(0) },
            FlowError::Rewound {
                id: "t-1".to_owned(),
                remote: "origin".to_owned(),
                theirs: "aaaaaaa".to_owned(),
                ours: "bbbbbbb".to_owned(),
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
        error: another git orch is running (pid 12, since 1970-01-01T00:00:00Z)
          because: one process of a machine lands at a time; it takes along whatever is in the queue
          hint: see what it does: git orch queue
          [E-QUEUE-BUSY, exit 6, safe to retry]
        error: t-1 was rewound on origin: aaaaaaa is not after bbbbbbb
          because: events that were seen there are gone; nothing was taken over
          hint: compare both: git log bbbbbbb aaaaaaa
          [E-REWOUND, exit 4]
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
