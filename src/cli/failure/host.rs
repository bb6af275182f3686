//! What programs, settings or the host of pull requests said no to.

use super::{Failure, of};
use crate::agent::AgentError;
use crate::cli::codes::Code;
use crate::flow::FlowError;
use crate::github::GithubError;
use crate::process::ProcessError;
use crate::task::id::shown;

pub(super) fn process(err: &ProcessError) -> Failure {
    match err {
        ProcessError::NotFound { .. } => {
            of(Code::NotFound, err).hint("check what is installed", "git orch doctor")
        }
        ProcessError::Start { .. }
        | ProcessError::Folder { .. }
        | ProcessError::Log { .. }
        | ProcessError::NotText(_)
        | ProcessError::Supervisor { .. }
        | ProcessError::Refused(_)
        | ProcessError::TooLong { .. }
        | ProcessError::System { .. } => {
            of(Code::Program, err).hint("look for what is wrong", "git orch doctor")
        }
    }
}

pub(super) fn agent(err: &AgentError) -> Failure {
    let explain =
        |failure: Failure| failure.hint("which agents are set", "git orch config explain agents.implement");
    match err {
        AgentError::Process(err) => process(err),
        AgentError::Unknown { meant: Some(meant), .. } => explain(
            of(Code::Agent, err)
                .hint("try the one that was meant", format!("git orch doctor --ping {meant}")),
        ),
        AgentError::Unknown { meant: None, .. }
        | AgentError::Worker { .. }
        | AgentError::NoModel { .. }
        | AgentError::Mark(_)
        | AgentError::Empty { .. }
        | AgentError::LongPrompt { .. } => explain(of(Code::Agent, err)),
        AgentError::NotInstalled { agent, .. } => of(Code::NotFound, err)
            .hint("see what is missing", format!("git orch doctor --ping {}", shown(agent))),
        AgentError::NoScript { .. } | AgentError::Path(_) => explain(of(Code::AgentFailed, err)),
        AgentError::File { .. } => of(Code::File, err).hint("look for what is wrong", "git orch doctor"),
    }
}

pub(super) fn agent_not_committed(err: &FlowError, agent: &str, branch: &str, on_base: bool) -> Failure {
    let commit = format!("git add orch.toml && git commit orch.toml -m \"Add agent {}\"", shown(agent));
    let failure = Failure::new(Code::Agent, err.to_string());
    match on_base {
        true => failure.hint("commit it", commit),
        false => failure.hint(format!("commit it on {branch}"), format!("git switch {branch} && {commit}")),
    }
}

pub(super) fn settings(err: &dyn std::error::Error) -> Failure {
    of(Code::Settings, err).hint("every setting and where it comes from", "git orch config list --origin")
}

pub(super) fn github(err: &GithubError) -> Failure {
    match err {
        GithubError::Answered { status: 401 | 403, .. } => {
            of(Code::Github, err).hint("which rights each command needs", "git orch show E-GITHUB")
        }
        GithubError::Limited { seconds, .. } => of(Code::Github, err)
            .hint("try again when it is over", format!("sleep {seconds} && git orch bot queue")),
        GithubError::Answered { .. }
        | GithubError::Client { .. }
        | GithubError::KeptFailing { .. }
        | GithubError::Unsure { .. }
        | GithubError::Answer { .. }
        | GithubError::Runtime(_) => {
            of(Code::Github, err).hint("what was asked, and how", "git orch bot queue -v")
        }
    }
}
