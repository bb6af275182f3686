//! `git orch init`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `init` is asked for.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {}

pub(crate) fn run(_ctx: &Context, _args: &InitArgs) -> Result<Exit, Failure> {
    Err(super::not_built("init"))
}
