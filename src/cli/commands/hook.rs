//! `git orch hook`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `hook` is asked for.
#[derive(Debug, Args)]
pub(crate) struct HookArgs {}

pub(crate) fn run(_ctx: &Context, _args: &HookArgs) -> Result<Exit, Failure> {
    Err(super::not_built("hook"))
}
