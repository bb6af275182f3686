//! Knows how agents are called.
