//! Waiting: sleeping, polling and the scheduler.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    78 EPOLLWAIT_E epollwait_e = "epoll_wait" [WAIT | SYSCALL] {WAITS | OLD_VERSION | CONVERTED} (
        maxevents: Errno dec,
    )
    79 EPOLLWAIT_X epollwait_x = "epoll_wait" [WAIT | SYSCALL] {WAITS | CONVERTED} (
        res: Errno dec, maxevents: Errno dec,
    )
    80 POLL_E poll_e = "poll" [WAIT | SYSCALL] {WAITS | OLD_VERSION | CONVERTED} (
        fds: FdList dec, timeout: Int64 dec,
    )
    81 POLL_X poll_x = "poll" [WAIT | SYSCALL] {WAITS | CONVERTED} (
        res: Errno dec, fds: FdList dec, timeout: Int64 dec,
    )
    82 SELECT_E select_e = "select" [WAIT | SYSCALL] {WAITS | OLD_VERSION} ()
    83 SELECT_X select_x = "select" [WAIT | SYSCALL] {WAITS} (res: Errno dec)
    134 NANOSLEEP_E nanosleep_e = "nanosleep" [SLEEP | SYSCALL] {WAITS | OLD_VERSION | CONVERTED} (
        interval: RelTime dec,
    )
    135 NANOSLEEP_X nanosleep_x = "nanosleep" [SLEEP | SYSCALL] {WAITS | CONVERTED} (
        res: Errno dec, interval: RelTime dec,
    )
    152 SCHEDSWITCH_6_E schedswitch_6_e = "switch" [SCHEDULER | TRACEPOINT] {} (
        next: Pid dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec, vm_size: UInt32 dec, vm_rss: UInt32 dec,
        vm_swap: UInt32 dec,
    )
    153 SCHEDSWITCH_6_X schedswitch_6_x = "NA" [UNKNOWN] {UNUSED} ()
    254 PPOLL_E ppoll_e = "ppoll" [WAIT | SYSCALL] {WAITS | OLD_VERSION | CONVERTED} (
        fds: FdList dec, timeout: RelTime dec, sigmask: SigSet dec,
    )
    255 PPOLL_X ppoll_x = "ppoll" [WAIT | SYSCALL] {WAITS | CONVERTED} (
        res: Errno dec, fds: FdList dec, timeout: RelTime dec, sigmask: SigSet dec,
    )
}
