//! `git orch doctor`.

use clap::Args;

use super::super::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;

/// What `doctor` is asked for.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(_ctx: &Context, _args: &DoctorArgs) -> Result<Exit, Failure> {
    Err(super::not_built("doctor"))
}
