//! Alerts to Kafka, in builds with the feature `kafka`.

use super::{Build, OutputKind};
use crate::config::setting::{choices, settings};
use crate::config::settings::Tls;
use peregrine_sinks::Sink;
#[cfg(feature = "kafka")]
use peregrine_sinks::{Kafka, KafkaConfig, KafkaLogin};
#[cfg(feature = "kafka")]
use std::time::Duration;

choices! {
    /// How the program logs in to Kafka.
    SaslMechanism {
        /// Not at all.
        None = "none",
        /// Name and password as they are.
        Plain = "plain",
        /// SCRAM with SHA-256.
        ScramSha256 = "scram-sha-256",
        /// SCRAM with SHA-512.
        ScramSha512 = "scram-sha-512",
    }
}

settings! {
    /// Alerts to Kafka.
    KafkaOutput {
        /// Whether it is on.
        enabled: bool = false,
        /// Some brokers of the cluster, as host:port.
        brokers: Vec<String> = Vec::new(),
        /// The topic.
        topic: String = "falco".to_owned(),
        /// How the program names itself.
        client_id: String = "peregrine".to_owned(),
        /// How many alerts go with one request, at most.
        batch: u32 = 500,
        /// Send batches gzipped.
        compress_uploads: bool = false,
        /// Milliseconds that one request may take.
        timeout: u32 = 10_000,
        /// How often a request is sent again.
        max_retries: u32 = 5,
        /// Whether TLS is spoken.
        tls_enabled: bool = false,
        /// Certificates.
        tls: Tls = Tls::default(),
        /// How the program logs in.
        sasl_mechanism: SaslMechanism = SaslMechanism::None,
        /// A name to log in with.
        username: String = String::new(),
        /// Its password.
        password: String = String::new(),
        /// Whether alerts go by way of the spool.
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
        Err(": this build is without the feature 'kafka'".into())
    }
}
