//! The gRPC server against clients that read, that do not, and that have no certificate. The messages are written out
//! here once more, by the numbers of Falco's protocol.
#![cfg(feature = "grpc")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod peers;

use hyper_util::rt::TokioIo;
use peers::tls::Certificates;
use peers::{port, until};
use peregrine_sinks::{Capacity, Grpc, GrpcAddress, GrpcConfig, GrpcTls, Message, Outputs, Wait};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct Request {}

#[derive(Clone, PartialEq, prost::Message)]
struct Alert {
    #[prost(int32, tag = "2")]
    priority: i32,
    #[prost(int32, tag = "3")]
    source: i32,
    #[prost(string, tag = "4")]
    rule: String,
    #[prost(btree_map = "string, string", tag = "6")]
    fields: BTreeMap<String, String>,
    #[prost(string, repeated, tag = "8")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Version {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(uint32, tag = "3")]
    minor: u32,
    #[prost(uint32, tag = "7")]
    engine: u32,
}

/// A server with an output, and what it has reported.
struct Running {
    outputs: Outputs,
    reports: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn new(address: &str, tls: Option<GrpcTls>) -> Self {
        let reports: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = Arc::clone(&reports);
        let on_fault = Arc::new(move |fault: peregrine_sinks::Fault| told.lock().unwrap().push(fault.to_string()));
        let mut outputs = Outputs::new(Capacity::alerts(1 << 20), Duration::from_secs(2), on_fault);
        let config = GrpcConfig {
            address: address.parse().unwrap(),
            tls,
            threads: 2,
            version: "0.43.1".into(),
            engine_version: 57,
            on_thread_start: || {},
        };
        outputs.add(Grpc::new(config).unwrap());
        Self { outputs, reports }
    }

    fn send(&self, numbers: std::ops::Range<u64>) {
        // Long enough that what is on its way is less than what is sent.
        let output = "x".repeat(1000);
        for number in numbers {
            let json = format!(
                r#"{{"hostname":"h","output":"{output}","output_fields":{{"evt.num":{number}}},"priority":"Notice","rule":"R","source":"syscall","tags":["t"],"time":"2026-11-22T10:00:01.000000005Z"}}"#
            );
            self.outputs.send(Message::new(5, json), Wait::ForRoom);
        }
    }

    fn has_reported(&self, part: &str) -> bool {
        self.reports.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn by_socket(path: PathBuf) -> Result<Channel, tonic::transport::Error> {
    let connect = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await
}

async fn version(channel: Channel) -> Result<Version, tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let codec: ProstCodec<Request, Version> = ProstCodec::default();
    let method = "/falco.version.service/version".parse().unwrap();
    client.unary(tonic::Request::new(Request {}), method, codec).await.map(tonic::Response::into_inner)
}

/// Subscribes; the client wants alerts as long as the sender is there.
async fn subscribe(channel: Channel) -> (Sender<Request>, Streaming<Alert>) {
    let (sender, requests) = tokio::sync::mpsc::channel(4);
    sender.send(Request {}).await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec: ProstCodec<Request, Alert> = ProstCodec::default();
    let method = "/falco.outputs.service/sub".parse().unwrap();
    let request = tonic::Request::new(ReceiverStream::new(requests));
    (sender, client.streaming(request, method, codec).await.unwrap().into_inner())
}

/// Returns the numbers of the next alerts.
async fn numbers(alerts: &mut Streaming<Alert>, count: usize) -> Vec<u64> {
    let mut found = Vec::new();
    while found.len() < count {
        let alert = alerts.message().await.unwrap().expect("more alerts");
        assert_eq!((alert.rule.as_str(), alert.priority, alert.source), ("R", 5, 0));
        assert_eq!(alert.tags, ["t"]);
        found.push(alert.fields["evt.num"].parse().unwrap());
    }
    found
}

async fn get(channel: Channel) -> Vec<u64> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec: ProstCodec<Request, Alert> = ProstCodec::default();
    let method = "/falco.outputs.service/get".parse().unwrap();
    let response = client.server_streaming(tonic::Request::new(Request {}), method, codec).await;
    let (mut alerts, mut found) = (response.unwrap().into_inner(), Vec::new());
    while let Some(alert) = alerts.message().await.unwrap() {
        found.push(alert.fields["evt.num"].parse().unwrap());
    }
    found
}

