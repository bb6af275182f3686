//! Flags that several commands share.

use clap::{Args, ValueEnum};

/// Flags that every command understands.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one per flag, resolved once")]
pub(crate) struct Global {
    /// Print one JSON object (`{"schema":…,"ok":…,"data":…}`) instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say less: no progress, no hints
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Print each git and agent command that is run
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// When to use color
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub(crate) color: When,
    /// Never ask; a question becomes exit code 4
    #[arg(long, global = true, env = "GIT_ORCH_NO_INPUT", help_heading = "Global options")]
    pub(crate) no_input: bool,
    /// Work without the remote, and say so
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) offline: bool,
}

impl Global {
    /// The flags that hold where none could be read: nobody is asked, and only the wish for JSON is believed.
    pub(crate) fn unread(json: bool) -> Global {
        Global { json, quiet: false, verbose: 0, color: When::Auto, no_input: true, offline: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// Shows what would happen, and changes nothing.
#[derive(Debug, Clone, Args)]
pub(crate) struct DryRun {
    /// Show what would happen, change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}
