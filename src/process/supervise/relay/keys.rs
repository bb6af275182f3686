//! Puts keys in the places of their stand-ins, where keys belong and nowhere else: what an endpoint quotes in its answers (a
//! bad path, the value of a header that it does not know) goes back to the agent.

use hyper::{
    Request, Uri,
    header::{CONNECTION, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION},
    http::uri::Authority,
};

/// How the names of headers end that hold keys: `authorization`, `x-api-key`, `x-goog-api-key`, `x-auth-token` and their like.
const OF_KEYS: [&str; 4] = ["authorization", "-key", "-token", "-auth"];
/// Hosts that take a key in the address, as `?key=…`: Google's.
const IN_ADDRESS: &str = ".googleapis.com";

/// Leads a request to the endpoint, with the keys in the places of their stand-ins.
///
/// # Errors
/// The path or a key is none that HTTP can carry.
pub(super) fn dressed<Body>(
    mut request: Request<Body>,
    endpoint: &Uri,
    path: &str,
    secrets: &[(String, String)],
) -> Result<Request<Body>, String> {
    let google = endpoint.host().is_some_and(|host| host.ends_with(IN_ADDRESS));
    let path = if google { with_key_in_query(path, secrets) } else { path.to_owned() };
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| "bad path".to_owned())?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    for name in [CONNECTION, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
    let authority = endpoint.authority().map_or("", Authority::as_str);
    headers.insert(HOST, HeaderValue::from_str(authority).map_err(|error| error.to_string())?);
    for (_, value) in headers.iter_mut().filter(|(name, _)| holds_key(name)) {
        if let Some(replaced) = value.to_str().ok().and_then(|text| with_key(text, secrets)) {
            *value = HeaderValue::from_str(&replaced).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
        }
    }
    Ok(request)
}

fn holds_key(name: &HeaderName) -> bool {
    OF_KEYS.iter().any(|end| name.as_str().ends_with(end))
}

/// The value of a header with the key: it is the stand-in, alone or behind the name of a scheme, such as `Bearer`.
fn with_key(value: &str, secrets: &[(String, String)]) -> Option<String> {
    let (scheme, own) = value.rsplit_once(' ').map_or(("", value), |(scheme, own)| (scheme, own));
    let key = key_of(own, secrets).filter(|_| !scheme.contains(' '))?;
    Some(if scheme.is_empty() { key.to_owned() } else { format!("{scheme} {key}") })
}

fn with_key_in_query(path: &str, secrets: &[(String, String)]) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let dressed = |part: &str| match part.split_once('=') {
        Some(("key", own)) => format!("key={}", key_of(own, secrets).unwrap_or(own)),
        _ => part.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(dressed).collect::<Vec<_>>().join("&"))
}

fn key_of<'a>(stand_in: &str, secrets: &'a [(String, String)]) -> Option<&'a str> {
    secrets.iter().find(|(known, _)| known == stand_in).map(|(_, key)| key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(endpoint: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let secrets = [("stand-in-1".to_owned(), "key".to_owned())];
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let endpoint = endpoint.parse().unwrap();
        let sent = dressed(request.body(()).unwrap(), &endpoint, path, &secrets).unwrap();
        let value =
            |(name, value): (&HeaderName, &HeaderValue)| format!(" {name}: {}", value.to_str().unwrap());
        let headers = sent.headers().iter().filter(|(name, _)| **name != HOST).map(value);
        format!("{}{}", sent.uri(), headers.collect::<String>())
    }

    #[test]
    fn keys_take_the_places_of_their_stand_ins_where_keys_belong() {
        let endpoint = "https://api.example.com";
        for (name, value, found) in [
            ("authorization", "Bearer stand-in-1", "Bearer key"),
            ("authorization", "stand-in-1", "key"),
            ("x-api-key", "stand-in-1", "key"),
            ("x-goog-api-key", "stand-in-1", "key"),
            ("cf-aig-authorization", "Bearer stand-in-1", "Bearer key"),
            // What is quoted in an answer has no key in it.
            ("anthropic-version", "stand-in-1", "stand-in-1"),
            ("authorization", "Bearer stand-in-1 again", "Bearer stand-in-1 again"),
            ("authorization", "a b stand-in-1", "a b stand-in-1"),
            ("x-api-key", "xstand-in-1", "xstand-in-1"),
        ] {
            let wanted = format!("https://api.example.com/v1 {name}: {found}");
            assert_eq!(sent(endpoint, "/v1", &[(name, value)]), wanted);
        }
        assert_eq!(
            sent(endpoint, "/stand-in-1?key=stand-in-1", &[]),
            "https://api.example.com/stand-in-1?key=stand-in-1"
        );
        let google = "https://generativelanguage.googleapis.com";
        assert_eq!(
            sent(google, "/stand-in-1?alt=stand-in-1&key=stand-in-1", &[]),
            format!("{google}/stand-in-1?alt=stand-in-1&key=key")
        );
    }
}
