//! `pscap`, a tool for captures similar to sysdig and tcpdump: the front end of `peregrine_captures`.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the reader is gone.

use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match peregrine_captures::run(peregrine_captures::Cli::parse()) {
        Ok(code) => code,
        Err(fatal) => {
            // Nobody may be there to read it; the exit code says it too.
            let _ = writeln!(std::io::stderr(), "pscap: {fatal}");
            ExitCode::FAILURE
        }
    }
}
