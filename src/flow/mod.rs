//! Brings pure and effect rooms together, under the pure rooms' names: what is decided in `queue/` is carried out in
//! `flow/queue/`. Nothing here prints; what a person should see while something takes long goes through `progress`.

pub(crate) mod adopt;
pub(crate) mod agent_hook;
pub(crate) mod bench;
pub(crate) mod bench_sandbox;
pub(crate) mod bot;
pub(crate) mod check;
pub(crate) mod contract;
pub(crate) mod demo;
pub(crate) mod doctor;
mod environment;
mod failure;
pub(crate) mod find;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod hook;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod interrupt;
pub(crate) mod issues;
mod judge;
mod lease;
mod ping;
mod preflight;
pub(crate) mod progress;
mod moved;
pub(crate) mod project;
pub(crate) mod queue;
pub(crate) mod recover;
pub(crate) mod report;
mod review;
mod roster;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod seat;
pub(crate) mod stop;
pub(crate) mod submit;
pub(crate) mod suite;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod tree;
pub(crate) mod turn;
pub(crate) mod undo;
mod workflows;

pub(crate) use failure::FlowError;
pub(crate) use project::Project;
