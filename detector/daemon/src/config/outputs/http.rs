//! Output to HTTP and HTTPS endpoints.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{Http, HttpConfig, Sink, TlsConfig};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

settings! {
    /// Output to an HTTP endpoint.
    HTTPOutput {
        /// Enables the output.
        enabled: bool = false,
        /// URL to which alerts are posted.
        url: String = String::new(),
        /// User-Agent header.
        user_agent: String = "falcosecurity/falco".to_owned(),
        /// Skips the verification of the server's certificate.
        insecure: bool = false,
        /// Certificate of the authority that must have issued the server's certificate.
        ca_cert: String = String::new(),
        /// File with a bundle of such certificates.
        ca_bundle: String = String::new(),
        /// Directory of such certificates.
        ca_path: String = "/etc/ssl/certs".to_owned(),
        /// Presents a client certificate.
        mtls: bool = false,
        /// Client certificate.
        client_cert: PathBuf = "/etc/ssl/certs/client.crt".into(),
        /// Key of the client certificate.
        client_key: PathBuf = "/etc/ssl/certs/client.key".into(),
        /// Prints the server's responses to standard output.
        echo: bool = false,
        /// Compresses requests with gzip.
        compress_uploads: bool = false,
        /// Keeps idle connections alive by TCP probes.
        keep_alive: bool = false,
        /// Maximum number of retries after a timeout.
        max_consecutive_timeouts: u8 = 5,
        /// Additional headers. Not in Falco.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// Maximum number of alerts in one request: 1 for single alerts, more for a JSON array or lines. Not in Falco.
        batch: u32 = 1,
        /// Timeout of one request in milliseconds. Not in Falco.
        timeout: u32 = 10_000,
        /// Spools alerts on disk while the server is unreachable. Not in Falco.
        spool: bool = false,
    }
}

impl HTTPOutput {
    fn sink_settings(&self, json: bool) -> HttpConfig {
        let first = |names: [&String; 2]| names.into_iter().find(|name| !name.is_empty()).map(PathBuf::from);
        HttpConfig {
            // Some shells pass the quotes around the URL.
            url: self.url.trim_matches(['"', '\'']).to_owned(),
            user_agent: self.user_agent.clone(),
            content_type: if json { "application/json" } else { "text/plain" },
            headers: self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            tls: TlsConfig {
                insecure: self.insecure,
                ca_file: first([&self.ca_cert, &self.ca_bundle]),
                ca_folder: PathBuf::from(&self.ca_path),
                client: self.mtls.then(|| (self.client_cert.clone(), self.client_key.clone())),
            },
            echo: self.echo,
            compress: self.compress_uploads,
            keep_alive: self.keep_alive,
            batch: self.batch.max(1) as usize,
            timeout: Duration::from_millis(self.timeout.max(1).into()),
            retries: self.max_consecutive_timeouts.into(),
        }
    }
}

impl OutputKind for HTTPOutput {
    const KEY: &'static str = "http_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.url.is_empty().then_some(("url", "the http output is enabled but has no URL"))
    }

    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        let settings = self.sink_settings(build.json());
        build.depends_on(&settings.content_type);
        build.depends_on_files(&settings.tls);
        Ok(Box::new(Http::new(settings).map_err(|error| format!(": {error}"))?))
    }
}
