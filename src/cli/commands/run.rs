//! `git orch run`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `run` is asked for.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {}

pub(crate) fn run(_ctx: &Context, _args: &RunArgs) -> Result<Exit, Failure> {
    Err(super::not_built("run"))
}
