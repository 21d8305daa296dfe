//! The outputs that the configuration names.

use crate::config::settings::{Config, IndexSuffix, SyslogFormat, Tls};
use crate::{Fatal, log};
use peregrine_sinks::{
    Capacity, Elastic, ElasticLogin, ElasticSettings, File, Http, HttpSettings, OnFault, Outputs, Program, Sink,
    SpoolSettings, Stdout, Suffix, Syslog, SyslogForm, TlsSettings, Wanted,
};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Starts them all.
///
/// # Errors
/// When one of them cannot be set up, or there is none.
pub(crate) fn start(config: &Config, hostname: &str) -> Result<Outputs, Fatal> {
    let on_fault: OnFault = Arc::new(|fault| log::line(log::Level::from_severity(fault.severity), fault));
    let (capacity, patience) = limits(config);
    let outputs = Outputs::new(capacity, patience, on_fault);
    apply(&outputs, config, plan(config, hostname)?)?;
    Ok(outputs)
}

/// Makes the outputs those of a plan.
///
/// # Errors
/// When a spool cannot be used.
pub(crate) fn apply(outputs: &Outputs, config: &Config, plan: Vec<Wanted>) -> Result<(), Fatal> {
    let (capacity, patience) = limits(config);
    let folder = config.outputs_spool.path.display();
    outputs.apply(plan, capacity, patience).map_err(|error| Fatal(format!("outputs_spool {folder}: {error}")))
}

fn limits(config: &Config) -> (Capacity, Duration) {
    let capacity = Capacity::alerts(usize::try_from(config.outputs_queue.capacity).unwrap_or(usize::MAX));
    (capacity, Duration::from_millis(config.output_timeout.into()))
}

/// What outputs there are to be.
///
/// # Errors
/// When one of them cannot be set up, or there is none.
pub(crate) fn plan(config: &Config, hostname: &str) -> Result<Vec<Wanted>, Fatal> {
    let mut plan = Plan { wanted: Vec::new(), config };
    let buffered = config.buffered_outputs;
    let file = &config.file_output;
    if file.enabled {
        plan.add(File::new(&file.filename, file.keep_alive, buffered), file.spool, &(file, buffered));
    }
    if config.stdout_output.enabled {
        plan.add(Stdout::new(buffered), false, &buffered);
    }
    if config.syslog_output.enabled {
        let settings = &config.syslog_output;
        plan.add(syslog(config, hostname)?, settings.spool, settings);
    }
    let program = &config.program_output;
    if program.enabled {
        plan.add(Program::new(&program.program, program.keep_alive), program.spool, program);
    }
    if config.http_output.enabled {
        let settings = http_settings(config);
        let http = Http::new(settings.clone()).map_err(|error| Fatal(format!("http_output: {error}")))?;
        plan.add(http, config.http_output.spool, &(&settings, stamps(&settings.tls)));
    }
    let elastic = &config.elasticsearch_output;
    if elastic.enabled {
        let sink = Elastic::new(elastic_settings(config));
        let sink = sink.map_err(|error| Fatal(format!("elasticsearch_output: {error}")))?;
        plan.add(sink, elastic.spool, &(elastic, stamps(&tls_settings(&elastic.tls))));
    }
    if config.kafka_output.enabled {
        plan.kafka(hostname)?;
    }
    if plan.wanted.is_empty() {
        return Err(Fatal::new("no output is enabled: set for example stdout_output.enabled"));
    }
    Ok(plan.wanted)
}

struct Plan<'c> {
    wanted: Vec<Wanted>,
    config: &'c Config,
}

impl Plan<'_> {
    fn add(&mut self, sink: impl Sink, spooled: bool, settings: &dyn Debug) {
        let spool = &self.config.outputs_spool;
        let spool = SpoolSettings { folder: spool.path.clone(), bytes: u64::from(spool.max_size_mb) << 20 };
        self.wanted.push(Wanted {
            sink: Box::new(sink),
            spool: spooled.then_some(spool),
            settings: format!("{settings:?}"),
        });
    }

    #[cfg(feature = "kafka")]
    fn kafka(&mut self, hostname: &str) -> Result<(), Fatal> {
        use crate::config::settings::SaslMechanism;
        use peregrine_sinks::{Kafka, KafkaLogin, KafkaSettings};
        let kafka = &self.config.kafka_output;
        let (name, word) = (kafka.username.clone(), kafka.password.clone());
        let settings = KafkaSettings {
            key: hostname.to_owned(),
            client_id: kafka.client_id.clone(),
            compress: kafka.compress_uploads,
            batch: kafka.batch.max(1) as usize,
            timeout: Duration::from_millis(kafka.timeout.max(1).into()),
            retries: kafka.max_retries,
            tls: kafka.tls_enabled.then(|| tls_settings(&kafka.tls)),
            login: match kafka.sasl_mechanism {
                SaslMechanism::None => None,
                SaslMechanism::Plain => Some(KafkaLogin::Plain(name, word)),
                SaslMechanism::ScramSha256 => Some(KafkaLogin::ScramSha256(name, word)),
                SaslMechanism::ScramSha512 => Some(KafkaLogin::ScramSha512(name, word)),
            },
            brokers: kafka.brokers.clone(),
            topic: kafka.topic.clone(),
        };
        let sink = Kafka::new(settings).map_err(|error| Fatal(format!("kafka_output: {error}")))?;
        self.add(sink, kafka.spool, &(kafka, stamps(&tls_settings(&kafka.tls))));
        Ok(())
    }

    #[cfg(not(feature = "kafka"))]
    fn kafka(&mut self, _: &str) -> Result<(), Fatal> {
        Err(Fatal::new("kafka_output: this build is without the feature 'kafka'"))
    }
}

