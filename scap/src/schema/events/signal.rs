//! Signals: sending and delivering them.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    128 KILL_E kill_e = "kill" [SIGNAL | SYSCALL] {OLD_VERSION | CONVERTED} (pid: Pid dec, sig: SigType dec)
    129 KILL_X kill_x = "kill" [SIGNAL | SYSCALL] {CONVERTED} (res: Errno dec, pid: Pid dec, sig: SigType dec)
    130 TKILL_E tkill_e = "tkill" [SIGNAL | SYSCALL] {OLD_VERSION | CONVERTED} (
        tid: Pid dec, sig: SigType dec,
    )
    131 TKILL_X tkill_x = "tkill" [SIGNAL | SYSCALL] {CONVERTED} (
        res: Errno dec, tid: Pid dec, sig: SigType dec,
    )
    132 TGKILL_E tgkill_e = "tgkill" [SIGNAL | SYSCALL] {OLD_VERSION | CONVERTED} (
        pid: Pid dec, tid: Pid dec, sig: SigType dec,
    )
    133 TGKILL_X tgkill_x = "tgkill" [SIGNAL | SYSCALL] {CONVERTED} (
        res: Errno dec, pid: Pid dec, tid: Pid dec, sig: SigType dec,
    )
    232 SIGNALDELIVER_E signaldeliver_e = "signaldeliver" [SIGNAL | TRACEPOINT] {} (
        spid: Pid dec, dpid: Pid dec, sig: SigType dec,
    )
    233 SIGNALDELIVER_X signaldeliver_x = "NA" [UNKNOWN] {UNUSED} ()
}
