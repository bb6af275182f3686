//! `git orch check`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `check` is asked for.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {}

pub(crate) fn run(_ctx: &Context, _args: &CheckArgs) -> Result<Exit, Failure> {
    Err(super::not_built("check"))
}
