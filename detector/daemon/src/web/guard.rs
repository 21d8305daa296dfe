//! Access control of the web UI.
//!
//! On a loopback address without a token, anybody on this host has access. Pages of other sites in a local browser are
//! rejected by the host name of the request, on every path: it must be that of the loopback. On other addresses, and
//! whenever a token is set, the token is required, once: it is kept in a cookie that scripts cannot read and that is
//! sent to this page alone. Each client has a limited number of guesses.

use crate::clock;
use crate::server::peer::Peer;
use crate::token_bucket::TokenBucket;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// The name of the cookie.
const NAME: &str = "peregrine_ui";

/// Guesses of a client: a few at once, then one in some seconds.
const GUESSES: f64 = 5.0;
const GUESSES_A_SECOND: f64 = 0.2;
/// Maximum number of clients with guesses that are remembered.
const GUESSERS: usize = 1024;

/// The requirements for a request.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    token: Option<Arc<Token>>,
    secure: bool,
}

/// Credentials of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The token, or the cookie for it.
    Token,
    /// Another token.
    Wrong,
    Nothing,
}

#[derive(Debug)]
struct Token {
    digest: [u8; 32],
    /// Value of the cookie, from which the token cannot be derived.
    cookie: String,
    guesses: Guesses,
}

/// The failed guesses of each client.
#[derive(Debug, Default)]
struct Guesses(Mutex<HashMap<Peer, TokenBucket>>);

impl Guesses {
    /// Returns whether a client may guess at a time in nanoseconds.
    fn are_left(&self, peer: Peer, now: u64) -> bool {
        let guessers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guessers.get(&peer).is_none_or(|bucket| bucket.has_one(now))
    }

    /// Counts a failed guess.
    fn count(&self, peer: Peer, now: u64) {
        let mut guessers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guessers.len() >= GUESSERS {
            guessers.retain(|_, bucket| !bucket.is_full(now));
        }
        // An attacker with as many addresses has guesses enough, and must not keep others from the page.
        if guessers.len() >= GUESSERS {
            guessers.clear();
        }
        guessers.entry(peer).or_insert_with(|| TokenBucket::new(GUESSES_A_SECOND, GUESSES)).claim(now);
    }
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
        let token = Token { digest: digest(token, ""), cookie, guesses: Guesses::default() };
        Some(Self { token: Some(Arc::new(token)), secure })
    }

    fn shown(headers: &HeaderMap, token: &Token) -> Shown {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(told) = text(AUTHORIZATION).strip_prefix("Bearer ") {
            return if same(&digest(told.trim(), ""), &token.digest) { Shown::Token } else { Shown::Wrong };
        }
        let mut cookies = text(COOKIE).split(';').filter_map(|pair| pair.trim().split_once('='));
        match cookies.find_map(|(name, value)| (name == NAME).then_some(value)) {
            Some(value) if same(value.as_bytes(), token.cookie.as_bytes()) => Shown::Token,
            Some(_) => Shown::Wrong,
            None => Shown::Nothing,
        }
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

/// Returns the host that a request names: in its target, as HTTP/2 does, and in its header. Both, if both are there.
fn hosts(request: &Request) -> impl Iterator<Item = &str> {
    let header = request.headers().get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
    request.uri().authority().map(axum::http::uri::Authority::as_str).into_iter().chain(header)
}

/// Passes requests that name the loopback as their host, on a server that listens there: no page of another site, whose
/// name leads to this address, gets an answer. A client without a host name cannot be a browser.
pub(super) async fn only_loopback_names(request: Request, next: Next) -> Response {
    if hosts(&request).all(is_loopback) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "only available on this host, at http://localhost\n").into_response()
}

/// Passes requests that have access. Others get the login form, or an error where data is requested.
pub(crate) async fn check(
    State(guard): State<Guard>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = &guard.token else {
        // Pages and their data are for browsers, which name a host.
        if hosts(&request).next().is_some() && hosts(&request).all(is_loopback) {
            return next.run(request).await;
        }
        return (StatusCode::FORBIDDEN, "the web UI is only available on this host, at http://localhost\n")
            .into_response();
    };
    let now = clock::now();
    match Guard::shown(request.headers(), token) {
        Shown::Token if token.guesses.are_left(peer, now) => {
            request.extensions_mut().insert(HasToken);
            return next.run(request).await;
        }
        Shown::Nothing => {}
        Shown::Token | Shown::Wrong => {
            if let Some(refusal) = guessed(token, peer, now) {
                return refusal;
            }
        }
    }
    let wants_page = matches!(request.uri().path(), "/ui" | "/ui/");
    if wants_page {
        return (StatusCode::UNAUTHORIZED, Html(include_str!("static/login.html"))).into_response();
    }
    (StatusCode::UNAUTHORIZED, "the token is missing or invalid\n").into_response()
}

