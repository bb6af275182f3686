//! First and second Ctrl-C: the first asks for an orderly end, the second for one at once.

use super::ProcessError;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How urgently a person wants the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Start nothing new, let running work finish.
    Soft,
    /// End everything now.
    Hard,
}

/// Tells the first SIGINT or SIGTERM from all later ones.
///
/// From its making on, neither of them ends this process any more.
pub(crate) struct Interrupts {
    /// Ctrl-C at the terminal.
    interrupt: Signal,
    /// `kill`, a service manager, a closing session.
    terminate: Signal,
    /// How the next one counts.
    next: Level,
    /// When the last one came.
    last: Option<Instant>,
}

/// Two within this time are one press: called as `git orch`, this process gets it from the terminal, and once more from
/// git, that passes it on.
const ONE_PRESS: Duration = Duration::from_millis(400);

impl Interrupts {
    /// Starts to listen; must be called within a tokio runtime with signals.
    ///
    /// # Errors
    /// The system gives no signal handler.
    pub(crate) fn listen() -> Result<Interrupts, ProcessError> {
        let listen =
            |kind| signal(kind).map_err(|source| ProcessError::System { what: "listen for Ctrl-C", source });
        let interrupt = listen(SignalKind::interrupt())?;
        let terminate = listen(SignalKind::terminate())?;
        Ok(Interrupts { interrupt, terminate, next: Level::Soft, last: None })
    }

    /// Waits for the next interrupt. Cancel safe: an interrupt that was not returned yet is not lost.
    pub(crate) async fn next(&mut self) -> Level {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            let echo = self.last.is_some_and(|last| last.elapsed() < ONE_PRESS);
            self.last = Some(Instant::now());
            if !echo {
                return std::mem::replace(&mut self.next, Level::Hard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Sent, getpid, kill_process};

    #[test]
    fn the_second_interrupt_is_hard_and_an_echo_of_the_first_is_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut interrupts = Interrupts::listen().unwrap();
            kill_process(getpid(), Sent::TERM).unwrap();
            assert_eq!(interrupts.next().await, Level::Soft);
            kill_process(getpid(), Sent::INT).unwrap();
            assert!(tokio::time::timeout(ONE_PRESS, interrupts.next()).await.is_err(), "passed on by git");
            for _ in 0..2 {
                tokio::time::sleep(ONE_PRESS).await;
                kill_process(getpid(), Sent::INT).unwrap();
                assert_eq!(interrupts.next().await, Level::Hard);
            }
        });
    }
}
