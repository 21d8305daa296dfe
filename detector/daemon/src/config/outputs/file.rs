//! Output to a file.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{File, Sink};
use std::path::PathBuf;

settings! {
    /// Output to a file.
    FileOutput {
        /// Enables the output.
        enabled: bool = false,
        /// Keeps the file open between alerts.
        keep_alive: bool = false,
        /// Path of the file.
        filename: PathBuf = PathBuf::new(),
        /// Spools alerts on disk while the file cannot be written. Not in Falco.
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
