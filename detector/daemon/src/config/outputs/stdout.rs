//! Output to standard output.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{Sink, Stdout};

settings! {
    /// Output to standard output.
    Output {
        /// Enables the output.
        enabled: bool = false,
    }
}

impl OutputKind for Output {
    const KEY: &'static str = "stdout_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        build.depends_on(&build.buffered());
        Ok(Box::new(Stdout::new(build.buffered())))
    }
}
