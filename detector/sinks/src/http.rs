//! Sink for HTTP: one POST for each alert or batch of alerts.

use super::stdout::lines;
use super::{Failure, Message, Sink, TlsConfig};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::time::Duration;
use ureq::{Agent, Error};

/// Maximum number of bytes read of a response.
const MOST_ANSWER: u64 = 16 << 20;

/// Configuration of an [`Http`] sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// URL to which alerts are posted.
    pub url: String,
    /// User-Agent header.
    pub user_agent: String,
    /// Content type: `application/json` or `text/plain`.
    pub content_type: &'static str,
    /// Additional headers, by name.
    pub headers: Vec<(String, String)>,
    /// TLS configuration.
    pub tls: TlsConfig,
    /// Prints the server's responses.
    pub echo: bool,
    /// Compresses requests with gzip.
    pub compress: bool,
    /// Keeps an idle connection for an hour instead of some seconds.
    pub keep_alive: bool,
    /// Maximum number of alerts in one POST: 1 for single alerts, more for a JSON array or lines of text.
    pub batch: usize,
    /// Timeout of one POST.
    pub timeout: Duration,
    /// Maximum number of retries after a retryable failure.
    pub retries: u32,
}

impl HttpConfig {
    /// Creates the default configuration for a URL.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            user_agent: "peregrine".into(),
            content_type: "application/json",
            headers: Vec::new(),
            tls: TlsConfig::default(),
            echo: false,
            compress: false,
            keep_alive: false,
            batch: 1,
            timeout: Duration::from_secs(10),
            retries: 5,
        }
    }
}

/// Sink that posts alerts to a server.
pub struct Http {
    settings: HttpConfig,
    agent: Agent,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Http").field(&self.settings.url).finish_non_exhaustive()
    }
}

impl Http {
    /// Creates the sink. It connects with the first alert.
    ///
    /// # Errors
    ///
    /// If the URL is invalid, a header is malformed, or a certificate or key cannot be read.
    pub fn new(settings: HttpConfig) -> Result<Self, super::Error> {
        let agent = agent(&settings)?;
        Ok(Self { agent, settings })
    }

    fn body(&self, alerts: &[Message]) -> Bytes {
        let texts: Vec<_> = alerts.iter().map(|alert| &alert.text[..]).collect();
        match alerts {
            [alert] if self.settings.batch <= 1 => alert.text.clone(),
            _ if self.settings.content_type == "application/json" => {
                [&b"["[..], &texts.join(&b","[..]), b"]"].concat().into()
            }
            _ => lines(alerts).into(),
        }
    }
}

/// Creates a client with this configuration.
pub(super) fn agent(settings: &HttpConfig) -> Result<Agent, super::Error> {
    if !settings.url.starts_with("http://") && !settings.url.starts_with("https://") {
        return Err(super::Error::Url(settings.url.clone()));
    }
    for (name, value) in &settings.headers {
        let name_is_sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !name_is_sound || value.contains(['\r', '\n', '\0']) {
            return Err(super::Error::Header { name: name.clone(), value: value.clone() });
        }
    }
    let mut config = Agent::config_builder()
        .user_agent(&settings.user_agent)
        .timeout_global(Some(settings.timeout))
        .http_status_as_error(true);
    if settings.keep_alive {
        config = config.max_idle_age(Duration::from_secs(3600));
    }
    if settings.url.starts_with("https:") {
        config = config.tls_config(settings.tls.for_http()?);
    }
    Ok(config.build().into())
}

/// Posts a body and returns that of the response.
pub(super) fn post(agent: &Agent, settings: &HttpConfig, url: &str, body: &[u8]) -> Result<String, Error> {
    let mut request = agent.post(url).content_type(settings.content_type);
    for (name, value) in &settings.headers {
        request = request.header(name, value);
    }
    let mut answer = if settings.compress {
        request = request.header("content-encoding", "gzip");
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(body)?;
        request.send(&packed.finish()?[..])?
    } else {
        request.send(body)?
    };
    // Read to the end, so that the connection can be reused.
    answer.body_mut().with_config().limit(MOST_ANSWER).lossy_utf8(true).read_to_string()
}

/// Converts an error to a failure. A server that rejects the client (a wrong password or path) does not reject the
/// alert.
pub(super) fn failure(url: &str, error: Error) -> Failure {
    match error {
        Error::StatusCode(code @ (401 | 403 | 404 | 407 | 408 | 425 | 429 | 500..=599)) => {
            Failure::Retryable(format!("{url} returned status {code}"))
        }
        Error::StatusCode(code) => Failure::Permanent(format!("{url} rejected an alert with status {code}")),
        Error::BadUri(_) | Error::Pem(_) => Failure::Permanent(error.to_string()),
        error => Failure::Retryable(format!("{url}: {error}")),
    }
}

impl Sink for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn batch(&self) -> usize {
        self.settings.batch
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        match post(&self.agent, &self.settings, &self.settings.url, &self.body(alerts)) {
            Ok(answer) => {
                if self.settings.echo {
                    println!("{answer}");
                }
                Ok(())
            }
            Err(error) => Err(failure(&self.settings.url, error)),
        }
    }

    fn retries(&self) -> Option<u32> {
        Some(self.settings.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        assert!(Http::new(HttpConfig::new("ftp://host/")).unwrap_err().to_string().contains("ftp://host/"));
        let tls = TlsConfig { ca_file: Some("/no/ca.pem".into()), ..TlsConfig::default() };
        let settings = HttpConfig { tls, ..HttpConfig::new("https://localhost/") };
        assert!(Http::new(settings).unwrap_err().to_string().contains("/no/ca.pem"));
        for (name, value) in [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\nb: c")] {
            let headers = vec![(name.to_owned(), value.to_owned())];
            let settings = HttpConfig { headers, ..HttpConfig::new("http://localhost/") };
            assert!(Http::new(settings).unwrap_err().to_string().contains("not a valid header"), "{name}");
        }
    }

    #[test]
    fn rejecting_the_client_is_retryable() {
        for (code, lasting) in [(400, true), (413, true), (401, false), (404, false), (429, false), (503, false)] {
            let failure = failure("u", Error::StatusCode(code));
            assert_eq!(matches!(failure, Failure::Permanent(_)), lasting, "{code}");
        }
    }
}
