//! What tests answered. Pure.
