//! Alerts by HTTP: one POST for each.

use super::{Failure, Message, Sink};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

/// How long one POST may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, at most.
const MOST_ANSWER: u64 = 1 << 20;

/// How alerts are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to.
    pub url: String,
    /// How the program names itself.
    pub user_agent: String,
    /// `application/json` or `text/plain`.
    pub content_type: &'static str,
    /// Do not verify the server's certificate.
    pub insecure: bool,
    /// A file of certificates that the server's must come from.
    pub ca_file: Option<PathBuf>,
    /// A directory of such files, where there is no `ca_file`.
    pub ca_folder: PathBuf,
    /// A certificate to show, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Print the server's answers.
    pub echo: bool,
    /// Send alerts gzipped, with the header that says so.
    pub compress: bool,
    /// Keep an idle connection for an hour instead of some seconds.
    pub keep_alive: bool,
    /// How often an alert is posted again after a time-out.
    pub retries: u32,
}

impl HttpSettings {
    /// Plain settings for a URL.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            user_agent: "peregrine".into(),
            content_type: "application/json",
            insecure: false,
            ca_file: None,
            ca_folder: "/etc/ssl/certs".into(),
            client: None,
            echo: false,
            compress: false,
            keep_alive: false,
            retries: 5,
        }
    }
}

/// A server that takes alerts by POST.
pub struct Http {
    settings: HttpSettings,
    agent: Agent,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Http").field(&self.settings).finish()
    }
}

impl Http {
    /// Nothing is connected before the first alert.
    ///
    /// # Errors
    /// When the URL is none, or a certificate or key cannot be read.
    pub fn new(settings: HttpSettings) -> Result<Self, String> {
        if !settings.url.starts_with("http://") && !settings.url.starts_with("https://") {
            return Err(format!("'{}' is no URL of http or https", settings.url));
        }
        let mut config = Agent::config_builder()
            .user_agent(&settings.user_agent)
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(true);
        if settings.keep_alive {
            config = config.max_idle_age(Duration::from_secs(3600));
        }
        if settings.url.starts_with("https:") {
            config = config.tls_config(tls(&settings)?);
        }
        Ok(Self { agent: config.build().into(), settings })
    }

    fn post(&self, text: &str) -> Result<String, Error> {
        let mut request = self.agent.post(&self.settings.url).content_type(self.settings.content_type);
        let mut answer = if self.settings.compress {
            request = request.header("content-encoding", "gzip");
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(text.as_bytes())?;
            request.send(&packed.finish()?[..])?
        } else {
            request.send(text)?
        };
        // Read to the end, so that the connection can be used again.
        answer.body_mut().with_config().limit(MOST_ANSWER).lossy_utf8(true).read_to_string()
    }
}

fn tls(settings: &HttpSettings) -> Result<TlsConfig, String> {
    let mut tls = TlsConfig::builder().disable_verification(settings.insecure);
    if !settings.insecure {
        let mut roots = Vec::new();
        match &settings.ca_file {
            Some(file) => roots = certificates(file)?,
            None => {
                // A bundle holds what the single files hold too, and reads faster.
                let bundle = settings.ca_folder.join("ca-certificates.crt");
                if bundle.is_file() {
                    roots = certificates(&bundle)?;
                } else {
                    for entry in std::fs::read_dir(&settings.ca_folder).into_iter().flatten().flatten() {
                        // What else lies in such a directory is none of our business.
                        roots.extend(certificates(&entry.path()).unwrap_or_default());
                    }
                }
            }
        }
        if roots.is_empty() {
            return Err(format!("no certificates of authorities in {}", settings.ca_folder.display()));
        }
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
    }
    if let Some((certificate, key)) = &settings.client {
        let chain = certificates(certificate)?;
        let key = PrivateKey::from_pem(&read(key)?).map_err(|error| format!("{}: {error}", key.display()))?;
        tls = tls.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(tls.build())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let text = read(path)?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(format!("no certificate in {}", path.display())) } else { Ok(certificates) }
}

