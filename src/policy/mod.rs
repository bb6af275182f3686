//! Settings and their layers. Pure.
