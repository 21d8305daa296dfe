//! TLS configuration of all sinks: trusted authorities and the client certificate.

use crate::Error;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, parse_pem};

/// TLS configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Skips the verification of the server's certificate.
    pub insecure: bool,
    /// File of CA certificates, one of which must have signed the server's certificate.
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
    /// Converts the configuration for the HTTP client.
    ///
    /// # Errors
    ///
    /// If a certificate or key cannot be read, or there are no CA certificates.
    pub fn for_http(&self) -> Result<ureq::tls::TlsConfig, Error> {
        let mut tls = ureq::tls::TlsConfig::builder().disable_verification(self.insecure);
        if !self.insecure {
            tls = tls.root_certs(RootCerts::new_with_certs(&self.authorities()?));
        }
        if let Some((certificate, key)) = &self.client {
            let chain = certificates(certificate)?;
            let key = PrivateKey::from_pem(&read(key)?).map_err(|error| Error::key(key, error))?;
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        Ok(tls.build())
    }

    fn authorities(&self) -> Result<Vec<Certificate<'static>>, Error> {
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

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let text = read(path)?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(Error::NoCertificate { path: path.to_owned() }) } else { Ok(certificates) }
}

/// The configuration for rustls, for protocols other than HTTP.
#[cfg(feature = "kafka")]
pub(super) mod raw {
    use super::{TlsConfig, certificates, read};
    use crate::Error as SetupError;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
    use std::sync::Arc;

    impl TlsConfig {
        /// # Errors
        ///
        /// If a certificate or key cannot be read, or there are no CA certificates.
        pub(crate) fn for_rustls(&self) -> Result<Arc<ClientConfig>, SetupError> {
            let provider = Arc::new(ring::default_provider());
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| SetupError::Tls(error.to_string()))?;
            let builder = if self.insecure {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            } else {
                let mut roots = RootCertStore::empty();
                let authorities = self.authorities()?;
                roots.add_parsable_certificates(
                    authorities.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())),
                );
                builder.with_root_certificates(roots)
            };
            let config = match &self.client {
                None => builder.with_no_client_auth(),
                Some((certificate, key)) => {
                    let chain = certificates(certificate)?;
                    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec()));
                    let key =
                        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| SetupError::key(key, error))?;
                    builder
                        .with_client_auth_cert(chain.collect(), key)
                        .map_err(|error| SetupError::Tls(error.to_string()))?
                }
            };
            Ok(Arc::new(config))
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
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
