//! How a note is stored: a file in `notes/` of a task's tree, and a part of the turn that found it.

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::task::record::Note;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NoteWire {
    v: u32,
    role: String,
    #[serde(rename = "try")]
    try_number: u32,
    tags: Vec<String>,
    text: String,
}

pub(super) fn note_wire(note: &Note) -> NoteWire {
    let Note { role, try_number, tags, text } = note.clone();
    NoteWire { v: VERSION, role, try_number, tags, text }
}

pub(super) fn note_of(wire: NoteWire) -> Note {
    let NoteWire { v: _, role, try_number, tags, text } = wire;
    Note { role, try_number, tags, text }
}
