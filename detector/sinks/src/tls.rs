//! TLS of all sinks: trusted authorities, pinned certificates, and the client certificate.
//!
//! HTTP and Kafka use the same configuration of rustls, so a certificate that one accepts is accepted by the other. It
//! differs from the default in one thing: a certificate of an authority may be that of the server itself, if it is one
//! of those that are trusted. `openssl req -x509` makes such certificates, and OpenSSL's clients accept them.

use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls::{Error as TlsError, StreamOwned};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, TcpConnector,
    Transport, TransportAdapter,
};

/// TLS configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Skips the verification of the server's certificate.
    pub insecure: bool,
    /// File of certificates: the server's own, or those of CAs, one of which must have signed it.
    pub ca_file: Option<PathBuf>,
    /// Directory of such files, used without `ca_file`.
    pub ca_folder: PathBuf,
    /// Client certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { insecure: false, ca_file: None, ca_folder: "/etc/ssl/certs".into(), client: None }
    }
}

impl TlsConfig {
    /// Creates an HTTP client. The certificates are read now if the first URL requires them, or else when a redirect
    /// does.
    ///
    /// # Errors
    ///
    /// If a certificate or key cannot be read, or there are no CA certificates.
    pub fn agent(&self, config: ureq::config::Config, now: bool) -> Result<Agent, Error> {
        let tls = Tls { settings: self.clone(), config: OnceLock::new() };
        if now {
            // A new cell is empty.
            let _ = tls.config.set(Ok(self.for_rustls()?));
        }
        let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(tls);
        Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
    }

    /// Returns the configuration for rustls.
    ///
    /// # Errors
    ///
    /// If a certificate or key cannot be read, or there are no CA certificates.
    pub(crate) fn for_rustls(&self) -> Result<Arc<ClientConfig>, Error> {
        let tls = |error: &dyn std::fmt::Display| Error::Tls(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if self.insecure {
            Arc::new(Anyone(Arc::clone(&provider)))
        } else {
            let trusted = self.authorities()?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(trusted.iter().cloned());
            let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| tls(&error))?;
            Arc::new(Trusted { chains, trusted })
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| Error::key(key, error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| tls(&error))?
            }
        };
        Ok(Arc::new(config))
    }

    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut roots = Vec::new();
        match &self.ca_file {
            Some(file) => roots = certificates(file)?,
            None => {
                // A bundle contains the certificates of the single files, and reads faster.
                let bundle = self.ca_folder.join("ca-certificates.crt");
                if bundle.is_file() {
                    roots = certificates(&bundle)?;
                } else {
                    for entry in std::fs::read_dir(&self.ca_folder).into_iter().flatten().flatten() {
                        // Other files in such a directory are skipped.
                        roots.extend(certificates(&entry.path()).unwrap_or_default());
                    }
                }
            }
        }
        match roots.is_empty() {
            true => Err(Error::NoAuthorities { folder: self.ca_folder.clone() }),
            false => Ok(roots),
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if certificates.is_empty() { Err(Error::NoCertificate { path: path.to_owned() }) } else { Ok(certificates) }
}

/// Returns what to do about a certificate that was rejected, as the end of a sentence; empty for other errors.
pub(crate) fn advice(error: &(dyn std::error::Error + 'static)) -> &'static str {
    match rejected(error) {
        Some(CertificateError::UnknownIssuer) => {
            "; set ca_cert to the file of this certificate, or to that of the authority which has signed it"
        }
        Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "; the name in the URL must be a subjectAltName of the certificate (openssl req -addext \
             subjectAltName=DNS:NAME)"
        }
        Some(CertificateError::Other(_)) if is_authority(error) => {
            "; this certificate is that of an authority: set ca_cert to its file"
        }
        _ => "",
    }
}

/// Returns why a certificate was rejected, if that is the error or its cause.
fn rejected<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(TlsError::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why);
        }
        next = match error.downcast_ref() {
            Some(ureq::Error::Rustls(tls)) => Some(tls),
            Some(ureq::Error::Io(io)) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            _ => match error.downcast_ref::<std::io::Error>() {
                Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
                None => error.source(),
            },
        };
    }
    None
}

/// Returns whether a certificate was rejected because it is one of an authority.
fn is_authority(error: &(dyn std::error::Error + 'static)) -> bool {
    let Some(CertificateError::Other(other)) = rejected(error) else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Accepts certificates that a trusted authority has signed, and trusted certificates themselves.
#[derive(Debug)]
struct Trusted {
    chains: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.chains.verify_server_cert(certificate, others, name, ocsp, now) {
            // The dates have been checked before this.
            Err(error) if is_authority(&error) && self.trusted.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Accepts any certificate, for `insecure`.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Adds TLS to the connections of https URLs.
#[derive(Debug)]
struct Tls {
    settings: TlsConfig,
    /// Made from the settings when it is first needed.
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Encrypted>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(plain) = chained else { return Ok(None) };
        if !details.needs_tls() || plain.is_tls() {
            return Ok(Some(Either::A(plain)));
        }
        let other = |text: &str| ureq::Error::Io(std::io::Error::other(text.to_owned()));
        let made = self.config.get_or_init(|| self.settings.for_rustls().map_err(|error| error.to_string()));
        let config = made.as_ref().map_err(|text| other(text))?;
        let host = details.uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|_| other("the host's name is invalid"))?;
        let mut conn = ClientConnection::new(Arc::clone(config), name)?;
        let mut sock = TransportAdapter::new(plain.boxed(), details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Encrypted { buffers, stream: StreamOwned { conn, sock } })))
    }
}

/// A connection with TLS.
struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Encrypted")
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
