//! The command line: one description, from which help, completions and manual pages are made.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::Fatal;

/// Read, look into and convert captures of system activity.
#[derive(Debug, Parser)]
#[command(name = "pscap", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of a capture
    Read(Read),
    /// Write a capture anew: old events lifted to today's schema, filtered, compressed or not, or as text
    Convert(Convert),
    /// Tell what is in a capture: versions, blocks, state, counts by event, time span
    Info(Info),
    /// List the fields that filters and formats may name
    Fields(Fields),
    /// List the events that exist, with their parameters
    Events(Events),
    /// Evaluate many conditions over one pass through a capture
    Eval(Eval),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of pscap or of one of its commands
    Man {
        /// The command
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) file: PathBuf,
    /// Only events that match, in the language of rule conditions
    pub(crate) filter: Vec<String>,
    /// How an event is printed, such as '%evt.time %proc.name %fd.name'; without a `*` before it, events that lack
    /// one of the fields are left out
    #[arg(short = 'p', long, value_name = "FORMAT")]
    pub(crate) print: Option<String>,
    /// Print one JSON object a line
    #[arg(long, conflicts_with = "print")]
    pub(crate) json: bool,
    /// The fields of the JSON objects
    #[arg(long, value_delimiter = ',', requires = "json", value_name = "FIELD,…")]
    pub(crate) fields: Vec<String>,
    /// Print events and state as text that reads back exactly
    #[arg(long, conflicts_with_all = ["print", "json"])]
    pub(crate) text: bool,
    /// Stop after so many events
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// The form of buffers
    #[arg(long, value_enum, default_value_t = Buffers::Dots)]
    pub(crate) buffers: Buffers,
}

/// The form of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Buffers {
    Dots,
    Hex,
    HexAscii,
    Printable,
    Base64,
}

impl From<Buffers> for scap::render::Buffers {
    fn from(buffers: Buffers) -> Self {
        match buffers {
            Buffers::Dots => Self::Dots,
            Buffers::Hex => Self::Hex,
            Buffers::HexAscii => Self::HexAscii,
            Buffers::Printable => Self::Printable,
            Buffers::Base64 => Self::Base64,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) input: PathBuf,
    /// The file to write: `*.gz` compressed, `*.trace` as text, anything else plain
    pub(crate) output: PathBuf,
    /// Only events that match; others that change the state are kept, marked as such
    pub(crate) filter: Vec<String>,
    /// Leave out what does not match even if it changes the state
    #[arg(long)]
    pub(crate) only_matching: bool,
    /// Compress whatever the name says
    #[arg(long)]
    pub(crate) gzip: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// The form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Only their names
    #[arg(long)]
    pub(crate) names: bool,
    /// Those kept only for old rules too
    #[arg(long)]
    pub(crate) deprecated: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) file: PathBuf,
    /// One condition a line: a JSON string, or an object with a `condition`
    #[arg(long, value_name = "FILE")]
    pub(crate) conditions: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only events of these names
    pub(crate) names: Vec<String>,
    /// Old and unused events too
    #[arg(long)]
    pub(crate) all: bool,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Markdown,
    Json,
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Fatal> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pscap", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}

pub(crate) fn man(command: Option<&str>) -> Result<(), Fatal> {
    let mut root = Cli::command();
    root.build();
    let page = match command {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(found) => found.clone(),
            None => return Err(format!("there is no command `{name}`").into()),
        },
    };
    clap_mangen::Man::new(page).render(&mut std::io::stdout().lock())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_holds_together() {
        Cli::command().debug_assert();
    }
}
