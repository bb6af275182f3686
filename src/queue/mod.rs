//! The merge queue's planner. Pure.
