//! `-v`: each git and agent command on standard error, as `+ git …`.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::task::id::shown;

/// Starts to write commands, if asked to.
pub(crate) fn start(verbose: u8) {
    if verbose == 0 {
        return;
    }
    let filter = if verbose == 1 { "run=debug" } else { "debug" };
    // Fails only where another one was set, in which case that one writes.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(|| Unbroken)
        .event_format(Commands)
        .try_init();
}

/// Standard error, whose reader may go away: the subscriber would panic over that.
struct Unbroken;

impl std::io::Write for Unbroken {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes an event as a command line.
struct Commands;

impl<S, N> FormatEvent<S, N> for Commands
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut found = Found::default();
        event.record(&mut found);
        if event.metadata().target() == "run" {
            writeln!(writer, "+ {}", shown(&found.command()))
        } else {
            writeln!(writer, "# {} {}{}", event.metadata().target(), found.message, shown(&found.rest))
        }
    }
}

#[derive(Default)]
struct Found {
    program: String,
    args: String,
    message: String,
    rest: String,
}

impl Found {
    fn command(&self) -> String {
        let args: Option<Vec<String>> = serde_json::from_str(&self.args).ok();
        let args = args.and_then(|args| shlex::try_join(args.iter().map(String::as_str)).ok());
        let args = args.unwrap_or_else(|| self.args.clone());
        format!("{} {args}{}", self.program, self.rest).trim_end().to_owned()
    }
}

impl Visit for Found {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "program" => self.program = text,
            "args" | "argv" => self.args = text,
            "message" => self.message = text,
            "dir" | "env" => {}
            name => self.rest.push_str(&format!(" {name}={text}")),
        }
    }
}
