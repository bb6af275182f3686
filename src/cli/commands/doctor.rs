//! `git orch doctor`.

use clap::Args;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What `doctor` is asked for.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(_ctx: &Context, _args: &DoctorArgs) -> Result<Exit, Failure> {
    Err(super::not_built("doctor"))
}
