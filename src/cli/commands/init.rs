//! `git orch init`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `init` is asked for.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {}

pub(crate) fn run(_ctx: &Context, _args: &InitArgs) -> Result<Exit, Failure> {
    Err(super::not_built("init"))
}
