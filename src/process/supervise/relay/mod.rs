//! The one way out of a sandbox: to the endpoints that its agent's entry names, and nowhere else.
//!
//! It answers outside of the sandbox, on ports of the sandbox's own network that are handed to it. A plain request goes to the endpoint that its path names
//! (`/@HOST/...`), else to the first one, or to one on this machine that it names; a `CONNECT` goes to any of them, for
//! programs that only know a proxy, and to the relay itself, for those that ask a proxy for every address. The agent has a
//! stand-in for each key; the key itself is put in here, on the way to the endpoint, so an agent that gives away all that it
//! knows gives away nothing.

mod keys;
mod tunnel;

use crate::process::handover::taken;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::HOST,
    http::uri::{Authority, Scheme},
    service::service_fn,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    io::Write as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Stands in a job's arguments and environment for the port on which the relay listens.
pub(in crate::process) const PORT_MARK: &str = "{git-orch-relay-port}";
/// Connections of one program at a time. Each takes up to two of the supervisor's open files, which must never run out: it
/// finds what is left of the program in `/proc`.
const CONNECTIONS: usize = 64;
/// Most bytes of a request's headers.
const HEADERS_MAX: usize = 128 << 10;
/// Pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// What a relay lets through.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relay {
    /// The socket over which it gets the ports to listen on; without one, it takes a port of this machine.
    pub(crate) socket: Option<PathBuf>,
    /// The port by which the program knows it, where that is not the one that it listens on.
    #[serde(default)]
    pub(crate) known_as: Option<u16>,
    /// `https://HOST`, or `http://127.0.0.1:PORT` for a model on this machine; the first one gets plain requests.
    pub(crate) endpoints: Vec<String>,
    /// Stand-ins, and what they stand for.
    pub(crate) secrets: Vec<(String, String)>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secrets: this is written to logs.
        f.debug_struct("Relay")
            .field("socket", &self.socket)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

/// A relay that listens; it ends with its runtime.
pub(super) struct Listening {
    /// The port, where it listens on one.
    pub(super) port: Option<u16>,
    requests: Arc<AtomicU32>,
}

impl Listening {
    /// Requests that went out so far.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

type Body = BoxBody<Bytes, hyper::Error>;
type Outgoing = Client<HttpsConnector<HttpConnector>, Incoming>;

struct Shared {
    /// Where the program finds the relay itself.
    own_port: Option<u16>,
    endpoints: Vec<Uri>,
    secrets: Vec<(String, String)>,
    client: OnceLock<Result<Outgoing, String>>,
    requests: Arc<AtomicU32>,
    places: Arc<Semaphore>,
}

/// A connection's place among those that may be open, until its last tunnel is closed.
type Place = Arc<OwnedSemaphorePermit>;

/// Starts to listen, in the runtime that calls it.
pub(super) async fn listen(relay: &Relay) -> std::io::Result<Listening> {
    let requests = Arc::new(AtomicU32::new(0));
    let shared = |own_port| {
        Arc::new(Shared {
            own_port,
            endpoints: relay.endpoints.iter().filter_map(|text| endpoint(text)).collect(),
            secrets: relay.secrets.clone(),
            client: OnceLock::new(),
            requests: Arc::clone(&requests),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    };
    if let Some(path) = &relay.socket {
        let (socket, shared) = (bind(path)?, shared(relay.known_as));
        tokio::spawn(async move {
            let taken = taken(socket).await.unwrap_or_else(|error| {
                let _ = writeln!(
                    std::io::stderr(),
                    "git-orch: the way to the agent's endpoints stays closed: {error}"
                );
                Vec::new()
            });
            for listener in taken {
                let opened = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
                if let Ok(listener) = opened {
                    tokio::spawn(accept(listener, Arc::clone(&shared)));
                }
            }
        });
        return Ok(Listening { port: None, requests });
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = Some(listener.local_addr()?.port());
    tokio::spawn(accept(listener, shared(port)));
    Ok(Listening { port, requests })
}

/// Serves all who come, so many at a time.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok(place) = Arc::clone(&shared.places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = Arc::new(place);
                tokio::spawn(serve(TokioIo::new(stream), Arc::clone(&shared), Way::Straight, place));
            }
            Err(_) => tokio::time::sleep(PAUSE).await, // of one caller, or of the moment
        }
    }
}

