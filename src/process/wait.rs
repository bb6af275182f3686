//! Waiting for what other processes do.

use std::time::{Duration, Instant};

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until there is an answer; `None` once `limit` has passed without one.
///
/// # Errors
/// As `ask`, at once.
pub(crate) fn ask_again<T, E>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let began = Instant::now();
    loop {
        let answer = ask()?;
        if answer.is_some() || began.elapsed() > limit {
            return Ok(answer);
        }
        std::thread::sleep(PAUSE);
    }
}
