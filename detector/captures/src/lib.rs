//! The commands of `pscap`, a tool for captures similar to sysdig and tcpdump.
//!
//! ```text
//! pscap record x.scap --for 10s evt.type in (open, openat)
//! pscap read x.scap evt.type=openat -p '%evt.time %proc.name %fd.name'
//! pscap info x.scap
//! pscap export x.scap x.parquet --fields evt.rawtime,proc.name,fd.name
//! pscap sql 'SELECT proc.name, count(*) FROM events GROUP BY proc.name' x.scap
//! pscap convert old.scap new.scap.gz
//! pscap fields | events
//! pscap eval x.scap --conditions many.jsonl
//! ```
//!
//! Each subcommand is a module; `input` opens their files. They are built on the public interfaces of the library
//! crates alone.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))] // They panic when the reader is gone.

mod captures;
mod cli;
mod compatible;
mod convert;
mod eval;
mod events;
mod export;
mod fields;
mod info;
mod input;
mod marked;
mod output;
mod plugins;
mod progress;
#[cfg(any(feature = "live", feature = "sql"))]
mod quantity;
mod read;
#[cfg(feature = "live")]
mod record;
mod reference;
#[cfg(feature = "sql")]
mod sql;
mod view;

use std::process::ExitCode;

use cli::Command;

pub use cli::Cli;

/// Reason why a command fails.
pub type Fatal = Box<dyn std::error::Error>;

/// Runs a command. Returns the exit code of a command that was recorded, or success.
///
/// # Errors
///
/// If the command fails, as text for the user. A pipe that its reader closed (`| head`) is not an error.
pub fn run(cli: Cli) -> Result<ExitCode, Fatal> {
    match command(cli.command) {
        // A pipe that its reader closed early is not an error.
        Err(fatal) if output::is_closed_pipe(fatal.as_ref()) => Ok(ExitCode::SUCCESS),
        outcome => outcome,
    }
}

fn command(command: Command) -> Result<ExitCode, Fatal> {
    match command {
        #[cfg(feature = "live")]
        Command::Record(options) => return record::run(&options),
        Command::Read(options) => read::run(&options),
        Command::Convert(options) => convert::run(&options),
        Command::Export(options) => export::run(&options),
        #[cfg(feature = "sql")]
        Command::Sql(options) => sql::run(&options),
        Command::Fields(options) => fields::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::Info(options) => info::run(&options),
        Command::Events(options) => events::run(&options),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { command } => cli::man(command.as_deref()),
    }?;
    Ok(ExitCode::SUCCESS)
}
