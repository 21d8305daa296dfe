//! Alerts to Elasticsearch and OpenSearch.

use super::{Build, OutputKind};
use crate::config::setting::{choices, settings};
use crate::config::settings::Tls;
use peregrine_sinks::{Elastic, ElasticConfig, ElasticLogin, HttpConfig, Sink, Suffix};
use std::time::Duration;

choices! {
    /// How often the name of an index changes.
    IndexSuffix {
        /// Each day.
        Daily = "daily",
        /// Each month.
        Monthly = "monthly",
        /// Each year.
        Annually = "annually",
        /// Never.
        None = "none",
    }
}

settings! {
    /// Alerts to Elasticsearch or OpenSearch.
    ElasticsearchOutput {
        /// Whether it is on.
        enabled: bool = false,
        /// The server, without a path to an index.
        url: String = String::new(),
        /// The index or data stream.
        index: String = "falco".to_owned(),
        /// What is added to its name, by the time of the alert.
        suffix: IndexSuffix = IndexSuffix::Daily,
        /// An ingest pipeline.
        pipeline: String = String::new(),
        /// A name to log in with.
        username: String = String::new(),
        /// Its password.
        password: String = String::new(),
        /// An API key to log in with.
        api_key: String = String::new(),
        /// How many alerts go with one request, at most.
        batch: u32 = 500,
        /// Send alerts gzipped.
        compress_uploads: bool = false,
        /// Milliseconds that one request may take.
        timeout: u32 = 10_000,
        /// How often a request is sent again.
        max_retries: u32 = 5,
        /// Certificates.
        tls: Tls = Tls::default(),
        /// Whether alerts go by way of the spool.
        spool: bool = false,
    }
}

impl ElasticsearchOutput {
    fn sink_settings(&self) -> ElasticConfig {
        ElasticConfig {
            http: HttpConfig {
                tls: self.tls.for_sinks(),
                compress: self.compress_uploads,
                keep_alive: true,
                batch: self.batch.max(1) as usize,
                timeout: Duration::from_millis(self.timeout.max(1).into()),
                retries: self.max_retries,
                ..HttpConfig::new(&self.url)
            },
            index: self.index.clone(),
            suffix: match self.suffix {
                IndexSuffix::Daily => Suffix::Daily,
                IndexSuffix::Monthly => Suffix::Monthly,
                IndexSuffix::Annually => Suffix::Annually,
                IndexSuffix::None => Suffix::None,
            },
            pipeline: self.pipeline.clone(),
            login: match (self.api_key.as_str(), self.username.as_str()) {
                ("", "") => None,
                ("", name) => Some(ElasticLogin::Basic(name.to_owned(), self.password.clone())),
                (key, _) => Some(ElasticLogin::ApiKey(key.to_owned())),
            },
        }
    }
}

impl OutputKind for ElasticsearchOutput {
    const KEY: &'static str = "elasticsearch_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.url.is_empty().then_some(("url", "the Elasticsearch output is enabled but has no URL"))
    }

    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        build.depends_on_files(&self.tls.for_sinks());
        Ok(Box::new(Elastic::new(self.sink_settings()).map_err(|error| format!(": {error}"))?))
    }
}
