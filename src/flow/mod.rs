//! Brings pure and effect rooms together.
