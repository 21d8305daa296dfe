//! The part of a capture that is in memory: a buffer that is filled in large reads, and that events borrow from.
//!
//! Events are not copied. The buffer grows only when one event needs it, and only as fast as bytes really arrive, so a
//! false length field costs nothing.

use std::io::{self, Read};
use std::ops::Range;

use super::gzip::Input;
use crate::{Error, Result};

/// Large enough that reads are few, small enough to stay in the second-level cache.
const CAPACITY: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Window<R: Read> {
    input: Input<R>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The offset of `buf` in the decompressed capture.
    base: u64,
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: io::Result<Input<R>>) -> Result<Self> {
        let input = input.map_err(read_error)?;
        Ok(Self { input, buf: vec![0; CAPACITY], start: 0, end: 0, base: 0, ended: false })
    }

    pub(super) fn input(&self) -> &Input<R> {
        &self.input
    }

    /// Returns the offset of the next byte in the decompressed capture.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Reads until `count` bytes are in memory, if the capture has that many. Returns how many of them there are.
    #[inline]
    pub(super) fn want(&mut self, count: usize) -> Result<usize> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        Ok(count.min(self.end - self.start))
    }

    /// Reads until `count` bytes are in memory.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<()> {
        let there = self.want(count)?;
        if there < count {
            return Err(self.truncated(count as u64, there as u64));
        }
        Ok(())
    }

    /// Returns the bytes in memory.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// Steps over bytes in memory. The returned place can be [borrowed](Self::lend) until more is requested.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> usize {
        let at = self.start;
        self.start = self.start.saturating_add(count).min(self.end);
        at
    }

    /// Steps over bytes that are known to be in memory, like [`consume`](Self::consume).
    #[inline]
    pub(super) fn consume_there(&mut self, count: usize) -> usize {
        debug_assert!(count <= self.end - self.start);
        let at = self.start;
        self.start += count;
        at
    }

    #[inline]
    pub(super) fn lend(&self, range: Range<usize>) -> &[u8] {
        self.buf.get(range).unwrap_or_default()
    }

    /// Takes `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.need(N)?;
        let bytes = self.bytes().first_chunk::<N>().copied().unwrap_or([0; N]);
        self.consume(N);
        Ok(bytes)
    }

    /// Steps over bytes without keeping them.
    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let step = left.min(CAPACITY as u64) as usize;
            let there = self.want(step)?;
            if there == 0 {
                return Err(self.truncated(count, count - left));
            }
            self.consume(there);
            left -= there as u64;
        }
        Ok(())
    }

    fn truncated(&self, count: u64, there: u64) -> Error {
        Error::format(format!("expecting {count} bytes, read {there}. Is the file truncated?"), self.offset())
    }

    #[cold]
    #[inline(never)]
    fn fill(&mut self, count: usize) -> Result<()> {
        self.buf.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < count && !self.ended {
            if self.end == self.buf.len() {
                self.buf.resize(count.min(self.buf.len() * 2), 0);
            }
            let room = self.buf.get_mut(self.end..).unwrap_or_default();
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(error)),
            }
        }
        Ok(())
    }
}

fn read_error(error: io::Error) -> Error {
    Error::io("error reading file", error)
}
