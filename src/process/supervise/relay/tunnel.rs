//! Tunnels: to which address one may lead, and whether what goes through really is for the host that it was asked for. A
//! front that serves many hosts takes each by the name in the first message of TLS, which is not encrypted.

use hyper::{
    Uri,
    http::uri::{Authority, Scheme},
};
use rustls::server::Acceptor;
use std::{net::IpAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

/// The only port that a tunnel leads to, besides that of an endpoint which has one of its own.
pub(super) const HTTPS: u16 = 443;
/// Most bytes of the first message; those of real programs have some hundred to two thousand.
const HELLO_MAX: usize = 16 << 10;
/// How long the first message may take to come.
const HELLO: Duration = Duration::from_secs(20);

/// Whether an address is the relay's own, as the program knows it.
pub(super) fn is_own(own_port: Option<u16>, wanted: &Authority) -> bool {
    matches!(wanted.host(), "127.0.0.1" | "localhost") && own_port.is_some() && wanted.port_u16() == own_port
}

/// Whether an address is that of an endpoint.
pub(super) fn leads_to(endpoint: &Uri, wanted: &Authority) -> bool {
    let port = endpoint.port_u16().unwrap_or(HTTPS);
    endpoint.host() == Some(wanted.host()) && wanted.port_u16() == Some(port)
}

/// Carries what comes, both ways, until either side hangs up; nothing at all where the program asks for another host than
/// the endpoint's, or for none.
pub(super) async fn pass<I, O>(mut inner: I, mut outer: O, endpoint: &Uri)
where
    I: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let host = endpoint.host().unwrap_or_default();
    // Addresses have no names, and a model on this machine no TLS.
    let named = endpoint.scheme() != Some(&Scheme::HTTP) && host.parse::<IpAddr>().is_err();
    if named {
        let Ok(Some((hello, name))) = timeout(HELLO, first_message(&mut inner)).await else { return };
        if !name.eq_ignore_ascii_case(host) || outer.write_all(&hello).await.is_err() {
            return;
        }
    }
    let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
}

/// The first message of TLS, whole, and the name of the host in it; `None` where something else comes.
async fn first_message(inner: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, String)> {
    let (mut hello, mut acceptor) = (Vec::new(), Acceptor::default());
    while hello.len() < HELLO_MAX {
        let begin = hello.len();
        if inner.read_buf(&mut hello).await.ok()? == 0 {
            return None;
        }
        let mut rest = &hello[begin..];
        while !rest.is_empty() {
            if acceptor.read_tls(&mut rest).ok()? == 0 {
                return None;
            }
            if let Some(accepted) = acceptor.accept().ok()? {
                let name = accepted.client_hello().server_name()?.to_owned();
                return Some((hello, name));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};
    use std::sync::Arc;

    #[test]
    fn tunnels_lead_to_endpoints_only() {
        let endpoint = "https://api.example.com".parse().unwrap();
        let leads = |to: &str| leads_to(&endpoint, &to.parse().unwrap());
        assert!(leads("api.example.com:443"));
        assert!(!leads("api.example.com:22"));
        assert!(!leads("evil.example.com:443"));
        assert!(!leads("api.example.com.evil.com:443"));
        assert!(!leads("api.example.com"));
    }

    fn hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let mut client =
            ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// What the endpoint gets of what a program sends in pieces.
    fn passed(endpoint: &str, sent: &[u8], piece: usize) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ((inner, mut program), (outer, mut host)) =
                (tokio::io::duplex(piece), tokio::io::duplex(1 << 16));
            let endpoint = endpoint.parse().unwrap();
            let sends = async move {
                let _ = program.write_all(sent).await; // it may be closed in its face
                drop(program);
            };
            let gets = async move {
                let mut got = Vec::new();
                host.read_to_end(&mut got).await.unwrap();
                got
            };
            tokio::join!(pass(inner, outer, &endpoint), sends, gets).2
        })
    }

    #[test]
    fn what_goes_through_is_for_the_host_that_was_asked_for() {
        let asked = hello("api.example.com");
        for piece in [1, 100, 1 << 16] {
            assert_eq!(passed("https://API.example.com", &asked, piece), asked);
            assert_eq!(passed("https://other.example.com", &asked, piece), b"");
        }
        assert_eq!(passed("https://api.example.com", &hello("10.0.0.1"), 100), b"", "no name at all");
        assert_eq!(
            passed("https://api.example.com", b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n", 9),
            b""
        );
        assert_eq!(passed("https://api.example.com", &[22; HELLO_MAX + 9], 4096), b"");
        // A model on this machine speaks plainly, and an address has no name.
        assert_eq!(passed("http://127.0.0.1:8080", b"GET", 100), b"GET");
        let nameless = hello("10.0.0.1");
        assert_eq!(passed("https://10.0.0.1:8443", &nameless, 100), nameless);
    }
}
