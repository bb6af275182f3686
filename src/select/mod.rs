//! Which tests a change needs: globs with captures over the changed files. Pure.
//!
//! `rule` maps one path to tests, `choose` decides for a whole change, `preset` proposes rules for a language.
//! What the tests answer is no matter of this room (`suite`), and nobody is run here.

pub(crate) mod choose;
pub(crate) mod globs;
pub(crate) mod preset;
pub(crate) mod rule;
