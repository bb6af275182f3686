//! What belongs to no task: whether the queue is paused or stopped.

use serde::{Deserialize, Serialize};

use crate::git::refs::Expected;
use crate::task::id::{CommitId, Seconds, TaskId};

use super::journal::{Op, Store, one_line, pause, put};
use super::record::VERSION;
use super::{StoreError, layout};

const TRIES: u32 = 64;

/// Why the queue does not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RepoState {
    /// Somebody paused it, with the reason.
    pub(crate) paused: Option<String>,
    /// It stopped itself, with the reason; a person's `approve queue` goes on.
    pub(crate) stopped: Option<String>,
    /// Findings that people called wrong; they are never said again.
    pub(crate) dismissed: Vec<Dismissed>,
    /// Tasks with a larger number (less urgent) wait.
    pub(crate) min_priority: Option<u8>,
    /// A landing that the base lost, with a person's consent.
    pub(crate) given_up: Option<CommitId>,
    /// Changes that passed alone and failed together, newest last.
    pub(crate) coupled: Vec<Coupled>,
}

/// A finding that somebody called wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dismissed {
    /// Its name, such as `f-a1b2c3`.
    pub(crate) finding: String,
    /// Where that was said, such as `pull/7`.
    pub(crate) place: String,
    pub(crate) by: String,
    pub(crate) because: String,
}

/// Two sets of paths that do not go together, though no file is in both: a change of one and a change of the other
/// count as overlapping from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coupled {
    pub(crate) tasks: [TaskId; 2],
    pub(crate) paths: [Vec<String>; 2],
}

#[derive(Serialize, Deserialize)]
struct RepoWire {
    v: u32,
    paused: Option<String>,
    stopped: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dismissed: Vec<Dismissed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_priority: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_up: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    coupled: Vec<CoupledWire>,
}

#[derive(Serialize, Deserialize)]
struct CoupledWire {
    tasks: [String; 2],
    paths: [Vec<String>; 2],
}

impl Store {
    /// What holds for the whole repository now. An unreadable record is an error: it may say "paused".
    pub(crate) fn repo_state(&self) -> Result<RepoState, StoreError> {
        let Some(tip) = self.repo.tip(layout::REPO)? else { return Ok(RepoState::default()) };
        let text = self.repo.read_file(&tip, "repo.json")?.unwrap_or_default();
        let wire: RepoWire = serde_json::from_slice(&text).map_err(|why| StoreError::Record {
            name: layout::REPO.to_owned(),
            commit: tip.clone(),
            source: super::record::RecordError::Broken { what: "repo.json", why: why.to_string() },
        })?;
        // What is only advice is left out where it cannot be read; what stops the queue is not.
        let coupled = |wire: CoupledWire| {
            let [one, other] = wire.tasks;
            Some(Coupled {
                tasks: [TaskId::parse(&one).ok()?, TaskId::parse(&other).ok()?],
                paths: wire.paths,
            })
        };
        Ok(RepoState {
            paused: wire.paused,
            stopped: wire.stopped,
            dismissed: wire.dismissed,
            min_priority: wire.min_priority,
            given_up: wire.given_up.and_then(|id| CommitId::parse(&id).ok()),
            coupled: wire.coupled.into_iter().filter_map(coupled).collect(),
        })
    }

    /// Changes it; `change` is called anew whenever others were first.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn change_repo(
        &self,
        op: &Op,
        who: &str,
        subject: &str,
        change: impl Fn(RepoState) -> RepoState,
    ) -> Result<RepoState, StoreError> {
        for round in 0..TRIES {
            let old = self.repo.tip(layout::REPO)?.map(|tip| self.repo.read_commit(&tip)).transpose()?;
            let state = change(self.repo_state()?);
            let wire = wire_of(&state);
            let mut text = serde_json::to_vec_pretty(&wire).expect("plain strings");
            text.push(b'\n');
            let edits = [put("repo.json", text)];
            let tree = self.repo.edit_tree(old.as_ref().map(|old| &old.tree), &edits)?;
            let at = old.as_ref().map_or(op.at, |old| Seconds(old.committer_time.0.max(op.at.0)));
            let message = format!("{}\n\nOrch-Op: {}\n", one_line(subject), op.id);
            let parents = old.iter().map(|old| old.id.clone()).collect();
            let new = self.commit(tree, parents, who, at, message)?;
            let expected = old.as_ref().map_or(Expected::Absent, |old| Expected::At(&old.id));
            if self.swap(layout::REPO, expected, &new, "repo")?.is_none() {
                return Ok(state);
            }
            pause(round);
        }
        Err(StoreError::Contended { name: layout::REPO.to_owned(), tries: TRIES })
    }
}

fn wire_of(state: &RepoState) -> RepoWire {
    let RepoState { paused, stopped, dismissed, min_priority, given_up, coupled } = state.clone();
    let coupled = coupled
        .into_iter()
        .map(|Coupled { tasks, paths }| CoupledWire { tasks: tasks.map(|task| task.to_string()), paths });
    RepoWire {
        v: VERSION,
        paused,
        stopped,
        dismissed,
        min_priority,
        given_up: given_up.map(|commit| commit.to_string()),
        coupled: coupled.collect(),
    }
}
