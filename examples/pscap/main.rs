//! `pscap`, the tool for captures, in the manner of sysdig and tcpdump.
//!
//! ```text
//! pscap record x.scap --for 10s evt.type in (open, openat)
//! pscap read x.scap evt.type=openat -p '%evt.time %proc.name %fd.name'
//! pscap info x.scap
//! pscap convert old.scap new.scap.gz
//! pscap fields | events
//! pscap eval x.scap --conditions many.jsonl
//! ```
//!
//! Each subcommand is a module; [`input`] opens whatever they read. It is built on the public interfaces of the
//! library crates alone.
#![forbid(unsafe_code)]

mod cli;
mod convert;
mod eval;
mod events;
mod fields;
mod info;
mod input;
mod marked;
mod output;
mod progress;
mod read;
#[cfg(feature = "live")]
mod record;
mod reference;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        // Whoever closes the pipe early (`| head`) has seen enough; that is no error.
        Err(fatal) if output::is_closed_pipe(fatal.as_ref()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("pscap: {fatal}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with a failure.
type Fatal = Box<dyn std::error::Error>;

fn run(command: Command) -> Result<ExitCode, Fatal> {
    match command {
        #[cfg(feature = "live")]
        Command::Record(options) => return record::run(&options),
        Command::Read(options) => read::run(&options),
        Command::Convert(options) => convert::run(&options),
        Command::Fields(options) => fields::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::Info(options) => info::run(&options),
        Command::Events(options) => events::run(&options),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { command } => cli::man(command.as_deref()),
    }?;
    Ok(ExitCode::SUCCESS)
}
