//! Alerts by HTTP and HTTPS.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{Http, HttpConfig, Sink, TlsConfig};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

settings! {
    /// Alerts by HTTP.
    HTTPOutput {
        /// Whether it is on.
        enabled: bool = false,
        /// Where alerts are posted to.
        url: String = String::new(),
        /// How the program names itself.
        user_agent: String = "falcosecurity/falco".to_owned(),
        /// Do not verify the server's certificate.
        insecure: bool = false,
        /// The certificate of the authority that the server's must come from.
        ca_cert: String = String::new(),
        /// A file of such certificates.
        ca_bundle: String = String::new(),
        /// A directory of such certificates.
        ca_path: String = "/etc/ssl/certs".to_owned(),
        /// Show a certificate of our own.
        mtls: bool = false,
        /// That certificate.
        client_cert: PathBuf = "/etc/ssl/certs/client.crt".into(),
        /// Its key.
        client_key: PathBuf = "/etc/ssl/certs/client.key".into(),
        /// Print the server's answers to standard output.
        echo: bool = false,
        /// Send alerts gzipped.
        compress_uploads: bool = false,
        /// Keep idle connections alive by TCP probes.
        keep_alive: bool = false,
        /// How often an alert is sent again after a time-out.
        max_consecutive_timeouts: u8 = 5,
        /// Further headers. Not in Falco.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// How many alerts go with one request: 1, each as it is; more, as a JSON array or as lines. Not in Falco.
        batch: u32 = 1,
        /// Milliseconds that one request may take. Not in Falco.
        timeout: u32 = 10_000,
        /// Whether alerts go by way of the spool. Not in Falco.
        spool: bool = false,
    }
}

impl HTTPOutput {
    fn sink_settings(&self, json: bool) -> HttpConfig {
        let first = |names: [&String; 2]| names.into_iter().find(|name| !name.is_empty()).map(PathBuf::from);
        HttpConfig {
            // Quotes around the address have come through some shells.
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
