//! The command line: one description, from which help, completions and manual pages are generated.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use peregrine_tables::{FileFormat, Table};

use crate::Fatal;
#[cfg(any(feature = "live", feature = "sql"))]
use crate::quantity;
use crate::reference::Reference;

/// Record, read, inspect and convert captures of system activity.
#[derive(Debug, Parser)]
#[command(name = "pscap", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record the activity of this host, or of a command, into a capture
    #[cfg(feature = "live")]
    Record(Record),
    /// Print the events of a capture
    Read(Read),
    /// Convert a capture: upgrade to the current schema, filter, recompress or write as text
    Convert(Convert),
    /// Write captures as tables: Parquet, Arrow, CSV, JSON
    Export(Export),
    /// Query captures, and Parquet files of their tables, in SQL
    #[cfg(feature = "sql")]
    Sql(Sql),
    /// Describe a capture: versions, blocks, state, counts by event, time span
    Info(Info),
    /// List the fields that filters and formats can use
    Fields(Fields),
    /// List the events and their parameters
    Events(Events),
    /// Evaluate many conditions in one pass over a capture
    Eval(Eval),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of pscap or of one of its commands
    Man {
        /// The command
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) file: PathBuf,
    /// Only events that match this filter, in the language of rule conditions
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) print: Print,
    /// Print events and state as text that can be read back exactly
    #[arg(long, conflicts_with_all = ["print", "json"])]
    pub(crate) text: bool,
    /// Print what the reference dumps of docs/differences.md contain, for comparison: some fields only where a process
    /// starts, ends or changes, and no containers
    #[arg(long, value_enum, value_name = "VERSION", requires = "json", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "late", hide_short_help = true)]
    pub(crate) as_reference: Option<Reference>,
    /// Load this plugin with its configuration, for its fields
    #[arg(short = 'H', long = "plugin", value_name = "PATH[:CONFIG]")]
    pub(crate) plugins: Vec<String>,
    /// Stop after this number of events
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// Output format of events.
#[derive(Debug, Args)]
pub(crate) struct Print {
    /// Template of an event, such as '%evt.time %proc.name %fd.name'; without a `*` in front, skip events that lack one
    /// of the fields
    #[arg(short = 'p', long, value_name = "FORMAT")]
    pub(crate) print: Option<String>,
    /// Print one JSON object per line
    #[arg(long, conflicts_with = "print")]
    pub(crate) json: bool,
    /// The fields of the JSON objects
    #[arg(long, value_delimiter = ',', requires = "json", value_name = "FIELD,…")]
    pub(crate) fields: Vec<String>,
    /// Format of buffers
    #[arg(long, value_enum, default_value_t = Buffers::Dots)]
    pub(crate) buffers: Buffers,
}

#[cfg(feature = "live")]
impl Print {
    /// Returns whether any of these options is set.
    pub(crate) fn is_given(&self) -> bool {
        self.print.is_some() || self.json
    }
}

/// Format of a buffer.
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

/// Recording ends after `--for`, after `-n` events, with the command, or with SIGINT or SIGTERM.
#[cfg(feature = "live")]
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The file to write: `*.gz` compressed, anything else plain; `-` for standard output
    pub(crate) output: PathBuf,
    /// Record only events that match this filter, and those that change the state, marked as such
    pub(crate) filter: Vec<String>,
    /// Run this command, and record only the activity of it and its children, until it ends
    #[arg(last = true, value_name = "COMMAND", group = "traced")]
    pub(crate) command: Vec<std::ffi::OsString>,
    /// Trace the command by ptrace and seccomp instead of the probe, which requires no privileges; the recording ends with
    /// the last of its children
    #[arg(long, requires = "traced")]
    pub(crate) userspace: bool,
    /// With --userspace, attach to this process instead of running a command
    #[arg(long, value_name = "PID", requires = "userspace", group = "traced")]
    pub(crate) pid: Option<i32>,
    /// Load this plugin with its configuration, for --input and its fields
    #[arg(short = 'H', long = "plugin", value_name = "PATH[:CONFIG]", requires = "input")]
    pub(crate) plugins: Vec<String>,
    /// Record the events of the source of this plugin, opened with its parameters, instead of the activity of this host
    #[arg(short = 'I', long, value_name = "NAME[:PARAMS]", requires = "plugins", conflicts_with_all = ["traced", "userspace"])]
    pub(crate) input: Option<String>,
    /// Stop after this time, such as `10s` or `1h30m`
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::time)]
    pub(crate) time: Option<std::time::Duration>,
    /// Stop after this number of events
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Drop events that do not match even if they change the state
    #[arg(long)]
    pub(crate) only_matching: bool,
    /// Also record events that are excluded by default because of their volume: switch, page_fault
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) also: Vec<String>,
    /// Maximum number of bytes kept of data that is read or written
    #[arg(short, long, value_name = "BYTES", default_value_t = 80)]
    pub(crate) snaplen: u32,
    /// Size of the probe's ring buffers, from 1 (1 MiB each) to 10 (512 MiB)
    #[arg(long, value_name = "PRESET", default_value_t = 4)]
    pub(crate) buffer: u32,
    /// Always compress, regardless of the file extension
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Start a new file at this size, such as `100MB`: x.scap becomes x.0.scap, x.1.scap and so on
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub(crate) rotate_size: Option<u64>,
    /// Start a new file after this time
    #[arg(long, value_name = "TIME", value_parser = quantity::time)]
    pub(crate) rotate_time: Option<std::time::Duration>,
    /// Start a new file after this number of events
    #[arg(long, value_name = "N")]
    pub(crate) rotate_events: Option<u64>,
    /// Keep only this number of files, the newest
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Print events while they are recorded
    #[arg(long)]
    pub(crate) show: bool,
    #[command(flatten)]
    pub(crate) print: Print,
    /// Do not print the summary of recorded and dropped events
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) input: PathBuf,
    /// The file to write: `*.gz` compressed, `*.trace` as text, anything else plain
    pub(crate) output: PathBuf,
    /// Keep only events that match this filter, and those that change the state, marked as such
    pub(crate) filter: Vec<String>,
    /// Drop events that do not match even if they change the state
    #[arg(long)]
    pub(crate) only_matching: bool,
    /// Always compress, regardless of the file extension
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Write only what this older program can read: other types of file descriptors and system calls become unknown
    /// ones, other events are left out
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) compatible: Option<crate::compatible::Program>,
}

