//! `git orch man`: the man pages, made from the grammar.

use std::path::Path;

use crate::flow::FlowError;

use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

pub(crate) fn run(ctx: &Context, dir: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(dir).map_err(FlowError::file("make", dir))?;
    // Their names must be those of files: `git-orch-add.1`, not `git orch add`.
    let command = (ctx.grammar)().bin_name("git-orch");
    clap_mangen::generate_to(command, dir).map_err(FlowError::file("write", dir))?;
    let shown = dir.display().to_string();
    ctx.out.success(
        "man",
        serde_json::json!({"dir": shown}),
        || format!("wrote the man pages to {shown}\n"),
        &[],
    );
    Ok(Exit::Done)
}
