//! Hard limits of a change: size and paths. Pure.
//!
//! What a change holds comes in as values (`git`), the limits too (`policy`).

pub(crate) mod generated;
pub(crate) mod paths;
pub(crate) mod size;
