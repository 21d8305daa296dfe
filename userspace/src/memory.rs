//! The memory of a traced process.

use std::io::IoSliceMut;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// The longest text of a path.
pub(crate) const MAX_PATH: usize = 4096;
/// The most bytes of one parameter, so that its length fits.
pub(crate) const MAX_BYTES: usize = 60_000;
const PAGE: u64 = 4096;
/// The first bytes of a text that are read; most are shorter.
const FIRST: u64 = 256;

/// Reads the memory of one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tid: i32,
    bytes: Vec<u8>,
    /// Addresses that could not be read.
    pub(crate) faults: u64,
}

impl Memory {
    /// Reads from this thread from now on.
    pub(crate) fn of(&mut self, tid: i32) -> &mut Self {
        self.tid = tid;
        self
    }

    /// Fills `to`; leaves zeros and returns false if not all of it can be read.
    pub(crate) fn read(&mut self, address: u64, to: &mut [u8]) -> bool {
        let remote = RemoteIoVec { base: address as usize, len: to.len() };
        let len = to.len();
        let read = process_vm_readv(Pid::from_raw(self.tid), &mut [IoSliceMut::new(to)], &[remote]);
        if read != Ok(len) {
            to.fill(0);
            self.faults += 1;
        }
        read == Ok(len)
    }

    /// Returns a number; 0 if it cannot be read, or if there is no address.
    pub(crate) fn u32(&mut self, address: u64) -> u32 {
        let mut bytes = [0; 4];
        _ = address != 0 && self.read(address, &mut bytes);
        u32::from_ne_bytes(bytes)
    }

    pub(crate) fn u64(&mut self, address: u64) -> u64 {
        let mut bytes = [0; 8];
        _ = address != 0 && self.read(address, &mut bytes);
        u64::from_ne_bytes(bytes)
    }

    /// Returns bytes; none if they cannot all be read.
    pub(crate) fn bytes(&mut self, address: u64, len: u64) -> &[u8] {
        self.bytes.clear();
        _ = self.append(address, len);
        &self.bytes
    }

    /// Appends bytes to those of the last [`bytes`](Self::bytes); returns how many.
    pub(crate) fn append(&mut self, address: u64, len: u64) -> usize {
        let start = self.bytes.len();
        let len = len.min((MAX_BYTES - start.min(MAX_BYTES)) as u64) as usize;
        if address == 0 || len == 0 {
            return 0;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(start + len, 0);
        let read = bytes.get_mut(start..).is_some_and(|to| self.read(address, to));
        if !read {
            bytes.truncate(start);
        }
        self.bytes = bytes;
        if read { len } else { 0 }
    }

    /// Returns the bytes that were appended.
    pub(crate) fn appended(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a text and its NUL, at most `max` bytes; returns whether it could be read.
    pub(crate) fn append_text(&mut self, address: u64, max: usize) -> bool {
        let start = self.bytes.len();
        if address == 0 {
            return false;
        }
        let mut at = address;
        let mut left = (max as u64).saturating_sub(1);
        let mut chunk = FIRST;
        while left > 0 {
            // Never across the end of a page, behind which there may be nothing.
            let len = chunk.min(PAGE - at % PAGE).min(left);
            let before = self.bytes.len();
            if self.append(at, len) == 0 {
                self.bytes.truncate(start);
                return false;
            }
            let new = self.bytes.get(before..).unwrap_or_default();
            if let Some(end) = new.iter().position(|byte| *byte == 0) {
                self.bytes.truncate(before + end + 1);
                return true;
            }
            (at, left, chunk) = (at.wrapping_add(len), left - len, PAGE);
        }
        self.bytes.push(0);
        true
    }

    /// Returns a text without its NUL, at most `max` bytes with it; `None` if it cannot be read.
    pub(crate) fn text(&mut self, address: u64, max: usize) -> Option<&[u8]> {
        self.bytes.clear();
        let read = self.append_text(address, max);
        read.then(|| self.bytes.split_last().map_or(&[][..], |(_, text)| text))
    }

    /// Forgets what was appended.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Returns total, resident and swapped memory of a process in kilobytes.
pub(crate) fn sizes(tid: i32) -> [u32; 3] {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    ["VmSize:", "VmRSS:", "VmSwap:"].map(|key| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Memory {
        let mut memory = Memory::default();
        memory.of(std::process::id() as i32);
        memory
    }

    #[test]
    fn texts_end_at_their_nul_or_at_the_limit() {
        let long = vec![b'a'; 9000];
        let mut memory = own();
        let address = long.as_ptr() as u64;
        assert_eq!(memory.text(address, 300), Some(&long[..299]));
        assert_eq!(memory.text(address, 4096), Some(&long[..4095]));
        assert_eq!(memory.text(c"/etc".as_ptr() as u64, 4096), Some(&b"/etc"[..]));
        assert_eq!(memory.faults, 0);
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let mut memory = own();
        assert_eq!(memory.text(8, 100), None);
        assert_eq!(memory.bytes(8, 100), b"");
        assert_eq!((memory.u32(8), memory.u64(0)), (0, 0));
        assert_eq!(memory.faults, 3, "no address is no fault");
    }
}
