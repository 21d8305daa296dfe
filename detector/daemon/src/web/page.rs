//! The web UI at `/ui`: its files, which are part of the program, and its data.
//!
//! It only reads, and what it reads is computed once a second for all ([`Shared`](super::shared::Shared)), with one
//! exception: the cost of rules is measured on request, which slows the reader of events, so that only the token, root and
//! the user of the program give that right. Every response forbids the browser to load anything from elsewhere or to run anything that is not one
//! of the files here, so that no text of an alert can do harm.

use super::feed::{Feed, STEP};
use super::guard::{self, Guard, HasToken};
use super::shared::Shared;
use crate::clock::now;
use crate::metrics::telemetry::{MEASURE, Snapshot, Telemetry};
use crate::names::{FALCO_VERSION, K8S_AUDIT, SYSCALL, VERSION};
use crate::server::peer::Peer;
use crate::server::places::{Limits, Place, Places};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body::Frame;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The files that require access.
const FILES: &[(&str, &str, &str)] = &[
    ("/ui", "text/html; charset=utf-8", include_str!("static/index.html")),
    ("/ui/app.js", "text/javascript; charset=utf-8", include_str!("static/app.js")),
    ("/ui/dom.js", "text/javascript; charset=utf-8", include_str!("static/dom.js")),
    ("/ui/alerts.js", "text/javascript; charset=utf-8", include_str!("static/alerts.js")),
    ("/ui/chart.js", "text/javascript; charset=utf-8", include_str!("static/chart.js")),
    ("/ui/attack.js", "text/javascript; charset=utf-8", include_str!("static/attack.js")),
    ("/ui/techniques.js", "text/javascript; charset=utf-8", include_str!("static/techniques.js")),
    ("/ui/tables.js", "text/javascript; charset=utf-8", include_str!("static/tables.js")),
];

/// The files of the login form.
const OPEN_FILES: &[(&str, &str, &str)] = &[
    ("/ui/style.css", "text/css; charset=utf-8", include_str!("static/style.css")),
    ("/ui/theme.js", "text/javascript; charset=utf-8", include_str!("static/theme.js")),
    ("/ui/icon.svg", "image/svg+xml", include_str!("static/icon.svg")),
];

/// Content security policy: nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Maximum number of open streams of alerts.
const WATCHERS: Limits = Limits { all: 64, reserved: 8, peer: 8 };
/// Number of bytes after which a part of a stream is sent.
const CHUNK: usize = 64 << 10;
/// Time that a browser may take for a part.
const UNREAD: Duration = Duration::from_secs(30);
/// Alerts are sent in intervals, so that a flood does not become as many packets.
const PART: Duration = Duration::from_millis(100);
/// Something is sent after this time without alerts, so that a lost connection is noticed.
const SILENCE: Duration = Duration::from_secs(15);

/// The contents of the web UI and their sources.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    feed: Arc<Feed>,
    telemetry: Arc<Telemetry>,
    overview: Shared,
    watchers: Arc<Places>,
}

/// Values that do not change.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) hostname: String,
    pub(crate) engine: &'static str,
    /// Nanoseconds since 1970.
    pub(crate) started: u64,
}

impl Page {
    pub(crate) fn new(feed: Arc<Feed>, telemetry: Arc<Telemetry>, about: About) -> Self {
        let (alerts, counts) = (Arc::clone(&feed), Arc::clone(&telemetry));
        let overview = Shared::new(move || told(&about, &counts.ask(), &alerts).to_string());
        Self { feed, telemetry, overview, watchers: Arc::new(Places::new("webserver", "streams of alerts", WATCHERS)) }
    }

    /// Returns the routes, with all that protects them.
    pub(crate) fn router(self, guard: Guard) -> Router {
        let file = |router: Router<Self>, (path, kind, text): &(&'static str, &'static str, &'static str)| {
            let (kind, text) = (*kind, *text);
            router.route(path, get(async move || ([(CONTENT_TYPE, kind)], text)))
        };
        let inner = FILES.iter().fold(Router::new(), file);
        let inner = inner
            .route("/ui/", get(async || axum::response::Redirect::permanent("/ui")))
            .route("/ui/api/overview", get(overview))
            .route("/ui/api/alerts", get(alerts))
            .layer(middleware::from_fn_with_state(guard.clone(), guard::check))
            .with_state(self.clone());
        let login = Router::new()
            .route("/ui/login", post(guard::login))
            .layer(axum::extract::DefaultBodyLimit::max(4096))
            .with_state(guard);
        let open = OPEN_FILES.iter().fold(Router::new(), file).with_state(self);
        inner.merge(open).merge(login).layer(middleware::map_response(protect))
    }
}

