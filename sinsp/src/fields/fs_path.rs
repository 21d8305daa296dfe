//! `fs.path.*`: the paths that a call changed or read, whether or not it opened anything.

use bumpalo::Bump;
use scap::schema::{EventCode, ParamRole, Role, param};

use super::Value;
use super::evt::args::{self, UNKNOWN};
use super::macros::fields;
use crate::Event;
use crate::state::FdKind;

fields! {
    /// The paths that calls such as unlink, rename and chmod work on; `fd.*` has only opened files.
    pub(crate) FS_PATH = "fs.path" "" {
        "fs.path.name" CharBuf na, Event, |e, _, arena| resolved(e, Part::Name, arena),
            "the path, made absolute." on open = "/etc/hosts";
        "fs.path.nameraw" CharBuf na, Event, |e, _, arena| raw(e, Part::Name, arena).map(Value::Bytes),
            "the path as the process gave it." on open = "/etc/hosts";
        "fs.path.source" CharBuf na, Event, |e, _, arena| resolved(e, Part::Source, arena),
            "the first path of a call with two, made absolute." on rename = "/home/ann/a";
        "fs.path.sourceraw" CharBuf na, Event, |e, _, arena| raw(e, Part::Source, arena).map(Value::Bytes),
            "the first path of a call with two, as the process gave it." on rename = "a";
        "fs.path.target" CharBuf na, Event, |e, _, arena| resolved(e, Part::Target, arena),
            "the second path of a call with two, made absolute." on rename = "/home/ann/b";
        "fs.path.targetraw" CharBuf na, Event, |e, _, arena| raw(e, Part::Target, arena).map(Value::Bytes),
            "the second path of a call with two, as the process gave it." on rename = "b";
    }
}

/// The path of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Source,
    Target,
}

/// Returns whether it opens a file by a path and with flags: not `creat`, which has none, nor a call whose path is the
/// kernel's.
fn opens(e: &Event<'_>) -> bool {
    let code = e.code();
    code.role() == Role::Opens
        && [ParamRole::Path, ParamRole::Flags].iter().all(|role| code.param_with(*role).is_some())
}

/// Returns the path as the process gave it, for calls that succeeded.
fn raw<'e>(e: &'e Event<'e>, part: Part, arena: &'e Bump) -> Option<&'e [u8]> {
    use EventCode as E;
    let name = match (e.code(), part) {
        (E::MKDIR_2_X | E::MKDIRAT_X | E::RMDIR_2_X | E::UNLINK_2_X | E::CHOWN_X | E::LCHOWN_X, Part::Name) => "path",
        (E::UNLINKAT_2_X | E::UMOUNT_1_X | E::UMOUNT2_X, Part::Name) => "name",
        (_, Part::Name) if opens(e) => "name",
        (E::FCHMODAT_X | E::CHMOD_X, Part::Name) => "filename",
        (E::FCHOWNAT_X, Part::Name) => "pathname",
        (E::QUOTACTL_X, Part::Name) => "special",
        (E::FCHMOD_X | E::FCHOWN_X, Part::Name) => "",
        (E::RENAME_X | E::RENAMEAT_X | E::RENAMEAT2_X, Part::Source) => "oldpath",
        (E::RENAME_X | E::RENAMEAT_X | E::RENAMEAT2_X, Part::Target) => "newpath",
        // A link points from the new path to the old one.
        (E::LINK_2_X | E::LINKAT_2_X, Part::Source) => "newpath",
        (E::LINK_2_X | E::LINKAT_2_X, Part::Target) => "oldpath",
        (E::SYMLINK_X | E::SYMLINKAT_X, Part::Source) => "linkpath",
        (E::SYMLINK_X | E::SYMLINKAT_X, Part::Target) => "target",
        (E::MOUNT_X, Part::Source) => "dev",
        (E::MOUNT_X, Part::Target) => "dir",
        _ => return None,
    };
    let result = e.raw().param(0)?.i64()?;
    // An open that failed for another reason than -1 still has its path.
    if if opens(e) { result == -1 } else { result != 0 } {
        return None;
    }
    if name.is_empty() { super::fd::name(e, arena) } else { args::raw_text(e, name) }
}

/// Returns the path made absolute.
fn resolved<'e>(e: &'e Event<'e>, part: Part, arena: &'e Bump) -> Option<Value<'e>> {
    use EventCode as E;
    let path = raw(e, part, arena)?;
    let thread = e.thread()?;
    if path.starts_with(b"/") {
        return Some(Value::Bytes(args::cleaned(path, arena)));
    }
    // The file descriptor of these calls is that of their directory.
    let directory = || match e.fd() {
        Some(fd) if fd.kind == FdKind::Directory => &*fd.name,
        _ => UNKNOWN,
    };
    let at = |index: usize| {
        let dirfd = e.raw().param(index).and_then(|param| param.i64())?;
        Some(Value::Bytes(args::absolute(e, path, dirfd, arena)))
    };
    let (dir, path) = match e.code() {
        // The opened file has the path.
        code if opens(e) && code.dirfd_param().is_some() => (&b""[..], e.fd().map_or(UNKNOWN, |fd| &*fd.name)),
        E::FCHOWNAT_X | E::FCHMODAT_X | E::MKDIRAT_X | E::UNLINKAT_2_X => (directory(), path),
        E::SYMLINKAT_X if part == Part::Source => (directory(), path),
        E::SYMLINKAT_X => (UNKNOWN, path),
        E::RENAMEAT2_X if part == Part::Target => return at(param::renameat2_x::newdirfd),
        E::RENAMEAT2_X => return at(param::renameat2_x::olddirfd),
        _ => (e.state().cwd(thread), path),
    };
    let join = if dir == UNKNOWN { args::joined_to } else { args::joined };
    Some(Value::Bytes(join(dir, path, arena)))
}
