//! Output to the standard input of a program.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::{Program, Sink};

settings! {
    /// Output to the standard input of a program.
    ProgramOutput {
        /// Enables the output.
        enabled: bool = false,
        /// Keeps the program running between alerts.
        keep_alive: bool = false,
        /// Shell command line of the program.
        program: String = String::new(),
        /// Spools alerts on disk while the program fails. Not in Falco.
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
