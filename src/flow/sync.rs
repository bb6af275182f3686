//! Exchange with a remote: journals, runs, notes, attempts. Plain fast-forwards only, so nobody's events are lost.

use crate::git::GitError;
use crate::git::exchange::{ExchangeError, Flag, PushSpec};
use crate::git::refs::Expected;
use crate::store::offered::is_exchanged;
use crate::store::{Stored, layout};
use crate::task::id::{CommitId, TaskId, shown};

use super::{FlowError, Project};

/// Refs that one push takes at most: ten cost the latency of one, thousands make one slow push.
const BATCH: usize = 500;
/// How often a claim is pushed that the remote refuses though nobody else has the task.
const CLAIM_TRIES: u32 = 4;
/// How often a push is tried when others push at the same time.
const TRIES: u32 = 8;

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Refs that the remote had and we have now.
    pub(crate) fetched: Vec<String>,
    /// Refs that we had and the remote has now.
    pub(crate) pushed: Vec<String>,
    /// Journals where both had events that cannot both be: theirs counts, ours is kept under the named ref.
    pub(crate) conflicts: Vec<(String, String)>,
    /// What the remote refused, with its words.
    pub(crate) refused: Vec<(String, String)>,
    /// What the remote has and nobody here can read, and why: ours stays as it is.
    pub(crate) unreadable: Vec<(String, String)>,
}

/// Where a ref goes, and what of ours could not come along, with the refs under which that is kept.
type Joined = (CommitId, Vec<(String, String)>);

/// How ours and theirs of one ref stand to each other.
enum Standing {
    Same,
    Behind,
    Ahead,
    Apart,
}

impl Project {
    /// Fetches what the remote of the base has, and advances our own refs by it.
    ///
    /// # Errors
    /// The remote cannot be reached, or rewound a journal.
    pub(crate) fn pull(&self) -> Result<Synced, FlowError> {
        match self.remote() {
            Some(remote) => {
                let remote = remote.to_owned();
                self.pull_from(&remote)
            }
            None => Ok(Synced::default()),
        }
    }

    /// Fetches what `remote` has, and advances our own refs by it.
    ///
    /// # Errors
    /// As [`Project::pull`].
    pub(crate) fn pull_from(&self, remote: &str) -> Result<Synced, FlowError> {
        let mut synced = Synced::default();
        self.fetch_copies(remote)?;
        let prefix = layout::remote_copy(remote, layout::ALL);
        // What a run of this clone may still spend is nobody else's to say.
        let own_run = self.unfinished_run().ok().flatten().map(|(run, _)| layout::run_ref(&run));
        for (copy, theirs) in self.repo.list(&prefix)?.refs {
            let Some(below) = copy.strip_prefix(&prefix).filter(|below| !below.starts_with("notes/")) else {
                continue;
            };
            let name = format!("{}{below}", layout::ALL);
            if own_run.as_ref() == Some(&name) {
                continue;
            }
            if !is_exchanged(&name) {
                // Its copy goes: it would stand in the way of those that are one.
                tracing::debug!(name, remote, "a ref of no known name is left alone");
                let _ = self.store.delete(&copy, &theirs)?;
                continue;
            }
            self.advance(&name, &theirs, &mut synced)?;
        }
        self.let_go()?;
        for (name, copy) in notes(remote) {
            if let Some(theirs) = self.repo.tip(&copy)? {
                self.advance_notes(name, &theirs, &mut synced)?;
            }
        }
        Ok(synced)
    }

