//! Alerts to the standard input of a program.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{Program, Sink};

settings! {
    /// Alerts to the standard input of a program.
    ProgramOutput {
        /// Whether it is on.
        enabled: bool = false,
        /// Let the program run on between alerts.
        keep_alive: bool = false,
        /// A command line for the shell.
        program: String = String::new(),
        /// Whether alerts go by way of the spool. Not in Falco.
        spool: bool = false,
    }
}

impl OutputKind for ProgramOutput {
    const KEY: &'static str = "program_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.program.is_empty().then_some(("program", "the program output is enabled but has no program"))
    }

    fn build(&self, _: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        Ok(Box::new(Program::new(&self.program, self.keep_alive)))
    }
}
