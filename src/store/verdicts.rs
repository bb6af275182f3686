//! What tests said, as notes on the tested trees: a cache that travels, and that may be rebuilt.
//!
//! Keyed by tree id, so the same content is never tested twice, whichever commit or batch asks. Written twice: once where
//! others see it, and may have written too, and once where only this clone writes. Which of the two counts is a setting.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};

use crate::git::lock::Shared;
use crate::git::objects::Person;
use crate::git::refs::Expected;
use crate::policy::Verdicts;
use crate::suite::result::{Results, TestName};
use crate::task::id::{CommitId, Seconds, TreeId};

use super::journal::{Store, put};
use super::record::VERSION;
use super::verdict::ReadAt;
use super::{StoreError, layout};

pub(crate) use super::verdict::{Said, Verdict};

#[derive(Serialize, Deserialize)]
struct NoteWire {
    v: u32,
    runs: Vec<VerdictWire>,
}

#[derive(Serialize, Deserialize)]
struct VerdictWire {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    run: String,
    /// `green`, `red` or `no-evidence`: for readers with plain git.
    verdict: String,
    set: String,
    environment: String,
    at: i64,
    millis: u64,
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failed: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passed: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
}

impl Store {
    /// Every verdict on a tree that may count, oldest first. A note that cannot be read is no verdict.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn verdicts(&self, tree: &TreeId, whose: Verdicts) -> Result<Vec<Arc<Verdict>>, StoreError> {
        let mut all = self.noted(0, layout::OWN_VERDICTS, tree)?;
        if whose == Verdicts::Shared {
            let told = self.noted(1, layout::NOTES_TESTS, tree)?;
            let others: Vec<_> = told.into_iter().filter(|verdict| !all.contains(verdict)).collect();
            if !others.is_empty() {
                all.extend(others);
                all.sort_by(|one, other| (one.at, &one.run).cmp(&(other.at, &other.run)));
            }
        }
        Ok(all)
    }

    /// What one of the two notes says of a tree; `place` is where it is remembered.
    fn noted(&self, place: usize, notes: &str, tree: &TreeId) -> Result<Vec<Arc<Verdict>>, StoreError> {
        let Some(tip) = self.repo.tip(notes)? else { return Ok(Vec::new()) };
        let mut read = self.read.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = &mut read[place];
        if read.tip.as_ref() != Some(&tip) {
            *read = ReadAt { tip: Some(tip.clone()), trees: HashMap::new() };
        }
        if let Some(known) = read.trees.get(tree) {
            return Ok(known.clone());
        }
        let note = self.repo.read_note_at(&tip, tree.as_str())?;
        let all: Vec<Arc<Verdict>> = parse(note.as_deref()).into_iter().map(Arc::new).collect();
        read.trees.insert(tree.clone(), all.clone());
        Ok(all)
    }

    /// Adds a verdict of this clone to a tree's notes. Ours first: a crash in between costs what others see, and no run.
    ///
    /// # Errors
    /// Git fails, or others wrote the notes too often in a row.
    pub(crate) fn add_verdict(&self, tree: &TreeId, verdict: &Verdict) -> Result<(), StoreError> {
        let _writing = Shared::wait(&self.repo)?;
        let person =
            Person { name: "git-orch".to_owned(), email: self.email.clone(), time: verdict.at, offset: 0 };
        for notes in [layout::OWN_VERDICTS, layout::NOTES_TESTS] {
            self.repo.write_note(
                notes,
                tree.as_str(),
                |note| {
                    let mut all = parse(note.as_deref());
                    // One run that is told twice, by a process that was killed and by the next one, is one run.
                    let known =
                        |one: &Verdict| one == verdict || (one.run == verdict.run && !one.run.is_empty());
                    if !all.iter().any(known) {
                        all.push(verdict.clone());
                    }
                    text(&all)
                },
                &person,
            )?;
        }
        Ok(())
    }

    /// Adds a reviewer's words to a commit's note, for `git log --notes=orch-review`.
    ///
    /// # Errors
    /// Git fails, or others wrote the notes too often in a row.
    pub(crate) fn add_review_note(
        &self,
        commit: &CommitId,
        at: Seconds,
        line: &str,
    ) -> Result<(), StoreError> {
        let _writing = Shared::wait(&self.repo)?;
        let person = Person { name: "git-orch".to_owned(), email: self.email.clone(), time: at, offset: 0 };
        self.repo.write_note(
            layout::NOTES_REVIEW,
            commit.as_str(),
            |note| {
                let mut text = note.unwrap_or_default();
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
                text
            },
            &person,
        )?;
        Ok(())
    }
}