#[derive(Debug, Args)]
#[command(override_usage = "pscap export [OPTIONS] CAPTURE… [FILTER] OUTPUT")]
pub(crate) struct Export {
    /// The captures: files, folders, patterns such as '*.scap', or `-` for standard input; a filter, in the language of
    /// rule conditions; the file to write, whose name says the format, or `-` for standard output
    #[arg(required = true, num_args = 2.., value_name = "CAPTURE… [FILTER] OUTPUT")]
    pub(crate) words: Vec<String>,
    /// The table
    #[arg(short, long, value_name = "TABLE", default_value = "events", value_parser = tables::table())]
    pub(crate) table: Table,
    /// The columns: fields, and columns that only the table has; `all` for every one
    #[arg(short, long, value_delimiter = ',', value_name = "FIELD,…")]
    pub(crate) fields: Vec<String>,
    /// The format, if the name of the output does not say it
    #[arg(long, value_name = "FORMAT", value_parser = tables::format())]
    pub(crate) format: Option<FileFormat>,
    /// Rules files for the table `alerts`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Write a folder of files by host and date: OUTPUT/host=NAME/date=YYYY-MM-DD/
    #[arg(long)]
    pub(crate) partition: bool,
    /// Maximum number of rows of a row group of Parquet: 1048576
    #[arg(long, value_name = "ROWS", value_parser = tables::row_group)]
    pub(crate) row_group: Option<usize>,
    /// Level of the compression of Parquet, from 1 to 22: 3
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(i32).range(1..=22))]
    pub(crate) level: Option<i32>,
}

/// The tables are events, processes, connections, files and, with --rules, alerts. Their columns are fields, written as in
/// conditions, and those that only the table has.
#[cfg(feature = "sql")]
#[derive(Debug, Args)]
#[command(override_usage = "pscap sql [OPTIONS] [QUERY] FILE…")]
pub(crate) struct Sql {
    /// The query, such as 'SELECT proc.name, count(*) FROM events GROUP BY proc.name', without which a prompt opens; captures
    /// and Parquet files: files, folders, patterns such as '*.scap', or `-` for standard input
    #[arg(required = true, num_args = 1.., value_name = "[QUERY] FILE")]
    pub(crate) words: Vec<String>,
    /// The format of the answer
    #[arg(long, value_enum, default_value_t = Answer::Table)]
    pub(crate) format: Answer,
    /// Rules files for the table `alerts`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Memory of sorting, grouping and joining, such as `4GiB`; what exceeds it is written to temporary files: 1GiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub(crate) memory: Option<u64>,
    /// The scheduler of Ballista whose executors answer, such as `df://host:50050`; Parquet files have the same paths there
    #[cfg(feature = "ballista")]
    #[arg(long, value_name = "URL", conflicts_with_all = ["memory", "rules"])]
    pub(crate) ballista: Option<String>,
}

/// Format of an answer.
#[cfg(feature = "sql")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    Table,
    Csv,
    Json,
    Arrow,
    Parquet,
}

/// The values of options about tables.
mod tables {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    use peregrine_tables::{FileFormat, Table};

    pub(super) fn table() -> impl TypedValueParser<Value = Table> {
        PossibleValuesParser::new(Table::ALL.iter().map(|table| table.name()))
            .try_map(|name| Table::named(&name).ok_or("no such table"))
    }

    pub(super) fn format() -> impl TypedValueParser<Value = FileFormat> {
        let all = || FileFormat::ALL.iter().copied();
        PossibleValuesParser::new(all().map(FileFormat::name))
            .try_map(move |name| all().find(|format| format.name() == name).ok_or("no such format"))
    }

    pub(super) fn row_group(text: &str) -> Result<usize, String> {
        match text.parse() {
            Ok(rows) if rows > 0 => Ok(rows),
            _ => Err("a number of rows is required".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Output format of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Print only names
    #[arg(long)]
    pub(crate) names: bool,
    /// Include deprecated fields
    #[arg(long)]
    pub(crate) deprecated: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The capture; `-` for standard input, `*.trace` for events written as text
    pub(crate) file: PathBuf,
    /// One condition per line: a JSON string, or an object with a `condition`
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
    /// Only events with these names
    pub(crate) names: Vec<String>,
    /// Include old and unused events
    #[arg(long)]
    pub(crate) all: bool,
    /// Output format of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Output format of a list.
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
    fn the_description_is_valid() {
        Cli::command().debug_assert();
    }
}
