//! Requests over a unix socket: HTTP for JSON, gRPC for CRI and containerd. A connection is kept for the next request.

use super::engine::Dialer;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use std::sync::Arc;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use tonic_prost::ProstCodec;

/// Maximum size of a response.
const LONGEST: usize = 4 << 20;

/// Maximum length of the line of an event.
const LONGEST_LINE: usize = 64 << 10;

/// Reason why a request failed.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP/1 connection.
pub(super) struct Http(hyper::client::conn::http1::SendRequest<Full<Bytes>>);

impl Http {
    pub(super) async fn connect(dialer: &Dialer) -> Result<Self, Error> {
        let stream = TokioIo::new(dialer.connect().await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    async fn get(&mut self, path: &str) -> Result<Response<Incoming>, Error> {
        let request =
            Request::builder().method(Method::GET).uri(path).header(HOST, "localhost").body(Full::default())?;
        self.0.ready().await?;
        Ok(self.0.send_request(request).await?)
    }

    /// Returns the JSON at a path; `None` if there is none.
    pub(super) async fn json(&mut self, path: &str) -> Result<Option<Json>, Error> {
        let response = self.get(path).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await?.to_bytes();
        match status {
            StatusCode::OK => Ok(Some(serde_json::from_slice(&body)?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(format!("{path}: {status}").into()),
        }
    }

    /// Checks that the engine answers.
    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        let response = self.get("/_ping").await?;
        let status = response.status();
        Limited::new(response.into_body(), LONGEST).collect().await?;
        if status.is_success() { Ok(()) } else { Err(format!("/_ping: {status}").into()) }
    }

    /// Requests a response that never ends.
    pub(super) async fn stream(mut self, path: &'static str) -> Result<Objects, Error> {
        let response = self.get(path).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("{path}: {status}").into());
        }
        Ok(Objects { path, body: response.into_body(), frame: Bytes::new(), line: Vec::new(), _connection: self })
    }
}

/// A stream of JSON objects, one per line.
pub(super) struct Objects {
    path: &'static str,
    body: Incoming,
    frame: Bytes,
    line: Vec<u8>,
    _connection: Http,
}

impl Objects {
    /// Returns the next object; `None` at the end. Lines of invalid JSON are skipped.
    pub(super) async fn next(&mut self) -> Result<Option<Json>, Error> {
        loop {
            while let Some(end) = self.frame.iter().position(|byte| *byte == b'\n') {
                self.line.extend_from_slice(&self.frame.split_to(end + 1));
                let object = serde_json::from_slice(&self.line);
                self.line.clear();
                if let Ok(object) = object {
                    return Ok(Some(object));
                }
            }
            if self.line.len() + self.frame.len() > LONGEST_LINE {
                return Err(format!("{}: an event is too long", self.path).into());
            }
            self.line.extend_from_slice(&self.frame);
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => self.frame = frame?.into_data().unwrap_or_default(),
            }
        }
    }
}

/// A gRPC connection.
#[derive(Clone)]
pub(super) struct Grpc(tonic::client::Grpc<Channel>);

/// Reason why a gRPC call failed, with the code of its status.
#[derive(Debug)]
pub(super) struct Failed {
    method: &'static str,
    status: tonic::Status,
}

impl Failed {
    /// Returns whether the other side does not have the method.
    pub(super) fn is_unimplemented(error: &Error) -> bool {
        error.downcast_ref::<Self>().is_some_and(|failed| failed.status.code() == Code::Unimplemented)
    }

    /// Returns whether there is no such thing.
    pub(super) fn is_not_found(error: &Error) -> bool {
        error.downcast_ref::<Self>().is_some_and(|failed| failed.status.code() == Code::NotFound)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {:?}: {}", self.method, self.status.code(), self.status.message())
    }
}

impl std::error::Error for Failed {}

impl Grpc {
    pub(super) async fn connect(dialer: &Arc<Dialer>) -> Result<Self, Error> {
        let dialer = Arc::clone(dialer);
        let connect = tower::service_fn(move |_: Uri| {
            let dialer = Arc::clone(&dialer);
            async move { dialer.connect().await.map(TokioIo::new) }
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
        self.call_in(None, method, request).await
    }

    /// Calls a method like [`call`](Self::call), in a namespace of containerd.
    pub(super) async fn call_in<Q, A>(
        &mut self,
        namespace: Option<&str>,
        method: &'static str,
        request: Q,
    ) -> Result<A, Error>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut request = tonic::Request::new(request);
        if let Some(namespace) = namespace {
            request.metadata_mut().insert("containerd-namespace", AsciiMetadataValue::try_from(namespace)?);
        }
        self.0.ready().await?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let response = self.0.unary(request, PathAndQuery::from_static(method), codec).await;
        Ok(response.map_err(|status| Failed { method, status })?.into_inner())
    }

    /// Calls a method whose responses never end.
    pub(super) async fn stream<Q, A>(&mut self, method: &'static str, request: Q) -> Result<Streaming<A>, Error>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.0.ready().await?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let request = tonic::Request::new(request);
        let response = self.0.server_streaming(request, PathAndQuery::from_static(method), codec).await;
        Ok(response.map_err(|status| Failed { method, status })?.into_inner())
    }
}
