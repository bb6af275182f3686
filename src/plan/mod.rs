//! Which task comes next. Pure.
