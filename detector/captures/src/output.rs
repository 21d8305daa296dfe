//! Standard output: buffered, and aware of a closed pipe.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

/// Buffered standard output. It flushes each line on a terminal, and in blocks to a file or a pipe.
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

    /// Returns whether it is a terminal with colours: the environment does not set `NO_COLOR`.
    pub(crate) fn has_colours(&self) -> bool {
        self.terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Writes one line; `line` has no line end.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.inner.write_all(line)?;
        self.inner.write_all(b"\n")?;
        if self.terminal { self.inner.flush() } else { Ok(()) }
    }

    /// Flushes the buffer.
    #[cfg(feature = "live")]
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    /// Flushes the buffer at the end.
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

/// Returns whether the error comes from a closed pipe.
pub(crate) fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