#[test]
fn alerts_reach_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/falco.sock");
    let running = Running::new(&format!("unix://{}", path.display()), None);
    until("the socket", || path.exists());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // What nobody has received is for `get`, once, and for the first subscriber.
    running.send(0..10);
    until("delivery", || running.outputs.totals()[0].delivered == 10);
    runtime().block_on(async {
        let channel = by_socket(path.clone()).await.unwrap();
        let told = version(channel.clone()).await.unwrap();
        assert_eq!((told.version.as_str(), told.minor, told.engine), ("0.43.1", 43, 57));
        assert_eq!(get(channel.clone()).await, (0..10).collect::<Vec<_>>());
        assert_eq!(get(channel.clone()).await, [0; 0]);
        running.send(10..20);
        until("delivery", || running.outputs.totals()[0].delivered == 20);
        let (_first, mut one) = subscribe(channel.clone()).await;
        assert_eq!(numbers(&mut one, 10).await, (10..20).collect::<Vec<_>>());
        let (second, mut two) = subscribe(by_socket(path.clone()).await.unwrap()).await;
        running.send(20..5020);
        let (both, others) = tokio::join!(numbers(&mut one, 5000), numbers(&mut two, 5000));
        assert_eq!(both, (20..5020).collect::<Vec<_>>());
        assert_eq!(both, others);
        // A client that wants no more alerts receives what is in its queue, and its end.
        drop(second);
        assert!(two.message().await.unwrap().is_none());
        until("a report", || running.has_reported("has ended: 5000 alerts, 0 lost"));
        // Methods that do not exist have a status.
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let codec: ProstCodec<Request, Version> = ProstCodec::default();
        let unknown = client.unary(tonic::Request::new(Request {}), "/falco.x.service/y".parse().unwrap(), codec).await;
        assert_eq!(unknown.unwrap_err().code(), tonic::Code::Unimplemented);
    });
    let totals = running.outputs.close();
    assert_eq!((totals[0].delivered, totals[0].missed, totals[0].lost), (5020, 0, 0));
    assert!(!path.exists());
}

#[test]
fn a_client_that_does_not_read_loses_its_own_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falco.sock");
    let running = Running::new(&format!("unix://{}", path.display()), None);
    until("the socket", || path.exists());
    runtime().block_on(async {
        let (_reads, mut reader) = subscribe(by_socket(path.clone()).await.unwrap()).await;
        let (_stopped, stopped) = subscribe(by_socket(path.clone()).await.unwrap()).await;
        // The reader's queue has room for each part.
        for part in 0..8 {
            let part = part * 4000..(part + 1) * 4000;
            running.send(part.clone());
            assert_eq!(numbers(&mut reader, 4000).await, part.collect::<Vec<_>>());
        }
        assert!(running.has_reported("does not read fast enough"));
        assert!(running.outputs.totals()[0].missed > 10_000, "{:?}", running.outputs.totals());
        drop(stopped);
        until("its end", || running.has_reported(" lost"));
    });
    let totals = running.outputs.close();
    assert_eq!((totals[0].delivered, totals[0].lost), (32_000, 0));
    assert!(totals[0].missed < 32_000);
}

#[test]
fn what_nobody_fetches_is_bounded_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falco.sock");
    let running = Running::new(&format!("unix://{}", path.display()), None);
    running.send(0..10_000);
    until("delivery", || running.outputs.totals()[0].delivered == 10_000);
    let kept = runtime().block_on(async { get(by_socket(path).await.unwrap()).await });
    assert_eq!(kept.last(), Some(&9999));
    assert_eq!(kept.len() as u64 + running.outputs.totals()[0].missed, 10_000);
    drop(running);
}

