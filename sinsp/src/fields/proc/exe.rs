//! The executable: its place, and the time of its change relative to the start of the process and of its pid namespace.

use bumpalo::Bump;

use crate::Event;
use crate::fields::value::concat;
use crate::fields::{FieldRef, Value};

/// Returns the path in the executable's own file system, whatever is mounted where.
pub(super) fn device_path<'e>(e: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
    let thread = e.thread()?;
    Some(concat(&thread.exe_place.on_device(&thread.exepath)?, arena))
}

/// Returns the time from the change of the inode to the start of the process.
pub(super) fn ctime_to_clone<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    super::not_zero(e.thread()?.exe_ino_ctime_duration_clone_ts)
}

/// Returns the time from the start of the pid namespace to the change of the inode.
pub(super) fn pidns_to_ctime<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    super::not_zero(e.thread()?.exe_ino_ctime_duration_pidns_start)
}
