//! What a task is and what may happen to it. Pure: no time, disk, environment or network.

pub(crate) mod id;
pub(crate) mod role;
