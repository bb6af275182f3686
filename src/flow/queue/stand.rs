//! Why the queue stands still: for what only a person can change, nobody leaves it.

use std::path::PathBuf;

use crate::flow::progress::Step;
use crate::flow::{FlowError, Project};
use crate::queue::{self, Question};
use crate::task::id::TaskId;

use super::Lander;

/// The most of a note that is read, in characters.
const NOTE_MAX: usize = 2000;

impl Project {
    /// Why the queue stood still when it last ran in this clone, if it did: what is missing may be of this machine alone.
    pub(crate) fn stood_still(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.standing_note()).ok()?;
        let text: String = text.trim().chars().take(NOTE_MAX).collect();
        (!text.is_empty()).then_some(text)
    }

    fn standing_note(&self) -> PathBuf {
        self.local().join("queue-stands")
    }
}

impl Lander<'_> {
    /// What was in the way the last time may be gone: it is found again, or it is not.
    pub(super) fn begin_anew(&self) -> Result<(), FlowError> {
        let note = self.project.standing_note();
        match std::fs::remove_file(&note) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                Err(FlowError::file("remove", &note)(err))
            }
            _ => Ok(()),
        }
    }

    /// Nothing lands until a person did something; nobody leaves the queue for it.
    pub(super) fn stand(&mut self, text: String) -> bool {
        if self.rounds.stands.as_ref() != Some(&text) {
            self.say(Step::NeedsYou, &[], None, text.clone());
            // Only for who looks later: the queue itself looks anew each time.
            let _ = std::fs::write(self.project.standing_note(), &text);
            self.rounds.stands = Some(text);
        }
        false
    }

    /// The checkout of the base could not follow without losing somebody's changes: nothing lands until they are safe.
    pub(super) fn wait_for_checkout(&mut self, worktree: &str, files: &[String]) -> bool {
        let text = self.in_the_way(worktree, files);
        self.stand(text)
    }

    pub(super) fn in_the_way(&self, worktree: &str, files: &[String]) -> String {
        format!(
            "the checkout of {} in {worktree} has changes in the way: {}; commit or stash them",
            self.project.base.branch,
            files.join(", ")
        )
    }

    pub(super) fn stop_all(&mut self, because: &queue::Stop) -> Result<bool, FlowError> {
        let tests: Vec<&str> = because.tests.iter().take(3).map(String::as_str).collect();
        let text = format!("{} made tests worse: {}", because.culprit, tests.join(", "));
        self.stop_queue(&text)?;
        Ok(true)
    }

    /// Stops the whole queue until a person says `approve queue`.
    pub(super) fn stop_queue(&mut self, text: &str) -> Result<(), FlowError> {
        if self.project.store.repo_state()?.stopped.as_deref() == Some(text) {
            return Ok(());
        }
        self.project.store.change_repo(
            &self.op,
            "git-orch",
            &format!("queue stopped: {text}"),
            |mut state| {
                state.stopped = Some(text.to_owned());
                state
            },
        )?;
        self.say(Step::NeedsYou, &[], None, format!("the queue stops: {text}"));
        self.rounds.stands = Some(format!("stopped: {text}"));
        self.rounds.needs_person = true;
        Ok(())
    }

    pub(super) fn ask(&mut self, question: &Question) -> bool {
        let text = match question {
            Question::NoBaseline { why } => {
                self.rounds.needs_person = true;
                format!(
                    "the tests of {} itself give no result that counts: {why}; to try again: git orch queue run",
                    self.project.base.branch
                )
            }
            Question::Cycle { members } => {
                let members: Vec<&str> = members.iter().map(TaskId::as_str).collect();
                format!("these wait for each other: {}", members.join(", "))
            }
        };
        self.stand(text)
    }
}
