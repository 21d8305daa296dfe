//! The flags of opened files.

use scap::schema::{ParamRole, Role};

use super::args::result;
use crate::Event;

/// Bits of open flags, as the schema's `file_flags` numbers them.
const RDONLY: u32 = 1 << 0;
const WRONLY: u32 = 1 << 1;
const CREAT: u32 = 1 << 2;
const TMPFILE: u32 = 1 << 13;
const F_CREATED: u32 = 1 << 14;

/// The mode bits that make a file executable, as in the schema's `chmod_mode`.
const EXECUTABLE: u32 = 0o111;

/// Returns the index of a parameter of a call that opens a file.
fn param(e: &Event<'_>, role: ParamRole) -> Option<usize> {
    if e.code().role() == Role::Opens { e.code().param_with(role) } else { None }
}

/// Returns the flags of an open.
fn flags(e: &Event<'_>) -> Option<u32> {
    let index = param(e, ParamRole::Flags)?;
    Some(e.raw().param(index)?.u32().unwrap_or(0))
}

/// Returns whether the file was opened for reading.
pub(super) fn reads(e: &Event<'_>) -> bool {
    flags(e).is_some_and(|flags| flags & RDONLY != 0)
}

/// Returns whether the file was opened for writing.
pub(super) fn writes(e: &Event<'_>) -> bool {
    flags(e).is_some_and(|flags| flags & WRONLY != 0)
}

/// Returns whether the file was created.
pub(super) fn creates(e: &Event<'_>) -> bool {
    let Some(flags) = flags(e) else { return false };
    flags & F_CREATED != 0 || (flags & TMPFILE != 0 && result(e).is_some_and(|result| result >= 0))
}

/// Returns whether an executable file was created.
pub(super) fn executable(e: &Event<'_>) -> bool {
    let Some(index) = param(e, ParamRole::Mode) else { return false };
    // A call without flags always creates.
    if flags(e).is_some_and(|flags| flags & (CREAT | TMPFILE) == 0) {
        return false;
    }
    e.raw().param(index).and_then(|param| param.u32()).is_some_and(|mode| mode & EXECUTABLE != 0)
}
