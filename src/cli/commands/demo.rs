//! `git orch demo`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `demo` is asked for.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}

pub(crate) fn run(_ctx: &Context, _args: &DemoArgs) -> Result<Exit, Failure> {
    Err(super::not_built("demo"))
}
