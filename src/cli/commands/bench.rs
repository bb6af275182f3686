//! `git orch bench`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `bench` is asked for.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {}

pub(crate) fn run(_ctx: &Context, _args: &BenchArgs) -> Result<Exit, Failure> {
    Err(super::not_built("bench"))
}
