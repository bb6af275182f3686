//! The command line.

/// Runs the command line.
pub(crate) fn run() -> u8 {
    0
}