async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Returns everything but the alerts, as one object. With `?cost`, the cost of rules is measured while it is requested.
async fn overview(
    State(page): State<Page>,
    Extension(peer): Extension<Peer>,
    token: Option<Extension<HasToken>>,
    request: Request,
) -> Response {
    if request.uri().query() == Some("cost") {
        if token.is_none() && !peer.is_own() {
            let text = "the cost of rules is only measured for root, or with webserver.ui_token\n";
            return (StatusCode::FORBIDDEN, text).into_response();
        }
        page.telemetry.measure();
        tokio::spawn(async move {
            tokio::time::sleep(MEASURE + Duration::from_millis(100)).await;
            page.telemetry.nudge();
        });
    }
    ([(CONTENT_TYPE, "application/json")], page.overview.text().await).into_response()
}

fn told(about: &About, counts: &Snapshot, feed: &Feed) -> Json {
    let milliseconds = now() / 1_000_000;
    let drops = counts.source.drops.iter().filter(|drop| drop.count > 0);
    let drops: Vec<_> =
        drops.map(|drop| json!({"cause": drop.cause, "family": drop.family, "count": drop.count})).collect();
    let mut sources = vec![json!({
        "name": SYSCALL,
        "events": counts.events,
        "dropped": counts.source.dropped(),
        "drops": drops,
        "threads": counts.threads,
        "fds": counts.fds,
    })];
    if let Some(audit) = &counts.audit {
        sources.push(json!({"name": K8S_AUDIT, "events": audit.events, "refused": audit.refused}));
    }
    for plugin in &counts.plugins {
        sources.push(json!({"name": plugin.source, "events": plugin.events, "refused": plugin.invalid}));
    }
    let rules: Vec<_> = counts
        .rules
        .iter()
        .enumerate()
        .map(|(place, rule)| {
            let cost = counts.costs.get(place).copied().unwrap_or_default();
            json!({
                "name": rule.name,
                "source": rule.source,
                "priority": rule.priority as u8,
                "tags": rule.tags,
                "count": rule.count,
                "evaluated": cost.evaluated,
                "nanoseconds": cost.nanoseconds,
            })
        })
        .collect();
    let outputs: Vec<_> = counts
        .outputs
        .iter()
        .map(|output| {
            json!({
                "sink": output.sink,
                "sent": output.sent,
                "delivered": output.delivered,
                "lost": output.lost,
                "queued": output.queued,
                "retries": output.retries,
            })
        })
        .collect();
    json!({
        "hostname": about.hostname,
        "engine": about.engine,
        "version": VERSION,
        "falco_version": FALCO_VERSION,
        "started": about.started / 1_000_000,
        "now": milliseconds,
        "alerts": feed.total(),
        "sources": sources,
        "rules": rules,
        "outputs": outputs,
        "timeline": {"step": STEP, "now": milliseconds, "rows": feed.timeline(milliseconds / 1000)},
    })
}

/// Streams alerts as server-sent events, starting after the last one that the browser has received.
async fn alerts(State(page): State<Page>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    let Some(place) = page.watchers.take(peer) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections\n").into_response();
    };
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(Arc::clone(&page.feed), seen, sender));
    ([(CONTENT_TYPE, "text/event-stream")], Body::new(Stream { receiver, _place: place })).into_response()
}

async fn send(feed: Arc<Feed>, mut seen: u64, sender: mpsc::Sender<Bytes>) {
    // The browser reconnects after a second when the connection is lost.
    let mut text = "retry: 1000\n\n".to_owned();
    let mut quiet = Duration::ZERO;
    loop {
        let part = feed.after(seen);
        // A number of an earlier run is replaced by one of this run.
        seen = part.first - 1;
        if part.missed > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "event: missed\ndata: {}\n\n", part.missed);
        }
        // In pieces: all that is kept would be a lot of memory for each of many clients.
        for (number, alert) in (part.first..).zip(&part.alerts) {
            seen = number;
            let _ = write!(text, "id: {number}\ndata: {}\n\n", String::from_utf8_lossy(alert));
            if text.len() >= CHUNK && !pass(&sender, &mut text).await {
                return;
            }
        }
        if quiet >= SILENCE {
            text.push_str(": nothing new\n\n");
        }
        if !text.is_empty() {
            quiet = Duration::ZERO;
            if !pass(&sender, &mut text).await {
                return;
            }
        }
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = tokio::time::sleep(PART) => quiet += PART,
            }
            if feed.has_more(seen) || quiet >= SILENCE {
                break;
            }
        }
    }
}

/// Passes the text on. Returns false if the browser is gone, or does not read.
async fn pass(sender: &mpsc::Sender<Bytes>, text: &mut String) -> bool {
    let bytes = Bytes::from(std::mem::take(text));
    matches!(tokio::time::timeout(UNREAD, sender.send(bytes)).await, Ok(Ok(())))
}

/// A body of unlimited length.
struct Stream {
    receiver: mpsc::Receiver<Bytes>,
    _place: Place,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
