//! The grammar of the command line. The doc comments are the help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::commands;
use super::flags::Global;

/// Hands tasks to coding agents and people, and lands what they make through a merge queue that cannot break main.
#[derive(Debug, Parser)]
#[command(
    name = "git-orch",
    bin_name = "git orch",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "First time?  git orch init && git orch add \"Fix the flaky login test\" && git orch run\n\
                  No agent?    git orch demo\n\
                  Exit codes:  0 done, 1 failed, 2 usage, 3 gate says no, 4 needs a person, 5 limit, 6 lost a race,\n\
                  \x20            7 environment, 8 nothing ready, 70 bug, 130 interrupted"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// `git orch hook` alone, the same grammar without that of all the other commands: to build it costs as much as all
/// that the hook does, at each push.
#[derive(Debug, Parser)]
#[command(name = "git-orch")]
struct HookCli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Debug, Subcommand)]
enum HookCommand {
    Hook(commands::hook::HookArgs),
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// Wrong usage, or a question for help or the version.
    pub(crate) fn read(words: &[OsString]) -> Result<Cli, clap::Error> {
        if words.get(1).is_some_and(|word| word == "hook")
            && let Ok(HookCli { global, command: HookCommand::Hook(args) }) = HookCli::try_parse_from(words)
        {
            return Ok(Cli { global, command: Command::Hook(args) });
        }
        // The whole grammar also finds the words for whatever was wrong.
        Cli::try_parse_from(words)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up this repository: config, hook, man page, completions
    #[command(display_order = 10)]
    Init(commands::init::InitArgs),
    /// Check the machine and the repository; say how to fix, or fix
    #[command(display_order = 11)]
    Doctor(commands::doctor::DoctorArgs),
    /// Play a whole run in a toy repository, without an agent
    #[command(display_order = 12)]
    Demo(commands::demo::DemoArgs),
    /// Add a task
    #[command(display_order = 20)]
    Add(commands::add::AddArgs),
    /// Let an agent cut a goal into tasks, for you to say yes to
    #[command(display_order = 21)]
    Plan(commands::plan::PlanArgs),
    /// Change a task: title, spec, priority, paths, dependencies
    #[command(display_order = 21)]
    Edit(commands::edit::EditArgs),
    /// Take tasks over from TODO.md and its like, or from GitHub's issues
    #[command(display_order = 22)]
    Import(commands::import::ImportArgs),
    /// Run agents until the work is done or a limit is reached
    #[command(display_order = 30)]
    Run(commands::run::RunArgs),
    /// Claim the next ready task: branch, worktree, contract
    #[command(display_order = 31, visible_alias = "claim")]
    Pick(commands::pick::PickArgs),
    /// Hand in a task for review
    #[command(display_order = 32)]
    Submit(commands::submit::SubmitArgs),
    /// Hold or give up tasks, or stop the run
    #[command(display_order = 33)]
    Stop(commands::stop::StopArgs),
    /// Say yes to whatever waits for you
    #[command(display_order = 34)]
    Approve(commands::approve::ApproveArgs),
    /// Send a task back, with a reason
    #[command(display_order = 35)]
    Reject(commands::approve::RejectArgs),
    /// Run the gates (size, paths, tests, review) on a change
    #[command(display_order = 40)]
    Check(commands::check::CheckArgs),
    /// Show, fill, hold or run the merge queue
    #[command(display_order = 41)]
    Queue(commands::queue::QueueArgs),
    /// What is going on, and what to do next
    #[command(display_order = 50, aliases = ["st", "list", "ls"])]
    Status(commands::status::StatusArgs),
    /// Everything about one task, run or error code
    #[command(display_order = 51)]
    Show(commands::show::ShowArgs),
    /// What happened, newest first
    #[command(display_order = 52)]
    Log(commands::log::LogArgs),
    /// The figures of a run
    #[command(display_order = 53)]
    Report(commands::report::ReportArgs),
    /// Exchange tasks, runs and verdicts with a remote
    #[command(display_order = 60)]
    Sync(commands::sync::SyncArgs),
    /// Say something about a task; kept in its journal
    #[command(display_order = 61)]
    Msg(commands::msg::MsgArgs),
    /// Read, write and explain settings
    #[command(display_order = 61)]
    Config(commands::config::ConfigArgs),
    /// Take the last operation back
    #[command(display_order = 62)]
    Undo(commands::undo::UndoArgs),
    /// Called by git hooks
    #[command(hide = true)]
    Hook(commands::hook::HookArgs),
    /// Called by agent programs before they use a tool or stop
    #[command(hide = true)]
    AgentHook(commands::agent_hook::AgentHookArgs),
    /// What the bot on pull requests does; called by workflows
    #[command(hide = true)]
    Bot(commands::bot::BotArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man {
        /// The folder to write them to
        dir: PathBuf,
    },
    /// Measure this program against plain git
    #[command(hide = true)]
    Bench(commands::bench::BenchArgs),
}
