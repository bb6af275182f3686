//! What a task is and what may happen to it. Pure: no time, disk, environment or network.
//!
//! `transition` is the one function that changes a task; everything else here is what it reads and gives back.

pub(crate) mod actor;
pub(crate) mod contract;
pub(crate) mod event;
pub(crate) mod evidence;
pub(crate) mod finding;
pub(crate) mod id;
pub(crate) mod join;
pub(crate) mod record;
pub(crate) mod role;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod state;
#[cfg(test)]
pub(crate) mod table;
mod transition;
pub(crate) mod words;

pub(crate) use actor::Authority;
pub(crate) use actor::{Actor, Who};
pub(crate) use event::Event;
pub(crate) use evidence::{Evidence, Trouble};
pub(crate) use record::Task;
pub(crate) use state::State;
pub(crate) use transition::Refused;
