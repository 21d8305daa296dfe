//! Output to Kafka, in builds with the feature `kafka`.

use super::{Build, OutputKind};
use crate::config::setting::{choices, settings};
use crate::config::settings::Tls;
use peregrine_sinks::Sink;
#[cfg(feature = "kafka")]
use peregrine_sinks::{Kafka, KafkaConfig, KafkaLogin};
#[cfg(feature = "kafka")]
use std::time::Duration;

choices! {
    /// SASL mechanism for Kafka.
    SaslMechanism {
        /// No authentication.
        None = "none",
        /// Plain user name and password.
        Plain = "plain",
        /// SCRAM with SHA-256.
        ScramSha256 = "scram-sha-256",
        /// SCRAM with SHA-512.
        ScramSha512 = "scram-sha-512",
    }
}

settings! {
    /// Output to Kafka.
    KafkaOutput {
        /// Enables the output.
        enabled: bool = false,
        /// Bootstrap brokers, as host:port.
        brokers: Vec<String> = Vec::new(),
        /// Topic.
        topic: String = "falco".to_owned(),
        /// Client id.
        client_id: String = "peregrine".to_owned(),
        /// Maximum number of alerts in one request.
        batch: u32 = 500,
        /// Compresses batches with gzip.
        compress_uploads: bool = false,
        /// Timeout of one request in milliseconds.
        timeout: u32 = 10_000,
        /// Maximum number of retries of a request.
        max_retries: u32 = 5,
        /// Enables TLS.
        tls_enabled: bool = false,
        /// TLS certificates.
        tls: Tls = Tls::default(),
        /// SASL mechanism.
        sasl_mechanism: SaslMechanism = SaslMechanism::None,
        /// User name.
        username: String = String::new(),
        /// Password.
        password: String = String::new(),
        /// Spools alerts on disk while the brokers are unreachable.
        spool: bool = false,
    }
}

#[cfg(feature = "kafka")]
impl KafkaOutput {
    fn sink_settings(&self, hostname: &str) -> KafkaConfig {
        let (name, word) = (self.username.clone(), self.password.clone());
        KafkaConfig {
            key: hostname.to_owned(),
            client_id: self.client_id.clone(),
            compress: self.compress_uploads,
            batch: self.batch.max(1) as usize,
            timeout: Duration::from_millis(self.timeout.max(1).into()),
            retries: self.max_retries,
            tls: self.tls_enabled.then(|| self.tls.for_sinks()),
            login: match self.sasl_mechanism {
                SaslMechanism::None => None,
                SaslMechanism::Plain => Some(KafkaLogin::Plain(name, word)),
                SaslMechanism::ScramSha256 => Some(KafkaLogin::ScramSha256(name, word)),
                SaslMechanism::ScramSha512 => Some(KafkaLogin::ScramSha512(name, word)),
            },
            brokers: self.brokers.clone(),
            topic: self.topic.clone(),
        }
    }
}

impl OutputKind for KafkaOutput {
    const KEY: &'static str = "kafka_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.brokers.is_empty().then_some(("brokers", "the Kafka output is enabled but has no brokers"))
    }

    #[cfg(feature = "kafka")]
    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        build.depends_on_files(&self.tls.for_sinks());
        let sink = Kafka::new(self.sink_settings(build.hostname())).map_err(|error| format!(": {error}"))?;
        Ok(Box::new(sink))
    }

    #[cfg(not(feature = "kafka"))]
    fn build(&self, _: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        Err(": this build does not support Kafka (feature 'kafka')".into())
    }
}
