//! Hears webhooks: checks who sent them, and hands on what they say.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::process::Stop;

/// Largest webhook, in bytes: the host's own limit is 25 MB.
const BODY_MAX: usize = 25 << 20;

/// A webhook whose sender knows the secret.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    pub(crate) payload: Value,
}

/// Hears webhooks until `stop`, and tells `ready` the address. Each is answered at once: what follows from it takes longer
/// than a host waits.
///
/// # Errors
/// The address cannot be listened on.
pub(crate) fn hear(
    address: SocketAddr,
    secret: &str,
    stop: &Stop,
    ready: impl FnOnce(SocketAddr),
    heard: &Sender<Delivery>,
) -> std::io::Result<()> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        ready(listener.local_addr()?);
        loop {
            let accepted =
                tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
            if stop.is_requested() {
                return Ok(());
            }
            let Ok(Ok((stream, _))) = accepted else { continue };
            let (key, heard) = (key.clone(), heard.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| answer(request, &key, &heard));
                let mut server = http1::Builder::new();
                server.timer(hyper_util::rt::TokioTimer::new());
                server.header_read_timeout(std::time::Duration::from_secs(10));
                if let Err(err) = server.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%err, "a connection ended");
                }
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    key: &ring::hmac::Key,
    heard: &Sender<Delivery>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let status = judge(request, key, heard).await;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}

async fn judge(request: Request<Incoming>, key: &ring::hmac::Key, heard: &Sender<Delivery>) -> StatusCode {
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (event, signature) = (header("x-github-event"), header("x-hub-signature-256"));
    let time = std::time::Duration::from_secs(30);
    let body = match tokio::time::timeout(time, Limited::new(request.into_body(), BODY_MAX).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE,
        Err(_) => return StatusCode::REQUEST_TIMEOUT,
    };
    let signed = signature.as_deref().and_then(|text| hex(text.strip_prefix("sha256=")?));
    // Compared in constant time.
    if signed.is_none_or(|signature| ring::hmac::verify(key, &body, &signature).is_err()) {
        return StatusCode::UNAUTHORIZED;
    }
    let (Some(event), Ok(payload)) = (event, serde_json::from_slice(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    match heard.send(Delivery { event, payload }) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
