//! What is stored in git, under which names, in which format. The only room that knows ref names.
//!
//! A journal's tip is the task's state; every change is an append with the old tip as the expected value. What is under
//! `.git/orch/` (index, census, locks) is machine-local and may be deleted at any time.

mod archive;
mod attempts;
pub(crate) mod census;
mod failure;
pub(crate) mod index;
mod index_file;
mod index_row;
mod join;
pub(crate) mod journal;
mod journals;
pub(crate) mod layout;
pub(crate) mod offered;
pub(crate) mod record;
pub(crate) mod repo_journal;
pub(crate) mod run_state;
pub(crate) mod runs;
mod verdict;
pub(crate) mod verdicts;

pub(crate) use failure::{StoreError, chain};
pub(crate) use journal::{Op, Stored};
