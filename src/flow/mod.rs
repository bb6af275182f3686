//! Brings pure and effect rooms together, under the pure rooms' names: what is decided in `queue/` is carried out in
//! `flow/queue.rs`. Nothing here prints; what a person should see while something takes long goes through `progress`.
#![expect(dead_code, reason = "for commands that are still to come")]

mod failure;
pub(crate) mod find;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod project;
pub(crate) mod queue;
pub(crate) mod recover;
pub(crate) mod stop;
pub(crate) mod suite;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod tree;

pub(crate) use failure::FlowError;
pub(crate) use project::Project;
