//! `git orch agent-hook`: called by agent programs, not by people.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::agent_hook::{self, Asked, Session};

use super::hook::standard_input;

/// The command's name, by which its exit code is known before anything is parsed.
pub(crate) const NAME: &str = "agent-hook";
/// The only code by which an agent program takes a no; any other is a remark, and the tool is used.
pub(crate) const BLOCKED: u8 = 2;

/// Called by agent programs before they use a tool and before they stop: exit code 0 is yes, 2 is no. Whatever goes
/// wrong is a no
#[derive(Debug, Args)]
#[command(after_help = "In .claude/settings.json:\n  \
    {\"hooks\": {\"PreToolUse\": [{\"matcher\": \"*\", \"hooks\": [{\"type\": \"command\",\n    \
    \"command\": \"git-orch agent-hook claude PreToolUse\"}]}], \"Stop\": [{\"hooks\": [{\"type\":\n    \
    \"command\", \"command\": \"git-orch agent-hook claude Stop\"}]}]}}")]
pub(crate) struct AgentHookArgs {
    /// Whose hook it is
    pub(crate) provider: Provider,
    /// What it asks
    pub(crate) event: Event,
    /// Where the agent's session began
    #[arg(long, value_name = "DIR", env = "CLAUDE_PROJECT_DIR", hide_env = true)]
    pub(crate) session: Option<PathBuf>,
}

/// Agent programs whose questions are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    Claude,
}

/// What they ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Event {
    /// Whether a tool may be used: its paths must be within the worktree, and within those of the task
    #[value(name = "PreToolUse")]
    PreToolUse,
    /// Whether the turn may end: the task must be handed in
    #[value(name = "Stop")]
    Stop,
}

pub(crate) fn run(ctx: &Context, args: &AgentHookArgs) -> Result<Exit, Failure> {
    let Provider::Claude = args.provider;
    let asked = match args.event {
        Event::PreToolUse => Asked::BeforeTool,
        Event::Stop => Asked::BeforeStop,
    };
    let text = standard_input()?;
    let variable = |name: &str| {
        let found = ctx.given.environment.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let folder = args.session.clone().filter(|folder| !folder.as_os_str().is_empty());
    let session = Session { folder, task: variable("GIT_ORCH_TASK") };
    match agent_hook::answer(&ctx.given, &session, asked, &text)? {
        None => Ok(Exit::Done),
        Some(why) => {
            ctx.out.note(&format!("git orch: {why}\n"));
            Ok(Exit::Gate)
        }
    }
}
