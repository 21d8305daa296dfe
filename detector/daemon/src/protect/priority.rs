//! Priority of the threads: the reader of events above what an ordinary user may run, the web server below the reader.
//!
//! A nice value, not a real-time policy: `SCHED_RR` would keep everybody from the processor when the reader is busy, as
//! during a flood of events, for 95 % of the time; kernels with groups of real-time tasks refuse it in a service, and
//! the unit would have to allow it. At nice -15 the reader has a weight of 28 ordinary threads, and wakes up before
//! them. It is inherited by the threads of outputs, which must keep up with the reader.
//!
//! Where the kernel groups processes by session (`sched_autogroup`), nice values count inside the group only, and that of
//! the group between groups: it is set too if the session is the program's own, as with a service manager or `setsid`.

use nix::unistd::{getpid, getsid};
use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// Difference in priority of the threads beside the pipeline.
const LOWER: i32 = 10;

/// Raises the priority of this thread, and of those that it starts. Returns a warning if that is not allowed.
pub(crate) fn raise(by: u8) -> Option<String> {
    if by == 0 {
        return None;
    }
    let nice = -i32::from(by);
    // Written to first: it is the file of the thread group, which a process without privileges does not own.
    // By nix: where the leader is outside the PID namespace its ID is 0, which rustix's type cannot hold.
    let own_session = getsid(None).is_ok_and(|session| session == getpid());
    if own_session {
        // Absent without that part of the kernel; then nice values count everywhere.
        let _ = std::fs::write("/proc/self/autogroup", nice.to_string());
    }
    let now = getpriority_process(Some(gettid())).unwrap_or(0);
    if now <= nice {
        return None;
    }
    let error = setpriority_process(Some(gettid()), nice).err()?;
    Some(format!(
        "cannot raise the priority to nice {nice} ({error}): a busy host may make the program lose events; set Nice= in \
         the unit or add CAP_SYS_NICE"
    ))
}

/// Lowers the priority of this thread, which does not belong to the pipeline from events to outputs. Always allowed.
pub(crate) fn lower() {
    let thread = Some(gettid());
    let nice = getpriority_process(thread).unwrap_or(0);
    let _ = setpriority_process(thread, (nice + LOWER).min(19));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_lowered_alone() {
        let nice = |thread| getpriority_process(thread).unwrap();
        let before = nice(Some(gettid()));
        let lowered = std::thread::spawn(move || {
            lower();
            nice(Some(gettid()))
        });
        assert_eq!(lowered.join().unwrap(), (before + LOWER).min(19));
        assert_eq!(nice(Some(gettid())), before);
    }
}
