//! The few system calls that neither std nor libbpf wraps. With `ringbuf.rs`, the only place of `unsafe`.
#![allow(unsafe_code, reason = "raw system calls")]

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that the call may fill.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Returns the nanoseconds since the host started, sleep included: the clock of the probe.
pub(crate) fn boot_clock() -> u64 {
    clock(libc::CLOCK_BOOTTIME)
}

/// Returns when the host started, in nanoseconds since 1970: the difference of the clocks now, which setting the time of day
/// changes.
pub fn boot_time() -> u64 {
    // This thread may lose its processor between two clocks; the try with the shortest distance is the most exact.
    let tries = (0..8).map(|_| {
        let (before, wall, after) = (boot_clock(), clock(libc::CLOCK_REALTIME), boot_clock());
        (after - before, wall.saturating_sub(before + (after - before) / 2))
    });
    tries.min().map_or(0, |(_, time)| time)
}

fn fd(result: libc::c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this file descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(result as i32) })
}

/// Returns the id of the tracepoint `category/name`: from a mounted tracefs, else (with `private`) from one that only
/// we see.
pub(crate) fn tracepoint_id(path: &str, private: bool) -> io::Result<u64> {
    let mut text = String::new();
    for root in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
        if let Ok(mut file) = File::open(format!("{root}/events/{path}/id")) {
            file.read_to_string(&mut text)?;
            return text.trim().parse().map_err(io::Error::other);
        }
    }
    if !private {
        return Err(io::Error::new(io::ErrorKind::NotFound, "tracefs is not mounted at /sys/kernel/tracing"));
    }
    let mount = private_tracefs()?;
    let path = std::ffi::CString::new(format!("events/{path}/id")).map_err(io::Error::other)?;
    // SAFETY: `path` is a NUL-terminated string and `mount` an open file descriptor.
    let id = fd(unsafe { libc::openat(mount.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) }.into())?;
    File::from(id).read_to_string(&mut text)?;
    text.trim().parse().map_err(io::Error::other)
}

/// Mounts tracefs without a path: the mount lives as long as its file descriptor.
fn private_tracefs() -> io::Result<OwnedFd> {
    const FSCONFIG_CMD_CREATE: libc::c_ulong = 6;
    const NAME: &CStr = c"tracefs";
    // SAFETY: the name is a NUL-terminated string.
    let context = fd(unsafe { libc::syscall(libc::SYS_fsopen, NAME.as_ptr(), 1) })?;
    // SAFETY: the command takes no key, value or auxiliary number.
    let made = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            FSCONFIG_CMD_CREATE,
            std::ptr::null::<libc::c_char>(),
            std::ptr::null::<libc::c_char>(),
            0,
        )
    };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `context` is a configured file system context.
    fd(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, 0) })
}

/// Opens a perf event for the tracepoint with number `id`, to which a program can be attached.
pub(crate) fn tracepoint_event(id: u64) -> io::Result<OwnedFd> {
    const PERF_TYPE_TRACEPOINT: u32 = 2;
    const ATTR_SIZE: usize = 64;
    const CLOEXEC: libc::c_ulong = 8;
    // struct perf_event_attr of the first version: type, size, config; the rest 0.
    let mut attr = [0u64; ATTR_SIZE / 8];
    attr[0] = u64::from(PERF_TYPE_TRACEPOINT) | (ATTR_SIZE as u64) << 32;
    attr[1] = id;
    // SAFETY: `attr` is as long as it says; any process (-1) on processor 0 with no group is a valid request.
    fd(unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), -1, 0, -1, CLOEXEC) })
}
