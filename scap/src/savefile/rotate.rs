//! Writes a capture as a series of files, so that a recording can run without end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::writer::{Compression, Writer};
use crate::{Error, Event, HostState, Result};

/// The limits of a file: the next one begins at the first limit that is reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rotation {
    /// The maximum size of a file in bytes, after compression. A file may be larger by the data that is not compressed
    /// yet.
    pub bytes: Option<u64>,
    /// The maximum time between the first and the last event of a file.
    pub span: Option<Duration>,
    /// The maximum number of events of a file.
    pub events: Option<u64>,
    /// The number of files to keep; older ones are removed.
    pub keep: Option<usize>,
}

/// Writes events to one file after another: `x.scap` becomes `x.0.scap`, `x.1.scap` and so on. Each is a complete
/// capture that begins with the state of the host.
#[derive(Debug)]
pub struct Rotator {
    path: PathBuf,
    rotation: Rotation,
    compression: Compression,
    writer: Option<Writer<File>>,
    /// The time of the first event in the file.
    began: Option<u64>,
    /// The events of the current file that belong to its initial state.
    of_state: u64,
    number: u64,
    files: VecDeque<PathBuf>,
}

impl Rotator {
    /// Creates a series of files named after `path`. The first one is created with the first event.
    pub fn new(path: impl Into<PathBuf>, rotation: Rotation, compression: Compression) -> Self {
        let path = path.into();
        Self { path, rotation, compression, writer: None, began: None, of_state: 0, number: 0, files: VecDeque::new() }
    }

    /// Writes one event. If it begins a new file, `state` is called for the state of the host before it.
    ///
    /// # Errors
    /// If a file cannot be created, written or removed, or as [`Writer::write`].
    pub fn write(&mut self, event: &Event<'_>, state: impl FnOnce() -> HostState) -> Result<()> {
        if self.is_full(event.ts()) {
            self.finish()?;
        }
        if self.writer.is_none() {
            self.open(&state())?;
        }
        self.began.get_or_insert(event.ts());
        match &mut self.writer {
            Some(writer) => writer.write(event),
            None => Ok(()),
        }
    }

    /// Writes one event into the current file, full or not, for callers that [`begin`](Self::begin) files themselves.
    /// Without a current file nothing is written.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn append(&mut self, event: &Event<'_>) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        self.began.get_or_insert(event.ts());
        writer.write(event)
    }

    /// Writes an event that only carries state, like [`append`](Self::append), without counting it towards the limits.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn append_state(&mut self, event: &Event<'_>) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        self.of_state += 1;
        writer.write(event)
    }

    /// Flushes the current file like [`Writer::flush`].
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.as_mut().map_or(Ok(()), Writer::flush)
    }

    /// Ends the current file. A later event begins a new one.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(&mut self) -> Result<()> {
        self.began = None;
        self.of_state = 0;
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(drop))
    }

    /// Returns the existing files, the oldest first; the last one is being written.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Ends the current file and begins the next one now, for callers that know the state before an event only until
    /// they have seen it.
    ///
    /// # Errors
    /// If a file cannot be created, written or removed.
    pub fn begin(&mut self, state: &HostState) -> Result<()> {
        self.finish()?;
        self.open(state)
    }

    /// Returns whether the current file has reached a limit with an event of time `ts`.
    pub fn is_full(&self, ts: u64) -> bool {
        let Some(writer) = &self.writer else { return false };
        let full = |limit: Option<u64>, is: u64| limit.is_some_and(|limit| is >= limit);
        let size = match self.compression {
            Compression::Plain => writer.written(),
            Compression::Gzip => writer.stored(),
        };
        let span = ts.saturating_sub(self.began.unwrap_or(ts));
        let events = writer.events() - self.of_state;
        events > 0
            && (full(self.rotation.bytes, size)
                || full(self.rotation.events, events)
                || full(self.rotation.span.map(|span| span.as_nanos() as u64), span))
    }

    fn open(&mut self, host: &HostState) -> Result<()> {
        let path = self.numbered();
        self.number += 1;
        self.writer = Some(Writer::create(&path, host, self.compression)?);
        self.files.push_back(path);
        while self.files.len() > self.rotation.keep.unwrap_or(usize::MAX).max(1) {
            if let Some(oldest) = self.files.pop_front() {
                fs::remove_file(&oldest)
                    .map_err(|error| Error::io(format!("can't remove {}", oldest.display()), error))?;
            }
        }
        Ok(())
    }

    fn numbered(&self) -> PathBuf {
        let mut name = self.path.file_stem().map_or_else(|| OsString::from("capture"), OsString::from);
        name.push(format!(".{}", self.number));
        if let Some(extension) = self.path.extension() {
            name.push(".");
            name.push(extension);
        }
        self.path.with_file_name(name)
    }
}
