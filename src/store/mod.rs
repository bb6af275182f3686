//! Knows what is stored in git.
