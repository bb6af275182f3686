//! `git orch bench`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `bench` is asked for.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {}

pub(crate) fn run(_ctx: &Context, _args: &BenchArgs) -> Result<Exit, Failure> {
    Err(super::not_built("bench"))
}
