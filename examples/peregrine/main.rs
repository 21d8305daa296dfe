//! `peregrine`, the detector: stands where `falco` stands, with its command line, configuration and rules.
//!
//! ```text
//! cli ── config ── rules ── sources ── run: inspector ── engine ── outputs
//!  └ lists, versions, schemas: print and leave            └ drops, metrics, capture
//! ```
//!
//! It is built on the public interfaces of the library crates alone: whatever it does, another program can do.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod drops;
mod list;
mod log;
mod metrics;
mod removed;
mod selection;
mod terminal;
mod watch;
mod web;

use cli::{Options, Parsed};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Parsed::Options(options) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fatal) => {
                eprintln!("Error: {fatal}");
                ExitCode::FAILURE
            }
        },
        Parsed::Help(text) => {
            terminal::print(&text);
            ExitCode::SUCCESS
        }
        Parsed::Error(text) => {
            eprintln!("Error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with a failure: one text for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fatal(pub(crate) String);

impl Fatal {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }
}

fn run(options: &Options) -> Result<(), Fatal> {
    if options.markdown {
        eprintln!("Warning: --markdown is deprecated; write --format markdown");
    }
    if options.config_schema {
        terminal::print(&format!("{:#}\n", config::schema()));
    } else if options.ignored_events {
        terminal::print(&list::syscalls::ignored_text());
    } else if options.list_events {
        terminal::print(&list::events::text(options.list_format()));
    } else {
        let loaded = config::load(options.config.as_deref(), &options.options).map_err(Fatal::new)?;
        start(options, loaded)?;
    }
    Ok(())
}

fn start(options: &Options, mut loaded: config::Loaded) -> Result<(), Fatal> {
    if options.unbuffered {
        loaded.config.buffered_outputs = false;
    }
    log::set_up(&loaded.config);
    loaded.report();
    if options.page_size {
        terminal::print(&format!("Your system page size is: {} bytes\n", rustix::param::page_size()));
        return Ok(());
    }
    Ok(())
}
