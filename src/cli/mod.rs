//! The command line.

use crate::process;

/// Runs the command line.
pub(crate) fn run() -> u8 {
    match std::env::args_os().nth(1).as_deref().and_then(|word| word.to_str()) {
        Some("__supervise") => process::supervisor_main(),
        _ => 0,
    }
}
