//! `pscap export`: captures as tables, in Parquet, Arrow, CSV or JSON.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use peregrine_tables::{Columns, Dataset, FileFormat, Request, Scan, Table, WriteOptions, Writer};

use crate::Fatal;
use crate::captures;
use crate::cli::Export;
use crate::input::Input;
use crate::progress::{Progress, Watched};

pub(crate) fn run(options: &Export) -> Result<(), Fatal> {
    let (inputs, filter, output) = captures::split(&options.words)?;
    let request = request(options, filter)?;
    let format = format(options, output)?;
    refuse_inputs(&inputs, output)?;
    let mut write = WriteOptions::new(format);
    write.row_group = options.row_group.unwrap_or(write.row_group);
    write.level = options.level.unwrap_or(write.level);
    let mut sink = Sink::open(options, output, &request, write)?;
    let mut progress = Progress::of_files(&inputs, output);
    let mut incomplete = 0;
    for path in &inputs {
        // A capture that cannot be opened at all is an error before anything else is read.
        let input = Watched::new(Input::open(path).map_err(|error| named(path, &error))?, &mut progress);
        let mut scan = Scan::new(input, &path.to_string_lossy(), &request)?;
        sink.capture(path)?;
        let outcome = copy(&mut scan, &mut sink);
        if scan.invalid() > 0 {
            report(&format!("{}: {} values did not fit their column and are null", path.display(), scan.invalid()));
        }
        if scan.split() > 0 {
            let text = "rows were written early, to bound the memory: what followed is in other rows";
            report(&format!("{}: {} {text}", path.display(), scan.split()));
        }
        match outcome {
            Ok(()) => {}
            // What was read before the damage is written; only that can go on.
            Err(error @ peregrine_tables::Error::Capture(_)) => {
                incomplete += 1;
                report(&format!("{}; the {} events before that are exported", named(path, &error), scan.seen()));
            }
            Err(error) => return Err(plain(error)),
        }
    }
    drop(progress);
    sink.finish()?;
    match incomplete {
        0 => Ok(()),
        1 => Err("1 capture is incomplete".into()),
        count => Err(format!("{count} captures are incomplete").into()),
    }
}

/// Returns the columns, the filter and the rules.
fn request(options: &Export, filter: String) -> Result<Request, Fatal> {
    let table = options.table;
    let columns = match options.fields.as_slice() {
        [] => Columns::default_of(table)?,
        [all] if all == "all" => Columns::new(table, table.all_columns())?.with_parts(),
        names => Columns::new(table, names)?.with_parts(),
    };
    let columns = if options.partition { columns.partitioned()? } else { columns };
    let request = Request::new(columns).filter(filter);
    if table != Table::Alerts {
        return match options.rules.as_slice() {
            [] => Ok(request),
            _ => Err("only the table `alerts` has rules: --table alerts".into()),
        };
    }
    Ok(request.rules(rules(&options.rules)?))
}

/// Loads rules files.
pub(crate) fn rules(paths: &[PathBuf]) -> Result<peregrine::Rules, Fatal> {
    if paths.is_empty() {
        return Err("the table `alerts` requires rules: --rules FILE".into());
    }
    let mut builder = peregrine::Rules::builder();
    for path in paths {
        builder = builder.file(path)?;
    }
    Ok(builder.build()?)
}

fn format(options: &Export, output: &Path) -> Result<FileFormat, Fatal> {
    if let Some(format) = options.format {
        return Ok(format);
    }
    if options.partition {
        return Ok(FileFormat::Parquet);
    }
    FileFormat::of_path(output).ok_or_else(|| {
        let names: Vec<&str> = FileFormat::ALL.iter().map(|format| format.name()).collect();
        let output = output.display();
        format!("{output}: the name does not say the format; name it with --format: {}", names.join(", ")).into()
    })
}

/// Refuses to replace a capture that is read.
fn refuse_inputs(inputs: &[PathBuf], output: &Path) -> Result<(), Fatal> {
    let Ok(output) = output.canonicalize() else { return Ok(()) };
    match inputs.iter().find(|input| input.canonicalize().is_ok_and(|input| input == output)) {
        Some(input) => Err(format!("{} would be replaced by its own table", input.display()).into()),
        None => Ok(()),
    }
}

fn copy(scan: &mut Scan<Watched<'_>>, sink: &mut Sink) -> Result<(), peregrine_tables::Error> {
    while let Some(batch) = scan.next()? {
        match sink {
            Sink::One(writer) => writer.write(&batch)?,
            Sink::Many(dataset) => dataset.write(scan.hostname(), &batch)?,
        }
    }
    Ok(())
}

/// The destination of the rows.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Sink {
    One(Writer),
    Many(Dataset),
}

impl Sink {
    fn open(options: &Export, output: &Path, request: &Request, write: WriteOptions) -> Result<Self, Fatal> {
        let schema = request.columns().schema();
        Ok(if options.partition {
            Self::Many(Dataset::new(output, schema, options.table.time_column(), write).map_err(plain)?)
        } else {
            Self::One(Writer::create(output, schema, &write).map_err(plain)?)
        })
    }

    fn capture(&mut self, path: &Path) -> Result<(), Fatal> {
        match self {
            Self::One(_) => Ok(()),
            Self::Many(dataset) => dataset.capture(path).map_err(plain),
        }
    }

    fn finish(self) -> Result<(), Fatal> {
        match self {
            Self::One(writer) => writer.finish(),
            Self::Many(dataset) => dataset.finish(),
        }
        .map_err(plain)
    }
}

pub(crate) fn named(path: &Path, error: &dyn std::error::Error) -> String {
    let (path, error) = (path.display().to_string(), error.to_string());
    // Errors of opening name the file already.
    if error.contains(&path) { error } else { format!("{path}: {error}") }
}

/// Returns the error of the system if that is the cause, so that a closed pipe is seen as one.
pub(crate) fn plain(error: peregrine_tables::Error) -> Fatal {
    match error.into_closed_pipe() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

fn report(text: &str) {
    // Standard error may be closed; the tables are complete.
    let _ = writeln!(std::io::stderr(), "pscap: {text}");
}
