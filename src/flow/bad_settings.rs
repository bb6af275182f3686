//! Settings that cannot be used: where they are, and what mends them. No command of ours that reads settings would help.

use crate::policy::PolicyError;
use crate::policy::file::{FileError, NAME};
use crate::policy::layer::{BadLayer, Origin, Scope};
use crate::policy::layers::Settings;
use crate::policy::place::place;

/// Opens the settings in the editor that git would open.
const EDIT: &str = "$(git var GIT_EDITOR) orch.toml";

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct BadSettings {
    /// With the place: `orch.toml:12:7: …`.
    why: String,
    /// Where that is.
    pub(crate) stand: Stand,
}

/// Where settings stand that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stand {
    /// In `orch.toml`; on this branch, where that is the one that counts.
    File { branch: Option<String> },
    /// In a file of git's settings.
    GitConfig(Scope),
    /// In the environment, under this name.
    Variable(String),
    /// In what was typed.
    Typed,
}

impl BadSettings {
    pub(super) fn of_file(err: &FileError, origin: &Origin) -> BadSettings {
        BadSettings { why: err.to_string(), stand: Stand::of(origin, "") }
    }

    pub(super) fn of_layer(err: &BadLayer, origin: &Origin) -> BadSettings {
        // Of a variable the place is its name.
        BadSettings { why: err.to_string(), stand: Stand::of(origin, &err.place) }
    }

    /// Values that do not fit together; `text` is the `orch.toml` that counts.
    pub(super) fn of_policy(err: &PolicyError, settings: &Settings, text: &str) -> BadSettings {
        let key = err.key().unwrap_or_default();
        let origin = settings.said_by(&key);
        let stand =
            origin.map_or(Stand::File { branch: None }, |origin| Stand::of(origin, &origin.place(&key)));
        let why = match (&stand, origin, place(text, &key)) {
            (Stand::File { .. }, _, Some((line, column))) => format!("{NAME}:{line}:{column}: {err}"),
            (Stand::File { .. }, ..) | (_, None, _) => err.to_string(),
            (_, Some(origin), _) => format!("{err} ({})", origin.place(&key)),
        };
        BadSettings { why, stand }
    }

    /// What mends it, step by step: what each does, and the command.
    pub(crate) fn mends(&self) -> Vec<(&'static str, String)> {
        match &self.stand {
            Stand::File { branch: None } => vec![("mend the file", EDIT.to_owned())],
            Stand::File { branch: Some(branch) } => vec![
                ("see it as it counts", format!("git show {branch}:{NAME}")),
                ("mend the file", EDIT.to_owned()),
                ("then", format!("git commit {NAME} -m \"Mend {NAME}\"")),
            ],
            Stand::GitConfig(scope) => vec![("mend it", format!("git config --{scope} --edit"))],
            Stand::Variable(name) => vec![("do without", format!("unset {name}"))],
            Stand::Typed => {
                vec![("every setting and where it comes from", "git orch config list --origin".to_owned())]
            }
        }
    }
}

impl Stand {
    fn of(origin: &Origin, place: &str) -> Stand {
        match origin {
            Origin::Base { branch, .. } => Stand::File { branch: Some(branch.clone()) },
            Origin::Worktree => Stand::File { branch: None },
            Origin::GitConfig(Scope::Command) | Origin::BuiltIn | Origin::Flag(_) => Stand::Typed,
            Origin::GitConfig(scope) => Stand::GitConfig(*scope),
            Origin::Environment => Stand::Variable(place.to_owned()),
        }
    }
}
