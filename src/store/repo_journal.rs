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
    /// Landings that were not tested with all that landed before them, until somebody looked at what they do together.
    pub(crate) commuted: Vec<CommitId>,
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
    commuted: Vec<String>,
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
        match self.repo.tip(layout::REPO)? {
            Some(tip) => self.repo_state_at(&tip),
            None => Ok(RepoState::default()),
        }
    }

    pub(super) fn repo_state_at(&self, tip: &CommitId) -> Result<RepoState, StoreError> {
        let text = self.repo.read_file(tip, "repo.json")?.unwrap_or_default();
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
            commuted: wire.commuted.iter().filter_map(|id| CommitId::parse(id).ok()).collect(),
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
            let old = self.repo.tip(layout::REPO)?;
            let state = change(self.repo_state()?);
            let new = self.repo_commit(op, who, subject, old.as_ref(), &state)?;
            let expected = old.as_ref().map_or(Expected::Absent, Expected::At);
            if self.swap(layout::REPO, expected, &new, "repo")?.is_none() {
                return Ok(state);
            }
            pause(round);
        }
        Err(StoreError::Contended { name: layout::REPO.to_owned(), tries: TRIES })
    }

    /// What another clone wrote with what we wrote at the same time, on top of theirs; `None` where both changed the
    /// same word.
    ///
    /// # Errors
    /// A record cannot be read, or git fails.
    pub(crate) fn join_repo_states(
        &self,
        op: &Op,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<Option<CommitId>, StoreError> {
        let fork = match self.repo.merge_base(ours, theirs)? {
            Some(fork) => self.repo_state_at(&fork)?,
            None => RepoState::default(),
        };
        let (own, known) = (self.repo_state_at(ours)?, self.repo_state_at(theirs)?);
        match joined(&fork, own, &known) {
            Some(state) if state == known => Ok(Some(theirs.clone())),
            Some(state) => {
                let subject = "what two clones said at the same time";
                self.repo_commit(op, "git-orch", subject, Some(theirs), &state).map(Some)
            }
            None => Ok(None),
        }
    }

    fn repo_commit(
        &self,
        op: &Op,
        who: &str,
        subject: &str,
        old: Option<&CommitId>,
        state: &RepoState,
    ) -> Result<CommitId, StoreError> {
        let old = old.map(|old| self.repo.read_commit(old)).transpose()?;
        let mut text = serde_json::to_vec_pretty(&wire_of(state)).expect("plain strings");
        text.push(b'\n');
        let edits = [put("repo.json", text)];
        let tree = self.repo.edit_tree(old.as_ref().map(|old| &old.tree), &edits)?;
        let at = old.as_ref().map_or(op.at, |old| Seconds(old.committer_time.0.max(op.at.0)));
        let message = format!("{}\n\nOrch-Op: {}\n", one_line(subject), op.id);
        let parents = old.into_iter().map(|old| old.id).collect();
        self.commit(tree, parents, who, at, message)
    }
}

/// Three-way: a word that only one side changed is that side's, and lists are joined.
fn joined(fork: &RepoState, ours: RepoState, theirs: &RepoState) -> Option<RepoState> {
    fn one<T: PartialEq + Clone>(fork: &T, ours: T, theirs: &T) -> Option<T> {
        if ours == *fork || ours == *theirs {
            Some(theirs.clone())
        } else if theirs == fork {
            Some(ours)
        } else {
            None
        }
    }
    fn all<T: PartialEq + Clone>(fork: &[T], ours: Vec<T>, theirs: &[T]) -> Vec<T> {
        let mut all = theirs.to_vec();
        all.extend(ours.into_iter().filter(|own| !fork.contains(own) && !theirs.contains(own)));
        all
    }
    Some(RepoState {
        paused: one(&fork.paused, ours.paused, &theirs.paused)?,
        stopped: one(&fork.stopped, ours.stopped, &theirs.stopped)?,
        dismissed: all(&fork.dismissed, ours.dismissed, &theirs.dismissed),
        min_priority: one(&fork.min_priority, ours.min_priority, &theirs.min_priority)?,
        given_up: one(&fork.given_up, ours.given_up, &theirs.given_up)?,
        commuted: {
            // What one side looked at goes; what either noted stays.
            let seen: Vec<_> =
                fork.commuted.iter().filter(|mark| !ours.commuted.contains(mark)).cloned().collect();
            let mut all = all(&fork.commuted, ours.commuted, &theirs.commuted);
            all.retain(|mark| !seen.contains(mark));
            all
        },
        coupled: all(&fork.coupled, ours.coupled, &theirs.coupled),
    })
}

fn wire_of(state: &RepoState) -> RepoWire {
    let RepoState { paused, stopped, dismissed, min_priority, given_up, commuted, coupled } = state.clone();
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
        commuted: commuted.iter().map(ToString::to_string).collect(),
        coupled: coupled.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(why: &str) -> RepoState {
        RepoState { paused: Some(why.to_owned()), ..RepoState::default() }
    }

    #[test]
    fn marks_of_commuting_landings_are_joined_and_those_that_one_clone_looked_at_go() {
        let mark = |digit: &str| CommitId::parse(&digit.repeat(40)).unwrap();
        let of = |marks: &[&str]| RepoState {
            commuted: marks.iter().map(|digit| mark(digit)).collect(),
            ..RepoState::default()
        };
        assert_eq!(joined(&of(&["a"]), of(&["a", "b"]), &of(&["a", "c"])), Some(of(&["a", "c", "b"])));
        assert_eq!(joined(&of(&["a"]), of(&[]), &of(&["a", "c"])), Some(of(&["c"])));
        assert_eq!(joined(&of(&["a"]), of(&["a", "b"]), &of(&[])), Some(of(&["b"])));
    }

    #[test]
    fn what_one_clone_said_is_kept_and_two_answers_are_nobodys() {
        let fork = RepoState::default();
        let closed = RepoState { min_priority: Some(1), ..RepoState::default() };
        let both = joined(&fork, paused("release"), &closed).unwrap();
        assert_eq!(both, RepoState { min_priority: Some(1), ..paused("release") });
        assert_eq!(joined(&paused("a"), fork.clone(), &paused("a")), Some(fork.clone()), "resumed here");
        assert_eq!(joined(&fork, paused("a"), &paused("a")), Some(paused("a")));
        assert_eq!(joined(&fork, paused("a"), &paused("b")), None);
    }
}
