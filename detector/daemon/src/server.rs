//! A web server for any routes, with or without TLS, on its own threads.

use crate::Fatal;
use crate::config::settings::Webserver;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long running requests may take when the server ends.
const GRACE: Duration = Duration::from_secs(1);

/// Timeout for the headers of a request.
const HEADERS: Duration = Duration::from_secs(30);

/// A running server. It ends when dropped.
pub(crate) struct WebServer {
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
    pub(crate) address: SocketAddr,
}

impl WebServer {
    /// Serves any routes, with the address, threads and TLS of the settings.
    pub(crate) fn serve(name: &'static str, settings: &Webserver, router: Router) -> Result<Self, Fatal> {
        let fault = |text: String| Fatal(format!("{name}: {text}"));
        let address = SocketAddr::new(address(settings).map_err(fault)?, settings.listen_port);
        let listener =
            TcpListener::bind(address).map_err(|error| fault(format!("cannot listen on {address}: {error}")))?;
        listener.set_nonblocking(true).map_err(|error| fault(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| fault(error.to_string()))?;
        let threads = match settings.threadiness {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads as usize,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("web")
            .enable_all()
            .build()
            .map_err(|error| fault(error.to_string()))?;
        let tls = runtime.block_on(tls(settings)).map_err(fault)?;
        let handle = Handle::new();
        let serve = {
            let handle = handle.clone();
            let service = router.into_make_service();
            async move {
                match tls {
                    None => patient(axum_server::from_tcp(listener)?).handle(handle).serve(service).await,
                    Some(tls) => {
                        patient(axum_server::from_tcp_rustls(listener, tls)?).handle(handle).serve(service).await
                    }
                }
            }
        };
        let run = move || {
            if let Err(error) = runtime.block_on(serve) {
                crate::log::error(format!("{name}: {error}"));
            }
        };
        let thread = std::thread::Builder::new().name("web".into()).spawn(run);
        Ok(Self { handle, thread: Some(thread.map_err(|error| fault(error.to_string()))?), address })
    }
}

/// Returns the TLS configuration, if it is enabled.
async fn tls(settings: &Webserver) -> Result<Option<RustlsConfig>, String> {
    if !settings.ssl_enabled {
        return Ok(None);
    }
    // If a provider is installed already, it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = &settings.ssl_certificate;
    let config = RustlsConfig::from_pem_file(file, file).await;
    config.map(Some).map_err(|error| format!("{}: {error}", file.display()))
}

/// Checks the settings without listening.
///
/// # Errors
///
/// If the address is invalid, or TLS cannot be set up.
pub(crate) fn check(settings: &Webserver) -> Result<(), String> {
    address(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(tls(settings)).map(drop)
}

/// Creates a server that closes connections whose headers do not arrive in time.
fn patient<A>(mut server: axum_server::Server<SocketAddr, A>) -> axum_server::Server<SocketAddr, A> {
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    server
}

/// Returns the address of the settings.
pub(crate) fn address(settings: &Webserver) -> Result<IpAddr, String> {
    settings.listen_address.trim().parse().map_err(|error| format!("{}: {error}", settings.listen_address))
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(thread) = self.thread.take() {
            // A panic in the server has been reported by its own message.
            let _ = thread.join();
        }
    }
}
