//! The command line.

use crate::{agent, process};

/// Runs the command line.
pub(crate) fn run() -> u8 {
    let mut words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    match words.next().as_deref() {
        Some("__supervise") => process::supervisor_main(),
        Some("__script") => agent::script_main(words),
        _ => 0,
    }
}
