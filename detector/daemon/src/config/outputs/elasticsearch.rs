//! Output to Elasticsearch and OpenSearch.

use super::{Build, OutputKind};
use crate::config::setting::{choices, settings};
use crate::config::settings::Tls;
use peregrine_sinks::{Elastic, ElasticConfig, ElasticLogin, HttpConfig, Sink, Suffix};
use std::time::Duration;

choices! {
    /// Period after which the name of the index changes.
    IndexSuffix {
        /// Daily.
        Daily = "daily",
        /// Monthly.
        Monthly = "monthly",
        /// Annually.
        Annually = "annually",
        /// Never.
        None = "none",
    }
}

settings! {
    /// Output to Elasticsearch or OpenSearch.
    ElasticsearchOutput {
        /// Enables the output.
        enabled: bool = false,
        /// URL of the server, without the path of an index.
        url: String = String::new(),
        /// Name of the index or data stream.
        index: String = "falco".to_owned(),
        /// Date suffix of the index name, from the time of the alert.
        suffix: IndexSuffix = IndexSuffix::Daily,
        /// Ingest pipeline.
        pipeline: String = String::new(),
        /// User name for basic authentication.
        username: String = String::new(),
        /// Password for basic authentication.
        password: String = String::new(),
        /// API key, used instead of a user name and password.
        api_key: String = String::new(),
        /// Maximum number of alerts in one request.
        batch: u32 = 500,
        /// Compresses requests with gzip.
        compress_uploads: bool = false,
        /// Timeout of one request in milliseconds.
        timeout: u32 = 10_000,
        /// Maximum number of retries of a request.
        max_retries: u32 = 5,
        /// TLS certificates.
        tls: Tls = Tls::default(),
        /// Spools alerts on disk while the server is unreachable.
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
