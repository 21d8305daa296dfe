//! The system calls of a tracer, which no crate wraps with all that is needed here. The only place of `unsafe`.
#![allow(unsafe_code, reason = "ptrace, fork and seccomp")]

use std::ffi::CString;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACESECCOMP;
const GET_SYSCALL_INFO: u32 = 0x420e;
/// `__WNOTHREAD`: only children and tracees of the calling thread.
const WNOTHREAD: i32 = 0x2000_0000;
const SECCOMP_SET_MODE_FILTER: u32 = 1;

fn ptrace(request: u32, tid: i32, address: usize, data: usize) -> io::Result<i64> {
    // SAFETY: the callers pass numbers, or the address of a value of the size that the request fills.
    match unsafe { libc::ptrace(request as _, tid, address, data) } {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// Begins to trace a thread; with `kill`, it is killed when the tracer dies.
pub(crate) fn seize(tid: i32, kill: bool) -> io::Result<()> {
    let options = OPTIONS | if kill { libc::PTRACE_O_EXITKILL } else { 0 };
    ptrace(libc::PTRACE_SEIZE, tid, 0, options as usize).map(drop)
}

/// Stops a thread.
pub(crate) fn interrupt(tid: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0).map(drop)
}

/// Lets a thread run with a signal, or 0; with `to_syscall`, up to the next entry or exit of a call.
pub(crate) fn resume(tid: i32, to_syscall: bool, signal: i32) -> io::Result<()> {
    let request = if to_syscall { libc::PTRACE_SYSCALL } else { libc::PTRACE_CONT };
    ptrace(request, tid, 0, signal as usize).map(drop)
}

/// Leaves a thread stopped, but for `SIGCONT`.
pub(crate) fn listen(tid: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// Ends the tracing of a stopped thread, and passes a signal on.
pub(crate) fn detach(tid: i32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_DETACH, tid, 0, signal as usize).map(drop)
}

/// Returns the message of an event stop: a new thread, or the former number of a thread that has executed.
pub(crate) fn event_message(tid: i32) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    ptrace(libc::PTRACE_GETEVENTMSG, tid, 0, &raw mut message as usize)?;
    Ok(message)
}

/// The phase of a call at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    None,
    Entry,
    Exit,
}

/// The kernel's report of the call that a thread is stopped at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallInfo {
    pub(crate) phase: Phase,
    /// Whether it was made by the interface of 32-bit programs.
    pub(crate) compat: bool,
    /// At entry.
    pub(crate) number: u64,
    pub(crate) args: [u64; 6],
    /// At exit.
    pub(crate) ret: i64,
}

const AUDIT_ARCH_I386: u32 = 0x4000_0003;

pub(crate) fn call_info(tid: i32) -> io::Result<CallInfo> {
    // struct ptrace_syscall_info: u8 phase, u32 architecture, u64 instruction, u64 stack, then either the number and
    // six arguments or the result.
    let mut words = [0u64; 12];
    ptrace(GET_SYSCALL_INFO, tid, size_of_val(&words), words.as_mut_ptr() as usize)?;
    let [first, _, _, number, args @ ..] = words;
    let [a, b, c, d, e, f, ..] = args;
    Ok(CallInfo {
        phase: match first & 0xff {
            1 | 3 => Phase::Entry,
            2 => Phase::Exit,
            _ => Phase::None,
        },
        compat: (first >> 32) as u32 == AUDIT_ARCH_I386,
        number,
        args: [a, b, c, d, e, f],
        ret: number as i64,
    })
}

/// Returns the number and the first argument of the call that a new thread comes out of.
pub(crate) fn birth(tid: i32, compat: bool) -> io::Result<(u64, u64)> {
    let mut regs = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
    ptrace(libc::PTRACE_GETREGS, tid, 0, regs.as_mut_ptr() as usize)?;
    // SAFETY: all registers are numbers, and the kernel has filled them.
    let regs = unsafe { regs.assume_init() };
    Ok(if compat { (regs.orig_rax & 0xffff_ffff, regs.rbx & 0xffff_ffff) } else { (regs.orig_rax, regs.rdi) })
}

/// Returns the sender of the signal that a thread is stopped at, where the signal carries one.
pub(crate) fn sender(tid: i32, signal: i32) -> io::Result<i64> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    ptrace(libc::PTRACE_GETSIGINFO, tid, 0, info.as_mut_ptr() as usize)?;
    // SAFETY: the kernel has filled it.
    let info = unsafe { info.assume_init() };
    let carries = match signal {
        libc::SIGKILL | libc::SIGCHLD => true,
        // Above 0 the kernel is the sender.
        libc::SIGTERM | libc::SIGHUP | libc::SIGINT | libc::SIGTSTP | libc::SIGQUIT => info.si_code <= 0,
        32..=64 => true,
        _ => false,
    };
    // SAFETY: the signals above have the pid at this place of the union.
    Ok(if carries { unsafe { info.si_pid() }.into() } else { 0 })
}

