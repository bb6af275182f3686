//! Drives the built program, as a person or a script does.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]
#![expect(clippy::disallowed_methods, reason = "the rooms' rules are for the program itself")]

mod real_history;
mod sandbox;
mod supervise;
mod worker_loop;
