//! `git orch submit`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `submit` is asked for.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {}

pub(crate) fn run(_ctx: &Context, _args: &SubmitArgs) -> Result<Exit, Failure> {
    Err(super::not_built("submit"))
}
