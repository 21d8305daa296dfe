//! The built-in web server: health, versions and metrics, with or without TLS, on its own threads.
//!
//! If enabled, it also serves the web UI of `page`. It only reads what the event loop publishes, at most once a second
//! (`shared`); a slow or hostile client costs the loop nothing.

pub(crate) mod feed;
mod guard;
pub(crate) mod page;
mod shared;

use crate::config::settings::Webserver;
use crate::server::{self, WebServer};
use crate::{Fatal, log};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::routing::get;
use guard::Guard;
use page::Page;
use shared::Shared;
use std::sync::Arc;

/// Renders the text of `/metrics`.
pub(crate) type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// The contents of the server.
pub(crate) struct Pages {
    pub(crate) versions: String,
    /// Absent: no `/metrics`.
    pub(crate) metrics: Option<MetricsText>,
    pub(crate) page: Option<Page>,
}

/// Serves health, versions and metrics.
pub(crate) fn start(settings: &Webserver, pages: Pages) -> Result<WebServer, Fatal> {
    let json = || [(CONTENT_TYPE, "application/json")];
    let mut path = settings.k8s_healthz_endpoint.clone();
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let mut router = Router::new()
        .route(&path, get(async move || (json(), "{\"status\": \"ok\"}")))
        .route("/versions", get(async move || (json(), pages.versions.clone())));
    if let Some(text) = pages.metrics {
        let shared = Shared::new(move || text());
        let page = async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], shared.text().await);
        router = router.route("/metrics", get(page));
    }
    let address = server::address(settings).map_err(|text| Fatal(format!("webserver: {text}")))?;
    if let Some(page) = pages.page
        && settings.ui_enabled
    {
        match Guard::new(address, &settings.ui_token, settings.ssl_enabled) {
            Some(guard) => router = router.merge(page.router(guard)),
            None => log::info("web UI disabled: listen on a loopback address or set webserver.ui_token"),
        }
    }
    if address.is_loopback() {
        router = router.layer(middleware::from_fn(guard::only_loopback_names));
    }
    WebServer::serve("webserver", settings, router)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::tls::{Certificate, RootCerts, TlsConfig};

    fn settings() -> Webserver {
        Webserver { listen_address: "127.0.0.1".into(), listen_port: 0, threadiness: 1, ..Webserver::default() }
    }

    fn pages(metrics: bool) -> Pages {
        let text: MetricsText = Arc::new(|| "a 1\n".into());
        Pages { versions: "{}".into(), metrics: metrics.then_some(text), page: None }
    }

    fn fetch(url: &str) -> Result<String, ureq::Error> {
        ureq::get(url).call()?.body_mut().read_to_string()
    }

    #[test]
    fn pages_are_served() {
        let settings = Webserver { k8s_healthz_endpoint: "/ok".into(), ..settings() };
        let server = start(&settings, pages(true)).unwrap();
        let url = |path: &str| format!("http://{}{path}", server.address);
        assert_eq!(fetch(&url("/ok")).unwrap(), "{\"status\": \"ok\"}");
        assert_eq!(fetch(&url("/versions")).unwrap(), "{}");
        assert_eq!(fetch(&url("/metrics")).unwrap(), "a 1\n");
        assert!(fetch(&url("/healthz")).is_err());
    }

    #[test]
    fn metrics_only_when_wanted() {
        let server = start(&settings(), pages(false)).unwrap();
        assert!(fetch(&format!("http://{}/metrics", server.address)).is_err());
        assert!(fetch(&format!("http://{}/healthz", server.address)).is_ok());
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = start(&settings(), pages(false)).unwrap();
        let settings = Webserver { listen_port: first.address.port(), ..settings() };
        let Err(fatal) = start(&settings, pages(false)) else { panic!("two servers on one port") };
        assert!(fatal.to_string().contains("cannot listen on 127.0.0.1"), "{fatal}");
    }

    #[test]
    fn with_tls_from_one_file() {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("both.pem");
        std::fs::write(&path, certified.cert.pem() + &certified.signing_key.serialize_pem()).unwrap();
        let settings = Webserver { ssl_enabled: true, ssl_certificate: path, ..settings() };
        let server = start(&settings, pages(false)).unwrap();
        let root = Certificate::from_pem(certified.cert.pem().as_bytes()).unwrap();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
        let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
        let url = format!("https://localhost:{}/healthz", server.address.port());
        assert_eq!(agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap(), "{\"status\": \"ok\"}");
        let missing = Webserver { ssl_certificate: "/no/file.pem".into(), ..settings };
        assert!(start(&missing, pages(false)).is_err());
    }
}
