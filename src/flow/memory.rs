//! Which notes of earlier work a turn gets (E7): of its task, of the tasks before it, of the run. The rules are
//! `plan::memory`.

use crate::agent::NoteVars;
use crate::plan::memory::{About, Nearness, offered, related};
use crate::report::TurnLine;
use crate::task::Task;
use crate::task::record::Note;

use super::{FlowError, Project};

/// By what a task's notes are found.
pub(super) fn tags_of(task: &Task) -> Vec<String> {
    task.domain.iter().chain(&task.paths).cloned().collect()
}

/// Notes of those who make changes: a reviewer's stand as findings, a clarifier's have a place of their own.
fn is_work(note: &Note) -> bool {
    matches!(note.role.as_str(), "implement" | "fix" | "test")
}

impl Project {
    /// The notes for a turn on a task, as its prompt shows them.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn notes_for(&self, task: &Task, run_turns: &[TurnLine]) -> Result<Vec<NoteVars>, FlowError> {
        let about = |id: &str, note: &Note, near| About { task: id.to_owned(), note: note.clone(), near };
        let mut all = Vec::new();
        let tags = tags_of(task);
        for line in run_turns.iter().filter(|line| line.task != task.id && !task.after.contains(&line.task)) {
            let note = line.turn.note.as_ref().filter(|note| is_work(note) && related(&note.tags, &tags));
            all.extend(note.map(|note| about(line.task.as_str(), note, Nearness::Run)));
        }
        for id in &task.after {
            let notes = self.store.archived_task(id)?.map(|task| task.notes).unwrap_or_default();
            all.extend(
                notes
                    .iter()
                    .filter(|note| is_work(note))
                    .map(|note| about(id.as_str(), note, Nearness::Before)),
            );
        }
        let own = task.notes.iter().filter(|note| is_work(note));
        all.extend(own.map(|note| about(task.id.as_str(), note, Nearness::Own)));
        let offered = offered(&all, self.policy.agents.memory);
        Ok(offered
            .into_iter()
            .map(|about| NoteVars {
                about: match about.near {
                    Nearness::Own => format!("An earlier attempt at this task ({})", about.note.role),
                    Nearness::Before => format!("{}, which this builds on", about.task),
                    Nearness::Run => format!("{}, which is near this", about.task),
                },
                text: about.note.text,
            })
            .collect())
    }
}

/// The notes of a run as a text for people: newest last, each with whose it is and by what it is found.
pub(super) fn as_text(turns: &[TurnLine]) -> String {
    let mut text = String::from("# What this run has found\n");
    for line in turns {
        let Some(note) = &line.turn.note else { continue };
        let tags = note.tags.join(" ");
        let tags = if tags.is_empty() { String::new() } else { format!(" [{tags}]") };
        text.push_str(&format!(
            "\n## {} {} by {}{tags}\n\n{}\n",
            line.task, note.role, line.turn.agent, note.text
        ));
    }
    text
}
