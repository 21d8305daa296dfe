//! Sink for HTTP: one POST for each alert or batch of alerts.

use super::console::Console;
use super::lines::lines;
use super::{Failure, Message, Sink, TlsConfig, redirect, tls};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::time::Duration;
use ureq::http::header::LOCATION;
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
    poster: Poster,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Http").field(&self.poster.url).finish_non_exhaustive()
    }
}

impl Http {
    /// Creates the sink. It connects with the first alert.
    ///
    /// # Errors
    ///
    /// If the URL is invalid, a header is malformed, or a certificate or key cannot be read.
    pub fn new(settings: HttpConfig) -> Result<Self, super::Error> {
        let url = settings.url.clone();
        Ok(Self { poster: Poster::new(settings, url)? })
    }

    fn body(&self, alerts: &[Message]) -> Bytes {
        let settings = &self.poster.settings;
        let texts: Vec<_> = alerts.iter().map(|alert| &alert.text[..]).collect();
        match alerts {
            [alert] if settings.batch <= 1 => alert.text.clone(),
            _ if settings.content_type == "application/json" => {
                [&b"["[..], &texts.join(&b","[..]), b"]"].concat().into()
            }
            _ => lines(alerts).into(),
        }
    }
}

/// Posts bodies to one URL.
pub(super) struct Poster {
    pub(super) settings: HttpConfig,
    pub(super) url: String,
    agent: Agent,
}

/// Response to a POST that has delivered its body: a status from 200 to 299.
pub(super) struct Accepted(ureq::http::Response<ureq::Body>);

impl Accepted {
    /// Reads the body of the response to its end, so that the connection can be reused.
    pub(super) fn text(mut self) -> Result<String, Error> {
        self.0.body_mut().with_config().limit(MOST_ANSWER).lossy_utf8(true).read_to_string()
    }
}

/// Reason why a body was not delivered.
#[derive(Debug)]
pub(super) enum Undelivered {
    /// The response has another status than 200 to 299, or there is none.
    Error(Error),
    /// The server redirects to where the body is not sent.
    Redirect(String),
}

impl Poster {
    pub(super) fn new(settings: HttpConfig, url: String) -> Result<Self, super::Error> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(super::Error::Url(settings.url));
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
            .max_redirects(0);
        if settings.keep_alive {
            config = config.max_idle_age(Duration::from_secs(3600));
        }
        let agent = settings.tls.agent(config.build(), url.starts_with("https:"))?;
        Ok(Self { agent, settings, url })
    }

    /// Posts a body, where the server wants to have it.
    pub(super) fn post(&self, body: &[u8]) -> Result<Accepted, Undelivered> {
        let packed = if self.settings.compress { gzip(body).map_err(Error::from) } else { Ok(Vec::new()) };
        let packed = packed.map_err(Undelivered::Error)?;
        let mut url = self.url.clone();
        for _ in 0..=redirect::MOST {
            let mut request = self.agent.post(&url).content_type(self.settings.content_type);
            for (name, value) in &self.settings.headers {
                request = request.header(name, value);
            }
            let sent = if self.settings.compress {
                request.header("content-encoding", "gzip").send(&packed[..])
            } else {
                request.send(body)
            };
            let response = sent.map_err(Undelivered::Error)?;
            match response.status().as_u16() {
                200..=299 => return Ok(Accepted(response)),
                status @ 300..=399 => {
                    let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
                    // Read to the end, so that the connection can be reused; the text is for browsers.
                    drop(Accepted(response).text());
                    url = redirect::target(&url, status, location.as_deref()).map_err(Undelivered::Redirect)?;
                }
                status => return Err(Undelivered::Error(Error::StatusCode(status))),
            }
        }
        Err(Undelivered::Redirect(format!("{} redirects more than {} times", self.url, redirect::MOST)))
    }

    /// Converts an error to a failure. A server that rejects the client (a wrong password or path) does not reject the
    /// alert.
    pub(super) fn failure(&self, why: Undelivered) -> Failure {
        let url = &self.url;
        match why {
            Undelivered::Redirect(text) => Failure::Retryable(text),
            Undelivered::Error(Error::StatusCode(code @ (401 | 403 | 404 | 407 | 408 | 425 | 429 | 500..=599))) => {
                Failure::Retryable(format!("{url} returned status {code}"))
            }
            Undelivered::Error(Error::StatusCode(code)) => {
                Failure::Permanent(format!("{url} rejected an alert with status {code}"))
            }
            Undelivered::Error(error @ (Error::BadUri(_) | Error::Pem(_))) => Failure::Permanent(error.to_string()),
            Undelivered::Error(error) => Failure::Retryable(format!("{url}: {error}{}", tls::advice(&error))),
        }
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(body)?;
    packed.finish()
}

impl Sink for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn batch(&self) -> usize {
        self.poster.settings.batch
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        let accepted = self.poster.post(&self.body(alerts)).map_err(|why| self.poster.failure(why))?;
        // Whatever follows the status changes nothing for the alerts.
        let text = accepted.text();
        if self.poster.settings.echo
            && let Ok(text) = text
        {
            // The alerts are delivered, even if nobody reads this.
            let _ = Console::Output.write(format!("{text}\n").as_bytes(), Some(Duration::from_secs(1)));
        }
        Ok(())
    }

    fn retries(&self) -> Option<u32> {
        Some(self.poster.settings.retries)
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
            let poster = Poster::new(HttpConfig::new("http://h/"), "http://h/".to_owned()).unwrap();
            let failure = poster.failure(Undelivered::Error(Error::StatusCode(code)));
            assert_eq!(matches!(failure, Failure::Permanent(_)), lasting, "{code}");
        }
    }
}
