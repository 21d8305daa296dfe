//! The webhook: receives the requests of API servers, and responds immediately.
//!
//! A body is read as it arrives, within limits of time and size, and its space in the queue is reserved piece by piece;
//! without space the response is 429, after which an API server retries later. A request that is answered with 200 has
//! been checked to be a batch of audit events and is in the queue; the rules see it in its turn.
//!
//! Many clients write the whole request before they read the response. If the server closed the connection at once, they
//! would see it reset instead of the reason, so the rest of a rejected request is read, within limits.

use super::batch;
use super::queue::{Sender, Waiting};
use super::settings::Limits;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use std::future::poll_fn;
use std::pin::Pin;

/// The paths of Falco's plugin and of the server that Falco had before.
const PATHS: [&str; 2] = ["/k8s-audit", "/k8s_audit"];

#[derive(Debug, Clone)]
struct Intake {
    limits: Limits,
    sender: Sender,
}

/// Returns the routes: `path`, and the paths that Falco knows.
pub(super) fn router(path: &str, limits: Limits, sender: Sender) -> Router {
    let mut paths = PATHS.to_vec();
    if !paths.contains(&path) {
        paths.push(path);
    }
    let intake = Intake { limits, sender };
    paths.into_iter().fold(Router::new(), |router, path| router.route(path, any(take))).with_state(intake)
}

/// Reason why a request is rejected, as a response.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn full() -> Self {
        Self(StatusCode::TOO_MANY_REQUESTS, "the queue of events is full".into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, text) = self;
        let mut response = (status, text + "\n").into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}

async fn take(State(intake): State<Intake>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let Err(refusal) = intake.take(&head, &mut body).await else { return StatusCode::OK.into_response() };
    // A client that sends `Expect` waits for the response before it writes; one that is too slow was
    // waited for.
    if !head.headers.contains_key(EXPECT) && refusal.0 != StatusCode::REQUEST_TIMEOUT {
        let rest = intake.limits.body.saturating_mul(4);
        // What is still missing after that time, or beyond that size, is not worth it.
        let _ = tokio::time::timeout(intake.limits.arrival, drain(&mut body, rest)).await;
    }
    refusal.into_response()
}

/// Reads the rest of a body, up to this number of bytes.
async fn drain(body: &mut Body, mut most: usize) {
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        match most.checked_sub(frame.data_ref().map_or(0, |data| data.len())) {
            Some(left) => most = left,
            None => return,
        }
    }
}

impl Intake {
    async fn take(&self, request: &Parts, body: &mut Body) -> Result<(), Refusal> {
        if request.method != Method::POST {
            return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "audit events must be sent with POST".into()));
        }
        let headers = &request.headers;
        let of_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !of_type.to_ascii_lowercase().contains("application/json") {
            return Err(Refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json".into(),
            ));
        }
        let encoding =
            headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            let text =
                format!("the content encoding '{}' is not supported; send JSON without one", encoding.escape_debug());
            return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > self.limits.body) {
            return Err(self.too_long());
        }
        let body = self.body(body, length.unwrap_or(0));
        let late = || Refusal(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive".into());
        let mut waiting = tokio::time::timeout(self.limits.arrival, body).await.map_err(|_| late())??;
        let before = waiting.json.len();
        waiting.json = batch::text(waiting.json);
        waiting.room.grow(waiting.json.len().saturating_sub(before)).map_err(|_| Refusal::full())?;
        batch::check(&waiting.json).map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
        if !self.sender.send(waiting) {
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "the program is shutting down".into()));
        }
        Ok(())
    }

    fn too_long(&self) -> Refusal {
        Refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("a request may have at most {} bytes", self.limits.body))
    }

    /// Reads the body as it arrives. The content length of the client is trusted for the first allocation only, and
    /// only up to the size of an ordinary batch.
    async fn body(&self, body: &mut Body, length: usize) -> Result<Waiting, Refusal> {
        const ORDINARY: usize = 64 << 10;
        let mut room = self.sender.room().map_err(|_| Refusal::full())?;
        let mut json = Vec::with_capacity(length.min(ORDINARY));
        while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            let frame = frame.map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if json.len() + data.len() > self.limits.body {
                return Err(self.too_long());
            }
            room.grow(data.len()).map_err(|_| Refusal::full())?;
            json.extend_from_slice(&data);
        }
        Ok(Waiting { json, room })
    }
}
