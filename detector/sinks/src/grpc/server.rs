//! The server: a unix socket, or TCP with mutual TLS, on its own threads.

use super::authority::LocalAuthority;
use super::clients::{CLIENTS, Clients};
use super::messages::{AlertMessage, GET, Request, SUBSCRIBE, VERSION, VersionMessage};
use super::{GrpcAddress, GrpcConfig};
use crate::Reports;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tonic::{Status, Streaming, body::Body};
use tonic_prost::ProstCodec;

/// Maximum number of connections, also of those that have not made a request.
const CONNECTIONS: usize = 2 * CLIENTS;
/// Maximum number of calls at the same time in one connection.
const CALLS: u32 = 8;
/// Maximum number of bytes of a request's headers.
const HEADER_BYTES: u32 = 16 << 10;
/// Timeout for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Interval between checks of the peer, and the time that it may take to respond.
const ALIVE: Duration = Duration::from_secs(30);
/// Time that clients may take to read their last alerts when the server ends.
const GRACE: Duration = Duration::from_millis(1500);
/// Pause after a connection could not be accepted, as when file descriptors have run out.
const PAUSE: Duration = Duration::from_millis(50);
/// Interval between reports of clients that were refused.
const REPORT: Duration = Duration::from_secs(10);

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener, TlsAcceptor),
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub(super) struct Server {
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    clients: Arc<Clients>,
    /// The path of the socket, which is removed at the end.
    path: Option<PathBuf>,
}

impl Server {
    pub(super) fn start(
        config: &GrpcConfig,
        tls: Option<Arc<ServerConfig>>,
        clients: &Arc<Clients>,
        reports: &Reports,
    ) -> io::Result<Self> {
        let on_start = config.on_thread_start;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("grpc")
            .on_thread_start(on_start)
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let (listener, path) = match (&config.address, tls) {
            (GrpcAddress::Unix(path), _) => (Listener::Unix(UnixListener::from_std(bind(path)?)?), Some(path.clone())),
            (GrpcAddress::Tcp(address), Some(tls)) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                (Listener::Tcp(TcpListener::from_std(listener)?, TlsAcceptor::from(tls)), None)
            }
            (GrpcAddress::Tcp(_), None) => return Err(io::Error::other("TCP requires certificates")),
        };
        drop(entered);
        let (end, ended) = watch::channel(false);
        let serving = Serving {
            listener,
            clients: Arc::clone(clients),
            reports: reports.clone(),
            version: VersionMessage::new(&config.version, config.engine_version),
            ended,
        };
        let run = move || {
            on_start();
            runtime.block_on(serving.run());
            runtime.shutdown_timeout(PAUSE);
        };
        let thread = Some(std::thread::Builder::new().name("grpc".into()).spawn(run)?);
        Ok(Self { end, thread, clients: Arc::clone(clients), path })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.clients.close();
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic in the server has been reported by its own message.
            let _ = thread.join();
        }
        if let Some(path) = &self.path {
            // Without it, the next start finds a socket that nobody listens on, and removes it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Listens on a unix socket that only the own user may use, from its first moment on. One that an earlier run has left
/// is replaced.
fn bind(path: &Path) -> io::Result<StdUnixListener> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(known) if known.file_type().is_socket() => match StdUnixStream::connect(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
            Err(_) => std::fs::remove_file(path)?,
        },
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is not a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect before it listens.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&socket, 128)?;
    Ok(StdUnixListener::from(socket))
}

struct Serving {
    listener: Listener,
    clients: Arc<Clients>,
    reports: Reports,
    version: VersionMessage,
    ended: watch::Receiver<bool>,
}

