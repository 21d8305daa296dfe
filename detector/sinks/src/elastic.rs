//! Sink for Elasticsearch and OpenSearch, by the bulk API that both have.
//!
//! Each document has an id derived from its text. A batch that is sent again, after a timeout or from the spool after a
//! crash, therefore creates no duplicates: the server responds 409 to a document that it already has, which counts as
//! success.

use super::http::{Poster, Undelivered};
use super::{Failure, HttpConfig, Message, Sink};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;
use ureq::Error;

/// Period after which the name of the index changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suffix {
    /// `falco-2026.11.22`
    Daily,
    /// `falco-2026.11`
    Monthly,
    /// `falco-2026`
    Annually,
    /// `falco`
    None,
}

/// Authentication of the client.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElasticLogin {
    /// A user name and a password.
    Basic(String, String),
    /// An API key, as issued by the server.
    ApiKey(String),
}

impl std::fmt::Debug for ElasticLogin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Basic(..) => "Basic",
            Self::ApiKey(_) => "ApiKey",
        })
    }
}

/// Configuration of an [`Elastic`] sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElasticConfig {
    /// URL of the server, certificates, batch size and so on. `content_type` is ignored.
    pub http: HttpConfig,
    /// Name of the index or data stream.
    pub index: String,
    /// Date suffix of the index name, from the time of the alert.
    pub suffix: Suffix,
    /// Ingest pipeline; empty: none.
    pub pipeline: String,
    /// Authentication, if any.
    pub login: Option<ElasticLogin>,
}

/// Sink that indexes alerts on a server.
pub struct Elastic {
    settings: ElasticConfig,
    poster: Poster,
}

impl std::fmt::Debug for Elastic {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Elastic").field(&self.poster.url).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    #[serde(default)]
    error: serde_json::Value,
}

impl Elastic {
    /// Creates the sink. It connects with the first alert.
    ///
    /// # Errors
    ///
    /// If the URL or the name of the index is invalid, or a certificate or key cannot be read.
    pub fn new(mut settings: ElasticConfig) -> Result<Self, super::Error> {
        let sound = |c: char| c.is_alphanumeric() && !c.is_uppercase() || "-_.".contains(c);
        if settings.index.is_empty() || settings.index.starts_with(['-', '_']) || !settings.index.chars().all(sound) {
            return Err(super::Error::Index(settings.index));
        }
        let login = match &settings.login {
            None => None,
            Some(ElasticLogin::Basic(name, word)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{name}:{word}"))))
            }
            Some(ElasticLogin::ApiKey(key)) => Some(format!("ApiKey {key}")),
        };
        settings.http.headers.extend(login.map(|login| ("authorization".to_owned(), login)));
        settings.http.content_type = "application/x-ndjson";
        let mut url = format!("{}/_bulk", settings.http.url.trim_end_matches('/'));
        if !settings.pipeline.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(url, "?pipeline={}", settings.pipeline);
        }
        let poster = Poster::new(settings.http.clone(), url)?;
        Ok(Self { settings, poster })
    }

    fn body(&self, alerts: &[Message]) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        for alert in alerts {
            let document = Document::of(&alert.text);
            let time = &document.time;
            let date = match self.settings.suffix {
                Suffix::Daily => format!("-{}.{}.{}", &time[..4], &time[5..7], &time[8..10]),
                Suffix::Monthly => format!("-{}.{}", &time[..4], &time[5..7]),
                Suffix::Annually => format!("-{}", &time[..4]),
                Suffix::None => String::new(),
            };
            let digest = Sha256::digest(&alert.text);
            let id = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            let create = Create { index: format!("{}{date}", self.settings.index), id };
            for line in [serde_json::to_vec(&Action { create }), serde_json::to_vec(&document)] {
                body.extend_from_slice(&line.map_err(|error| Failure::Permanent(error.to_string()))?);
                body.push(b'\n');
            }
        }
        Ok(body)
    }

    /// Sends a batch. Batches that are too large for the server are split into halves.
    fn send(&self, alerts: &[Message]) -> Result<Vec<String>, Failure> {
        let accepted = match self.poster.post(&self.body(alerts)?) {
            Err(Undelivered::Error(Error::StatusCode(413))) if alerts.len() > 1 => {
                let (first, second) = alerts.split_at(alerts.len() / 2);
                let mut refused = self.send(first)?;
                refused.extend(self.send(second)?);
                return Ok(refused);
            }
            accepted => accepted.map_err(|why| self.poster.failure(why))?,
        };
        let fault = |text: String| Failure::Retryable(format!("{}: {text}", self.poster.url));
        let answer = accepted.text().map_err(|error| fault(error.to_string()))?;
        let answer: Answer =
            serde_json::from_str(&answer).map_err(|error| fault(format!("not a response of a bulk API: {error}")))?;
        if !answer.errors {
            return Ok(Vec::new());
        }
        if answer.items.len() != alerts.len() {
            return Err(fault(format!("{} results for {} alerts", answer.items.len(), alerts.len())));
        }
        let reason = |created: &Created| {
            let reason = created.error["reason"].as_str().unwrap_or_default();
            format!("status {}: {reason}", created.status)
        };
        let busy = |item: &&Item| matches!(item.create.status, 401 | 403 | 404 | 408 | 429 | 500..=599);
        if let Some(item) = answer.items.iter().find(busy) {
            return Err(fault(reason(&item.create)));
        }
        // 409: it was indexed by an earlier attempt.
        let refused = |item: &&Item| item.create.status >= 300 && item.create.status != 409;
        Ok(answer.items.iter().filter(refused).map(|item| reason(&item.create)).collect())
    }
}

