//! Writes batches to a file or a pipe, as Parquet, Arrow, CSV or JSON.
//!
//! A file has its name only when it is complete: until then it is a temporary file in the same folder.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_json::writer::LineDelimited;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tempfile::NamedTempFile;

use crate::flat::Flat;
use crate::scan::Error;

/// The bytes of a row group in memory after which it is written early.
const GROUP_BYTES: usize = 128 << 20;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// Parquet, compressed with zstd.
    Parquet,
    /// Arrow IPC: the file format, or to a pipe the stream format.
    Arrow,
    /// CSV with a header; lists are JSON, bytes hexadecimal.
    Csv,
    /// One JSON object per line; bytes are hexadecimal.
    Json,
}

impl FileFormat {
    /// All formats.
    pub const ALL: &'static [Self] = &[Self::Parquet, Self::Arrow, Self::Csv, Self::Json];

    /// Returns its name, which is also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// Returns the format that the extension of a path says.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The options of a writer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The format.
    pub format: FileFormat,
    /// The rows of a row group of Parquet: 1,048,576. A group of more than 128 MiB ends early.
    pub row_group: usize,
    /// The level of zstd, from 1 to 22: 3.
    pub level: i32,
    /// Names and values that are added to the metadata of a Parquet or Arrow file.
    pub metadata: Vec<(String, String)>,
}

impl WriteOptions {
    /// Creates the default options of a format.
    pub fn new(format: FileFormat) -> Self {
        Self { format, row_group: 1 << 20, level: 3, metadata: Vec::new() }
    }
}

/// The destination of the bytes.
#[derive(Debug)]
enum Out {
    /// A file that gets its name at the end.
    Temporary(BufWriter<NamedTempFile>, PathBuf),
    /// A device or a named pipe.
    Direct(BufWriter<File>),
    Stdout(BufWriter<std::io::Stdout>, Closed),
}

/// Whether the reader of a pipe is gone: of that, some writers of formats return the text alone.
type Closed = Arc<AtomicBool>;

/// Notes the end of a pipe.
fn noted<T>(outcome: std::io::Result<T>, closed: &Closed) -> std::io::Result<T> {
    if outcome.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        closed.store(true, Ordering::Relaxed);
    }
    outcome
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Temporary(out, _) => out.write(bytes),
            Self::Direct(out) => out.write(bytes),
            Self::Stdout(out, closed) => noted(out.write(bytes), closed),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Temporary(out, _) => out.flush(),
            Self::Direct(out) => out.flush(),
            Self::Stdout(out, closed) => noted(out.flush(), closed),
        }
    }
}

impl Out {
    const BUFFER: usize = 1 << 17;

    fn open(path: &Path, closed: &Closed) -> Result<Self, Error> {
        let failed = |error| Error::io(format!("can't create {}", path.display()), error);
        if path == Path::new("-") {
            let out = BufWriter::with_capacity(Self::BUFFER, std::io::stdout());
            return Ok(Self::Stdout(out, Arc::clone(closed)));
        }
        if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            let file = File::options().write(true).open(path).map_err(failed)?;
            return Ok(Self::Direct(BufWriter::with_capacity(Self::BUFFER, file)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Like a capture, it holds what programs of all users wrote: only its owner may read it.
        let file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder).map_err(failed)?;
        Ok(Self::Temporary(BufWriter::with_capacity(Self::BUFFER, file), path.to_owned()))
    }

    fn finish(mut self) -> Result<(), Error> {
        self.flush().map_err(|error| Error::io("can't write", error))?;
        let Self::Temporary(out, path) = self else { return Ok(()) };
        let failed = |error| Error::io(format!("can't write {}", path.display()), error);
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// A file of one format. Behind a pointer, so that a program that writes only one has not the code of all.
trait Form: Send {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error>;

    /// Returns about how many bytes were written, or are ready to be; 0 if that is not known.
    fn bytes(&self) -> u64 {
        0
    }

    /// Writes the end of the file, whose number of rows is given.
    fn finish(self: Box<Self>, rows: u64) -> Result<Out, Error>;
}

impl Form for ArrowWriter<Out> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.write(batch)?;
        if self.in_progress_size() >= GROUP_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        (self.bytes_written() + self.in_progress_size()) as u64
    }

    fn finish(self: Box<Self>, _: u64) -> Result<Out, Error> {
        Ok(self.into_inner()?)
    }
}

/// Arrow as a file.
struct ArrowFile(arrow_ipc::writer::FileWriter<Out>, SchemaRef);

impl Form for ArrowFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.0.write(&Flat::NoDictionaries.batch(batch, &self.1)?)?)
    }

    fn finish(mut self: Box<Self>, _: u64) -> Result<Out, Error> {
        self.0.finish()?;
        Ok(self.0.into_inner()?)
    }
}

