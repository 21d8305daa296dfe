//! Output to Parquet files, in builds with the feature `parquet`.
//!
//! An alert counts as delivered when it is in a file that is not complete yet; what a failure loses of such a file is
//! reported and counted as missed.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::Sink;
#[cfg(feature = "parquet")]
use peregrine_sinks::{Failure, Message, Reports};
#[cfg(feature = "parquet")]
use peregrine_tables::{AlertFiles, Rotation};
use std::path::PathBuf;
#[cfg(feature = "parquet")]
use std::time::Duration;

settings! {
    /// Output to Parquet files.
    ParquetOutput {
        /// Enables the output.
        enabled: bool = false,
        /// Directory of the dataset: files are in host=NAME/date=YYYY-MM-DD.
        directory: PathBuf = PathBuf::new(),
        /// Size in megabytes at which a file is completed.
        max_file_size_mb: u32 = 64,
        /// Age in seconds at which a file is completed.
        max_file_age: u32 = 300,
    }
}

impl OutputKind for ParquetOutput {
    const KEY: &'static str = "parquet_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.directory
            .as_os_str()
            .is_empty()
            .then_some(("directory", "the Parquet output is enabled but has no directory"))
    }

    #[cfg(feature = "parquet")]
    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        let rotation = Rotation {
            bytes: u64::from(self.max_file_size_mb) << 20,
            age: Duration::from_secs(self.max_file_age.max(1).into()),
        };
        let files = AlertFiles::new(&self.directory, build.hostname(), rotation);
        Ok(Box::new(Parquet(files.map_err(|error| format!(": {error}"))?)))
    }

    #[cfg(not(feature = "parquet"))]
    fn build(&self, _: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        Err(": this build does not support Parquet (feature 'parquet')".into())
    }
}

#[cfg(feature = "parquet")]
struct Parquet(AlertFiles);

#[cfg(feature = "parquet")]
impl Sink for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn start(&mut self, reports: &Reports) -> Result<(), Failure> {
        let reports = reports.clone();
        self.0.on_loss(Box::new(move |alerts, error| {
            reports.count_missed(alerts);
            reports.tell(3, format!("{alerts} alerts of an incomplete file are lost: {error}"));
        }));
        Ok(())
    }

    fn batch(&self) -> usize {
        1_024
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        self.0.push(alerts.iter().map(|alert| &*alert.text)).map_err(Failure::retryable)
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.0.complete();
        Ok(())
    }

    fn retries(&self) -> Option<u32> {
        None
    }
}