impl Store {
    /// Merges another clone's notes into ours: verdicts of both, review lines of both, in one commit.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn merge_notes(
        &self,
        name: &str,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<(), StoreError> {
        let mut edits = Vec::new();
        for path in self.repo.paths(ours, theirs)? {
            let Some(new) = self.repo.read_file(theirs, &path)? else { continue };
            let Some(old) = self.repo.read_file(ours, &path)? else {
                edits.push(put(&path, new));
                continue;
            };
            if old != new {
                edits.push(put(&path, merged(name, &old, &new)));
            }
        }
        let ours = self.repo.read_commit(ours)?;
        let theirs = self.repo.read_commit(theirs)?;
        let tree = self.repo.edit_tree(Some(&ours.tree), &edits)?;
        let at = ours.committer_time.max(theirs.committer_time);
        let parents = vec![ours.id.clone(), theirs.id.clone()];
        let commit = self.commit(tree, parents, "git-orch", at, "merge notes\n".to_owned())?;
        // Lost means that somebody wrote a note meanwhile; the next sync merges that.
        let _ = self.swap(name, Expected::At(&ours.id), &commit, "merge notes")?;
        Ok(())
    }
}

/// Two notes of the same object.
fn merged(name: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    if name == layout::NOTES_TESTS {
        let mut all = parse(Some(old));
        for verdict in parse(Some(new)) {
            if !all.contains(&verdict) {
                all.push(verdict); // one run that is told twice would count as two
            }
        }
        all.sort_by(|one, other| (one.at, &one.run).cmp(&(other.at, &other.run)));
        return text(&all);
    }
    let mut lines: Vec<&[u8]> = old.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for line in new.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    text
}

fn parse(note: Option<&[u8]>) -> Vec<Verdict> {
    let Some(note) = note else { return Vec::new() };
    let wire: Result<NoteWire, _> = serde_json::from_slice(note);
    match wire {
        Ok(wire) if wire.v <= VERSION => wire.runs.into_iter().filter_map(verdict_of).collect(),
        _ => Vec::new(),
    }
}

fn verdict_of(wire: VerdictWire) -> Option<Verdict> {
    let names = |names: Vec<String>| names.into_iter().map(|name| TestName::new(&name)).collect();
    let said = match wire.verdict.as_str() {
        "green" | "red" => Said::Results(Results {
            passed: names(wire.passed),
            failed: wire.failed.into_iter().map(|(name, line)| (TestName::new(&name), line)).collect(),
            skipped: names(wire.skipped),
        }),
        "no-evidence" => Said::NoEvidence(wire.why.unwrap_or_default()),
        _ => return None,
    };
    let VerdictWire { run, set, environment, at, millis, command, .. } = wire;
    Some(Verdict { run, set, environment, at: Seconds(at), millis, command, said })
}

fn text(verdicts: &[Verdict]) -> Vec<u8> {
    let runs = verdicts.iter().map(verdict_wire).collect();
    let mut text = serde_json::to_vec_pretty(&NoteWire { v: VERSION, runs }).expect("plain strings");
    text.push(b'\n');
    text
}

fn verdict_wire(verdict: &Verdict) -> VerdictWire {
    let names = |names: &std::collections::BTreeSet<TestName>| {
        names.iter().map(|name| name.as_str().to_owned()).collect()
    };
    let mut wire = VerdictWire {
        run: verdict.run.clone(),
        verdict: "no-evidence".to_owned(),
        set: verdict.set.clone(),
        environment: verdict.environment.clone(),
        at: verdict.at.0,
        millis: verdict.millis,
        command: verdict.command.clone(),
        why: None,
        failed: Vec::new(),
        passed: Vec::new(),
        skipped: Vec::new(),
    };
    match &verdict.said {
        Said::NoEvidence(why) => wire.why = Some(why.clone()),
        Said::Results(results) => {
            wire.verdict = if results.failed.is_empty() { "green" } else { "red" }.to_owned();
            wire.failed =
                results.failed.iter().map(|(name, line)| (name.as_str().to_owned(), line.clone())).collect();
            wire.passed = names(&results.passed);
            wire.skipped = names(&results.skipped);
        }
    }
    wire
}
