//! Measures hooks on single system calls, where the kernel supports them (`fexit`), instead of the one hook that all
//! calls pass: the additional nanoseconds of loops. The programs do nothing, so it is the cost of the hooks alone.
//!
//! `cargo run --release -p peregrine-bpf --example single`, as root
#![allow(unsafe_code, reason = "raw system calls are what is measured")]

#[path = "../benches/common/least.rs"]
mod least;

use least::least;
use libbpf_rs::libbpf_sys;
use std::ffi::CStr;
use std::io::{self, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};

/// `r0 = 0; exit`, as the kernel encodes it.
const NOTHING: [u64; 2] = [0xb7, 0x95];
const RUNS: usize = 300;
const CALLS: u32 = 200;

fn fd(result: i32) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: the kernel has just created this file descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Attaches a program that does nothing to a function or tracepoint of the kernel, until both file descriptors are
/// closed.
fn attach(name: &CStr, kind: libbpf_sys::bpf_attach_type) -> io::Result<[OwnedFd; 2]> {
    // SAFETY: a NUL-terminated name; the instructions and options are as long as stated.
    unsafe {
        let id = libbpf_sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), kind);
        if id < 0 {
            return Err(io::Error::from_raw_os_error(-id));
        }
        let options = libbpf_sys::bpf_prog_load_opts {
            sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as _,
            expected_attach_type: kind,
            attach_btf_id: id as u32,
            ..Default::default()
        };
        let program = fd(libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_TRACING,
            c"single".as_ptr(),
            c"GPL".as_ptr(),
            NOTHING.as_ptr().cast(),
            NOTHING.len() as _,
            &raw const options as *mut _,
        ))?;
        use std::os::fd::AsRawFd as _;
        let link = fd(libbpf_sys::bpf_raw_tracepoint_open(std::ptr::null(), program.as_raw_fd()))?;
        Ok([program, link])
    }
}

/// Runs the two loops: a call that is not selected, and one that the hook is attached to.
fn loops() -> [f64; 2] {
    // SAFETY: plain calls; the path ends with NUL and the file descriptor is closed once.
    unsafe {
        [
            least(RUNS, CALLS, || {
                libc::syscall(libc::SYS_getppid);
            }),
            least(RUNS, CALLS, || {
                libc::close(libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY));
            }),
        ]
    }
}

fn main() {
    let base = loops();
    let mut line = format!("single: getppid {:.0} ns, open+close {:.0} ns", base[0], base[1]);
    let hooks: [(&str, &[(&CStr, libbpf_sys::bpf_attach_type)]); 2] = [
        ("one hook for all calls", &[(c"sys_exit", libbpf_sys::BPF_TRACE_RAW_TP)]),
        (
            "fexit of openat and close",
            &[(c"__x64_sys_openat", libbpf_sys::BPF_TRACE_FEXIT), (c"__x64_sys_close", libbpf_sys::BPF_TRACE_FEXIT)],
        ),
    ];
    for (what, names) in hooks {
        let attached: io::Result<Vec<_>> = names.iter().map(|(name, kind)| attach(name, *kind)).collect();
        match attached {
            Ok(_attached) => {
                let times = loops();
                line += &format!("; {what}: +{:.0} and +{:.0}", times[0] - base[0], times[1] - base[1]);
            }
            Err(error) => line += &format!("; {what}: refused ({error})"),
        }
    }
    let _ = writeln!(io::stdout(), "{line}");
}
