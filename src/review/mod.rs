//! What reviewers answer. Pure.