impl Serving {
    /// Accepts connections until the end, then lets them finish.
    async fn run(self) {
        let Self { listener, clients, reports, version, mut ended } = self;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut refused = Refused { reported: None, count: 0 };
        let (failures, mut failed) = tokio::sync::mpsc::channel::<String>(CONNECTIONS);
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                Some(why) = failed.recv() => { refused.report(&reports, &why); continue }
                _ = ended.changed() => break,
            };
            let Ok(place) = place else { break };
            let (clients, version, ended_too) = (Arc::clone(&clients), version.clone(), ended.clone());
            let accepted = tokio::select! {
                accepted = async {
                    Ok::<_, io::Error>(match &listener {
                        Listener::Unix(unix) => {
                            let (stream, _) = unix.accept().await?;
                            let user = stream.peer_cred().map_or_else(|_| "?".to_owned(), |peer| peer.uid().to_string());
                            Accepted::Unix(stream, format!("the client of user {user}"))
                        }
                        Listener::Tcp(tcp, tls) => {
                            let (stream, address) = tcp.accept().await?;
                            Accepted::Tcp(stream, tls.clone(), address)
                        }
                    })
                } => accepted,
                Some(why) = failed.recv() => { refused.report(&reports, &why); continue }
                _ = ended.changed() => break,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Err(error) => {
                    refused.report(&reports, &format!("cannot accept connections: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Accepted::Unix(stream, name)) => {
                    connections.spawn(async move {
                        serve(LocalAuthority::new(stream), name, clients, version, ended_too).await;
                        drop(place);
                    });
                }
                Ok(Accepted::Tcp(stream, tls, address)) => {
                    let failures = failures.clone();
                    connections.spawn(async move {
                        let why = match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                            Ok(Ok(stream)) => {
                                serve(stream, format!("the client at {address}"), clients, version, ended_too).await;
                                None
                            }
                            Ok(Err(error)) => Some(format!("refused a client at {address}: {error}")),
                            Err(_) => Some(format!("refused a client at {address}: no TLS handshake in time")),
                        };
                        if let Some(why) = why {
                            // With a full queue of reports, one of them is reported.
                            let _ = failures.try_send(why);
                        }
                        drop(place);
                    });
                }
            }
        }
        let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    }
}

enum Accepted {
    Unix(tokio::net::UnixStream, String),
    Tcp(tokio::net::TcpStream, TlsAcceptor, std::net::SocketAddr),
}

struct Refused {
    reported: Option<Instant>,
    count: u64,
}

impl Refused {
    fn report(&mut self, reports: &Reports, why: &str) {
        self.count += 1;
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT) {
            self.reported = Some(Instant::now());
            let before = self.count - 1;
            let before = if before == 0 { String::new() } else { format!(" ({before} others before)") };
            reports.tell(4, format!("{why}{before}"));
        }
    }
}

/// Serves a connection until it ends. What goes wrong is the client's concern.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    name: String,
    clients: Arc<Clients>,
    version: VersionMessage,
    mut ended: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (name, clients, version) = (name.clone(), Arc::clone(&clients), version.clone());
        async move { Ok::<_, Infallible>(call(request, name, clients, version).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS)
        .max_header_list_size(HEADER_BYTES)
        .keep_alive_interval(Some(ALIVE))
        .keep_alive_timeout(ALIVE);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Calls a method.
async fn call(
    request: hyper::Request<Incoming>,
    name: String,
    clients: Arc<Clients>,
    version: VersionMessage,
) -> hyper::Response<Body> {
    let alerts: ProstCodec<AlertMessage, Request> = ProstCodec::default();
    match request.uri().path() {
        SUBSCRIBE => {
            let subscribe = tower::service_fn(move |request: tonic::Request<Streaming<Request>>| {
                let (clients, name) = (Arc::clone(&clients), name.clone());
                async move { subscribe(&clients, name, request.into_inner()).map(tonic::Response::new) }
            });
            tonic::server::Grpc::new(alerts).streaming(subscribe, request).await
        }
        GET => {
            let get = tower::service_fn(move |_: tonic::Request<Request>| {
                let kept = clients.take_kept();
                let kept =
                    tokio_stream::iter(kept.into_iter().map(|message| Ok::<_, Status>(AlertMessage::of(&message))));
                async move { Ok::<_, Status>(tonic::Response::new(kept)) }
            });
            tonic::server::Grpc::new(alerts).server_streaming(get, request).await
        }
        VERSION => {
            let codec: ProstCodec<VersionMessage, Request> = ProstCodec::default();
            let answer = tower::service_fn(move |_: tonic::Request<Request>| {
                let version = version.clone();
                async move { Ok::<_, Status>(tonic::Response::new(version)) }
            });
            tonic::server::Grpc::new(codec).unary(answer, request).await
        }
        other => Status::unimplemented(format!("there is no method {other}")).into_http(),
    }
}

/// Subscribes a client. It sends requests as long as it wants alerts; when it sends no more, it receives what is queued.
fn subscribe(
    clients: &Arc<Clients>,
    name: String,
    mut requests: Streaming<Request>,
) -> Result<impl Stream<Item = Result<AlertMessage, Status>> + use<>, Status> {
    let alerts = clients.subscribe(name)?;
    let (clients, number) = (Arc::clone(clients), alerts.number());
    tokio::spawn(async move {
        while let Ok(Some(_)) = requests.message().await {}
        clients.unsubscribe(number);
    });
    Ok(alerts)
}