    /// Fetches into our copies of the remote's refs. No `+`: a rewound journal must be noticed, not taken over.
    fn fetch_copies(&self, remote: &str) -> Result<(), FlowError> {
        let all = format!("{}*:{}*", layout::ALL, layout::remote_copy(remote, layout::ALL));
        let mut refspecs = vec![all];
        // By a pattern: a ref that is named in full and that the remote lacks makes the whole fetch fail.
        refspecs.extend(notes(remote).into_iter().map(|(name, copy)| format!("+{name}*:{copy}*")));
        let known: Vec<(String, CommitId)> = self.repo.list(&layout::remote_copy(remote, layout::ALL))?.refs;
        let mut fetched = self.repo.fetch(remote, &refspecs);
        let stuck = fetched.as_ref().map_or(true, |fetched| fetched.refs.iter().any(|found| found.rejected));
        // A fetch that was killed may have left locks on the copies; git reports those like rewound refs.
        if stuck && !self.store.sweep_dead()?.is_empty() {
            fetched = self.repo.fetch(remote, &refspecs);
        }
        let fetched = fetched?;
        if let Some(rewound) = fetched.refs.iter().find(|fetched| fetched.rejected) {
            let ours =
                known.iter().find(|(name, _)| *name == rewound.name).map(|(_, tip)| tip.short().to_owned());
            return Err(FlowError::Rewound {
                id: shown(&rewound.name),
                remote: remote.to_owned(),
                theirs: rewound.new.as_ref().map_or_else(String::new, |tip| tip.short().to_owned()),
                ours: ours.unwrap_or_default(),
            });
        }
        Ok(())
    }

    fn standing(&self, ours: &CommitId, theirs: &CommitId) -> Result<Standing, GitError> {
        if ours == theirs {
            return Ok(Standing::Same);
        }
        Ok(match self.repo.merge_base(ours, theirs)? {
            Some(base) if base == *ours => Standing::Behind,
            Some(base) if base == *theirs => Standing::Ahead,
            _ => Standing::Apart,
        })
    }

    /// Advances one of our refs by what the remote has under its name.
    fn advance(&self, name: &str, theirs: &CommitId, synced: &mut Synced) -> Result<(), FlowError> {
        let ours = self.repo.tip(name)?;
        if ours.as_ref() == Some(theirs) {
            return Ok(());
        }
        if let Some(why) = self.store.unreadable(name, theirs)? {
            synced.unreadable.push((name.to_owned(), why));
            return Ok(());
        }
        if ours.is_none() && self.is_archived(name, theirs)? {
            return Ok(());
        }
        self.take_over(name, ours.as_ref(), theirs, synced, |ours, synced| {
            let (tip, apart) = self.joined(name, ours, theirs)?;
            synced.conflicts.extend(apart);
            let _ = self.store.swap(name, Expected::At(ours), &tip, "sync: ours on theirs")?;
            Ok(())
        })
    }

    /// Notes are caches: two sides are merged note by note, ours first.
    fn advance_notes(&self, name: &str, theirs: &CommitId, synced: &mut Synced) -> Result<(), FlowError> {
        let ours = self.repo.tip(name)?;
        self.take_over(name, ours.as_ref(), theirs, synced, |ours, _| {
            self.store.merge_notes(name, ours, theirs)?;
            Ok(())
        })
    }

    /// Takes over what we lack; where both sides went on, `join` makes them one.
    fn take_over(
        &self,
        name: &str,
        ours: Option<&CommitId>,
        theirs: &CommitId,
        synced: &mut Synced,
        join: impl FnOnce(&CommitId, &mut Synced) -> Result<(), FlowError>,
    ) -> Result<(), FlowError> {
        match ours {
            None => {
                let _ = self.store.swap(name, Expected::Absent, theirs, "sync")?;
            }
            Some(ours) => match self.standing(ours, theirs)? {
                Standing::Same | Standing::Ahead => return Ok(()),
                Standing::Behind => {
                    let _ = self.store.swap(name, Expected::At(ours), theirs, "sync")?;
                }
                Standing::Apart => join(ours, synced)?,
            },
        }
        synced.fetched.push(name.to_owned());
        Ok(())
    }

