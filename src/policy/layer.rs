//! One layer of settings: what one place says, and how a person finds that place.

use super::{
    file::Values,
    key::{self, KEYS, Key},
    value::{BadValue, Value},
};
use std::fmt;

/// Values that come from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) origin: Origin,
    /// By full names of keys.
    pub(crate) values: Values,
    /// What was passed over while the layer was read.
    pub(crate) notices: Vec<String>,
}

/// Where a value comes from; the later ones are the higher layers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    BuiltIn,
    /// `orch.toml` as committed on the base branch.
    Base {
        branch: String,
        commit: String,
    },
    /// `orch.toml` in the main worktree; counts only while the base has none.
    Worktree,
    GitConfig(Scope),
    Environment,
    /// An option of the command line, with its dashes.
    Flag(String),
}

/// A file of git's settings; the later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    System,
    Global,
    Local,
    Worktree,
    /// `git -c` and `GIT_CONFIG_*`.
    Command,
}

/// Why a layer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {error}")]
pub(crate) struct BadLayer {
    /// As a person finds it: `GIT_ORCH_CAP_DIFF`.
    pub(crate) place: String,
    pub(crate) error: BadValue,
}

impl Layer {
    /// The layer of a file that was read.
    pub(crate) fn of_file(origin: Origin, values: Values) -> Layer {
        Layer { origin, values, notices: Vec::new() }
    }

    /// Reads the `orch.*` of one of git's files: names without `orch.`, with their values; of two the later holds.
    ///
    /// A name that is no setting is passed over with a notice: other programs may keep theirs there.
    ///
    /// # Errors
    /// The first value that cannot be read.
    pub(crate) fn of_git_config(scope: Scope, entries: &[(String, String)]) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::GitConfig(scope), Values::new());
        for (name, text) in entries {
            match key::find_in_git(name) {
                Some(full) => layer.set(&full, text)?,
                None => {
                    let meant = key::similar(name).map(|meant| format!("; did you mean orch.{meant}?"));
                    let place = layer.origin.place(name);
                    layer.notices.push(format!("{place}: no such setting{}", meant.unwrap_or_default()));
                }
            }
        }
        Ok(layer)
    }

    /// Reads the variables of the environment that are settings; others are passed over, empty ones too.
    ///
    /// # Errors
    /// The first value that cannot be read.
    pub(crate) fn of_environment(variables: &[(String, String)]) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::Environment, Values::new());
        for (variable, text) in variables.iter().filter(|(_, text)| !text.is_empty()) {
            let plain_keys = KEYS.iter().filter(|key| !key.name.contains('*'));
            if let Some(key) = plain_keys.into_iter().find(|key| key.variable() == *variable) {
                layer.set(key.name, text)?;
            }
        }
        Ok(layer)
    }

    /// The layer of one option of the command line: `--jobs 3` is `run.jobs`.
    ///
    /// # Errors
    /// A value that cannot be read.
    pub(crate) fn of_flag(flag: &str, name: &str, text: &str) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::Flag(flag.to_owned()), Values::new());
        layer.set(name, text)?;
        Ok(layer)
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), BadLayer> {
        let Some(key) = key::find(name) else { return Ok(()) };
        let value = Value::parse(key, name, text)
            .map_err(|error| BadLayer { place: self.origin.place(name), error })?;
        self.values.insert(name.to_owned(), value);
        Ok(())
    }
}

impl Origin {
    /// Where a person finds the value of a key.
    pub(crate) fn place(&self, name: &str) -> String {
        match self {
            Origin::BuiltIn => "built-in".to_owned(),
            Origin::Base { branch, commit } => format!("orch.toml on {branch} ({commit})"),
            Origin::Worktree => "orch.toml in the worktree (not committed)".to_owned(),
            Origin::GitConfig(scope) => format!("git config --{scope} orch.{}", git_name(name)),
            Origin::Environment => key::find(name).map_or_else(|| name.to_owned(), Key::variable),
            Origin::Flag(flag) => flag.clone(),
        }
    }

    /// Whether the file of the project says it, not a person for himself.
    pub(super) fn is_project(&self) -> bool {
        matches!(self, Origin::BuiltIn | Origin::Base { .. } | Origin::Worktree)
    }
}

/// A key as git allows it: no `_` in the last part.
fn git_name(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((section, last)) => format!("{section}.{}", last.replace('_', "-")),
        None => name.replace('_', "-"),
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::System => "system",
            Scope::Global => "global",
            Scope::Local => "local",
            Scope::Worktree => "worktree",
            Scope::Command => "command",
        })
    }
}
