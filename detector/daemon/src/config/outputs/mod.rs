//! The kinds of outputs, one file and one row of the table below each.
//!
//! A file holds the settings of its kind and an implementation of [`OutputKind`]: the checks of the settings and the
//! construction of the sink. Parsing, the schema, checks (also for `--dry-run`) and starting the outputs use the table
//! alone.

pub(crate) mod elasticsearch;
pub(crate) mod file;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod parquet;
pub(crate) mod program;
pub(crate) mod stdout;
pub(crate) mod syslog;

use super::document::{Key, Node};
use super::setting::{Report, Setting, below};
use super::settings::{Config, Tls};
use peregrine_sinks::{Sink, SpoolConfig, TlsConfig, Wanted};
use serde_json::{Map, Value as Json};
use std::fmt::{Debug, Write};
use std::path::PathBuf;

/// A kind of output: its settings below one key of the configuration, and the sink built from them.
pub(crate) trait OutputKind: Setting + Debug {
    /// The key in the configuration.
    const KEY: &'static str;

    /// Returns whether the output is enabled.
    fn is_enabled(&self) -> bool;

    /// Returns whether alerts are spooled on disk.
    fn is_spooled(&self) -> bool {
        false
    }

    /// Returns the invalid setting of an enabled output, with the reason.
    fn check(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Builds the sink. The error continues a sentence that begins with the key.
    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String>;
}

/// The inputs of a sink in addition to its own settings. Each use must be noted, so that a reload detects whether an
/// output stays the same.
pub(crate) struct Build<'c> {
    config: &'c Config,
    hostname: &'c str,
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "only servers have threads"))]
    on_thread_start: fn(),
    fingerprint: String,
}

impl Build<'_> {
    /// Returns whether alerts are JSON.
    pub(crate) fn json(&self) -> bool {
        self.config.json_output
    }

    /// Returns whether output may be buffered in memory.
    pub(crate) fn buffered(&self) -> bool {
        self.config.buffered_outputs
    }

    /// Returns the name of the host.
    pub(crate) fn hostname(&self) -> &str {
        self.hostname
    }

    /// Returns what the threads of a server do first.
    #[cfg(feature = "grpc")]
    pub(crate) fn on_thread_start(&self) -> fn() {
        self.on_thread_start
    }

    /// Notes a value that the sink depends on.
    pub(crate) fn depends_on(&mut self, value: &dyn Debug) {
        // Writing to a String cannot fail.
        let _ = write!(self.fingerprint, " {value:?}");
    }

    /// Notes the modification times of the certificate files: new certificates in the same files are new settings.
    pub(crate) fn depends_on_files(&mut self, tls: &TlsConfig) {
        let client = tls.client.iter().flat_map(|(certificate, key)| [certificate, key]);
        for path in tls.ca_file.iter().chain(client) {
            let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
            self.depends_on(&modified);
        }
    }
}

impl Tls {
    /// Converts the TLS settings to those of the sinks.
    pub(crate) fn for_sinks(&self) -> TlsConfig {
        TlsConfig {
            insecure: self.insecure,
            ca_file: (!self.ca_cert.is_empty()).then(|| PathBuf::from(&self.ca_cert)),
            ca_folder: self.ca_path.clone(),
            client: (!self.client_cert.is_empty()).then(|| (PathBuf::from(&self.client_cert), self.client_key.clone())),
        }
    }
}

fn wanted<K: OutputKind>(kind: &K, config: &Config, hostname: &str, on_thread_start: fn()) -> Result<Wanted, String> {
    let mut build = Build { config, hostname, on_thread_start, fingerprint: format!("{kind:?}") };
    let sink = kind.build(&mut build).map_err(|error| format!("{}{error}", K::KEY))?;
    let spool = &config.outputs_spool;
    let spool = SpoolConfig::new(&spool.path, u64::from(spool.max_size_mb) << 20);
    Ok(Wanted::new(sink, build.fingerprint).spool(kind.is_spooled().then_some(spool)))
}

fn missing<K: OutputKind>(kind: &K) -> Option<(String, &'static str)> {
    let (key, why) = kind.check().filter(|_| kind.is_enabled())?;
    Some((below(K::KEY, key), why))
}