    /// Ours on top of theirs, as far as both can have happened; with what could not, and where that is kept.
    fn joined(&self, name: &str, ours: &CommitId, theirs: &CommitId) -> Result<Joined, FlowError> {
        let short = name.trim_start_matches(layout::ALL);
        let tip = if name == layout::ARCHIVE {
            let archives = self.store.join_archives(&self.op(), ours, theirs)?;
            let mut apart = Vec::new();
            for stored in archives.apart {
                let what = layout::task_ref(&stored.task.id);
                let kept = self.store.rescue(what.trim_start_matches(layout::ALL), &stored.tip)?;
                apart.push((what, kept));
            }
            return Ok((archives.tip, apart));
        } else if name == layout::REPO {
            self.store.join_repo_states(&self.op(), ours, theirs)?
        } else if layout::task_of_ref(name).is_some() {
            self.store.join_journals(ours, theirs)?.map(|joined| joined.tip)
        } else {
            None
        };
        match tip {
            Some(tip) => Ok((tip, Vec::new())),
            None => {
                let kept = self.store.rescue(short, ours)?;
                Ok((theirs.clone(), vec![(name.to_owned(), kept)]))
            }
        }
    }

    /// Whether a journal that the remote still has as a ref is already finished here.
    fn is_archived(&self, name: &str, theirs: &CommitId) -> Result<bool, FlowError> {
        match layout::task_of_ref(name) {
            Some(id) => Ok(self.store.is_settled(&id, theirs)?),
            None => Ok(false),
        }
    }

    /// Lets go of what another clone finished: its journal is in the archive that we have now.
    fn let_go(&self) -> Result<(), FlowError> {
        for stored in self.store.drop_settled()? {
            // It has landed or was given up: what cannot be tidied up must not keep others from syncing.
            if let Err(err) = self.clean_up(&stored.task) {
                tracing::warn!(%err, task = %stored.task.id, "its worktree stays");
            }
        }
        Ok(())
    }

