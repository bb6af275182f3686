//! `git orch undo`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `undo` is asked for.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {}

pub(crate) fn run(_ctx: &Context, _args: &UndoArgs) -> Result<Exit, Failure> {
    Err(super::not_built("undo"))
}
