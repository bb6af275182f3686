//! `git orch hook`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `hook` is asked for.
#[derive(Debug, Args)]
pub(crate) struct HookArgs {}

pub(crate) fn run(_ctx: &Context, _args: &HookArgs) -> Result<Exit, Failure> {
    Err(super::not_built("hook"))
}