    /// Whether journals are shared with the remote of the base: whoever has synced once goes on by itself.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn shares(&self) -> Result<Option<String>, FlowError> {
        let Some(remote) = self.remote() else { return Ok(None) };
        let copies = self.repo.list(&layout::remote_copy(remote, layout::ALL))?.refs;
        Ok((!copies.is_empty()).then(|| remote.to_owned()))
    }

    /// Pushes everything of ours that the remote lacks.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub(crate) fn push_to(&self, remote: &str, synced: &mut Synced) -> Result<(), FlowError> {
        for round in 0..TRIES {
            let mut pending = self.pending(remote)?;
            pending.retain(|spec| !synced.unreadable.iter().any(|(name, _)| *name == spec.name));
            if pending.is_empty() {
                return self.push_finished(remote);
            }
            let mut lost = false;
            for batch in pending.chunks(BATCH) {
                for pushed in self.repo.push(remote, batch)? {
                    match pushed.flag {
                        Flag::Done => {
                            self.note_pushed(remote, &pushed.name, batch)?;
                            synced.pushed.push(pushed.name);
                        }
                        Flag::UpToDate => self.note_pushed(remote, &pushed.name, batch)?,
                        Flag::Rejected { reason } if round + 1 == TRIES => {
                            synced.refused.push((pushed.name, reason));
                        }
                        Flag::Rejected { .. } => lost = true,
                    }
                }
            }
            if !lost {
                return self.push_finished(remote);
            }
            let again = self.pull_from(remote)?;
            synced.fetched.extend(again.fetched);
            synced.conflicts.extend(again.conflicts);
            for found in again.unreadable {
                if !synced.unreadable.contains(&found) {
                    synced.unreadable.push(found);
                }
            }
        }
        Ok(())
    }

    /// Our refs that differ from the copies of the remote's.
    fn pending(&self, remote: &str) -> Result<Vec<PushSpec>, FlowError> {
        let copies: std::collections::HashMap<String, CommitId> =
            self.repo.list(&layout::remote_copy(remote, layout::ALL))?.refs.into_iter().collect();
        let mut pending = Vec::new();
        for (name, commit) in self.repo.list(layout::ALL)?.refs {
            if is_exchanged(&name) && copies.get(&layout::remote_copy(remote, &name)) != Some(&commit) {
                pending.push(PushSpec { commit, name });
            }
        }
        for (name, copy) in notes(remote) {
            if let Some(commit) = self.repo.tip(name)?
                && self.repo.tip(&copy)? != Some(commit.clone())
            {
                pending.push(PushSpec { commit, name: name.to_owned() });
            }
        }
        Ok(pending)
    }

    /// Our copy of the remote's ref is what was just pushed.
    fn note_pushed(&self, remote: &str, name: &str, batch: &[PushSpec]) -> Result<(), FlowError> {
        let Some(spec) = batch.iter().find(|spec| spec.name == name) else { return Ok(()) };
        let is_note = notes(remote).into_iter().find(|(note, _)| *note == name);
        let copy = is_note.map_or_else(|| layout::remote_copy(remote, name), |(_, copy)| copy);
        let before = self.repo.tip(&copy)?;
        let expected = before.as_ref().map_or(Expected::Absent, Expected::At);
        let _ = self.store.swap(&copy, expected, &spec.commit, "pushed")?;
        Ok(())
    }

    /// Deletes journals on the remote that are in the archive that it has, so that its open tasks are open ones.
    fn push_finished(&self, remote: &str) -> Result<(), FlowError> {
        let prefix = layout::remote_copy(remote, layout::TASKS);
        for (copy, theirs) in self.repo.list(&prefix)?.refs {
            let Some(id) = copy.strip_prefix(&prefix).and_then(|id| TaskId::parse(id).ok()) else { continue };
            let name = layout::task_ref(&id);
            if self.repo.tip(&name)?.is_none() && self.is_archived(&name, &theirs)? {
                let _ = self.repo.delete_remote(remote, &name, &theirs)?;
                let _ = self.store.delete(&copy, &theirs)?;
            }
        }
        Ok(())
    }

    /// Both ways.
    ///
    /// # Errors
    /// As [`Project::pull`].
    pub(crate) fn sync(&self, remote: &str, fetch: bool, push: bool) -> Result<Synced, FlowError> {
        let mut synced = if fetch { self.pull_from(remote)? } else { Synced::default() };
        if push {
            self.push_to(remote, &mut synced)?;
        }
        Ok(synced)
    }

    /// Sends a claim to the remote before it counts here; false if somebody else was faster.
    ///
    /// A push that fails may have been applied all the same: the remote's ref is read again, and ours there is a win.
    ///
    /// # Errors
    /// The remote cannot be reached, or does not take the push though nobody else moved the journal: then nobody claims
    /// (`--offline` says otherwise aloud).
    pub(crate) fn push_claim(&self, remote: &str, stored: &Stored, next: &Stored) -> Result<bool, FlowError> {
        let name = layout::task_ref(&stored.task.id);
        let spec = PushSpec { commit: next.tip.clone(), name: name.clone() };
        let mut refusal = String::new();
        for round in 0..CLAIM_TRIES {
            for pushed in self.repo.push(remote, std::slice::from_ref(&spec))? {
                match pushed.flag {
                    Flag::Done if pushed.name == name => return Ok(true),
                    Flag::Rejected { reason } => refusal = reason,
                    Flag::Done | Flag::UpToDate => {}
                }
            }
            let there = self.repo.ls_remote(remote, &[&name])?;
            let tip = there.into_iter().find(|(found, _)| *found == name).map(|(_, tip)| tip);
            match tip {
                Some(tip) if tip == next.tip => return Ok(true),
                // Somebody else's: a tip that is not part of what is known here.
                Some(tip) if !self.repo.is_ancestor(&tip, &stored.tip).unwrap_or(false) => return Ok(false),
                // As it was: a lock that others held for a moment, or a server that does not let us.
                _ => std::thread::sleep(std::time::Duration::from_millis(50 << round)),
            }
        }
        Err(ExchangeError::Refused { remote: remote.to_owned(), stderr: format!("{name}: {refusal}") }.into())
    }
}

/// Our notes refs, with the copies of a remote's.
fn notes(remote: &str) -> [(&'static str, String); 2] {
    [layout::NOTES_TESTS, layout::NOTES_REVIEW].map(|name| (name, layout::remote_notes(remote, name)))
}
