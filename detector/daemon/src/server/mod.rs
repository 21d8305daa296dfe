//! A web server for any routes, with or without TLS, on its own threads.
//!
//! Every client that reaches the port may be an attacker, also a process of this host without privileges. A connection
//! has a place ([`places`]) from its acceptance to its end, and is closed when it does not make a request in time
//! ([`patience`]), whatever the protocol: silent, incomplete headers, TLS that does not begin, HTTP/2 without streams.
//! Requests know who made them ([`peer`]). The threads run at a lower priority than the reader of events, and without
//! capabilities.

mod patience;
pub(crate) mod peer;
pub(crate) mod places;

use crate::config::settings::Webserver;
use crate::{Fatal, log, protect};
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use patience::{Activity, Patient};
use peer::{Lookup, Peer};
use places::{Limits, Place, Places};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Time that running requests may take when the server ends.
const GRACE: Duration = Duration::from_secs(1);

/// Timeout for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Timeout for a response, unless the routes have their own: nothing here takes as long.
const RESPONSE: Duration = Duration::from_secs(60);

/// Pause after a connection could not be accepted, as when file descriptors have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// Maximum number of bytes of a request's headers, of their number, and of concurrent streams of an HTTP/2 connection.
const HEADER_BYTES: usize = 32 << 10;
const HEADERS: usize = 64;
const STREAMS: u32 = 16;

/// Number of threads that do what blocks: one for each of the computations that clients share, and one in reserve.
const BLOCKING: usize = 3;

/// A running server. It ends when dropped.
pub(crate) struct WebServer {
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    pub(crate) address: SocketAddr,
    /// Places of connections, with the number of those that were refused.
    pub(crate) places: Arc<Places>,
}

impl WebServer {
    /// Serves any routes, with the address, threads and TLS of the settings.
    pub(crate) fn serve(name: &'static str, settings: &Webserver, router: Router) -> Result<Self, Fatal> {
        Self::serve_within(name, settings, router, Limits::connections(protect::limits::open_files()))
    }

    /// Serves with other limits of connections.
    pub(crate) fn serve_within(
        name: &'static str,
        settings: &Webserver,
        router: Router,
        limits: Limits,
    ) -> Result<Self, Fatal> {
        let fault = |text: String| Fatal(format!("{name}: {text}"));
        let address = SocketAddr::new(address(settings).map_err(fault)?, settings.listen_port);
        let listener = std::net::TcpListener::bind(address)
            .map_err(|error| fault(format!("cannot listen on {address}: {error}")))?;
        listener.set_nonblocking(true).map_err(|error| fault(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| fault(error.to_string()))?;
        let threads = match settings.threadiness {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads as usize,
        };
        let tls = match settings.ssl_enabled {
            false => None,
            true => Some(tls(&settings.ssl_certificate).map_err(fault)?),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(BLOCKING)
            .thread_name("web")
            .on_thread_start(protect::web_thread)
            .enable_all()
            .build()
            .map_err(|error| fault(error.to_string()))?;
        let (end, ended) = watch::channel(false);
        let places = Arc::new(Places::new(name, "connections", limits));
        let server = Server { name, listener, tls, router, places: Arc::clone(&places), ended };
        let run = move || {
            protect::web_thread();
            if let Err(error) = runtime.block_on(server.run()) {
                log::error(format!("{name}: {error}"));
            }
            // A computation that still runs does not delay the end of the program.
            runtime.shutdown_timeout(GRACE);
        };
        let thread = std::thread::Builder::new().name("web".into()).spawn(run);
        Ok(Self { end, thread: Some(thread.map_err(|error| fault(error.to_string()))?), address, places })
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic in the server has been reported by its own message.
            let _ = thread.join();
        }
    }
}

/// Returns the address of the settings.
pub(crate) fn address(settings: &Webserver) -> Result<IpAddr, String> {
    settings.listen_address.trim().parse().map_err(|error| format!("{}: {error}", settings.listen_address))
}

/// Checks the settings without listening.
///
/// # Errors
///
/// If the address is invalid, or TLS cannot be set up.
pub(crate) fn check(settings: &Webserver) -> Result<(), String> {
    address(settings)?;
    if settings.ssl_enabled { tls(&settings.ssl_certificate).map(drop) } else { Ok(()) }
}

/// Reads certificate and key from one PEM file.
fn tls(path: &Path) -> Result<TlsAcceptor, String> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // If a provider is installed already, it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))?.collect();
    let chain = chain.map_err(|error| fault(&error))?;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| fault(&error))?;
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| fault(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts connections.
struct Server {
    name: &'static str,
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    places: Arc<Places>,
    ended: watch::Receiver<bool>,
}

impl Server {
    /// Accepts connections until the end, then lets them finish their requests.
    async fn run(mut self) -> std::io::Result<()> {
        let listener = TcpListener::from_std(self.listener.try_clone()?)?;
        let lookup = Lookup::new();
        let mut connections = JoinSet::new();
        let mut reported = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // The end is requested, or the handle is gone.
                _ = self.ended.changed() => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !std::mem::replace(&mut reported, true) {
                        log::error(format!("{}: cannot accept connections: {error}", self.name));
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            reported = false;
            while connections.try_join_next().is_some() {}
            let peer = lookup.peer(&stream, address);
            // Without a place the connection is closed at once, which is the least that costs anything.
            if let Some(place) = self.places.take(peer) {
                connections.spawn(self.connection(stream, peer, place));
            }
        }
        drop(listener);
        let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
        Ok(())
    }

    /// Returns what serves a connection, which holds its place to the end.
    fn connection(&self, stream: TcpStream, peer: Peer, place: Place) -> impl Future<Output = ()> + use<> {
        let (tls, router, ended) = (self.tls.clone(), self.router.clone(), self.ended.clone());
        async move {
            let _place = place;
            match tls {
                None => serve(stream, peer, router, ended).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                        serve(stream, peer, router, ended).await;
                    }
                }
            }
        }
    }
}

/// Serves a connection until it ends. What goes wrong is the client's concern.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    mut ended: watch::Receiver<bool>,
) {
    let activity = Arc::<Activity>::default();
    let stream = TokioIo::new(Patient::new(stream, Arc::clone(&activity)));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let (router, running) = (router.clone(), activity.request());
        request.extensions_mut().insert(peer);
        async move {
            let response = tokio::time::timeout(RESPONSE, router.oneshot(request.map(Body::new))).await;
            let response: Response = match response {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response(),
            };
            Ok::<_, Infallible>(response.map(|body| running.until_the_end_of(body)))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).max_buf_size(HEADER_BYTES).max_headers(HEADERS);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(HEADER_BYTES as u32);
    let mut connection = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests;
