//! Reads the entries of a state block one after another, so that a list of any length passes through a small buffer.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::window::Window;
use crate::{Error, Result};

/// The rest of a block's body. Nothing can be read beyond the entry that was [entered](Self::enter), or beyond the body
/// when there is none.
#[derive(Debug)]
pub(super) struct Body<'w, R: Read> {
    window: &'w mut Window<R>,
    end: u64,
    entry: Option<Entry>,
    /// The memory that the state may still use.
    budget: &'w mut u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    list: &'static str,
    start: u64,
    end: u64,
}

macro_rules! number {
    ($($name:ident)*) => {$(
        pub(super) fn $name(&mut self) -> Result<$name> {
            self.array().map($name::from_le_bytes)
        }
    )*};
}

impl<'w, R: Read> Body<'w, R> {
    pub(super) fn new(window: &'w mut Window<R>, len: u64, budget: &'w mut u64) -> Self {
        let end = window.offset() + len;
        Self { window, end, entry: None, budget }
    }

    number! { u8 u16 u32 u64 i64 }

    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Returns the number of bytes left in the entry, or in the body.
    pub(super) fn left(&self) -> u64 {
        self.entry.map_or(self.end, |entry| entry.end).saturating_sub(self.offset())
    }

    /// Returns whether there is one more entry; less than four bytes are padding.
    pub(super) fn more(&self) -> bool {
        self.end.saturating_sub(self.offset()) >= 4
    }

    /// Begins an entry of `len` bytes, `before` of which are already read. A length of 0 means that the length is
    /// unknown.
    pub(super) fn enter(&mut self, list: &'static str, len: u32, before: u64) -> Result<()> {
        self.spend(ENTRY_OVERHEAD)?;
        if len > 0 {
            let start = self.offset() - before;
            let end = start + u64::from(len);
            if end > self.end {
                let what = format!("corrupted input file. {list} entry has length {len}, its block ends before");
                return Err(self.error(what));
            }
            self.entry = Some(Entry { list, start, end });
        }
        Ok(())
    }

    /// Ends the entry: fields of a newer version that are left in it are skipped.
    pub(super) fn leave(&mut self) -> Result<()> {
        match self.entry.take() {
            Some(entry) => self.window.skip(entry.end.saturating_sub(self.window.offset())),
            None => Ok(()),
        }
    }

    /// Returns whether the entry has a length and `count` more bytes.
    pub(super) fn has(&self, count: u64) -> bool {
        self.entry.is_some() && self.left() >= count
    }

    pub(super) fn bool(&mut self) -> Result<bool> {
        Ok(self.u8()? != 0)
    }

    pub(super) fn ipv4(&mut self) -> Result<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    pub(super) fn ipv6(&mut self) -> Result<Ipv6Addr> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    /// Reads text that is preceded by its length.
    pub(super) fn text(&mut self, name: &'static str, max: usize) -> Result<Vec<u8>> {
        let len = self.u16()?;
        if usize::from(len) > max {
            return Err(self.error(format!("invalid {name}len {len}")));
        }
        self.bytes(usize::from(len))
    }

    /// Reads `count` bytes; at most as many as a name or a list of arguments can have.
    pub(super) fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        self.check(count as u64)?;
        self.spend(count as u64)?;
        self.window.need(count)?;
        let bytes = self.window.bytes().get(..count).unwrap_or_default().to_vec();
        self.window.consume(count);
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.check(N as u64)?;
        self.window.take()
    }

    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        Error::format(what, self.offset())
    }

    /// Ends the body and skips the rest of it.
    pub(super) fn finish(self) -> Result<()> {
        self.window.skip(self.end.saturating_sub(self.window.offset()))
    }

    fn check(&self, count: u64) -> Result<()> {
        if count <= self.left() {
            return Ok(());
        }
        Err(self.error(match self.entry {
            Some(entry) => format!(
                "corrupted input file. Had read {} bytes, but {} entry have length {}.",
                self.offset() - entry.start + count,
                entry.list,
                entry.end - entry.start
            ),
            None => format!("corrupted input file. The block ends {} bytes early", count - self.left()),
        }))
    }

    /// Takes memory out of the budget, so that a file made of nothing but state cannot fill the memory of the host.
    fn spend(&mut self, bytes: u64) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                *self.budget = left;
                Ok(())
            }
            None => Err(self.error("the state in the capture takes more memory than its limit")),
        }
    }
}

/// The memory of an entry beside its text; the largest is a thread.
const ENTRY_OVERHEAD: u64 = 256;
