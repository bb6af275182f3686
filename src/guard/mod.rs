//! Hard limits of a change. Pure.
