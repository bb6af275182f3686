//! One file per command: its arguments, whose doc comments are the help, and what it does: parse, call flow, render.

pub(crate) mod add;
pub(crate) mod approve;
pub(crate) mod agent_hook;
pub(crate) mod bench;
mod bench_queue;
pub(crate) mod bot;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod hook;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod msg;
pub(crate) mod pick;
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod submit;
pub(crate) mod sync;
pub(crate) mod undo;
