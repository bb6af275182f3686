//! Can it be trusted with a repository: what a remote, a test, an agent or a hand in `.git` may do to it, and what a
//! checkout that is no plain one makes of it.

mod attributes;
mod checkouts;
mod conflicts;
mod locks;
mod remote;
mod slots;
mod work;
