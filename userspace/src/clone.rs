//! The events of clone, fork and vfork: the parent's, and with result 0 the child's own.

use scap::EventBuilder;
use scap::host::Thread;

use crate::facts::{push_exe_and_args, push_task};
use crate::generated::flags;

/// The mark of a child in another pid namespace.
const CHILD_IN_PIDNS: u32 = 1 << 29;
/// Writes the parameters.
pub(crate) fn write(out: &mut EventBuilder, result: i64, tid: i32, clone_flags: u64, thread: Option<&Thread>) {
    out.i64(result);
    push_exe_and_args(out, thread.filter(|_| result >= 0));
    push_task(out, tid, thread);
    let mut value = flags::clone_flags(clone_flags as u32);
    match thread {
        Some(thread) => {
            if thread.vtid != thread.tid {
                value |= CHILD_IN_PIDNS;
            }
            out.u32(value).u32(thread.uid).u32(thread.gid).i64(thread.vtid).i64(thread.vpid);
        }
        None => {
            out.u32(value).empty().empty().empty().empty();
        }
    }
    // Only the child's own event says when its pid namespace began.
    out.u64(if result == 0 { thread.map_or(0, |thread| thread.pidns_init_start_ts) } else { 0 });
}
