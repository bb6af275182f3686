//! Knows git.
