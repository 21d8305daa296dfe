//! Calls that seccomp prevents: none of them is a success.

use crate::live::{Live, Seen, n, named, t};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;

/// Makes a child that allows every call but `forbidden`, for which `action` is taken, and makes that call; returns the
/// child's pid.
fn child(forbidden: i64, action: u32) -> i64 {
    let instructions = [
        // SAFETY: plain structures.
        unsafe { BPF_STMT((BPF_LD | BPF_W | BPF_ABS) as u16, 0) },
        // SAFETY: as above.
        unsafe { BPF_JUMP((BPF_JMP | BPF_JEQ | BPF_K) as u16, forbidden as u32, 0, 1) },
        // SAFETY: as above.
        unsafe { BPF_STMT((BPF_RET | BPF_K) as u16, action) },
        // SAFETY: as above.
        unsafe { BPF_STMT((BPF_RET | BPF_K) as u16, SECCOMP_RET_ALLOW) },
    ];
    // Memory that the child has: nobody reads the name of a call that is not made.
    let name = *b"/dev/null\0";
    let program = sock_fprog { len: 4, filter: instructions.as_ptr().cast_mut() };
    // SAFETY: the child makes raw calls only.
    let pid = unsafe { fork() };
    if pid == 0 {
        sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        sys!(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
        sys!(forbidden, AT_FDCWD, std::hint::black_box(&name).as_ptr(), O_RDONLY);
        sys!(SYS_exit_group, 0);
    }
    let mut status = 0;
    // SAFETY: a child of this process.
    unsafe { waitpid(pid, &raw mut status, 0) };
    pid.into()
}

fn kernel_is_before(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap(), numbers.next().unwrap()) < (major, minor)
}

pub(crate) fn cases(live: &mut Live) {
    for (what, action, res) in [
        ("a trap", SECCOMP_RET_TRAP, ENOSYS),
        ("the end of the process", SECCOMP_RET_KILL_PROCESS, ENOSYS),
        ("the end of the thread", SECCOMP_RET_KILL_THREAD, ENOSYS),
        ("an error", SECCOMP_RET_ERRNO | EACCES as u32, EACCES),
    ] {
        let (_, pid, seen) = live.watch(named(&["openat"]), || child(SYS_openat, action));
        let events: Vec<&Seen> = seen.iter().filter(|seen| seen.tid == pid && seen.code == C::OPENAT_2_X).collect();
        match events[..] {
            // Before 5.16 the end comes at once, without an exit of the call.
            [] if what.starts_with("the end") && kernel_is_before(5, 16) => {}
            [event] => live.check(event, &[n(-res), n(-100), t("/dev/null"), n(1), n(0), n(0), n(0)]),
            _ => live.faults.push(format!("{what} by seccomp: {} events of one call", events.len())),
        }
    }
    // The result of a call that is made may be its own number.
    live.case(
        C::DUP2_X,
        || {
            let fd = sys!(SYS_dup2, 1, SYS_dup2);
            sys!(SYS_close, fd)
        },
        |_| vec![n(SYS_dup2), n(1), n(SYS_dup2)],
    );
}
