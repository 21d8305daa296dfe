//! Standard output and standard error, whose readers may be slow, stopped or gone.
//!
//! Several threads write there: the sink of alerts, the log, reports. The handles of the standard library hold a lock
//! while a write blocks, so that one stopped reader would block all of these threads, and `println!` panics when the
//! reader is gone. Each write here returns its error, holds no lock, and waits for space only as long as the caller
//! allows.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat, fstatfs};
use rustix::io::{Errno, write};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// POSIX guarantees that a pipe which is reported as writable takes this many bytes without blocking.
const PIPE: usize = 4096;

/// Whether the last write ended in the middle of a line, for each of the two.
static TORN: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

/// Standard output or standard error of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Console {
    /// Writes a text. A line that an earlier write could not finish is ended first, so that it is not merged with this
    /// text. Waits at most `patience` for a reader that does not read; `None`: as long as it takes.
    ///
    /// # Errors
    ///
    /// If the reader is gone or does not read in time, or the disk is full. A part of the text may have been written.
    pub fn write(self, text: &[u8], patience: Option<Duration>) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let until = patience.map(|patience| Instant::now() + patience);
        if self.torn().load(Ordering::SeqCst) {
            self.all(b"\n", until)?;
        }
        self.all(text, until)
    }

    fn all(self, text: &[u8], until: Option<Instant>) -> io::Result<()> {
        let mut done = 0;
        while done < text.len() {
            self.wait(until.map(|until| until.saturating_duration_since(Instant::now())))?;
            let end = text.len().min(done + PIPE);
            done += self.some(&text[done..end])?;
        }
        Ok(())
    }

    /// Waits until bytes can be written.
    fn wait(self, time: Option<Duration>) -> io::Result<()> {
        let time = time.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
        loop {
            let ready = self.with(|fd| poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], time.as_ref()));
            match ready {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes some of the bytes, and blocks while the reader does not read.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). Nothing has been written then.
    pub(crate) fn some(self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.with(|fd| write(fd, bytes)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.torn().store(bytes[count - 1] != b'\n', Ordering::SeqCst);
                    return Ok(count);
                }
                Err(Errno::INTR) => {}
                // Somebody who shares the pipe has made it non-blocking.
                Err(Errno::AGAIN) => self.wait(None)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn torn(self) -> &'static AtomicBool {
        &TORN[self as usize]
    }

    fn with<T>(self, call: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> T) -> T {
        match self {
            Self::Output => call(io::stdout().as_fd()),
            Self::Error => call(io::stderr().as_fd()),
        }
    }

    /// Returns whether another reader may open it, after the last one is gone: it is a pipe with a name.
    pub(crate) fn may_come_back(self) -> bool {
        const PIPEFS: u64 = 0x5049_5045;
        self.with(|fd| {
            fstat(fd).is_ok_and(|about| FileType::from_raw_mode(about.st_mode) == FileType::Fifo)
                && fstatfs(fd).is_ok_and(|about| about.f_type as u64 != PIPEFS)
        })
    }
}
