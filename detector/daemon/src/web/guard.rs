//! Access control of the web UI.
//!
//! On a loopback address without a token, anybody on this host has access. Pages of other sites in a local browser are
//! rejected by the host name of the request: it must be that of the loopback. On other addresses, and whenever a token
//! is set, the token is required, once: it is kept in a cookie that scripts cannot read and that is sent to this page
//! alone.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The name of the cookie.
const NAME: &str = "peregrine_ui";

/// The requirements for a request.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Value of the cookie, from which the token cannot be derived.
    token: Option<Arc<Token>>,
    secure: bool,
}

#[derive(Debug)]
struct Token {
    digest: [u8; 32],
    cookie: String,
}

fn digest(text: &str, salt: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}

impl Guard {
    /// Creates the guard; `None` if nobody may have access: the address is not loopback, and there is no token.
    /// `secure`: TLS is enabled.
    pub(crate) fn new(address: std::net::IpAddr, token: &str, secure: bool) -> Option<Self> {
        if token.is_empty() {
            return address.is_loopback().then_some(Self { token: None, secure });
        }
        let cookie = digest(token, "peregrine page ").iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { token: Some(Arc::new(Token { digest: digest(token, ""), cookie })), secure })
    }

    fn admits(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(token) = &self.token else {
            // HTTP/2 has the host in the pseudo-header :authority instead; where there are both, both count.
            let host = headers.contains_key(HOST).then(|| text(HOST));
            let mut hosts = uri.authority().map(|authority| authority.as_str()).into_iter().chain(host).peekable();
            return hosts.peek().is_some() && hosts.all(is_loopback);
        };
        if let Some(told) = text(AUTHORIZATION).strip_prefix("Bearer ") {
            return same(&digest(told.trim(), ""), &token.digest);
        }
        let mut cookies = text(COOKIE).split(';').filter_map(|pair| pair.trim().split_once('='));
        cookies.any(|(name, value)| name == NAME && same(value.as_bytes(), token.cookie.as_bytes()))
    }
}

/// Compares in constant time.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Returns whether a browser addressed this host by a name that no other host can have.
fn is_loopback(host: &str) -> bool {
    // A name of a user is not part of the host.
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Passes requests that have access. Others get the login form, or an error where data is requested.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.admits(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    if guard.token.is_none() {
        return (StatusCode::FORBIDDEN, "the web UI is only available on this host, at http://localhost\n")
            .into_response();
    }
    let wants_page = matches!(request.uri().path(), "/ui" | "/ui/");
    if wants_page {
        return (StatusCode::UNAUTHORIZED, Html(include_str!("static/login.html"))).into_response();
    }
    (StatusCode::UNAUTHORIZED, "the token is missing or invalid\n").into_response()
}

/// Handles the login form.
pub(crate) async fn login(State(guard): State<Guard>, body: Bytes) -> Response {
    let told = std::str::from_utf8(&body).unwrap_or_default();
    let told = told.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
    match &guard.token {
        Some(token) if same(&digest(&decode(told), ""), &token.digest) => {
            let secure = if guard.secure { "; Secure" } else { "" };
            let cookie = format!("{NAME}={}; Path=/ui; HttpOnly; SameSite=Strict{secure}", token.cookie);
            let headers = [(LOCATION, "/ui".to_owned()), (SET_COOKIE, cookie)];
            (StatusCode::SEE_OTHER, headers, Body::empty()).into_response()
        }
        _ => (StatusCode::UNAUTHORIZED, Html(include_str!("static/login.html"))).into_response(),
    }
}

/// Returns the text of a value in a form.
fn decode(value: &str) -> String {
    percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn other_addresses_require_a_token() {
        assert!(Guard::new("0.0.0.0".parse().unwrap(), "", false).is_none());
        assert!(Guard::new("192.0.2.1".parse().unwrap(), "", true).is_none());
        assert!(Guard::new("::1".parse().unwrap(), "", false).is_some());
        assert!(Guard::new("0.0.0.0".parse().unwrap(), "word", false).is_some());
    }

    #[test]
    fn on_loopback_the_host_name_must_be_that_of_loopback() {
        let guard = Guard::new("127.0.0.1".parse().unwrap(), "", false).unwrap();
        for (host, admitted) in [
            ("localhost", true),
            ("LOCALHOST:8765", true),
            ("127.0.0.1:8765", true),
            ("[::1]:8765", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("192.0.2.1", false),
            ("", false),
        ] {
            assert_eq!(guard.admits(&Uri::from_static("/ui"), &headers(&[(HOST, host)])), admitted, "{host}");
        }
        assert!(!guard.admits(&Uri::from_static("/ui"), &HeaderMap::new()));
    }

    /// As HTTP/2 has it.
    #[test]
    fn the_host_may_be_in_the_uri() {
        let guard = Guard::new("127.0.0.1".parse().unwrap(), "", true).unwrap();
        for (uri, host, admitted) in [
            ("https://localhost:8765/ui", None, true),
            ("https://[::1]:8765/ui", Some("localhost"), true),
            ("https://evil.example/ui", None, false),
            ("https://evil.example/ui", Some("localhost"), false),
            ("https://localhost/ui", Some("evil.example"), false),
            ("https://localhost@evil.example/ui", None, false),
        ] {
            let headers: Vec<_> = host.map(|host| (HOST, host)).into_iter().collect();
            assert_eq!(guard.admits(&uri.parse().unwrap(), &self::headers(&headers)), admitted, "{uri} {host:?}");
        }
    }

    #[test]
    fn only_the_token_gives_access() {
        let guard = Guard::new("0.0.0.0".parse().unwrap(), "the word", false).unwrap();
        let cookie = guard.token.as_ref().unwrap().cookie.clone();
        for (name, value, admitted) in [
            (AUTHORIZATION, "Bearer the word".to_owned(), true),
            (AUTHORIZATION, "Bearer the wor".to_owned(), false),
            (AUTHORIZATION, "Bearer ".to_owned(), false),
            (COOKIE, format!("a=b; {NAME}={cookie}"), true),
            (COOKIE, format!("{NAME}=the word"), false),
            (COOKIE, format!("{NAME}="), false),
            (HOST, "localhost".to_owned(), false),
        ] {
            assert_eq!(guard.admits(&Uri::from_static("/ui"), &headers(&[(name, &value)])), admitted, "{value}");
        }
        assert_eq!(decode("a+b%2Bc%zz"), "a b+c%zz");
    }
}
