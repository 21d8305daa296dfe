//! Sink for a Kafka topic.
//!
//! Alerts of one host go to one partition of the topic, in their order, with the host's name as the key; the partition
//! is derived from the key as in Kafka's own clients. A batch counts as delivered when all in-sync replicas have it.

use super::{Failure, Message, Sink, TlsConfig};
use rskafka::BackoffConfig;
use rskafka::chrono::DateTime;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Runtime;

/// By default, brokers reject requests of more than a megabyte.
const MOST_BYTES: usize = 900_000;

/// Authentication of the client.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaLogin {
    /// SASL PLAIN.
    Plain(String, String),
    /// SASL SCRAM-SHA-256.
    ScramSha256(String, String),
    /// SASL SCRAM-SHA-512.
    ScramSha512(String, String),
}

impl std::fmt::Debug for KafkaLogin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Plain(..) => "Plain",
            Self::ScramSha256(..) => "ScramSha256",
            Self::ScramSha512(..) => "ScramSha512",
        })
    }
}

/// Configuration of a [`Kafka`] sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Bootstrap brokers of the cluster, as `host:port`.
    pub brokers: Vec<String>,
    /// The topic. It must exist, or the brokers must create it.
    pub topic: String,
    /// Key of every record: the name of this host.
    pub key: String,
    /// Client id.
    pub client_id: String,
    /// Compresses batches with gzip.
    pub compress: bool,
    /// Maximum number of alerts in one batch.
    pub batch: usize,
    /// Timeout of one batch.
    pub timeout: Duration,
    /// Maximum number of retries of a batch.
    pub retries: u32,
    /// TLS configuration, if TLS is enabled.
    pub tls: Option<TlsConfig>,
    /// Authentication, if any.
    pub login: Option<KafkaLogin>,
}

impl KafkaConfig {
    /// Creates the default configuration for a topic.
    pub fn new(brokers: &[&str], topic: &str) -> Self {
        Self {
            brokers: brokers.iter().map(|broker| (*broker).to_owned()).collect(),
            topic: topic.to_owned(),
            key: String::new(),
            client_id: "peregrine".into(),
            compress: false,
            batch: 500,
            timeout: Duration::from_secs(10),
            retries: 5,
            tls: None,
            login: None,
        }
    }
}

/// Sink that produces alerts to a topic.
pub struct Kafka {
    settings: KafkaConfig,
    runtime: Runtime,
    tls: Option<std::sync::Arc<rustls::ClientConfig>>,
    partition: Option<PartitionClient>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Kafka").field(&self.settings).finish()
    }
}

impl Kafka {
    /// Creates the sink. It connects with the first alert.
    ///
    /// # Errors
    ///
    /// If brokers or topic are missing, or a certificate or key cannot be read.
    pub fn new(settings: KafkaConfig) -> Result<Self, super::Error> {
        if settings.brokers.is_empty() || settings.topic.is_empty() {
            return Err(super::Error::NoBrokers);
        }
        let tls = settings.tls.as_ref().map(TlsConfig::for_rustls).transpose()?;
        // One thread is enough: the sink's own.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(super::Error::Runtime)?;
        Ok(Self { settings, runtime, tls, partition: None })
    }

    async fn connect(
        settings: &KafkaConfig,
        tls: Option<std::sync::Arc<rustls::ClientConfig>>,
    ) -> Result<PartitionClient, Error> {
        // The client retries by itself until the deadline; after that the worker does.
        let backoff = BackoffConfig { deadline: Some(settings.timeout / 2), ..BackoffConfig::default() };
        let mut builder =
            ClientBuilder::new(settings.brokers.clone()).client_id(settings.client_id.as_str()).backoff_config(backoff);
        if let Some(tls) = tls {
            builder = builder.tls_config(tls);
        }
        if let Some(login) = &settings.login {
            let with = |name: &String, word: &String| Credentials::new(name.clone(), word.clone());
            builder = builder.sasl_config(match login {
                KafkaLogin::Plain(name, word) => SaslConfig::Plain(with(name, word)),
                KafkaLogin::ScramSha256(name, word) => SaslConfig::ScramSha256(with(name, word)),
                KafkaLogin::ScramSha512(name, word) => SaslConfig::ScramSha512(with(name, word)),
            });
        }
        let client = builder.build().await?;
        let mut partitions = partitions(&client, &settings.topic).await?;
        if partitions.is_empty() {
            // Brokers may create a topic when it is named in a request. The key decides about the partition only once
            // their number is known, so that the first record goes where those of later runs go.
            client.partition_client(settings.topic.as_str(), 0, UnknownTopicHandling::Retry).await?;
            partitions = self::partitions(&client, &settings.topic).await?;
        }
        let partition = partitions.get(partition_of(settings.key.as_bytes(), partitions.len())).copied().unwrap_or(0);
        client.partition_client(settings.topic.as_str(), partition, UnknownTopicHandling::Error).await
    }

