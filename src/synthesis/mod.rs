//! What workers that cannot write answer (E3): `FILE: path` blocks, read from text, and the answers of several made one.
//!
//! Pure: whether a path may be written below a worktree that has links in it is `flow::synthesis`'s matter.

/// Several answers made one.
mod join;
/// Blocks in a text.
mod parse;

pub(crate) use join::{Joined, Overlap, join};
pub(crate) use parse::{Block, Content, parse};
