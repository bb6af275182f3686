//! One call, with patience: waits as the host asks, repeats what may be repeated, and never repeats a write blindly.
//!
//! octocrab's own retry layer is left out of the build: it repeats writes too, at once, whatever `Retry-After` says.

use std::time::Duration;

use octocrab::Octocrab;
use serde::Serialize;
use serde_json::Value;

use super::GithubError;
use crate::task::id::shown;

/// How long and how often calls are repeated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Calls, the first included.
    pub(crate) tries: u32,
    /// The first pause; it doubles.
    pub(crate) first: Duration,
    /// Longest that the host may ask to wait; beyond it the call fails and says so.
    pub(crate) longest: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { tries: 5, first: Duration::from_millis(500), longest: Duration::from_secs(120) }
    }
}

/// Whether a call may simply be repeated when its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Reading, and writes that twice are once.
    Freely,
    /// Makes something: whoever calls looks first whether it is there.
    OnlyIfRefused,
}

/// The way a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }
}

/// A client for one host.
pub(super) struct Client {
    octocrab: Octocrab,
    runtime: tokio::runtime::Runtime,
    patience: Patience,
}

/// How one attempt ended.
enum Attempt {
    Answered(Value),
    /// Final.
    No {
        status: u16,
        message: String,
    },
    /// Refused before anything was done: safe to repeat, after a while.
    Later {
        wait: Option<Duration>,
        last: String,
    },
    /// Nobody knows whether it was done.
    Lost(String),
}

impl Client {
    /// A client that speaks to `api` with a token.
    ///
    /// # Errors
    /// The address is none.
    pub(super) fn new(api: &str, token: &str, patience: Patience) -> Result<Client, GithubError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(GithubError::Runtime)?;
        let failed = |source| GithubError::Client { api: shown(api), source: Box::new(source) };
        let octocrab = {
            let _inside = runtime.enter(); // octocrab starts a task of its own
            Octocrab::builder()
                .base_uri(api)
                .map_err(failed)?
                .set_connect_timeout(Some(Duration::from_secs(20)))
                .set_read_timeout(Some(Duration::from_secs(60)))
                .personal_token(token.to_owned())
                .build()
                .map_err(failed)?
        };
        Ok(Client { octocrab, runtime, patience })
    }

    /// Makes a call; the answer is its JSON, `null` where there is none.
    ///
    /// # Errors
    /// The host says no, keeps failing, or asks for too much patience; for `OnlyIfRefused` also a lost answer.
    pub(super) fn call(
        &self,
        verb: Verb,
        route: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Value, GithubError> {
        let call = format!("{} {}", verb.word(), shown(route));
        let mut pause = self.patience.first;
        let mut last = String::new();
        for round in 1..=self.patience.tries.max(1) {
            let attempt = self.runtime.block_on(self.attempt(verb, route, body));
            tracing::debug!(%call, round, "github");
            let asked = match attempt {
                Attempt::Answered(value) => return Ok(value),
                Attempt::No { status, message } => {
                    return Err(GithubError::Answered { call, status, message });
                }
                Attempt::Lost(why) if repeat == Repeat::OnlyIfRefused => {
                    return Err(GithubError::Unsure { call, why });
                }
                Attempt::Lost(why) => {
                    last = why;
                    None
                }
                Attempt::Later { wait, last: why } => {
                    last = why;
                    wait
                }
            };
            if let Some(asked) = asked.filter(|asked| *asked > self.patience.longest) {
                return Err(GithubError::Limited { call, seconds: asked.as_secs() });
            }
            if round < self.patience.tries {
                self.rest(asked.unwrap_or(pause));
                pause *= 2;
            }
        }
        Err(GithubError::KeptFailing { call, tries: self.patience.tries, last })
    }

    /// Waits before the round after a write whose answer was lost.
    pub(super) fn pause(&self, round: u32) {
        self.rest(self.patience.first * 2_u32.pow(round.min(6)));
    }

    fn rest(&self, time: Duration) {
        self.runtime.block_on(async move { tokio::time::sleep(time).await });
    }

    pub(super) fn tries(&self) -> u32 {
        self.patience.tries.max(1)
    }

    async fn attempt(&self, verb: Verb, route: &str, body: Option<&Value>) -> Attempt {
        let octocrab = &self.octocrab;
        let sent = match verb {
            Verb::Get => octocrab._get(route).await,
            Verb::Post => octocrab._post(route, body).await,
            Verb::Patch => octocrab._patch(route, body).await,
            Verb::Delete => octocrab._delete(route, body).await,
        };
        let response = match sent {
            Ok(response) => response,
            Err(err) => return Attempt::Lost(one_line(&err)),
        };
        let status = response.status().as_u16();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let wait = waiting_time(header("retry-after").as_deref());
        let used_up = header("x-ratelimit-remaining").as_deref() == Some("0");
        let text = match octocrab.body_to_string(response).await {
            Ok(text) => text,
            Err(err) => return Attempt::Lost(one_line(&err)),
        };
        let message = || {
            let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let words = value["message"].as_str().unwrap_or_default();
            let errors = value["errors"].as_array().map(|errors| Value::from(errors.clone()).to_string());
            shown(
                &format!("{words} {}", errors.unwrap_or_default())
                    .trim()
                    .chars()
                    .take(300)
                    .collect::<String>(),
            )
        };
        match status {
            200..=299 if text.trim().is_empty() => Attempt::Answered(Value::Null),
            200..=299 => match serde_json::from_str(&text) {
                Ok(value) => Attempt::Answered(value),
                Err(err) => Attempt::Lost(format!("no JSON: {err}")),
            },
            429 => Attempt::Later { wait, last: "429".to_owned() },
            403 if wait.is_some() || used_up || text.contains("secondary rate limit") => {
                Attempt::Later { wait, last: "403 (rate limit)".to_owned() }
            }
            500 | 502 | 503 | 504 => Attempt::Lost(status.to_string()),
            _ => Attempt::No { status, message: message() },
        }
    }
}

/// What `Retry-After` asks for, in whole seconds; a date is not used by this host.
fn waiting_time(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

fn one_line(err: &octocrab::Error) -> String {
    let mut text = err.to_string();
    let mut source = std::error::Error::source(err);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let first = text.lines().next().unwrap_or_default();
    shown(&first.chars().take(300).collect::<String>())
}

/// A body for a call.
pub(super) fn body(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