fn syslog(config: &Config, hostname: &str) -> Result<Syslog, Fatal> {
    let address = match config.syslog_output.address.as_str() {
        "" => Default::default(),
        address => address.parse().map_err(|error| Fatal(format!("syslog_output.address: {error}")))?,
    };
    let syslog = Syslog::new(address, "peregrine", hostname);
    Ok(match config.syslog_output.format {
        SyslogFormat::Auto => syslog,
        SyslogFormat::Rfc3164 => syslog.with_form(SyslogForm::Rfc3164),
        SyslogFormat::Rfc5424 => syslog.with_form(SyslogForm::Rfc5424),
    })
}

fn http_settings(config: &Config) -> HttpSettings {
    let http = &config.http_output;
    let first = |names: [&String; 2]| names.into_iter().find(|name| !name.is_empty()).map(PathBuf::from);
    HttpSettings {
        // Quotes around the address have come through some shells.
        url: http.url.trim_matches(['"', '\'']).to_owned(),
        user_agent: http.user_agent.clone(),
        content_type: if config.json_output { "application/json" } else { "text/plain" },
        headers: http.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        tls: TlsSettings {
            insecure: http.insecure,
            ca_file: first([&http.ca_cert, &http.ca_bundle]),
            ca_folder: PathBuf::from(&http.ca_path),
            client: http.mtls.then(|| (http.client_cert.clone(), http.client_key.clone())),
        },
        echo: http.echo,
        compress: http.compress_uploads,
        keep_alive: http.keep_alive,
        batch: http.batch.max(1) as usize,
        timeout: Duration::from_millis(http.timeout.max(1).into()),
        retries: http.max_consecutive_timeouts.into(),
    }
}

fn elastic_settings(config: &Config) -> ElasticSettings {
    let elastic = &config.elasticsearch_output;
    ElasticSettings {
        http: HttpSettings {
            tls: tls_settings(&elastic.tls),
            compress: elastic.compress_uploads,
            keep_alive: true,
            batch: elastic.batch.max(1) as usize,
            timeout: Duration::from_millis(elastic.timeout.max(1).into()),
            retries: elastic.max_retries,
            ..HttpSettings::new(&elastic.url)
        },
        index: elastic.index.clone(),
        suffix: match elastic.suffix {
            IndexSuffix::Daily => Suffix::Daily,
            IndexSuffix::Monthly => Suffix::Monthly,
            IndexSuffix::Annually => Suffix::Annually,
            IndexSuffix::None => Suffix::None,
        },
        pipeline: elastic.pipeline.clone(),
        login: match (elastic.api_key.as_str(), elastic.username.as_str()) {
            ("", "") => None,
            ("", name) => Some(ElasticLogin::Basic(name.to_owned(), elastic.password.clone())),
            (key, _) => Some(ElasticLogin::ApiKey(key.to_owned())),
        },
    }
}

/// When the files of certificates were changed last: new ones in the same files are new settings.
fn stamps(tls: &TlsSettings) -> Vec<Option<SystemTime>> {
    let client = tls.client.iter().flat_map(|(certificate, key)| [certificate, key]);
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    tls.ca_file.iter().chain(client).map(modified).collect()
}

/// Certificates, in the form of the sinks.
pub(crate) fn tls_settings(tls: &Tls) -> TlsSettings {
    TlsSettings {
        insecure: tls.insecure,
        ca_file: (!tls.ca_cert.is_empty()).then(|| PathBuf::from(&tls.ca_cert)),
        ca_folder: tls.ca_path.clone(),
        client: (!tls.client_cert.is_empty()).then(|| (PathBuf::from(&tls.client_cert), tls.client_key.clone())),
    }
}
