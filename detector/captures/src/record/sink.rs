//! Destination of a recording: one file, rotated files, or standard output.

use std::io::{self, Write};
use std::path::Path;

use scap::savefile::{Compression, Rotation, Rotator, Writer, private_file};
use scap::{Event, HostState};

use crate::Fatal;
use crate::cli::Record;

#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Sink {
    One(Writer<Box<dyn Write>>),
    Row(Rotator),
}

impl Sink {
    /// Creates the destination of the options; `host` is the state at the start of the capture.
    pub(crate) fn create(options: &Record, host: &HostState) -> Result<Self, Fatal> {
        let path = options.output.as_path();
        let gzip = options.gzip || path.extension().is_some_and(|extension| extension == "gz");
        let compression = if gzip { Compression::Gzip } else { Compression::Plain };
        let rotation = Rotation {
            bytes: options.rotate_size,
            span: options.rotate_time,
            events: options.rotate_events,
            keep: options.keep,
        };
        let rotates = rotation.bytes.is_some() || rotation.span.is_some() || rotation.events.is_some();
        if options.keep.is_some() && !rotates {
            return Err("--keep requires --rotate-size, --rotate-time or --rotate-events".into());
        }
        if path == Path::new("-") {
            if rotates {
                return Err("standard output cannot be rotated".into());
            }
            if options.show || options.print.is_given() {
                return Err("standard output cannot receive both the capture and the printed events".into());
            }
            let stdout: Box<dyn Write> = Box::new(io::stdout());
            return Ok(Self::One(Writer::new(stdout, host, compression)?));
        }
        if rotates {
            let mut row = Rotator::new(path, rotation, compression);
            row.begin(host)?;
            return Ok(Self::Row(row));
        }
        let file = private_file(path).map_err(|error| format!("can't create {}: {error}", path.display()))?;
        let file: Box<dyn Write> = Box::new(file);
        Ok(Self::One(Writer::new(file, host, compression)?))
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), Fatal> {
        match self {
            Self::One(writer) => Ok(writer.write(event)?),
            Self::Row(row) => Ok(row.append(event)?),
        }
    }

    /// Writes an event that belongs to the state and not to the recorded events.
    pub(crate) fn state_event(&mut self, event: &Event<'_>) -> Result<(), Fatal> {
        match self {
            Self::One(writer) => Ok(writer.write(event)?),
            Self::Row(row) => Ok(row.append_state(event)?),
        }
    }

    /// Starts the next file if the current one is full with an event of time `ts`. Returns whether it did. `state`
    /// returns the state after that event.
    pub(crate) fn turn(&mut self, ts: u64, state: impl FnOnce() -> HostState) -> Result<bool, Fatal> {
        match self {
            Self::Row(row) if row.is_full(ts) => {
                row.begin(&state())?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Fatal> {
        match self {
            Self::One(writer) => Ok(writer.flush()?),
            Self::Row(row) => Ok(row.flush()?),
        }
    }

    /// Returns the number of files, if the recording is rotated.
    pub(crate) fn files(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Row(row) => row.files().count(),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Fatal> {
        match self {
            Self::One(writer) => {
                writer.finish()?;
            }
            Self::Row(mut row) => row.finish()?,
        }
        Ok(())
    }
}
