//! `git orch submit`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `submit` is asked for.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {}

pub(crate) fn run(_ctx: &Context, _args: &SubmitArgs) -> Result<Exit, Failure> {
    Err(super::not_built("submit"))
}
