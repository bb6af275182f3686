//! What every command starts from.

use crate::flow::Project;
use crate::flow::project::Given;

use super::failure::Failure;
use super::output::Output;

/// What every command starts from.
pub(crate) struct Context {
    pub(crate) given: Given,
    pub(crate) out: Output,
    /// What was typed behind `git orch`, quoted as a shell needs it.
    pub(crate) called: String,
    pub(crate) no_input: bool,
    /// The grammar of all commands. They are parts of it, so it comes to them as a value.
    pub(crate) grammar: fn() -> clap::Command,
    /// What the environment says of the editor.
    pub(crate) editor: Option<String>,
    /// Variables of the host of pull requests: `GITHUB_*`, `GH_TOKEN`.
    pub(crate) host: Vec<(String, String)>,
}

impl Context {
    /// Opens the repository that one stands in.
    ///
    /// # Errors
    /// There is none that can be used.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        let project = Project::open(&self.given)?;
        for notice in &project.policy.notices {
            self.out.warning(notice);
        }
        Ok(project)
    }
}

/// Leaves the folder where the command was called: it may be a worktree that the command removes.
pub(crate) fn stand_in(project: &Project) {
    // Where even that fails, the command says so at its first step.
    let _ = std::env::set_current_dir(project.root());
}
