//! What is said to and by the host of pull requests: webhooks, slash commands and who may give them, comments, labels.
//!
//! Everything that comes from there is hostile until it is read here. Asking the host, and answering it, is not here: it
//! is in `github/`; what follows from it is in `flow/bot/`.

mod actor;
mod artifact;
mod escape;
mod finding;
mod inline;
mod kept;
mod label;
mod pull;
mod report;
mod slash;
mod sticky;
mod summary;
mod webhook;

pub(crate) use actor::{Actor, Permission, may};
pub(crate) use artifact::{ARTIFACT_MAX, Artifact, BadArtifact};
pub(crate) use escape::{code, plain};
pub(crate) use finding::Named;
pub(crate) use inline::{added_lines, annotations, inline};
pub(crate) use kept::{Again, Kept, Memory, Question};
pub(crate) use label::{LABELS, Labels, changes as label_changes, is_let_in};
pub(crate) use pull::{Pull, Unfit, unfit};
pub(crate) use report::{GateLine, Report, Says};
pub(crate) use slash::{Order, Reading, read as read_orders};
pub(crate) use sticky::{MARKER, QUEUE_MARKER, finding_marker, help, inline_body, sticky, stopped};
pub(crate) use summary::summary;
pub(crate) use webhook::{BadPayload, Ran, Subject, ran, subject, wake};
