//! `git orch report`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `report` is asked for.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {}

pub(crate) fn run(_ctx: &Context, _args: &ReportArgs) -> Result<Exit, Failure> {
    Err(super::not_built("report"))
}
