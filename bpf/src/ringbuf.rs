//! The reader of one BPF ring buffer: the only file of this crate with `unsafe`.
//!
//! The kernel writes records and moves the producer's position; the reader moves the consumer's. Both positions grow
//! for ever and are taken modulo the ring's size. The data is mapped twice in a row, so that a record that wraps is one
//! slice. Records are read in place, and the consumer's position is stored once for many of them.
#![allow(unsafe_code, reason = "the ring is memory that is shared with the kernel")]

use crate::{Error, Result};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A record begins with its length and the number of its page.
const RECORD_HEADER: u64 = 8;
/// Bits in a record's length: it is still being written; it was discarded.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// One ring.
#[derive(Debug)]
pub(crate) struct Ring {
    consumer: *mut libc::c_void,
    producer: *mut libc::c_void,
    page: usize,
    size: usize,
    /// The next record.
    position: u64,
    /// The consumer's position that the kernel has.
    published: u64,
    /// The producer's position at the last refresh.
    limit: u64,
    /// The end of the record that was returned last.
    lent: u64,
}

// SAFETY: the mappings belong to this value alone and are used through it only; nothing in them depends on a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of `size` bytes behind `fd`.
    pub(crate) fn map(fd: BorrowedFd<'_>, size: usize) -> Result<Self> {
        // SAFETY: sysconf has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let fault = || Error::Io { context: "mapping a ring".into(), source: std::io::Error::last_os_error() };
        // SAFETY: a fresh mapping of one page of a ring map, which the kernel lets its consumer write.
        let consumer = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if consumer == libc::MAP_FAILED {
            return Err(fault());
        }
        // SAFETY: a fresh, read-only mapping of the producer's page and twice the data, as the kernel lays them out.
        let producer = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                page + 2 * size,
                libc::PROT_READ,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                page as libc::off_t,
            )
        };
        if producer == libc::MAP_FAILED {
            let error = fault();
            // SAFETY: mapped above with this length, and not used again.
            unsafe { libc::munmap(consumer, page) };
            return Err(error);
        }
        let mut ring = Self { consumer, producer, page, size, position: 0, published: 0, limit: 0, lent: 0 };
        ring.position = ring.consumer_position().load(Ordering::Acquire);
        ring.published = ring.position;
        ring.lent = ring.position;
        Ok(ring)
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped for as long as `self` lives and begins with the consumer's position, aligned.
        unsafe { &*self.consumer.cast::<AtomicU64>() }
    }

    fn producer_position(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped for as long as `self` lives and begins with the producer's position, aligned. It is
        // only loaded from, as the mapping demands.
        unsafe { &*self.producer.cast::<AtomicU64>() }
    }

    /// Reads the producer's position.
    pub(crate) fn refresh(&mut self) {
        self.limit = self.producer_position().load(Ordering::Acquire);
    }

    /// Publishes the consumer's position, so that the kernel may write there again.
    pub(crate) fn publish(&mut self) {
        if self.published != self.position {
            self.published = self.position;
            self.consumer_position().store(self.position, Ordering::Release);
        }
    }

    /// Returns the next record that was there at the last [`refresh`](Self::refresh) and is complete. It stays until
    /// [`advance`](Self::advance).
    pub(crate) fn peek(&mut self) -> Option<&[u8]> {
        loop {
            if self.position >= self.limit {
                return None;
            }
            let at = (self.position & (self.size as u64 - 1)) as usize;
            // SAFETY: `at` is below the ring's size and a multiple of 8, and the data begins one page into the mapping.
            let header = unsafe { &*self.producer.byte_add(self.page + at).cast::<AtomicU32>() };
            let header = header.load(Ordering::Acquire);
            if header & BUSY != 0 {
                return None;
            }
            let len = u64::from(header & !(BUSY | DISCARDED));
            let end = self.position + ((len + RECORD_HEADER + 7) & !7);
            if len > self.size as u64 || end > self.limit {
                // The kernel does not write such a record; if it did, reading on would make no sense.
                return None;
            }
            if header & DISCARDED != 0 {
                self.position = end;
                continue;
            }
            self.lent = end;
            self.prefetch(end);
            // SAFETY: the record is complete and lies between the consumer's and the producer's position, where the kernel
            // does not write until the position is published, which needs `&mut self` and so the end of this borrow.
            // `at` is below the size and `len` at most the size, so the slice ends within the second mapping of the data.
            return Some(unsafe {
                std::slice::from_raw_parts(
                    self.producer.byte_add(self.page + at + RECORD_HEADER as usize).cast::<u8>(),
                    len as usize,
                )
            });
        }
    }

    /// Loads the record at a position into the cache. Where many rings take turns, each record would be waited for.
    #[inline]
    fn prefetch(&self, position: u64) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = (position & (self.size as u64 - 1)) as usize;
            // SAFETY: `at` is below the ring's size, and the data begins one page into the mapping and is there twice, so that
            // both addresses lie within. The instruction reads nothing that the program could see.
            unsafe {
                let record = self.producer.byte_add(self.page + at).cast::<i8>();
                _mm_prefetch::<_MM_HINT_T0>(record);
                _mm_prefetch::<_MM_HINT_T0>(record.byte_add(64));
            }
        }
    }

    /// Moves behind the record that was returned last.
    pub(crate) fn advance(&mut self) {
        self.position = self.lent;
        if self.position - self.published > self.size as u64 / 8 {
            self.publish();
        }
    }

    /// Returns the bytes that wait to be read.
    pub(crate) fn pending(&self) -> u64 {
        self.producer_position().load(Ordering::Relaxed) - self.position
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: both were mapped with these lengths, and no slice outlives `self`.
        unsafe {
            libc::munmap(self.consumer, self.page);
            libc::munmap(self.producer, self.page + 2 * self.size);
        }
    }
}