/// Turns rows of a field, its settings type and its doc into the settings of all outputs.
macro_rules! outputs {
    ($( $(#[doc = $doc:literal])* $field:ident: $kind:ty ),* $(,)?) => {
        /// The settings of all outputs.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(crate) struct OutputSettings { $( $(#[doc = $doc])* pub(crate) $field: $kind ),* }

        impl OutputSettings {
            /// The keys, in table order.
            pub(crate) const KEYS: &[&str] = &[$( <$kind as OutputKind>::KEY ),*];

            /// Adds the schema of each output.
            pub(super) fn schema(properties: &mut Map<String, Json>, definitions: &mut Map<String, Json>) {
                $( properties.insert(<$kind as OutputKind>::KEY.to_owned(), <$kind as Setting>::schema(definitions)); )*
            }

            /// Parses a key of the configuration. Returns whether it is the key of an output.
            pub(super) fn read(&mut self, key: &Key, node: &Node, path: &str, report: &mut Report) -> bool {
                $(
                    if key.name == <$kind as OutputKind>::KEY {
                        if let Some(value) = <$kind as Setting>::read(node, path, report) {
                            self.$field = value;
                        }
                        return true;
                    }
                )*
                false
            }

            /// Returns the path of each invalid setting of an enabled output, with the reason.
            pub(super) fn check(&self) -> Vec<(String, &'static str)> {
                [$( missing(&self.$field) ),*].into_iter().flatten().collect()
            }

            /// Builds the sinks of the enabled outputs. Threads of servers begin with `on_thread_start`.
            ///
            /// # Errors
            /// If a sink cannot be set up.
            pub(crate) fn build(
                &self,
                config: &Config,
                hostname: &str,
                on_thread_start: fn(),
            ) -> Result<Vec<Wanted>, String> {
                let mut all = Vec::new();
                $(
                    if self.$field.is_enabled() {
                        all.push(wanted(&self.$field, config, hostname, on_thread_start)?);
                    }
                )*
                Ok(all)
            }
        }
    };
}

outputs! {
    /// Output to standard output.
    stdout: stdout::Output,
    /// Output to syslog.
    syslog: syslog::SyslogOutput,
    /// Output to a file.
    file: file::FileOutput,
    /// Output to an HTTP endpoint.
    http: http::HTTPOutput,
    /// Output to a program.
    program: program::ProgramOutput,
    /// Output to Elasticsearch or OpenSearch.
    elasticsearch: elasticsearch::ElasticsearchOutput,
    /// Output to Kafka.
    kafka: kafka::KafkaOutput,
    /// Output to Parquet files.
    parquet: parquet::ParquetOutput,
    /// Server of Falco's gRPC protocol.
    grpc: grpc::GrpcServer,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new output is one file with its settings and one row, as CONTRIBUTING promises.
    #[test]
    fn an_output_is_a_file_and_a_row() {
        let places = crate::places::of(&["ElasticsearchOutput", "elasticsearch_output"]);
        assert_eq!(places, ["config/outputs/elasticsearch.rs", "config/outputs/mod.rs"]);
    }

    /// A kind that is not in the table works with the same functions.
    #[test]
    fn another_kind_needs_nothing_else() {
        #[derive(Debug)]
        struct Silent;
        impl Sink for Silent {
            fn name(&self) -> &'static str {
                "silent"
            }
            fn deliver(&mut self, _: &[peregrine_sinks::Message]) -> Result<(), peregrine_sinks::Failure> {
                Ok(())
            }
        }
        crate::config::setting::settings! {
            /// A test output that drops alerts.
            SilentOutput {
                /// Enables the output.
                enabled: bool = false,
                /// An unused setting.
                nobody: String = String::new(),
            }
        }
        impl OutputKind for SilentOutput {
            const KEY: &'static str = "silent_output";
            fn is_enabled(&self) -> bool {
                self.enabled
            }
            fn check(&self) -> Option<(&'static str, &'static str)> {
                self.nobody.is_empty().then_some(("nobody", "has no name"))
            }
            fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
                build.depends_on(&build.hostname().to_owned());
                Ok(Box::new(Silent))
            }
        }
        let mut silent = SilentOutput { enabled: true, ..SilentOutput::default() };
        assert_eq!(missing(&silent), Some(("silent_output.nobody".to_owned(), "has no name")));
        silent.nobody = "x".into();
        assert_eq!(missing(&silent), None);
        let made = wanted(&silent, &Config::default(), "host", || {}).unwrap();
        assert!(made.sink.name() == "silent" && made.spool.is_none());
        assert!(made.settings.contains("nobody") && made.settings.contains("host"), "{}", made.settings);
    }
}
