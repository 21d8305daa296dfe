//! A dataset: a folder of files by host and date, as engines read them: `host=web1/date=2026-11-30/x-1a2b3c4d.parquet`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::SchemaRef;

use crate::scan::Error;
use crate::write::{FileFormat, WriteOptions, Writer};

/// The files that are open at a time.
const OPEN: usize = 16;
const DAY: i64 = 86_400_000_000_000;
/// The date of rows without a time: what engines read as null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// The host of captures that do not have its name. PyArrow cannot read a dataset in which all hosts are null.
const UNKNOWN: &str = "unknown";

/// Creates a file.
type Create = fn(&Path, &SchemaRef, &WriteOptions) -> Result<Writer, Error>;

/// Writes the rows of captures to a folder by host and date, in UTC.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    options: WriteOptions,
    create: Create,
    schema: SchemaRef,
    /// The index of the column with the time.
    time: usize,
    open: Vec<(String, Writer)>,
    /// The number of files of each partition and capture.
    files: HashMap<String, u32>,
    /// The name of the files that are written now.
    name: String,
    rows: u64,
}

impl Dataset {
    /// Creates a dataset; `time` is the column by which rows are dated.
    ///
    /// # Errors
    /// If the schema has no such column of times.
    pub fn new(folder: &Path, schema: &SchemaRef, time: &str, options: WriteOptions) -> Result<Self, Error> {
        Self::created_by(Writer::create, folder, schema, time, options)
    }

    /// Creates a dataset of Parquet.
    pub(crate) fn parquet(folder: &Path, schema: &SchemaRef, time: &str) -> Result<Self, Error> {
        Self::created_by(Writer::parquet, folder, schema, time, WriteOptions::new(FileFormat::Parquet))
    }

    fn created_by(
        create: Create,
        folder: &Path,
        schema: &SchemaRef,
        time: &str,
        options: WriteOptions,
    ) -> Result<Self, Error> {
        let time = schema.index_of(time)?;
        Ok(Self {
            folder: folder.to_owned(),
            options,
            create,
            schema: SchemaRef::clone(schema),
            time,
            open: Vec::new(),
            files: HashMap::new(),
            name: String::new(),
            rows: 0,
        })
    }

    /// Begins the files of a capture. They are named after it, with a number made of its path: a capture that is written
    /// again replaces its files.
    ///
    /// # Errors
    /// If the files of the capture before cannot be completed.
    pub fn capture(&mut self, path: &Path) -> Result<(), Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("capture");
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let number = fnv(whole.as_os_str().as_encoded_bytes());
        self.begin(&format!("{}-{:08x}", escaped(stem), number as u32 ^ (number >> 32) as u32))
    }

    /// Completes the open files, and begins files of another name.
    ///
    /// # Errors
    /// If the open files cannot be completed.
    pub fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.complete()?;
        name.clone_into(&mut self.name);
        self.files.clear();
        Ok(())
    }

    /// Writes rows of a host.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&mut self, host: Option<&[u8]>, batch: &RecordBatch) -> Result<(), Error> {
        let host = host.map_or_else(|| UNKNOWN.to_owned(), |host| escaped(&String::from_utf8_lossy(host)));
        self.rows += batch.num_rows() as u64;
        let times = batch.column(self.time).as_primitive_opt::<TimestampNanosecondType>();
        let day = |row| {
            let times = times.filter(|times| times.is_valid(row))?;
            Some(times.value(row).div_euclid(DAY))
        };
        let mut start = 0;
        while start < batch.num_rows() {
            let date = day(start);
            let end = (start + 1..batch.num_rows()).find(|row| day(*row) != date).unwrap_or(batch.num_rows());
            let partition = format!("host={host}/date={}", date.map_or_else(|| NULL.to_owned(), civil));
            self.writer(partition)?.write(&batch.slice(start, end - start))?;
            start = end;
        }
        Ok(())
    }

    fn writer(&mut self, partition: String) -> Result<&mut Writer, Error> {
        // The last used is at the end.
        let found = match self.open.iter().position(|(known, _)| *known == partition) {
            Some(at) => self.open.remove(at),
            None => {
                if self.open.len() >= OPEN {
                    self.open.remove(0).1.finish()?;
                }
                let number = self.files.entry(partition.clone()).or_default();
                let part = if *number == 0 { String::new() } else { format!("-{number}") };
                *number += 1;
                let folder = self.folder.join(&partition);
                let failed = |error| Error::io(format!("can't create {}", folder.display()), error);
                std::fs::create_dir_all(&folder).map_err(failed)?;
                let file = folder.join(format!("{}{part}.{}", self.name, self.options.format.name()));
                (partition, (self.create)(&file, &self.schema, &self.options)?)
            }
        };
        self.open.push(found);
        match self.open.last_mut() {
            Some((_, writer)) => Ok(writer),
            None => Err(Error::Invalid("no file is open".into())),
        }
    }

    fn complete(&mut self) -> Result<(), Error> {
        self.open.drain(..).try_for_each(|(_, writer)| writer.finish())
    }

    /// Returns the number of rows that were written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns about how many bytes the open files have.
    pub fn bytes(&self) -> u64 {
        self.open.iter().map(|(_, writer)| writer.bytes()).sum()
    }

    /// Completes all files.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn finish(mut self) -> Result<(), Error> {
        self.complete()
    }
}

/// Returns a text as a part of a path: other bytes than letters, digits, `.`, `_` and `-` are escaped with `%`.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        // A dot in front would hide the file from engines.
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || (byte == b'.' && at > 0) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    if out.is_empty() { UNKNOWN.to_owned() } else { out }
}

/// Returns the date of a day since 1970.
pub(crate) fn civil(day: i64) -> String {
    jiff::Timestamp::from_second(day.saturating_mul(86_400))
        .map_or_else(|_| NULL.to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// Returns a number of the bytes that stays the same: FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths() {
        assert_eq!(escaped("web1.example"), "web1.example");
        assert_eq!(escaped("../a b=c/é"), "%2E.%2Fa%20b%3Dc%2F%C3%A9");
        assert_eq!(escaped(""), UNKNOWN);
    }

    #[test]
    fn days_have_dates() {
        assert_eq!(civil(0), "1970-01-01");
        assert_eq!(civil(20_787), "2026-11-30");
    }
}