/// Waits for a stop or the end of a child or tracee of this thread; `None` if there is none now (without `block`), or
/// no child at all.
pub(crate) fn wait(block: bool) -> io::Result<Option<(i32, i32)>> {
    let mut status = 0;
    let flags = libc::__WALL | WNOTHREAD | if block { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: `status` is a number that the call may fill.
        match unsafe { libc::waitpid(-1, &raw mut status, flags) } {
            0 => return Ok(None),
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            tid => return Ok(Some((tid, status))),
        }
    }
}

/// Sends a signal to a process; it may have ended.
pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: numbers only.
    unsafe { libc::kill(pid, signal) };
}

/// A program with its arguments and the paths at which it may be.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) paths: Vec<CString>,
    pub(crate) args: Vec<CString>,
}

/// Creates a child that writes a byte to `failed` when it can be traced, waits for one from `go`, installs the filter and
/// executes the program. If it cannot, it writes the error number to `failed` and ends.
pub(crate) fn launch(
    program: &Program,
    filter: &[libc::sock_filter],
    go: &PipeReader,
    failed: &PipeWriter,
) -> io::Result<i32> {
    let argv: Vec<*const libc::c_char> =
        program.args.iter().map(|arg| arg.as_ptr()).chain([std::ptr::null()]).collect();
    let code = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let (go, failed) = (go.as_raw_fd(), failed.as_raw_fd());
    // SAFETY: the child makes nothing but system calls up to its exec or end, with memory that was prepared here.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let mut byte = 0u8;
            // SAFETY: numbers, and pointers to values of this function or of `program`.
            unsafe {
                // A process that keeps its memory private could not be traced by its parent.
                libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
                libc::write(failed, (&raw const byte).cast(), 1);
                if libc::read(go, (&raw mut byte).cast(), 1) != 1 {
                    libc::_exit(127);
                }
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&raw mut none);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                if install(&code) == 0 {
                    for path in &program.paths {
                        libc::execv(path.as_ptr(), argv.as_ptr());
                        let errno = *libc::__errno_location();
                        if errno != libc::ENOENT && errno != libc::ENOTDIR && errno != libc::EACCES {
                            break;
                        }
                    }
                }
                let errno = *libc::__errno_location();
                libc::write(failed, (&raw const errno).cast(), size_of_val(&errno));
                libc::_exit(127)
            }
        }
        child => Ok(child),
    }
}

/// Installs a filter; without privileges together with `no_new_privs`.
///
/// # Safety
/// The filter's instructions must be valid memory.
unsafe fn install(code: &libc::sock_fprog) -> i64 {
    // SAFETY: as the caller promises.
    unsafe {
        let set = || libc::syscall(libc::SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, std::ptr::from_ref(code));
        if set() == 0 {
            return 0;
        }
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return -1;
        }
        set()
    }
}

/// Creates a child that ends when `bell` is closed at its other end: its end wakes a thread that waits for children.
pub(crate) fn doorkeeper(bell: &PipeReader) -> io::Result<i32> {
    let bell = bell.as_raw_fd() as u32;
    // SAFETY: the child makes nothing but system calls.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let mut byte = 0u8;
            // SAFETY: numbers and a byte of this function. Every other file is closed, among them the other end.
            unsafe {
                if bell > 0 {
                    libc::syscall(libc::SYS_close_range, 0, bell - 1, 0);
                }
                libc::syscall(libc::SYS_close_range, bell + 1, u32::MAX, 0);
                libc::setpgid(0, 0);
                while libc::read(bell as i32, (&raw mut byte).cast(), 1) < 0 {}
                libc::_exit(0)
            }
        }
        child => Ok(child),
    }
}

/// Returns the queue of a listening TCP socket: its length and its limit.
pub(crate) fn listen_queue(socket: impl AsFd) -> Option<(u32, u32)> {
    // struct tcp_info: eight bytes, then words. Of a listening socket "unacked" and "sacked" are its queue.
    const STATE_LISTEN: u8 = 10;
    let mut info = [0u8; 104];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: `info` has `len` bytes that the call may fill.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    let word = |at: usize| Some(u32::from_ne_bytes(*info.get(at..)?.first_chunk()?));
    if result != 0 || info.first() != Some(&STATE_LISTEN) { None } else { Some((word(24)?, word(28)?)) }
}

/// Returns the time, since 1970.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos() as u64
}
