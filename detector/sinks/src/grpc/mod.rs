//! Sink for clients of Falco's gRPC protocol, who connect to this program.
//!
//! ```text
//! worker ── clients ──▶ queue ── stream ──▶ client
//!              │ ──────▶ queue ── stream ──▶ client      a full queue: that client loses alerts, which are counted
//!              └ kept, while there is no client, for the first one and for `get`
//! ```
//!
//! On a unix socket only the own user and root can connect. On TCP both sides show a certificate; there is no TCP
//! without TLS.

mod authority;
mod clients;
mod messages;
mod server;

use super::tls::{certificates, read};
use super::{Error, Failure, Message, Reports, Sink};
use clients::Clients;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use server::Server;
use std::path::PathBuf;
use std::sync::Arc;

/// Address of the gRPC server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcAddress {
    /// Path of a unix socket.
    Unix(PathBuf),
    /// Host and port, or address and port.
    Tcp(String),
}

impl std::str::FromStr for GrpcAddress {
    type Err = Error;

    /// Parses `unix:///path`, or `host:port`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::GrpcAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(wrong()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_host = !host.is_empty() && (!host.contains([':', '/']) || host.starts_with('['));
        if is_host && port.parse::<u16>().is_ok() { Ok(Self::Tcp(text.to_owned())) } else { Err(wrong()) }
    }
}

/// Certificates of the gRPC server, for TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcTls {
    /// PEM file of the server's certificate and those of its authorities.
    pub cert_chain: PathBuf,
    /// PEM file of the server's key.
    pub private_key: PathBuf,
    /// PEM file of the authorities that sign the certificates of clients.
    pub root_certs: PathBuf,
}

/// Configuration of [`Grpc`].
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// Address to listen on.
    pub address: GrpcAddress,
    /// Certificates; used on TCP, which requires them.
    pub tls: Option<GrpcTls>,
    /// Number of threads.
    pub threads: usize,
    /// The version in the response to clients.
    pub version: String,
    /// The version of the rule engine in that response.
    pub engine_version: u32,
    /// Called by each thread of the server when it starts.
    pub on_thread_start: fn(),
}

/// Serves alerts to clients that subscribe. Alerts must be JSON.
#[derive(Debug)]
pub struct Grpc {
    config: GrpcConfig,
    tls: Option<Arc<ServerConfig>>,
    running: Option<(Arc<Clients>, Server)>,
    reports: Option<Reports>,
}

impl Grpc {
    /// Creates the sink. It listens from its start on.
    ///
    /// # Errors
    ///
    /// If the address is one of TCP, and a certificate or key is missing or invalid.
    pub fn new(config: GrpcConfig) -> Result<Self, Error> {
        let tls = match (&config.address, &config.tls) {
            (GrpcAddress::Unix(_), _) => None,
            (GrpcAddress::Tcp(_), Some(tls)) => Some(server_config(tls)?),
            (GrpcAddress::Tcp(address), None) => return Err(Error::GrpcAddress(address.clone())),
        };
        Ok(Self { config, tls, running: None, reports: None })
    }

    fn listen(&mut self) -> Result<&Clients, Failure> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.serve()?,
        };
        Ok(&self.running.insert(running).0)
    }

    fn serve(&self) -> Result<(Arc<Clients>, Server), Failure> {
        let reports = self.reports.clone().unwrap_or_default();
        let clients = Arc::new(Clients::new(reports.clone()));
        let server = Server::start(&self.config, self.tls.clone(), &clients, &reports).map_err(|error| {
            let address = match &self.config.address {
                GrpcAddress::Unix(path) => path.display().to_string(),
                GrpcAddress::Tcp(address) => address.clone(),
            };
            Failure::Retryable(format!("cannot listen on {address}: {error}"))
        })?;
        Ok((clients, server))
    }
}

impl Sink for Grpc {
    fn name(&self) -> &'static str {
        "grpc"
    }

    fn batch(&self) -> usize {
        256
    }

    fn start(&mut self, reports: &Reports) -> Result<(), Failure> {
        self.reports = Some(reports.clone());
        self.listen().map(drop)
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        let clients = self.listen()?;
        alerts.iter().for_each(|alert| clients.send(alert));
        Ok(())
    }
}

/// Reads the certificates; clients must show one that the authorities have signed.
fn server_config(tls: &GrpcTls) -> Result<Arc<ServerConfig>, Error> {
    let fault = |error: &dyn std::fmt::Display| Error::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.root_certs)? {
        roots
            .add(certificate)
            .map_err(|error| Error::Key { path: tls.root_certs.clone(), reason: error.to_string() })?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.private_key)?);
    let key = key.map_err(|error| Error::key(&tls.private_key, error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_client_cert_verifier(verifier.map_err(|error| fault(&error))?)
        .with_single_cert(certificates(&tls.cert_chain)?, key)
        .map_err(|error| Error::Key { path: tls.cert_chain.clone(), reason: error.to_string() })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}
