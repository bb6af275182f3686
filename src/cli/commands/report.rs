//! `git orch report`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `report` is asked for.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {}

pub(crate) fn run(_ctx: &Context, _args: &ReportArgs) -> Result<Exit, Failure> {
    Err(super::not_built("report"))
}
