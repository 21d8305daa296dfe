//! `pscap`, a tool for captures similar to sysdig and tcpdump: the front end of `peregrine_captures`.
#![forbid(unsafe_code)]

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match peregrine_captures::run(peregrine_captures::Cli::parse()) {
        Ok(code) => code,
        Err(fatal) => {
            eprintln!("pscap: {fatal}");
            ExitCode::FAILURE
        }
    }
}
