//! Questions over a unix socket: HTTP for JSON, HTTP/2 for gRPC. One connection for one container, since questions are rare.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value as Json;
use std::path::Path;
use tokio::net::UnixStream;

/// The longest answer that is read.
const LONGEST: usize = 4 << 20;

/// Why there is no answer.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A connection that speaks HTTP/1.
pub(super) struct Http(hyper::client::conn::http1::SendRequest<Full<Bytes>>);

impl Http {
    pub(super) async fn connect(socket: &Path) -> Result<Self, Error> {
        let stream = TokioIo::new(UnixStream::connect(socket).await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// The JSON at a path; nothing where there is none.
    pub(super) async fn json(&mut self, path: &str) -> Result<Option<Json>, Error> {
        let request =
            Request::builder().method(Method::GET).uri(path).header(HOST, "localhost").body(Full::default())?;
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await?.to_bytes();
        match status {
            StatusCode::OK => Ok(Some(serde_json::from_slice(&body)?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(format!("{path}: {status}").into()),
        }
    }
}

/// A connection that speaks gRPC.
pub(super) struct Grpc(hyper::client::conn::http2::SendRequest<Full<Bytes>>);

impl Grpc {
    pub(super) async fn connect(socket: &Path) -> Result<Self, Error> {
        let stream = TokioIo::new(UnixStream::connect(socket).await?);
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Calls a method with one message and gives the one that comes back.
    pub(super) async fn call(&mut self, method: &str, message: &[u8]) -> Result<Bytes, Error> {
        let mut body = Vec::with_capacity(message.len() + 5);
        // Not compressed, and its length.
        body.push(0);
        body.extend_from_slice(&u32::try_from(message.len())?.to_be_bytes());
        body.extend_from_slice(message);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://localhost{method}"))
            .header(CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .body(Full::from(body))?;
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let of_headers = answer.headers().get("grpc-status").cloned();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await?;
        let of_trailers = body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
        let status = of_trailers.or(of_headers);
        if status.as_ref().is_none_or(|status| status != "0") {
            return Err(format!("{method}: status {status:?}").into());
        }
        let body = body.to_bytes();
        let (Some(0), Some(length)) = (body.first(), body.get(1..5)) else {
            return Err(format!("{method}: no plain message").into());
        };
        let length = length.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        let end = length.checked_add(5).filter(|end| *end <= body.len());
        Ok(body.slice(5..end.ok_or("a message that is cut off")?))
    }
}
