//! Writes a capture: state first, then events.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use super::block::BlockType;
use super::events::SMALL_BLOCK;
use super::out::Out;
use super::{section, state};
use crate::schema::is_large;
use crate::{Error, Event, HostState, Result};

/// The compression of a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// No compression.
    Plain,
    /// Gzip: about a fifth of the size, at about 200 MB per second.
    #[default]
    Gzip,
}

/// The size of the pieces in which whole blocks are passed on.
const CHUNK: usize = 64 * 1024;

/// Writes a capture that Falco, sysdig and [`Reader`](super::Reader) read.
///
/// Everything that was [flushed](Self::flush) is readable even if the program dies afterwards. A writer that is dropped
/// finishes the file, but only [`finish`](Self::finish) returns whether that succeeded.
#[derive(Debug)]
pub struct Writer<W: Write> {
    /// `None` once finished.
    output: Option<Output<W>>,
    out: Out,
    written: u64,
    events: u64,
}

impl Writer<File> {
    /// Creates a file that only its owner may read, or empties it, and writes the state. A capture has the environment
    /// and the data of all processes.
    ///
    /// # Errors
    /// If the file cannot be created or written.
    pub fn create(path: impl AsRef<Path>, host: &HostState, compression: Compression) -> Result<Self> {
        let path = path.as_ref();
        let file = private_file(path).map_err(|error| Error::io(format!("can't open {}", path.display()), error))?;
        Self::new(file, host, compression)
    }
}

/// Creates a file that only its owner may read, or empties it. The permissions of a file that exists stay.
///
/// # Errors
///
/// As [`File::create`].
pub fn private_file(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl<W: Write> Writer<W> {
    /// Writes a section header and the state.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(write: W, host: &HostState, compression: Compression) -> Result<Self> {
        let write = Counted { write, count: 0 };
        let output = match compression {
            Compression::Plain => Output::Plain(write),
            Compression::Gzip => Output::Gzip(Box::new(GzEncoder::new(write, Level::new(GZIP_LEVEL)))),
        };
        let mut writer = Self { output: Some(output), out: Out::default(), written: 0, events: 0 };
        writer.restart(host)?;
        Ok(writer)
    }

    /// Begins a new section with a new state of the host, or with that of another host. Readers report it as
    /// [`Next::Restart`](crate::Next::Restart).
    ///
    /// # Errors
    /// If writing fails.
    pub fn restart(&mut self, host: &HostState) -> Result<()> {
        section::write(&mut self.out);
        let (output, written) = (&mut self.output, &mut self.written);
        state::write(&mut self.out, host, |out| drain(output, out, written))
    }

    /// Writes one event.
    ///
    /// # Errors
    /// If writing fails, or if the event is 4 GB long.
    #[inline]
    pub fn write(&mut self, event: &Event<'_>) -> Result<()> {
        let bytes = event.bytes();
        if bytes.len() > MAX_LARGE {
            return Err(Error::Unsupported(format!("an event of {} bytes is too long for a capture", bytes.len())));
        }
        let large = is_large(event.code()) || bytes.len() > MAX_SMALL;
        self.out.begin(match (event.flags() != 0, large) {
            (false, false) => BlockType::EVENT_V2,
            (false, true) => BlockType::EVENT_V2_LARGE,
            (true, false) => BlockType::EVENT_FLAGS_V2,
            (true, true) => BlockType::EVENT_FLAGS_V2_LARGE,
        });
        self.out.u16(event.cpu());
        if event.flags() != 0 {
            self.out.u32(event.flags());
        }
        self.out.raw(bytes);
        self.out.end();
        self.events += 1;
        if self.out.bytes().len() >= CHUNK {
            drain(&mut self.output, &mut self.out, &mut self.written)?;
        }
        Ok(())
    }

    /// Passes everything on, compressing what is pending: all that was written so far can be read from now on.
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&mut self) -> Result<()> {
        drain(&mut self.output, &mut self.out, &mut self.written)?;
        match &mut self.output {
            Some(Output::Plain(write)) => write.flush(),
            Some(Output::Gzip(gzip)) => gzip.flush(),
            None => Ok(()),
        }
        .map_err(write_error)
    }

    /// Writes what is left and returns the inner writer.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<W> {
        match self.end()? {
            Some(write) => Ok(write),
            None => Err(Error::Unsupported("the capture is finished".into())),
        }
    }

    /// Returns the number of bytes written so far, before compression.
    pub fn written(&self) -> u64 {
        self.written + self.out.bytes().len() as u64
    }

    /// Returns the number of bytes passed on so far, after compression. Data that is not compressed yet is not
    /// included.
    pub fn stored(&self) -> u64 {
        match &self.output {
            Some(Output::Plain(write)) => write.count,
            Some(Output::Gzip(gzip)) => gzip.get_ref().count,
            None => 0,
        }
    }

    /// Returns the number of events written so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn end(&mut self) -> Result<Option<W>> {
        drain(&mut self.output, &mut self.out, &mut self.written)?;
        let mut write = match self.output.take() {
            Some(Output::Plain(write)) => write,
            Some(Output::Gzip(gzip)) => gzip.finish().map_err(write_error)?,
            None => return Ok(None),
        };
        write.flush().map_err(write_error)?;
        Ok(Some(write.write))
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        // There is no caller to return an error to.
        let _ = self.end();
    }
}

/// Level 6 takes two and a half times the time of 3 to save another eighth.
const GZIP_LEVEL: u32 = 3;

/// The maximum length of an event where blocks are small: the block without its header, processor, flags, padding and
/// trailer.
const MAX_SMALL: usize = SMALL_BLOCK as usize - 2 - 4 - 3 - 4;

/// The maximum length of an event where only the 32 bits of a block's length limit it.
const MAX_LARGE: usize = u32::MAX as usize - 32;

/// Passes the complete blocks on.
fn drain<W: Write>(output: &mut Option<Output<W>>, out: &mut Out, written: &mut u64) -> Result<()> {
    let bytes = out.bytes();
    match output {
        Some(Output::Plain(write)) => write.write_all(bytes),
        Some(Output::Gzip(gzip)) => gzip.write_all(bytes),
        None => Ok(()),
    }
    .map_err(write_error)?;
    *written += bytes.len() as u64;
    out.clear();
    Ok(())
}

fn write_error(error: io::Error) -> Error {
    Error::io("error writing to file", error)
}

#[derive(Debug)]
enum Output<W: Write> {
    Plain(Counted<W>),
    Gzip(Box<GzEncoder<Counted<W>>>),
}

/// A writer that counts its bytes.
#[derive(Debug)]
struct Counted<W> {
    write: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let count = self.write.write(buf)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write.flush()
    }
}
