//! The bot as a process that hears webhooks, for hosts without workflows of their own or for less delay.

use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::flow::FlowError;
use crate::flow::progress::{Line, Step, Watcher};
use crate::flow::project::Given;
use crate::forge::wake;
use crate::github::{Place, hear};
use crate::process::Stop;
use crate::task::id::shown;

use super::{Bot, Tick};

/// A round without any webhook: what was lost is made up for.
const EVERY: Duration = Duration::from_secs(300);
/// Webhooks come in flocks; they are waited for this long.
const GATHER: Duration = Duration::from_millis(500);
/// How often it is looked whether the end was asked for.
const LOOK: Duration = Duration::from_millis(200);

/// Where webhooks are heard, and the secret that their senders know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ear<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) secret: &'a str,
}

/// Hears webhooks until `stop`; each round that did something is told to `done`.
///
/// A round reads everything anew, so a webhook only wakes it: one that comes twice, late or never changes nothing.
///
/// # Errors
/// The address cannot be listened on, or the first round fails. Later failures are told and tried again.
pub(crate) fn serve(
    given: &Given,
    place: &Place,
    ear: Ear<'_>,
    watcher: &dyn Watcher,
    stop: &Stop,
    ready: impl FnOnce(SocketAddr) + Send,
    mut done: impl FnMut(&Tick),
) -> Result<(), FlowError> {
    let Ear { address, secret } = ear;
    let mut bot = Bot::open(given, place)?;
    let (heard, hearing) = channel();
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| hear(address, secret, stop, ready, &heard));
        let mut next = Instant::now(); // what happened before we listened
        while !stop.is_requested() && !listening.is_finished() {
            if Instant::now() >= next {
                next = Instant::now() + EVERY;
                let slots = bot.slots();
                match bot.tick(watcher, stop, slots) {
                    Ok(tick) => done(&tick),
                    Err(FlowError::Interrupted) => break,
                    Err(err) => say(
                        watcher,
                        format!("this round failed, the next goes on: {}", crate::store::chain(&err)),
                    ),
                }
            }
            match hearing.recv_timeout(LOOK) {
                Ok(delivery) => match wake(&delivery.event, &delivery.payload) {
                    Some(wake) if wake.repository.as_deref() == Some(place.repository.as_str()) => {
                        next = next.min(Instant::now() + GATHER);
                    }
                    _ => tracing::debug!(event = %shown(&delivery.event), "a webhook that is nothing to us"),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        stop.request();
        match listening.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(FlowError::File { doing: "listen on", path: address.to_string(), source }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn say(watcher: &dyn Watcher, text: String) {
    watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
}
