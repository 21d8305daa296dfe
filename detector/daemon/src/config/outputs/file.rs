//! Alerts to a file.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{File, Sink};
use std::path::PathBuf;

settings! {
    /// Alerts to a file.
    FileOutput {
        /// Whether it is on.
        enabled: bool = false,
        /// Keep the file open between alerts.
        keep_alive: bool = false,
        /// The file.
        filename: PathBuf = PathBuf::new(),
        /// Whether alerts go by way of the spool. Not in Falco.
        spool: bool = false,
    }
}

impl OutputKind for FileOutput {
    const KEY: &'static str = "file_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.filename.as_os_str().is_empty().then_some(("filename", "the file output is enabled but has no file name"))
    }

    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        build.depends_on(&build.buffered());
        Ok(Box::new(File::new(&self.filename, self.keep_alive, build.buffered())))
    }
}
