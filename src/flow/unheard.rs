//! Test runs that ended while nobody was there to hear it: whoever ran them was killed, and their supervisor was not.
//!
//! What a run is of stands in a file beside its log before it starts, and how it ended is put down by its supervisor. So
//! a kill between the end of a run and its note costs no second run.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::Verdicts;
use crate::process::{Ended, kept_outcome};
use crate::task::id::{CommitId, TreeId};

use super::select::Which;
use super::test_slot::{Slot, ticket_of};
use super::{FlowError, Project};

/// What a test run is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) commit: CommitId,
    pub(super) tree: TreeId,
    pub(super) set: String,
    pub(super) environment: String,
    pub(super) command: String,
}

/// The file that says what runs in a slot.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunWire {
    id: String,
    commit: String,
    tree: String,
    set: String,
    environment: String,
    command: String,
    /// How its report is read: with other settings it would say something else.
    format: String,
    full: bool,
}

/// The files of a run that is going on.
#[derive(Debug)]
pub(super) struct Ticket {
    path: PathBuf,
    outcome: PathBuf,
}

impl Run {
    /// A run of these tests, with an id of its own.
    pub(super) fn of(
        project: &Project,
        commit: &CommitId,
        tree: TreeId,
        which: &Which,
        command: String,
    ) -> Result<Run, FlowError> {
        let (id, set) = (crate::store::journal::nonce(), project.test_set(which));
        Ok(Run { id, commit: commit.clone(), tree, set, environment: project.environment()?, command })
    }
}

impl Ticket {
    /// Writes down what will run in a slot. It need not be on the disk: where the machine goes down, so does the run.
    pub(super) fn write(project: &Project, slot: &Slot, run: &Run) -> Result<Ticket, FlowError> {
        let ticket = Ticket::at(slot, &run.id);
        let wire = RunWire {
            id: run.id.clone(),
            commit: run.commit.as_str().to_owned(),
            tree: run.tree.as_str().to_owned(),
            set: run.set.clone(),
            environment: run.environment.clone(),
            command: run.command.clone(),
            format: project.report_format(),
            full: run.set == project.test_set(&Which::Full),
        };
        let text = serde_json::to_vec(&wire).expect("plain text fields");
        std::fs::write(&ticket.path, text).map_err(FlowError::file("write", &ticket.path))?;
        Ok(ticket)
    }

    fn at(slot: &Slot, id: &str) -> Ticket {
        Ticket { path: ticket_of(&slot.log), outcome: slot.log.with_extension(format!("{id}.ended")) }
    }

    /// Where its supervisor says how it ended.
    pub(super) fn outcome(&self) -> PathBuf {
        self.outcome.clone()
    }

    /// The run has its verdict, or will have none.
    pub(super) fn done(&self) {
        // A file that stays is looked at once more: its verdict is there already.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.outcome);
    }
}

impl Project {
    /// Hears what ended in all slots while nobody was there.
    ///
    /// # Errors
    /// Git fails, or a file cannot be read.
    pub(super) fn hear_all_left(&self) -> Result<(), FlowError> {
        Slot::unheard(self)?.iter().try_for_each(|slot| self.hear_left(slot))
    }

    /// Hears what ended in this slot: a run that came to its end by itself counts as any other.
    pub(super) fn hear_left(&self, slot: &Slot) -> Result<(), FlowError> {
        let path = ticket_of(&slot.log);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FlowError::file("read", &path)(error)),
        };
        let Some((run, wire)) = read(&text) else {
            // Half a file: its writer was killed before the run began.
            return std::fs::remove_file(&path).map_err(FlowError::file("remove", &path));
        };
        let ticket = Ticket::at(slot, &run.id);
        let own = self.store.verdicts(&run.tree, Verdicts::Own)?;
        let heard = own.iter().any(|verdict| verdict.run == run.id);
        if !heard {
            let Some(outcome) = kept_outcome(&ticket.outcome)? else {
                // Its outcome's file stays: a supervisor that comes late must find it, and not begin.
                return std::fs::remove_file(&path).map_err(FlowError::file("remove", &path));
            };
            if matches!(outcome.ended, Ended::Exited(_)) && wire.format == self.report_format() {
                let pace = if wire.full { Some(self.pace()?) } else { None };
                let verdict = self.hear(slot, run, &outcome, Duration::ZERO, pace.as_ref())?;
                tracing::info!(run = %verdict.run, "a run that nobody heard counts");
            }
        }
        ticket.done();
        Ok(())
    }

    /// How reports are read, as one word.
    fn report_format(&self) -> String {
        format!("{:?}", self.policy.tests.format)
    }
}

fn read(text: &[u8]) -> Option<(Run, RunWire)> {
    let wire: RunWire = serde_json::from_slice(text).ok()?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let run = Run {
        id: wire.id.clone(),
        commit: CommitId::parse(&wire.commit).ok()?,
        tree: TreeId::parse(&wire.tree).ok()?,
        set: wire.set.clone(),
        environment: wire.environment.clone(),
        command: wire.command.clone(),
    };
    plain(&run.id).then_some((run, wire))
}