fn client_config(authority: &Path, identity: Option<(PathBuf, PathBuf)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

async fn by_tls(port: u16, config: Arc<ClientConfig>) -> Result<Version, String> {
    let connect = tower::service_fn(move |_| {
        let config = Arc::clone(&config);
        async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            let name = ServerName::try_from("localhost").unwrap();
            tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(TokioIo::new)
        }
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connect).await;
    version(channel.map_err(|error| format!("{error:?}"))?).await.map_err(|status| status.to_string())
}

#[test]
fn only_clients_with_a_certificate_are_served() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, others) = (Certificates::new(folder.path()), Certificates::new(other.path()));
    let (cert_chain, private_key) = ours.server_files();
    let tls = GrpcTls { cert_chain, private_key, root_certs: ours.authority() };
    let (known, unknown) = (ours.client(), others.client());
    let refusals = [(None, "peer sent no certificates"), (Some(unknown), "invalid peer certificate")];
    for (identity, why) in refusals {
        let port = port();
        let running = Running::new(&format!("127.0.0.1:{port}"), Some(tls.clone()));
        until("the server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        runtime().block_on(async {
            let told = by_tls(port, client_config(&ours.authority(), Some(known.clone()))).await.unwrap();
            assert_eq!(told.minor, 43);
            by_tls(port, client_config(&ours.authority(), identity)).await.unwrap_err();
        });
        // The connections that wait for the server are refusals too, of which one in ten seconds is reported.
        until("a report", || running.has_reported("grpc output: refused a client at 127.0.0.1:"));
        drop(running.outputs.close());
        let reports = running.reports.lock().unwrap().join("\n");
        assert!(reports.contains(why) || reports.contains("tls handshake eof"), "{reports}");
    }
    // There is no TCP without certificates, nor with a key that is none.
    let address = GrpcAddress::Tcp("127.0.0.1:1".into());
    let config = |tls| GrpcConfig {
        address: address.clone(),
        tls,
        threads: 1,
        version: String::new(),
        engine_version: 0,
        on_thread_start: || {},
    };
    assert!(Grpc::new(config(None)).unwrap_err().to_string().contains("with certificates"));
    let broken = GrpcTls { private_key: ours.authority(), ..tls };
    assert!(Grpc::new(config(Some(broken))).unwrap_err().to_string().contains("ca.pem"));
}

#[test]
fn addresses_are_checked() {
    for (text, is_unix) in [("unix:///run/a", Some(true)), ("unix:/run/a", Some(true)), ("0.0.0.0:5060", Some(false))] {
        let address = text.parse().ok().map(|address| matches!(address, GrpcAddress::Unix(_)));
        assert_eq!(address, is_unix, "{text}");
    }
    for text in ["", "unix://a", "localhost", ":5060", "h:99999", "http://h:1", "::1:5060"] {
        assert!(text.parse::<GrpcAddress>().is_err(), "{text}");
    }
    assert!("[::1]:5060".parse::<GrpcAddress>().is_ok());
}

/// A socket that a killed run has left does not stop the next one; a server that runs, or another file, does.
#[test]
fn an_old_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falco.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = format!("unix://{}", path.display());
    let first = Running::new(&address, None);
    let is_served = || runtime().block_on(async { by_socket(path.clone()).await.is_ok() });
    until("the first", is_served);
    let second = Running::new(&address, None);
    until("a report", || second.has_reported("another program listens there"));
    drop(second);
    assert!(is_served());
    drop(first.outputs.close());
    std::fs::write(&path, "text").unwrap();
    let third = Running::new(&address, None);
    until("a report", || third.has_reported("not a socket"));
    drop(third);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
}
