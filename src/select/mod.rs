//! Which tests a change needs. Pure.
