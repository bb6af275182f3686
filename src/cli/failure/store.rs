//! What the state of a task does not allow, and records that cannot be read.

use std::os::unix::ffi::OsStrExt as _;

use super::git::git;
use super::{Failure, of};
use crate::cli::codes::Code;
use crate::cli::text;
use crate::store::StoreError;
use crate::store::record::RecordError;
use crate::task::Refused;
use crate::task::id::{Seconds, TaskId, shown};
use crate::task::state::{Column, State};

pub(super) fn store(err: &StoreError) -> Failure {
    match err {
        StoreError::Git(err) => git(err),
        StoreError::Record { name, commit, source } => record(name, commit.short(), source),
        StoreError::Refused { id, refused, state } => refusal(id, refused, state),
        StoreError::NotBegun(_) => of(Code::NotYours, err).hint("who acts", "git config user.name"),
        StoreError::NoTask(id) => unknown(id.as_str(), None),
        StoreError::Exists(id) => exists(id, None),
        StoreError::Contended { .. } => {
            of(Code::Contended, err).hint("look again, then retry", "git orch status")
        }
        StoreError::Locked { lock, .. } => {
            let failure = of(Code::Locked, err).hint("what the dead left goes by", "git orch doctor --fix");
            match lock.as_ref().map(|lock| shlex::bytes::try_quote(lock.file.as_os_str().as_bytes())) {
                Some(Ok(file)) => failure.hint(
                    "if no git works here any more, in no terminal, editor or container",
                    format!("rm {}", shown(&String::from_utf8_lossy(&file))),
                ),
                _ => failure,
            }
        }
        StoreError::File { .. } => of(Code::File, err).hint("look for what is wrong", "git orch doctor"),
    }
}

fn record(name: &str, commit: &str, source: &RecordError) -> Failure {
    match source {
        RecordError::Newer { .. } => Failure::new(Code::Newer, format!("{name} at {commit}: {source}"))
            .hint("which version is this", "git orch --version"),
        RecordError::Broken { .. } => {
            Failure::new(Code::BrokenRecord, format!("{name}: cannot read {commit}"))
                .because(source.to_string())
                .hint("mend what can be mended", "git orch doctor --fix")
                .hint("or ask a remote", "git orch sync")
        }
    }
}

/// The transition table says no.
fn refusal(id: &TaskId, refused: &Refused, state: &State) -> Failure {
    let show = format!("git orch show {id}");
    match refused {
        Refused::NotNow { event, .. } => not_now(id, event, state),
        Refused::NotYours { .. } => {
            Failure::new(Code::NotYours, format!("{id}: {refused}")).hint("what can happen to it", show)
        }
        Refused::HeldBy { owner } => claimed(id, &owner.0, None),
        Refused::TakenOver { owner } => {
            Failure::new(Code::TakenOver, format!("{id} was taken over by {}", text::owner(&owner.0)))
                .hint("see how it stands", show)
                .hint("or take another", "git orch pick")
        }
        Refused::OwnWork { .. } => {
            Failure::new(Code::OwnWork, format!("you wrote {id}; another person or reviewer must approve"))
                .hint("somebody else says", format!("git orch approve {id} --as NAME"))
        }
        Refused::HeadMoved { seen, now } => Failure::new(
            Code::HeadMoved,
            format!("head moved {}..{} since you looked; review again", seen.short(), now.short()),
        )
        .hint("see the change", format!("git orch show -p {id}"))
        .hint("see what can be done now", show),
        Refused::Standing { reviewer } => {
            Failure::new(Code::Standing, format!("{id}: reviewer {} has not passed it", text::line(reviewer)))
                .hint("see what stands against it", show)
        }
        Refused::Order => Failure::new(Code::NotNow, format!("{id}: {refused}")).hint("see its events", show),
    }
}

fn not_now(id: &TaskId, event: &str, state: &State) -> Failure {
    let column = state.column();
    let message = match column {
        Column::Done => format!("{id} is finished ({}): it cannot be {event}", state.said()),
        _ => format!("{id} cannot be {event} while it is {}", state.said()),
    };
    Failure::new(Code::NotNow, message).hint("what can happen to it", format!("git orch show {id}"))
}

pub(super) fn claimed(id: &TaskId, owner: &str, since: Option<Seconds>) -> Failure {
    Failure::new(Code::Claimed, format!("{id} is already claimed"))
        .because(held(owner, since))
        .hint("take another", "git orch pick")
        .hint("or take it over", format!("git orch pick {id} --take-over"))
}

/// `id` was to be handed in by somebody who does not hold it.
pub(crate) fn held_by_another(id: &TaskId, owner: &str, since: Seconds) -> Failure {
    let failure = Failure::new(Code::Claimed, format!("{id} is not yours to hand in"))
        .because(held(owner, Some(since)));
    // An agent's name, with its run, is nobody's to act under; and a name from another clone may be any text.
    let as_them = shlex::try_quote(owner).ok().filter(|_| !owner.contains('@') && shown(owner) == owner);
    let failure = match as_them {
        Some(name) => failure.hint("hand it in as them", format!("git orch submit {id} --as {name}")),
        None => failure,
    };
    failure.hint("or take it over", format!("git orch pick {id} --take-over"))
}

fn held(owner: &str, since: Option<Seconds>) -> String {
    let owner = text::owner(owner);
    match since {
        Some(since) => format!("{owner} has held it since {}", text::rfc3339(since)),
        None => format!("{owner} holds it"),
    }
}

/// A name that nothing has.
pub(crate) fn unknown(wanted: &str, near: Option<&TaskId>) -> Failure {
    let meant = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
    let failure = Failure::new(Code::Unknown, format!("no task '{}'{meant}", shown(wanted)));
    match near {
        Some(near) => failure.hint("look at that one", format!("git orch show {near}")),
        None => failure.hint("see the tasks", "git orch status -a"),
    }
}

/// `stands`: in which state, in words.
pub(super) fn exists(id: &TaskId, stands: Option<&str>) -> Failure {
    let place = stands.map(|stands| format!(" ({stands})")).unwrap_or_default();
    Failure::new(Code::Exists, format!("task '{id}' exists{place}"))
        .hint("look at it", format!("git orch show {id}"))
        .hint("or let an id be made", "git orch add TITLE")
}
