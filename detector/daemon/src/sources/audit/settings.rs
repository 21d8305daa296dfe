//! Settings of the audit source, from the plugin's entry in the configuration.

use crate::Fatal;
use crate::config::settings::{Config, Webserver};
use crate::names::K8S_AUDIT_PLUGIN;
use serde_json::Value as Json;
use std::path::PathBuf;

/// Default port and path of the webhook.
const PORT: u16 = 9765;
const PATH: &str = "/k8s-audit";

/// Limits of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Maximum size of a request body in bytes.
    pub(crate) body: usize,
    /// Maximum size of an event in bytes. Longer ones are counted and dropped.
    pub(crate) event: usize,
    /// Maximum number of bytes in the queue and in incomplete requests.
    pub(crate) room: usize,
    /// Timeout for the arrival of a request.
    pub(crate) arrival: std::time::Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 12 << 20,
            event: 256 << 10,
            room: 64 << 20,
            // An API server waits for half a minute by default.
            arrival: std::time::Duration::from_secs(20),
        }
    }
}

/// The input of events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// A webhook for API servers.
    Webhook { path: String, server: Webserver },
    /// A file of JSON lines, or a directory of them: followed as it grows, or read once.
    Files { path: PathBuf, follow: bool },
}

/// The settings of the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) input: Input,
    pub(crate) limits: Limits,
}

impl Settings {
    /// Returns the settings in the configuration, if the plugin is to be loaded.
    ///
    /// # Errors
    ///
    /// If they are invalid.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>, Fatal> {
        let plugins = config.selected_plugins();
        let Some(plugin) = plugins.into_iter().find(|plugin| plugin.name == K8S_AUDIT_PLUGIN) else { return Ok(None) };
        let fault = |text: String| Fatal(format!("plugin {K8S_AUDIT_PLUGIN}: {text}"));
        let init: Json = match plugin.init_config.0.trim() {
            "" => Json::Null,
            text => serde_json::from_str(text).map_err(|error| fault(format!("init_config: {error}")))?,
        };
        let mut limits = Limits::default();
        for (key, limit) in [("maxEventSize", &mut limits.event), ("webhookMaxBatchSize", &mut limits.body)] {
            if let Some(value) = init.get(key) {
                let size = value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
                *limit = size.ok_or_else(|| fault(format!("init_config.{key} must be a number of bytes")))?;
            }
        }
        limits.room = limits.room.max(limits.body.saturating_mul(2));
        let certificate = match init.get("sslCertificate") {
            None => Webserver::default().ssl_certificate,
            Some(Json::String(path)) => PathBuf::from(path),
            Some(_) => return Err(fault("init_config.sslCertificate must be a path".into())),
        };
        let input = Input::read(plugin.open_params.trim(), certificate).map_err(fault)?;
        Ok(Some(Self { input, limits }))
    }
}

impl Input {
    /// Parses the plugin's open parameters.
    fn read(text: &str, certificate: PathBuf) -> Result<Self, String> {
        let (ssl_enabled, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(path) = text.strip_prefix("file://") {
            return Ok(Self::Files { path: path.into(), follow: true });
        } else if text.is_empty() {
            return Err(format!("open_params is missing; write for example http://127.0.0.1:{PORT}{PATH}"));
        } else if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("open_params: '{scheme}' is not one of http, https and file"));
        } else {
            return Ok(Self::Files { path: text.into(), follow: false });
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| format!("open_params: '{port}' is not a valid port"))?)
            }
            _ => (authority, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let listen_address = match host {
            // As in Falco: an empty name is every address.
            "" => "0.0.0.0".to_owned(),
            "localhost" => "127.0.0.1".to_owned(),
            host => host
                .parse::<std::net::IpAddr>()
                .map_err(|_| format!("open_params: '{host}' is not a valid IP address"))?
                .to_string(),
        };
        let path = match path {
            "" | "/" => PATH.to_owned(),
            path if path.contains(['{', '}', '*', ':']) => {
                return Err(format!("open_params: '{path}' is not a plain path"));
            }
            path => path.to_owned(),
        };
        let server = Webserver {
            enabled: true,
            listen_address,
            listen_port: port,
            ssl_enabled,
            ssl_certificate: certificate,
            ..Webserver::default()
        };
        Ok(Self::Webhook { path, server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Input, String> {
        Input::read(text, "/c.pem".into())
    }

    #[test]
    fn open_parameters_are_falcos() {
        for (text, address, port, tls, path) in [
            ("http://:9765/k8s-audit", "0.0.0.0", 9765, false, "/k8s-audit"),
            ("http://", "0.0.0.0", 9765, false, "/k8s-audit"),
            ("https://127.0.0.1:8443/a/b", "127.0.0.1", 8443, true, "/a/b"),
            ("http://localhost", "127.0.0.1", 9765, false, "/k8s-audit"),
            ("http://[::1]:1/", "::1", 1, false, "/k8s-audit"),
            ("http://[::1]", "::1", 9765, false, "/k8s-audit"),
        ] {
            let Ok(Input::Webhook { path: have, server }) = read(text) else { panic!("{text}") };
            let server = (&*server.listen_address, server.listen_port, server.ssl_enabled);
            assert_eq!((server, &*have), ((address, port, tls), path), "{text}");
        }
        assert_eq!(read("/var/log/audit.log"), Ok(Input::Files { path: "/var/log/audit.log".into(), follow: false }));
        assert_eq!(read("file:///a.log"), Ok(Input::Files { path: "/a.log".into(), follow: true }));
        for (text, part) in [
            ("", "missing"),
            ("ftp://x", "'ftp'"),
            ("http://:70000/", "not a valid port"),
            ("http://name:1/", "not a valid IP address"),
            ("http://:1/{x}", "not a plain path"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
