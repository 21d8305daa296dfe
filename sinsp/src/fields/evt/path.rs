//! `evt.abspath`: the absolute path of a directory and a path.

use bumpalo::Bump;
use scap::render::AT_FDCWD;
use scap::schema::{EventCode, ParamRole, Role, param};

use super::args::{self, result};
use crate::Event;
use crate::fields::{Arg, FieldRef, PathEnd, Value};

/// Returns the path, or the one of two that the argument selects.
pub(super) fn absolute<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let thread = e.thread()?;
    let destination = matches!(field.arg, Arg::Path(PathEnd::Destination));
    let either = |source, target| if destination { target } else { source };
    let (dirfd, name) = match e.code() {
        EventCode::RENAMEAT_X => either(
            (param::renameat_x::olddirfd, param::renameat_x::oldpath),
            (param::renameat_x::newdirfd, param::renameat_x::newpath),
        ),
        EventCode::RENAMEAT2_X => either(
            (param::renameat2_x::olddirfd, param::renameat2_x::oldpath),
            (param::renameat2_x::newdirfd, param::renameat2_x::newpath),
        ),
        EventCode::LINKAT_2_X => either(
            (param::linkat_2_x::olddir, param::linkat_2_x::oldpath),
            (param::linkat_2_x::newdir, param::linkat_2_x::newpath),
        ),
        EventCode::SYMLINKAT_X => (param::symlinkat_x::linkdirfd, param::symlinkat_x::linkpath),
        EventCode::UNLINKAT_2_X => (param::unlinkat_2_x::dirfd, param::unlinkat_2_x::name),
        EventCode::MKDIRAT_X => (param::mkdirat_x::dirfd, param::mkdirat_x::path),
        EventCode::FCHMODAT_X => (param::fchmodat_x::dirfd, param::fchmodat_x::filename),
        EventCode::FCHOWNAT_X => (param::fchownat_x::dirfd, param::fchownat_x::pathname),
        code if code.role() == Role::Opens => match code.param_with(ParamRole::ResolvedPath) {
            Some(path) => {
                // The kernel reports the path only if it could open it.
                let path = e.raw().param(path)?.text().unwrap_or(b"<NA>");
                return (result(e)? > 0).then(|| Value::Bytes(args::joined(b"", path, arena)));
            }
            None => (code.dirfd_param()?, code.param_with(ParamRole::Path)?),
        },
        _ => return None,
    };
    let dirfd = e.raw().param(dirfd)?.i64()?;
    let name = e.raw().param(name)?.text()?;
    let dir: &[u8] = if name.starts_with(b"/") {
        b""
    } else if dirfd == AT_FDCWD {
        e.state().cwd(thread)
    } else {
        e.state().fd(thread, dirfd).map_or(b"<UNKNOWN>/", |fd| &fd.name)
    };
    Some(Value::Bytes(args::joined(dir, name, arena)))
}
