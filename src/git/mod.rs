//! Knows git: gix for objects and refs, the git binary for merges, worktrees and exchange.
//!
//! Names of refs come in as arguments. No function here writes a ref without the value that it must have before.

pub(crate) mod beneath;
pub(crate) mod bound;
pub(crate) mod bring_along;
pub(crate) mod checkout;
mod clean;
mod at_work;
pub(crate) mod diff;
pub(crate) mod exchange;
pub(crate) mod lock;
pub(crate) mod mark;
mod merge_text;
pub(crate) mod merge_tree;
pub(crate) mod notes;
pub(crate) mod objects;
mod pack;
mod program;
pub(crate) mod refs;
pub(crate) mod refs_many;
pub(crate) mod repo;
pub(crate) mod setup;
pub(crate) mod slot;
pub(crate) mod stale;
pub(crate) mod trunk;
mod slot_files;
mod sweep;
mod under_way;
mod unseen;
pub(crate) mod worktree;

mod command;
mod error;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use error::GitError;
pub(crate) use repo::Repo;
