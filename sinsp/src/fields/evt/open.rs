//! What a file was opened for.

use scap::schema::{ParamRole, Role};

use super::args::result;
use crate::Event;

/// Bits of open flags, as the schema's `file_flags` numbers them.
const RDONLY: u32 = 1 << 0;
const WRONLY: u32 = 1 << 1;
const CREAT: u32 = 1 << 2;
const TMPFILE: u32 = 1 << 13;
const F_CREATED: u32 = 1 << 14;

/// Any of the bits by which a file may be executed, as the schema's `chmod_mode` numbers them.
const EXECUTABLE: u32 = 0o111;

/// The index of a parameter of a call that opens a file.
fn param(e: &Event<'_>, role: ParamRole) -> Option<usize> {
    if e.code().role() == Role::Opens { e.code().param_with(role) } else { None }
}

/// The flags that an open was called with.
fn flags(e: &Event<'_>) -> Option<u32> {
    let index = param(e, ParamRole::Flags)?;
    Some(e.raw().param(index)?.u32().unwrap_or(0))
}

/// Whether for reading.
pub(super) fn reads(e: &Event<'_>) -> bool {
    flags(e).is_some_and(|flags| flags & RDONLY != 0)
}

/// Whether for writing.
pub(super) fn writes(e: &Event<'_>) -> bool {
    flags(e).is_some_and(|flags| flags & WRONLY != 0)
}

/// Whether the file was made.
pub(super) fn creates(e: &Event<'_>) -> bool {
    let Some(flags) = flags(e) else { return false };
    flags & F_CREATED != 0 || (flags & TMPFILE != 0 && result(e).is_some_and(|result| result >= 0))
}

/// Whether a file was made that may be executed.
pub(super) fn executable(e: &Event<'_>) -> bool {
    let Some(index) = param(e, ParamRole::Mode) else { return false };
    // A call without flags always creates.
    if flags(e).is_some_and(|flags| flags & (CREAT | TMPFILE) == 0) {
        return false;
    }
    e.raw().param(index).and_then(|param| param.u32()).is_some_and(|mode| mode & EXECUTABLE != 0)
}
