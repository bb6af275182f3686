//! What the work of a command ran into: one line for each kind, worded by the file that answers for it.

use super::gate::{gate, may_not_approve, no_change, no_evidence};
use super::git::{dirty, diverged, environment, exchange, folder_gone, git, opening, rewound};
use super::host::{agent, agent_not_committed, github, process, settings};
use super::queue::{
    branch_in_the_way, checkout_busy, checkout_in_way, has_landed, interrupted, no_sandbox, not_fit,
    queue_busy, run_busy, run_waits,
};
use super::store::{claimed, store};
use super::task::{not_ready, nothing_ready, nothing_waits, usage};
use super::vague::vague;
use super::{Failure, of};
use crate::cli::codes::Code;
use crate::flow::FlowError;
use crate::git::worktree::RemoveRefused;

impl From<FlowError> for Failure {
    fn from(err: FlowError) -> Failure {
        match err {
            FlowError::Open(err) => opening(&err),
            FlowError::FolderGone { ref main } => folder_gone(&err, main.as_deref()),
            FlowError::Git(err) => git(&err),
            FlowError::Store(err) => store(&err),
            FlowError::Process(err) => process(&err),
            FlowError::Agent(err) => agent(&err),
            FlowError::Policy(err) => settings(&err),
            FlowError::Settings(err) => {
                let failure = of(Code::Settings, &err);
                err.mends().into_iter().fold(failure, |failure, (why, command)| failure.hint(why, command))
            }
            FlowError::AgentNotCommitted { ref agent, ref branch, on_base } => {
                agent_not_committed(&err, agent, branch, on_base)
            }
            FlowError::Layer(err) => settings(&err),
            FlowError::Prompt(err) => {
                of(Code::Prompt, &err).hint("what each prompt may use", "git orch show E-PROMPT")
            }
            FlowError::Exchange(err) => exchange(&err),
            FlowError::Remove(RemoveRefused::Git(err)) => git(&err),
            FlowError::Remove(RemoveRefused::Dirty { files }) => dirty(&files),
            FlowError::File { doing, path, source } => {
                Failure::new(Code::File, format!("could not {doing} {path}"))
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
            err @ FlowError::NoPlan { .. } => Failure::new(Code::AgentFailed, err.to_string())
                .hint("which agent plans", "git orch config explain agents.plan")
                .hint("or add the tasks yourself", "git orch add TITLE"),
            FlowError::NothingReady { waiting, in_hand, needs_you } => {
                nothing_ready(&waiting, in_hand, needs_you)
            }
            FlowError::NothingWaits => nothing_waits(),
            FlowError::NotReady { id, waits } => not_ready(&id, &waits),
            FlowError::Claimed { id, owner, since } => claimed(&id, &owner, Some(since)),
            FlowError::NoChange { branch, base } => no_change(&branch, &base),
            FlowError::Gate { of, evidence, limit } => gate(&of, &evidence, limit),
            FlowError::MayNotApprove { ref id, ref approvers, ref command, .. } => {
                may_not_approve(&err, id, approvers, command)
            }
            FlowError::NoEvidence(why) => no_evidence(&why),
            err @ FlowError::CheckoutInWay { .. } => checkout_in_way(&err),
            FlowError::CheckoutBusy { command, .. } => checkout_busy(&err, command),
            FlowError::NotFit(checks) => not_fit(&checks),
            FlowError::NoSandbox { why } => no_sandbox(&why),
            err @ FlowError::RunBusy => run_busy(&err),
            FlowError::RunWaits { ref names, .. } => run_waits(&err, names),
            err @ FlowError::BranchInTheWay => branch_in_the_way(&err),
            err @ FlowError::HasLanded { .. } => has_landed(&err),
            FlowError::QueueBusy { pid, since } => queue_busy(pid, since),
            FlowError::LandingUnderWay => {
                of(Code::QueueBusy, &err).hint("see whether it has ended", "git orch queue").again("then", "")
            }
            FlowError::Interrupted => interrupted(),
            FlowError::Rewound { id, remote, theirs, ours } => rewound(&id, &remote, &theirs, &ours),
            FlowError::Diverged { ref branch, ref upstream, .. } => diverged(&err, branch, upstream),
            FlowError::NothingToUndo(why) => {
                Failure::new(Code::NothingToUndo, why).hint("what happened", "git orch log --oneline")
            }
            FlowError::Github(err) => github(&err),
            FlowError::Source(err) => {
                of(Code::BadValue, &err).hint("which files are understood", "git orch import --help")
            }
            FlowError::Payload(err) => {
                of(Code::Payload, &err).hint("what the bot's commands read", "git orch bot --help")
            }
            FlowError::PullMoved { .. } => Failure::new(Code::HeadMoved, err.to_string())
                .because("something was pushed meanwhile; the push started a run of its own")
                .hint("look at it now", "git orch bot queue"),
        }
    }
}
