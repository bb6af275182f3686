//! Ctrl-C while something blocks: the first one asks for an orderly end.

use std::sync::mpsc::channel;

use crate::process::{Interrupts, ProcessError, Stop};

use super::FlowError;

/// From now on Ctrl-C (and SIGTERM) requests `stop` instead of ending this process.
///
/// # Errors
/// The system gives no signal handler.
pub(crate) fn interrupts_request(stop: &Stop) -> Result<(), FlowError> {
    let (ready, listening) = channel();
    let stop = stop.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(source) => {
                let _ = ready.send(Err(ProcessError::System { what: "listen for Ctrl-C", source }));
                return;
            }
        };
        runtime.block_on(async {
            match Interrupts::listen() {
                Ok(mut interrupts) => {
                    let _ = ready.send(Ok(()));
                    let _ = interrupts.next().await;
                    stop.request();
                }
                Err(err) => {
                    let _ = ready.send(Err(err));
                }
            }
        });
        // The handlers stay: later signals are for the orderly end as well.
    });
    match listening.recv() {
        Ok(result) => Ok(result?),
        Err(_) => Ok(()),
    }
}
