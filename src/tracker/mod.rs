//! Other trackers: their files read into items, and our tasks written as a file for people who want files.
//!
//! What stands in a tracker was written by anybody. It becomes ids, one-line titles and a text, and nothing else: no
//! path, no setting, no state but *open*, *started* and *closed*.

mod backlog;
mod beads;
mod item;
mod taskmaster;
mod todo;
mod todo_entries;
mod todo_out;

pub(crate) use backlog::read as read_backlog;
pub(crate) use beads::read as read_beads;
pub(crate) use item::{BadSource, Item, Source, Standing, item_id, own_title};
pub(crate) use taskmaster::read as read_taskmaster;
pub(crate) use todo::read as read_todo;
pub(crate) use todo_out::{Listed, render as todo_md};