    fn produce(&mut self, records: Vec<Record>) -> Result<(), Error> {
        let compression = if self.settings.compress { Compression::Gzip } else { Compression::NoCompression };
        let (settings, tls, known) = (&self.settings, self.tls.clone(), self.partition.take());
        let produced = self.runtime.block_on(async {
            let work = async {
                let partition = match known {
                    Some(partition) => partition,
                    None => Self::connect(settings, tls).await?,
                };
                // A rejected record leaves the connection intact.
                let outcome = partition.produce(records, compression).await;
                Ok((partition, outcome))
            };
            tokio::time::timeout(settings.timeout, work).await.unwrap_or(Err(Error::Timeout))
        });
        let (partition, outcome) = produced?;
        let keep = match &outcome {
            Ok(_) => true,
            Err(error) => is_about_the_alert(error),
        };
        self.partition = keep.then_some(partition);
        outcome.map(drop)
    }
}

/// Returns the partitions of a topic, in order; none if the brokers do not know it.
async fn partitions(client: &Client, topic: &str) -> Result<Vec<i32>, Error> {
    let topics = client.list_topics().await?;
    let known = topics.iter().find(|known| known.name == topic);
    Ok(known.map(|topic| topic.partitions.iter().copied().collect()).unwrap_or_default())
}

fn is_about_the_alert(error: &Error) -> bool {
    use ProtocolError::{InvalidRecord, MessageTooLarge, RecordListTooLarge};
    matches!(error, Error::ServerError { protocol_error: MessageTooLarge | RecordListTooLarge | InvalidRecord, .. })
}

/// Returns the partition of a key: Kafka's murmur2, without the sign, modulo the number of partitions.
fn partition_of(key: &[u8], partitions: usize) -> usize {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        let mut word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    (hash & 0x7fff_ffff) as usize % partitions.max(1)
}

impl Sink for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn batch(&self) -> usize {
        self.settings.batch
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        let (mut done, mut refused) = (0, 0);
        let mut most = usize::MAX;
        let mut reason = String::new();
        while done < alerts.len() {
            let rest = &alerts[done..];
            let mut bytes = 0;
            let fit = rest.iter().take_while(|alert| {
                bytes += alert.text.len() + self.settings.key.len() + 64;
                bytes <= MOST_BYTES
            });
            let count = fit.count().clamp(1, most);
            let now = DateTime::from_timestamp_micros(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
            let key = (!self.settings.key.is_empty()).then(|| self.settings.key.clone().into_bytes());
            let record = |alert: &Message| Record {
                key: key.clone(),
                value: Some(alert.text.to_vec()),
                headers: BTreeMap::new(),
                timestamp: now,
            };
            match self.produce(rest[..count].iter().map(record).collect()) {
                Ok(()) => done += count,
                Err(error) if is_about_the_alert(&error) && count > 1 => most = count / 2,
                Err(error) if is_about_the_alert(&error) => {
                    reason = error.to_string();
                    done += 1;
                    refused += 1;
                }
                Err(error) => {
                    let text = format!("{}: {error}", self.settings.brokers.join(","));
                    return Err(Failure::After { done, refused, text });
                }
            }
        }
        match refused {
            0 => Ok(()),
            refused => Err(Failure::Part { refused, text: format!("{refused} alerts were rejected: {reason}") }),
        }
    }

    fn retries(&self) -> Option<u32> {
        Some(self.settings.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The partitions of Kafka's own clients for these keys, with 1000 partitions.
    #[test]
    fn keys_go_where_kafkas_clients_put_them() {
        let hash = |key: &str| partition_of(key.as_bytes(), 0x8000_0000);
        for (key, murmur2) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(hash(key), (murmur2 as u32 & 0x7fff_ffff) as usize, "{key}");
        }
        assert_eq!(partition_of(b"any", 0), 0);
    }

    #[test]
    fn settings_are_checked() {
        assert!(Kafka::new(KafkaConfig::new(&[], "t")).is_err());
        assert!(Kafka::new(KafkaConfig::new(&["localhost:1"], "")).is_err());
        let tls = TlsConfig { ca_file: Some("/no/ca.pem".into()), ..TlsConfig::default() };
        let settings = KafkaConfig { tls: Some(tls), ..KafkaConfig::new(&["localhost:1"], "t") };
        assert!(Kafka::new(settings).unwrap_err().to_string().contains("/no/ca.pem"));
    }
}