/// Binds a socket whose path may be longer than the system takes: through the folder, that is open.
pub(super) fn bind(path: &Path) -> std::io::Result<UnixListener> {
    #[cfg(target_os = "linux")]
    if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
        use std::os::fd::AsRawFd as _;
        let folder = std::fs::File::open(folder)?;
        return UnixListener::bind(Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name));
    }
    UnixListener::bind(path)
}

/// Reads an endpoint. Plain HTTP is for this machine only: a key would travel in clear text.
fn endpoint(text: &str) -> Option<Uri> {
    let here = ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|here| text.starts_with(here));
    let text = match (text.contains("://"), here) {
        (true, _) => text.to_owned(),
        (false, true) => format!("http://{text}"),
        (false, false) => format!("https://{text}"),
    };
    let uri: Uri = text.parse().ok()?;
    let host = uri.host()?;
    let local = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    (uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && local)).then_some(uri)
}

/// How a connection came: a tunnel to the relay itself leads through no further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Straight,
    Tunnel,
}

async fn serve<S>(stream: TokioIo<S>, shared: Arc<Shared>, way: Way, place: Place)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (shared, place) = (Arc::clone(&shared), Arc::clone(&place));
        async move { Ok::<_, Infallible>(answer(request, &shared, way, place).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    let connection = server.max_buf_size(HEADERS_MAX).serve_connection(stream, service);
    let _ = connection.with_upgrades().await; // the program may hang up at any time
}

/// The same inside of a tunnel, as a value whose type does not hold itself.
fn served_within(
    tunnel: hyper::upgrade::Upgraded,
    shared: Arc<Shared>,
    place: Place,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve(TokioIo::new(TokioIo::new(tunnel)), shared, Way::Tunnel, place))
}

