//! The command that is recorded.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::Fatal;

/// A running command.
pub(crate) struct Recorded {
    child: Child,
    status: Option<ExitStatus>,
    asked: bool,
}

impl Recorded {
    /// Starts it, with our standard input, output and error.
    pub(crate) fn start(program: &OsStr, arguments: &[OsString]) -> Result<Self, Fatal> {
        let child = Command::new(program).args(arguments).spawn();
        let child = child.map_err(|error| format!("can't run {}: {error}", program.display()))?;
        Ok(Self { child, status: None, asked: false })
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Fatal> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Terminates it with SIGTERM, once.
    pub(crate) fn request_end(&mut self) {
        if !self.asked && self.status.is_none() {
            self.asked = true;
            // It may have ended in the meantime.
            let _ =
                i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::TERM));
        }
    }

    /// Returns its exit code, as a shell would. A command that still runs when the recording ends is terminated.
    pub(crate) fn end(mut self) -> Result<ExitCode, Fatal> {
        self.request_end();
        let status = match self.status {
            Some(status) => status,
            None => self.child.wait()?,
        };
        Ok(code(status))
    }
}

/// Returns the exit code of a command, as a shell would.
pub(crate) fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
