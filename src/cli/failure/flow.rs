//! What the work of a command ran into: tasks, gates, the queue.

use super::git::{dirty, exchange, git, opening, rewound};
use super::host::{agent, github, process, settings};
use super::store::{claimed, exists, store, unknown};
use super::vague::vague;
use super::{Failure, of};
use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::text;
use crate::flow::FlowError;
use crate::flow::doctor::Check;
use crate::git::worktree::RemoveRefused;
use crate::guard::paths;
use crate::guard::size::ADDS_BINARY;
use crate::plan::ready::Waits;
use crate::task::id::{Seconds, TaskId, shown};
use crate::task::{Evidence, Trouble};

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
            FlowError::Vague { what, title, gaps } => vague(&what, &title, &gaps),
            err @ FlowError::NoPlan { .. } => Failure::new(Exit::Failed, Code::Agent, err.to_string())
                .hint("which agent plans", "git orch config explain agents.plan")
                .hint("or add the tasks yourself", "git orch add TITLE"),
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
            FlowError::CheckoutBusy { command, .. } => {
                Failure::new(Exit::Person, Code::CheckoutInWay, err.to_string())
                    .hint("see how it stands", "git status")
                    .hint("give it up", format!("git {command} --abort"))
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
            FlowError::HasLanded { .. } => Failure::new(Exit::Failed, Code::NotNow, err.to_string())
                .because("the process that landed it ended before it wrote that down")
                .hint("write it down", "git orch queue run")
                .hint("then see how to take it back", "git orch undo --help"),
            FlowError::QueueBusy { pid, since } => queue_busy(pid, since),
            FlowError::Rewound { id, remote, theirs, ours } => rewound(&id, &remote, &theirs, &ours),
            FlowError::Diverged { ref branch, ref upstream, .. } => {
                let (branch, upstream) = (shown(branch), shown(upstream));
                Failure::new(Exit::Person, Code::Diverged, err.to_string())
                    .because("each has commits that the other lacks; nothing was moved")
                    .hint("compare them", format!("git log --oneline --left-right {branch}...{upstream}"))
                    .hint("put yours on top", format!("git switch {branch} && git rebase {upstream}"))
            }
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
        | Trouble::OverBudget
        | Trouble::Unclear
        | Trouble::Audit
        | Trouble::BadAnswer => Code::Gate,
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
