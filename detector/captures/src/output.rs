//! Standard output: buffered, and honest about a pipe that was closed.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

/// Standard output with a buffer. It flushes each line on a terminal, and in blocks into a file or a pipe.
pub(crate) struct Output {
    inner: BufWriter<StdoutLock<'static>>,
    terminal: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        Self { inner: BufWriter::with_capacity(1 << 16, stdout), terminal }
    }

    /// Whether people look at it, with colours unless the environment says `NO_COLOR`.
    pub(crate) fn has_colours(&self) -> bool {
        self.terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Writes one line; `line` ends without a line end.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.inner.write_all(line)?;
        self.inner.write_all(b"\n")?;
        if self.terminal { self.inner.flush() } else { Ok(()) }
    }

    /// Writes what is in the buffer, for those who wait for it.
    #[cfg(feature = "live")]
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    /// Writes what is still in the buffer.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Prints a whole text.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Whether `fault` comes from a reader that went away.
pub(crate) fn is_closed_pipe(fault: &(dyn std::error::Error + 'static)) -> bool {
    fault.downcast_ref::<io::Error>().is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}
