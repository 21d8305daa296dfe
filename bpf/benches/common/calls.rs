//! Calls that are measured, on one CPU beside a reader on another.

use peregrine_bpf::BpfSource;
use scap::{Next, Source as _};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) fn pin(cpu: usize) {
    // SAFETY: an all-zero set is valid, and the call only reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

pub(crate) fn getppid() {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

pub(crate) fn open_close_at(path: &CStr) {
    // SAFETY: a NUL-terminated path; the file descriptor is closed once.
    unsafe {
        let fd = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDONLY);
        libc::syscall(libc::SYS_close, fd);
    }
}

pub(crate) fn read_zero(fd: i32, into: &mut [u8; 64]) {
    // SAFETY: the buffer has the given length.
    unsafe { libc::syscall(libc::SYS_read, fd, into.as_mut_ptr(), into.len()) };
}

/// Runs `body` in a thread on CPU 0 while this one reads events on CPU 1; returns the events read.
pub(crate) fn beside<T: Send>(source: &mut BpfSource, body: impl FnOnce() -> T + Send) -> (T, u64) {
    let done = AtomicBool::new(false);
    let read = AtomicU64::new(0);
    pin(1);
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            pin(0);
            let result = body();
            done.store(true, Ordering::Relaxed);
            result
        });
        while !done.load(Ordering::Relaxed) {
            if let Next::Event(_) = source.next().unwrap() {
                read.fetch_add(1, Ordering::Relaxed);
            }
        }
        thread.join().unwrap()
    });
    (result, read.into_inner())
}
