//! What a run or the queue needs before it goes on.

use super::Failure;
use crate::cli::codes::Code;
use crate::cli::text;
use crate::flow::FlowError;
use crate::flow::looked_at::Check;
use crate::store::run_state::GO_ON;
use crate::task::id::Seconds;

/// All that is missing before a run, each with what helps.
pub(super) fn not_fit(checks: &[Check]) -> Failure {
    let what = text::count(checks.len(), "thing");
    let mut failure = Failure::new(Code::NotFit, format!("nothing was started: {what} not right"));
    for check in checks {
        failure = failure.because(format!("{}: {}", check.check, check.message));
    }
    for check in checks {
        failure =
            failure.hint(check.check, check.fix.clone().unwrap_or_else(|| "git orch doctor".to_owned()));
    }
    failure
}

pub(super) fn no_sandbox(why: &str) -> Failure {
    Failure::new(Code::NoSandbox, "no sandbox for agents on this machine")
        .because(why)
        .hint("install one", "sudo apt-get install bubblewrap")
        .hint("or let agents do all that you may", "git orch run --no-sandbox")
}

pub(super) fn run_busy(err: &FlowError) -> Failure {
    Failure::new(Code::RunBusy, err.to_string())
        .hint("see what it does", "git orch status")
        .hint("end it softly", "git orch stop")
}

/// `names`: of the tasks of the run that was asked for.
pub(super) fn run_waits(err: &FlowError, names: &[String]) -> Failure {
    Failure::new(Code::RunWaits, err.to_string())
        .hint("allow it once more", "git orch approve budget")
        .hint("then go on with it", GO_ON)
        .hint(
            "or leave it for a run with a budget of its own",
            format!("{GO_ON} {} --budget 5", names.join(" ")),
        )
}

pub(super) fn queue_busy(pid: Option<u32>, since: Seconds) -> Failure {
    let who = pid.map(|pid| format!("pid {pid}, ")).unwrap_or_default();
    Failure::new(
        Code::QueueBusy,
        format!("another git orch is running ({who}since {})", text::rfc3339(since)),
    )
    .because("one process of a machine lands at a time; it takes along whatever is in the queue")
    .hint("see what it does", "git orch queue")
}

pub(super) fn checkout_in_way(err: &FlowError) -> Failure {
    Failure::new(Code::CheckoutInWay, err.to_string()).hint("put them aside", "git stash").again("then", "")
}

pub(super) fn checkout_busy(err: &FlowError, command: &str) -> Failure {
    Failure::new(Code::CheckoutInWay, err.to_string())
        .hint("see how it stands", "git status")
        .hint("give it up", format!("git {command} --abort"))
        .again("then", "")
}

pub(super) fn branch_in_the_way(err: &FlowError) -> Failure {
    Failure::new(Code::BranchInTheWay, err.to_string()).hint("rename it", "git branch -m orch orch-old")
}

pub(super) fn has_landed(err: &FlowError) -> Failure {
    Failure::new(Code::NotNow, err.to_string())
        .because("the process that landed it ended before it wrote that down")
        .hint("write it down", "git orch queue run")
        .hint("then see how to take it back", "git orch undo --help")
}

pub(super) fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "interrupted").because("state kept").again("go on", "")
}
