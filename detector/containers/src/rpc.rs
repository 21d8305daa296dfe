//! Requests over a unix socket: HTTP for JSON, gRPC for CRI. One connection per container, since requests are rare.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use std::path::Path;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// Maximum size of a response.
const LONGEST: usize = 4 << 20;

/// Reason why a request failed.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP/1 connection.
pub(super) struct Http(hyper::client::conn::http1::SendRequest<Full<Bytes>>);

impl Http {
    pub(super) async fn connect(socket: &Path) -> Result<Self, Error> {
        let stream = TokioIo::new(UnixStream::connect(socket).await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Returns the JSON at a path; `None` if there is none.
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

/// A gRPC connection.
pub(super) struct Grpc(tonic::client::Grpc<Channel>);

impl Grpc {
    pub(super) async fn connect(socket: &Path) -> Result<Self, Error> {
        let socket = socket.to_owned();
        let connect = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        // The host name is used for the header alone.
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connect).await?;
        Ok(Self(tonic::client::Grpc::new(channel).max_decoding_message_size(LONGEST)))
    }

    /// Calls a method with one message and returns the response.
    pub(super) async fn call<Q, A>(&mut self, method: &'static str, request: Q) -> Result<A, Error>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.0.ready().await?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let answer = self.0.unary(tonic::Request::new(request), PathAndQuery::from_static(method), codec).await;
        Ok(answer.map_err(|status| format!("{method}: {status}"))?.into_inner())
    }
}