impl Form for arrow_ipc::writer::StreamWriter<Out> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.write(batch)?)
    }

    fn finish(mut self: Box<Self>, _: u64) -> Result<Out, Error> {
        Self::finish(&mut self)?;
        Ok(self.into_inner()?)
    }
}

struct Csv(arrow_csv::Writer<Out>, SchemaRef);

impl Form for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.0.write(&Flat::Cells.batch(batch, &self.1)?)?)
    }

    fn finish(mut self: Box<Self>, rows: u64) -> Result<Out, Error> {
        // A file without rows has a header too.
        if rows == 0 {
            self.0.write(&RecordBatch::new_empty(self.1))?;
        }
        Ok(self.0.into_inner())
    }
}

impl Form for arrow_json::Writer<Out, LineDelimited> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Ok(self.write(batch)?)
    }

    fn finish(mut self: Box<Self>, _: u64) -> Result<Out, Error> {
        Self::finish(&mut self)?;
        Ok(self.into_inner())
    }
}

/// Writes batches of one schema.
pub struct Writer {
    form: Box<dyn Form>,
    rows: u64,
    closed: Closed,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates a file; `-` is standard output, where Arrow is its stream format.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: &Path, schema: &SchemaRef, options: &WriteOptions) -> Result<Self, Error> {
        let described = described(schema, options);
        let closed = Closed::default();
        let open = || Out::open(path, &closed);
        let form: Box<dyn Form> = match options.format {
            FileFormat::Parquet => return Self::parquet(path, schema, options),
            FileFormat::Csv => {
                let flat = Flat::Cells.schema(&described);
                Box::new(Csv(arrow_csv::WriterBuilder::new().with_header(true).build(open()?), flat))
            }
            FileFormat::Json => Box::new(arrow_json::Writer::<_, LineDelimited>::new(open()?)),
            FileFormat::Arrow => match open()? {
                out @ Out::Temporary(..) => {
                    let flat = Flat::NoDictionaries.schema(&described);
                    Box::new(ArrowFile(arrow_ipc::writer::FileWriter::try_new(out, &flat)?, flat))
                }
                out => Box::new(arrow_ipc::writer::StreamWriter::try_new(out, &described)?),
            },
        };
        Ok(Self { form, rows: 0, closed })
    }

    /// Creates a file of Parquet, whatever the format of the options.
    pub(crate) fn parquet(path: &Path, schema: &SchemaRef, options: &WriteOptions) -> Result<Self, Error> {
        let schema = described(schema, options);
        let properties = properties(&schema, options)?;
        let closed = Closed::default();
        let form = Box::new(ArrowWriter::try_new(Out::open(path, &closed)?, schema, Some(properties))?);
        Ok(Self { form, rows: 0, closed })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let outcome = self.append(batch);
        outcome.map_err(|error| cause(error, &self.closed))
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        self.form.write(batch)
    }

    /// Returns the number of rows that were written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns about how many bytes were written, or are ready to be.
    pub fn bytes(&self) -> u64 {
        self.form.bytes()
    }

    /// Completes the file, and gives it its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<(), Error> {
        let Self { form, rows, closed } = self;
        let outcome = form.finish(rows).and_then(Out::finish);
        outcome.map_err(|error| cause(error, &closed))
    }
}

/// Returns the schema with the metadata of the options.
fn described(schema: &SchemaRef, options: &WriteOptions) -> SchemaRef {
    if options.metadata.is_empty() {
        return SchemaRef::clone(schema);
    }
    let mut about = schema.metadata().clone();
    about.extend(options.metadata.iter().cloned());
    SchemaRef::new(schema.as_ref().clone().with_metadata(about))
}

/// Returns an error as that of the pipe, if that is closed.
fn cause(error: Error, closed: &Closed) -> Error {
    if closed.load(Ordering::Relaxed) {
        return Error::io("can't write", std::io::ErrorKind::BrokenPipe.into());
    }
    error
}

/// Returns the properties of a Parquet file.
fn properties(schema: &SchemaRef, options: &WriteOptions) -> Result<WriterProperties, Error> {
    let about = schema.metadata().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let mut about: Vec<KeyValue> = about.collect();
    about.sort_by(|a, b| a.key.cmp(&b.key));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.level)?))
        .set_max_row_group_row_count(Some(options.row_group.max(1)))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("peregrine version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about));
    for field in schema.fields() {
        // Numbers that grow from row to row are small as differences.
        if matches!(field.name().as_str(), "evt.num" | "evt.rawtime" | "first" | "last" | "time") {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(properties.build())
}