/// Marks requests with the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HasToken;

/// Counts a wrong guess, or returns the refusal if the client has no guesses left.
fn guessed(token: &Token, peer: Peer, now: u64) -> Option<Response> {
    if token.guesses.are_left(peer, now) {
        token.guesses.count(peer, now);
        return None;
    }
    Some((StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "5")], "too many wrong tokens\n").into_response())
}

/// Handles the login form.
pub(crate) async fn login(State(guard): State<Guard>, Extension(peer): Extension<Peer>, body: Bytes) -> Response {
    let told = std::str::from_utf8(&body).unwrap_or_default();
    let told = told.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
    let form = || (StatusCode::UNAUTHORIZED, Html(include_str!("static/login.html"))).into_response();
    let Some(token) = &guard.token else { return form() };
    let now = clock::now();
    let right = same(&digest(&decode(told), ""), &token.digest);
    if !right || !token.guesses.are_left(peer, now) {
        return guessed(token, peer, now).unwrap_or_else(form);
    }
    let secure = if guard.secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={}; Path=/ui; HttpOnly; SameSite=Strict{secure}", token.cookie);
    let headers = [(LOCATION, "/ui".to_owned()), (SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers, Body::empty()).into_response()
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
        for (target, host, admitted) in [
            ("/", Some("localhost"), true),
            ("/", Some("LOCALHOST:8765"), true),
            ("/", Some("127.0.0.1:8765"), true),
            ("/", Some("[::1]:8765"), true),
            ("/", Some("evil.example"), false),
            ("/", Some("localhost.evil.example"), false),
            ("/", Some("192.0.2.1"), false),
            ("/", Some(""), false),
            // HTTP/2 names it in the target.
            ("https://localhost:8765/", None, true),
            ("https://evil.example/", None, false),
            ("https://[::1]:8765/ui", Some("localhost"), true),
            ("https://localhost/", Some("evil.example"), false),
            ("https://evil.example/", Some("localhost"), false),
            ("https://localhost@evil.example/", None, false),
        ] {
            let mut request = Request::builder().uri(target);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(hosts(&request).all(is_loopback), admitted, "{target} {host:?}");
        }
    }

    #[test]
    fn only_the_token_gives_access() {
        let guard = Guard::new("0.0.0.0".parse().unwrap(), "the word", false).unwrap();
        let token = guard.token.as_ref().unwrap();
        let cookie = token.cookie.clone();
        for (name, value, shown) in [
            (AUTHORIZATION, "Bearer the word".to_owned(), Shown::Token),
            (AUTHORIZATION, "Bearer the wor".to_owned(), Shown::Wrong),
            (AUTHORIZATION, "Bearer ".to_owned(), Shown::Wrong),
            (COOKIE, format!("a=b; {NAME}={cookie}"), Shown::Token),
            (COOKIE, format!("{NAME}=the word"), Shown::Wrong),
            (COOKIE, format!("{NAME}="), Shown::Wrong),
            (COOKIE, "a=b".to_owned(), Shown::Nothing),
            (HOST, "localhost".to_owned(), Shown::Nothing),
        ] {
            assert_eq!(Guard::shown(&headers(&[(name, &value)]), token), shown, "{value}");
        }
        assert_eq!(decode("a+b%2Bc%zz"), "a b+c%zz");
    }

    #[test]
    fn a_client_has_a_few_guesses() {
        const SECOND: u64 = 1_000_000_000;
        let guesses = Guesses::default();
        let (one, other) = (Peer::User(1000), Peer::User(1001));
        let left = |peer, now| {
            let mut count = 0;
            while guesses.are_left(peer, now) && count < 100 {
                guesses.count(peer, now);
                count += 1;
            }
            count
        };
        assert_eq!(left(one, SECOND), 5);
        assert_eq!(left(one, 2 * SECOND), 0);
        assert!(guesses.are_left(other, 2 * SECOND));
        assert_eq!(left(one, 12 * SECOND), 2);
        // Clients without end do not take memory without end, and keep nobody from the page.
        for user in 0..2 * GUESSERS as u32 {
            guesses.count(Peer::User(user), 13 * SECOND);
        }
        assert!(guesses.0.lock().unwrap().len() <= GUESSERS && guesses.are_left(Peer::User(u32::MAX), 13 * SECOND));
    }
}
