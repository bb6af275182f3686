//! What agents were told about a task: each turn's prompt, word for word. The prompts are files of the runs' trees
//! (`prompts/TASK/`), so they stay as long as the run does and travel with it; each turn's record has the blob's id.

use crate::store::Stored;
use crate::task::Event;

use super::{FlowError, Project};

/// Events of a task that are looked through.
const EVENTS: usize = 5000;

/// What was sent for one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) role: String,
    pub(crate) agent: String,
    pub(crate) run: String,
    /// How the turn ended, in words.
    pub(crate) ended: String,
    /// The id of the blob.
    pub(crate) blob: String,
    /// `None` where this clone has not got it.
    pub(crate) text: Option<String>,
}

impl Project {
    /// What was sent for each turn on a task, the oldest first; turns that go on are the last.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn sent(&self, stored: &Stored) -> Result<Vec<Sent>, FlowError> {
        let mut all = Vec::new();
        for (_, record) in self.store.events(&stored.tip, EVENTS)? {
            let Event::TurnEnded(turn) = record.event else { continue };
            let Some(blob) = turn.prompt else { continue };
            let run = turn.run.unwrap_or_default();
            all.push(Sent { role: turn.role, agent: turn.agent, run, ended: turn.ended, blob, text: None });
        }
        if let Some((run, state)) = self.unfinished_run()? {
            let open = state.ledger.open.into_iter().filter(|turn| turn.task == stored.task.id.as_str());
            all.extend(open.filter_map(|turn| {
                let ended = "goes on".to_owned();
                let (role, agent, run) = (turn.role, turn.agent, run.to_string());
                Some(Sent { role, agent, run, ended, blob: turn.seen.prompt?, text: None })
            }));
        }
        for sent in &mut all {
            let bytes = self.repo.read_blob(&sent.blob)?;
            sent.text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(all)
    }
}