impl Sink for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        match self.post(&message.text) {
            Ok(answer) => {
                if self.settings.echo {
                    println!("{answer}");
                }
                Ok(())
            }
            // Too busy, or broken for now.
            Err(Error::StatusCode(code @ (408 | 429 | 500..=599))) => {
                Err(Failure::Passing(format!("{} answers with status {code}", self.settings.url)))
            }
            Err(Error::StatusCode(code)) => {
                Err(Failure::Lasting(format!("{} refuses an alert with status {code}", self.settings.url)))
            }
            Err(error @ (Error::BadUri(_) | Error::Pem(_) | Error::Tls(_))) => Err(Failure::Lasting(error.to_string())),
            Err(error) => Err(Failure::Passing(format!("{}: {error}", self.settings.url))),
        }
    }

    fn retries(&self) -> Option<u32> {
        Some(self.settings.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    struct Request {
        head: String,
        body: Vec<u8>,
    }

    /// Answers one request on each connection with the next status.
    fn server(statuses: &'static [u16]) -> (String, JoinHandle<Vec<Request>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/alerts", listener.local_addr().unwrap());
        let take = move |status: &u16| {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if line == "\r\n" {
                    break;
                }
                head.push_str(&line.to_ascii_lowercase());
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            Request { head, body }
        };
        (url, std::thread::spawn(move || statuses.iter().map(take).collect()))
    }

    fn message(text: &str) -> Message {
        Message { severity: 4, text: text.into() }
    }

    #[test]
    fn alerts_are_posted_with_type_and_name() {
        let (url, server) = server(&[200, 201]);
        let mut http = Http::new(HttpSettings { user_agent: "me/1".into(), ..HttpSettings::new(&url) }).unwrap();
        http.deliver(&message(r#"{"rule":"a"}"#)).unwrap();
        http.deliver(&message("b")).unwrap();
        let requests = server.join().unwrap();
        assert!(requests[0].head.starts_with("post /alerts http/1.1"));
        assert!(requests[0].head.contains("content-type: application/json"));
        assert!(requests[0].head.contains("user-agent: me/1"));
        assert_eq!(requests[0].body, br#"{"rule":"a"}"#);
        assert_eq!(requests[1].body, b"b");
    }

    #[test]
    fn compressed_alerts_say_so() {
        let (url, server) = server(&[200]);
        let settings = HttpSettings { compress: true, content_type: "text/plain", ..HttpSettings::new(&url) };
        Http::new(settings).unwrap().deliver(&message("a line of text")).unwrap();
        let requests = server.join().unwrap();
        assert!(requests[0].head.contains("content-encoding: gzip"));
        assert!(requests[0].head.contains("content-type: text/plain"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&requests[0].body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a line of text");
    }

    #[test]
    fn what_may_pass_and_what_does_not() {
        let (url, server) = server(&[503, 429, 400]);
        let mut http = Http::new(HttpSettings::new(&url)).unwrap();
        assert!(matches!(http.deliver(&message("a")), Err(Failure::Passing(_))));
        assert!(matches!(http.deliver(&message("a")), Err(Failure::Passing(_))));
        assert!(matches!(http.deliver(&message("a")), Err(Failure::Lasting(_))));
        server.join().unwrap();
        // Nobody listens any more.
        assert!(matches!(http.deliver(&message("a")), Err(Failure::Passing(_))));
    }

    #[test]
    fn settings_must_make_sense() {
        assert!(Http::new(HttpSettings::new("ftp://host/")).unwrap_err().contains("ftp://host/"));
        let settings = HttpSettings { ca_file: Some("/no/ca.pem".into()), ..HttpSettings::new("https://localhost/") };
        assert!(Http::new(settings).unwrap_err().contains("/no/ca.pem"));
    }
}
