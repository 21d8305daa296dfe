//! Facts about a thread from `/proc`, as the events of clone and exec have them.

use scap::EventBuilder;
use scap::host::Thread;

/// The limit of arguments together with the program's name, and of the environment.
pub(crate) const MAX_STRINGS: usize = 4096;
/// The controllers that the probe reports, in its order.
const CONTROLLERS: [&[u8]; 5] = [b"cpuset", b"cpu", b"cpuacct", b"io", b"memory"];

/// Writes the program's name and its arguments, as the process itself has them.
pub(crate) fn push_exe_and_args(out: &mut EventBuilder, thread: Option<&Thread>) {
    match thread {
        Some(thread) => out.text(&thread.exe).raw(cut(&thread.args)),
        None => out.empty().empty(),
    };
}

/// Returns as much of a list of strings as is kept.
pub(crate) fn cut(strings: &[u8]) -> &[u8] {
    strings.get(..MAX_STRINGS).unwrap_or(strings)
}

/// Writes from the thread's id to its cgroups: the same in clone and exec. The working directory is left to the state
/// engine.
pub(crate) fn push_task(out: &mut EventBuilder, tid: i32, thread: Option<&Thread>) {
    out.i64(tid.into());
    let Some(thread) = thread else {
        for _ in 0..11 {
            out.empty();
        }
        return;
    };
    out.i64(thread.pid).i64(thread.ptid).empty().i64(thread.fdlimit).u64(thread.pfmajor).u64(thread.pfminor);
    out.u32(thread.vmsize_kb).u32(thread.vmrss_kb).u32(thread.vmswap_kb).text(&thread.comm);
    let of = |name: &&[u8]| {
        thread
            .cgroups
            .split_inclusive(|byte| *byte == 0)
            .find(|entry| entry.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b"=")))
    };
    let list: Vec<&[u8]> = CONTROLLERS.iter().filter_map(of).collect();
    out.parts(&list);
}