async fn answer(request: Request<Incoming>, shared: &Arc<Shared>, way: Way, place: Place) -> Response<Body> {
    if request.method() == Method::CONNECT {
        return connect(request, shared, way, place).await;
    }
    if shared.endpoints.is_empty() {
        return refuse(StatusCode::FORBIDDEN, "this agent's entry names no endpoint");
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (endpoint, path) = match path.strip_prefix("/@") {
        Some(named) => in_path(named, &shared.endpoints),
        None => (plain_endpoint(&request, &shared.endpoints), path.as_str()),
    };
    let Some(endpoint) = endpoint else {
        return refuse(StatusCode::FORBIDDEN, "not an endpoint of this agent");
    };
    let request = match keys::dressed(request, endpoint, path, &shared.secrets) {
        Ok(request) => request,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let client = match shared.client.get_or_init(client) {
        Ok(client) => client,
        Err(why) => return refuse(StatusCode::BAD_GATEWAY, why),
    };
    shared.requests.fetch_add(1, Ordering::Relaxed);
    match client.request(request).await {
        Ok(answer) => answer.map(BodyExt::boxed),
        Err(error) => refuse(StatusCode::BAD_GATEWAY, &format!("cannot reach the endpoint: {error}")),
    }
}

/// The endpoint that begins a path, and what is left of it: `HOST/...`.
fn in_path<'a, 'b>(named: &'b str, endpoints: &'a [Uri]) -> (Option<&'a Uri>, &'b str) {
    let (host, rest) = named.split_at(named.find(['/', '?']).unwrap_or(named.len()));
    let is_it = |endpoint: &&Uri| endpoint.authority().is_some_and(|authority| authority.as_str() == host);
    (endpoints.iter().find(is_it), if rest.is_empty() { "/" } else { rest })
}

/// Where a request goes that is not encrypted: to the first endpoint, or to the one on this machine that it names. A
/// request for another host in full is one to a proxy: only what is encrypted may go to the others.
fn plain_endpoint<'a>(request: &Request<Incoming>, endpoints: &'a [Uri]) -> Option<&'a Uri> {
    let asked = request.uri().authority().cloned();
    let header = || request.headers().get(HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let named = asked.clone().or_else(header);
    let local =
        |endpoint: &&Uri| endpoint.scheme() == Some(&Scheme::HTTP) && endpoint.authority() == named.as_ref();
    endpoints.iter().find(local).or_else(|| {
        let first = endpoints.first()?;
        asked.is_none_or(|asked| Some(asked.host()) == first.host()).then_some(first)
    })
}

fn client() -> Result<Outgoing, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("no certificates to trust: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// A tunnel to one of the endpoints. What goes through is the program's own affair, and so is its key.
async fn connect(request: Request<Incoming>, shared: &Arc<Shared>, way: Way, place: Place) -> Response<Body> {
    let wanted = request.uri().authority().cloned();
    if way == Way::Straight && wanted.as_ref().is_some_and(|wanted| tunnel::is_own(shared.own_port, wanted)) {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            if let Ok(inner) = hyper::upgrade::on(request).await {
                served_within(inner, shared, place).await;
            }
        });
        return Response::new(full(""));
    }
    let of = |wanted: &Authority| shared.endpoints.iter().find(|endpoint| tunnel::leads_to(endpoint, wanted));
    let Some((wanted, endpoint)) =
        wanted.and_then(|wanted| Some((of(&wanted)?, wanted))).map(|(a, b)| (b, a))
    else {
        return refuse(StatusCode::FORBIDDEN, "not an endpoint of this agent");
    };
    let address = (wanted.host().to_owned(), wanted.port_u16().unwrap_or(tunnel::HTTPS));
    let outer = match TcpStream::connect(address).await {
        Ok(outer) => outer,
        Err(error) => return refuse(StatusCode::BAD_GATEWAY, &format!("cannot reach {wanted}: {error}")),
    };
    let endpoint = endpoint.clone();
    shared.requests.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        if let Ok(inner) = hyper::upgrade::on(request).await {
            tunnel::pass(TokioIo::new(inner), outer, &endpoint).await;
        }
        drop(place);
    });
    Response::new(full(""))
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(full(&format!("git-orch: {why}\n")));
    *response.status_mut() = status;
    response
}

fn full(text: &str) -> Body {
    Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|never| match never {}).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_encrypted_or_on_this_machine() {
        let read = |text: &str| endpoint(text).map(|uri| uri.to_string());
        assert_eq!(read("api.example.com").as_deref(), Some("https://api.example.com/"));
        assert_eq!(read("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(read("127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(read("http://api.example.com"), None);
        assert_eq!(read("ftp://127.0.0.1"), None);
        assert_eq!(read("a b"), None);
    }

    #[test]
    fn a_path_may_name_its_endpoint() {
        let endpoints =
            ["a.example", "http://127.0.0.1:8080", "b.example"].map(|text| endpoint(text).unwrap()).to_vec();
        let found = |named: &'static str| {
            let (endpoint, rest) = in_path(named, &endpoints);
            endpoint.map(|endpoint| (endpoint.to_string(), rest))
        };
        assert_eq!(found("b.example/v1/x?y=1"), Some(("https://b.example/".to_owned(), "/v1/x?y=1")));
        assert_eq!(found("127.0.0.1:8080/v1"), Some(("http://127.0.0.1:8080/".to_owned(), "/v1")));
        assert_eq!(found("a.example"), Some(("https://a.example/".to_owned(), "/")));
        for other in
            ["evil.example/v1", "a.example.evil/v1", "a.example:22/v1", "", "/a.example", "me@a.example/"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn secrets_are_not_in_logs() {
        let relay = Relay {
            socket: None,
            known_as: None,
            endpoints: Vec::new(),
            secrets: vec![("a".into(), "hush".into())],
        };
        assert!(!format!("{relay:?}").contains("hush"));
    }
}
