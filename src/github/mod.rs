//! Asks the host of pull requests, and answers it. Only this room knows octocrab.
//!
//! Each call may be made twice: what makes something looks first whether it is there, by a marker of ours. Answers are
//! read field by field, because typed models refuse answers that lack what we do not need.

mod calls;
mod client;
mod error;
mod issues;
mod read;
mod serve;
mod write;

pub(crate) use calls::{Comment, Github, Place, RepoName, Run};
pub(crate) use client::Patience;
pub(crate) use error::GithubError;
pub(crate) use issues::Issue;
pub(crate) use serve::hear;
pub(crate) use write::{CheckRun, Conclusion, NewInline};
