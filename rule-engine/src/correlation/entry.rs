//! An event of a partial match, with what is kept of it.

/// The overhead of an allocation, in bytes.
pub(super) const ALLOCATION: usize = 16;

/// An event of a partial match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its time.
    pub time: u64,
    /// Its number in its stream.
    pub number: u64,
    /// The member that it matched.
    pub member: u16,
    value_len: u16,
    data: Box<[u8]>,
}

impl Entry {
    pub(super) fn new(time: u64, number: u64, member: u16, value: &[u8], captured: &[u8]) -> Self {
        // Values that differ behind this many bytes are one.
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let data = [value, captured].concat().into();
        Self { time, number, member, value_len: value.len() as u16, data }
    }

    /// Returns the counted value.
    pub(super) fn value(&self) -> &[u8] {
        &self.data[..usize::from(self.value_len)]
    }

    /// Returns the kept fields; [`captured::read`](super::captured::read) reads them.
    pub fn captured(&self) -> &[u8] {
        &self.data[usize::from(self.value_len)..]
    }

    /// Returns the memory outside of the entry itself.
    pub(super) fn bytes(&self) -> usize {
        if self.data.is_empty() { 0 } else { self.data.len() + ALLOCATION }
    }

    /// Discards the kept fields; returns the freed memory.
    pub(super) fn forget(&mut self) -> usize {
        let before = self.bytes();
        self.data = self.value().into();
        before - self.bytes()
    }
}
