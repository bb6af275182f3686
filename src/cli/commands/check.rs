//! `git orch check`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `check` is asked for.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {}

pub(crate) fn run(_ctx: &Context, _args: &CheckArgs) -> Result<Exit, Failure> {
    Err(super::not_built("check"))
}