/// The line in front of each document: its operation.
#[derive(Serialize)]
struct Action {
    create: Create,
}

#[derive(Serialize)]
struct Create {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
}

/// An alert, preceded by its time.
struct Document<'a> {
    /// In the format `YYYY-MM-DDT...`.
    time: String,
    members: Members<'a>,
}

enum Members<'a> {
    /// The members of a JSON alert, as they are written.
    Json(Vec<(String, &'a RawValue)>),
    /// A text alert, if `json_output` is disabled: its one member is `output`.
    Text(Cow<'a, str>),
}

impl<'a> Document<'a> {
    /// Parses an alert. Its time is that of the alert, or now if it has none.
    fn of(alert: &'a [u8]) -> Self {
        let members = match serde_json::from_slice(alert) {
            Ok(Ordered(members)) => Members::Json(members),
            Err(_) => Members::Text(String::from_utf8_lossy(alert)),
        };
        let sound = |time: &String| {
            let date = time.as_bytes().get(..11);
            date.is_some_and(|date| date[4] == b'-' && date[7] == b'-' && date[10] == b'T' && date.is_ascii())
                && time.parse::<jiff::Timestamp>().is_ok()
        };
        let said = match &members {
            Members::Json(members) => members.iter().find(|(name, _)| name == "time").map(|(_, value)| value.get()),
            Members::Text(_) => None,
        };
        let said = said.and_then(|value| serde_json::from_str(value).ok()).filter(sound);
        let now = || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string();
        Self { time: said.unwrap_or_else(now), members }
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@timestamp", &self.time)?;
        match &self.members {
            Members::Json(members) => members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?,
            Members::Text(text) => map.serialize_entry("output", text)?,
        }
        map.end()
    }
}

/// The members of an object in their order, with values as they are written.
struct Ordered<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Ordered<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(All).map(Self)
    }
}

impl Sink for Elastic {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    fn batch(&self) -> usize {
        self.settings.http.batch
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        let refused = self.send(alerts)?;
        match refused.first() {
            None => Ok(()),
            Some(reason) => {
                let text = format!("{} rejected {} alerts, the first with {reason}", self.poster.url, refused.len());
                Err(Failure::Part { refused: refused.len(), text })
            }
        }
    }

    fn retries(&self) -> Option<u32> {
        Some(self.settings.http.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elastic(suffix: Suffix) -> Elastic {
        let http = HttpConfig { batch: 10, ..HttpConfig::new("http://localhost:9200/") };
        let settings = ElasticConfig { http, index: "falco".into(), suffix, pipeline: String::new(), login: None };
        Elastic::new(settings).unwrap()
    }

    #[test]
    fn a_document_is_the_alert_with_its_time() {
        let text = r#"{"rule":"R","time":"2026-11-22T23:59:59.000000001Z"}"#;
        let alerts = [text, "{}", "plain \"text\""].map(|text| Message::new(4, text));
        for (suffix, index) in [
            (Suffix::Daily, "falco-2026.11.22"),
            (Suffix::Monthly, "falco-2026.11"),
            (Suffix::Annually, "falco-2026"),
            (Suffix::None, "falco"),
        ] {
            let body = String::from_utf8(elastic(suffix).body(&alerts).unwrap()).unwrap();
            let lines: Vec<serde_json::Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines.len(), 6);
            assert_eq!(lines[0]["create"]["_index"], index);
            assert_eq!(lines[0]["create"]["_id"].as_str().map(str::len), Some(32));
            assert_eq!(lines[1]["@timestamp"], "2026-11-22T23:59:59.000000001Z");
            assert_eq!(lines[1]["rule"], "R");
            assert!(lines[3]["@timestamp"].is_string());
            assert_eq!(lines[5]["output"], "plain \"text\"");
            let document =
                r#"{"@timestamp":"2026-11-22T23:59:59.000000001Z","rule":"R","time":"2026-11-22T23:59:59.000000001Z"}"#;
            assert_eq!(body.lines().nth(1), Some(document));
        }
    }

    #[test]
    fn names_of_indices_are_checked() {
        for index in ["", "Falco", "-falco", "fal co", "a/b", "a\"b"] {
            let http = HttpConfig::new("http://localhost:9200");
            let suffix = Suffix::None;
            let settings = ElasticConfig { http, index: index.into(), suffix, pipeline: String::new(), login: None };
            assert!(Elastic::new(settings).unwrap_err().to_string().contains("not a valid index name"), "{index}");
        }
    }
}
