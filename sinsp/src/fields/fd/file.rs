//! Names and types of file descriptors.

use bumpalo::Bump;
use scap::schema::{EventCode, ParamRole, Role};

use super::fd;
use crate::Event;
use crate::fields::evt::args;
use crate::fields::value::{Text, Value, concat, push_signed};
use crate::fields::{Arg, FieldRef};
use crate::state::{FdKind, path};

/// Returns the name of the file descriptor, or the name in the event if there is none.
pub(crate) fn name<'e>(e: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
    if !e.is_about_fd() {
        return None;
    }
    match e.fd() {
        Some(fd) => Some(&fd.name),
        None => name_from_event(e, false, arena),
    }
}

/// Returns the path of an opened file as the kernel resolved it.
pub(super) fn real_path<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let fd = fd(e)?;
    (!fd.real_path.is_empty() && fd.place.has_path()).then_some(&*fd.real_path)
}

/// Returns the path of an opened file in its own file system, whatever is mounted where.
pub(super) fn device_path<'e>(e: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
    let fd = fd(e)?;
    Some(concat(&fd.place.on_device(&fd.real_path)?, arena))
}

/// Returns the path as the process gave it, with double slashes reduced to one.
pub(super) fn name_raw<'e>(e: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
    if !e.is_about_fd() {
        return None;
    }
    let name: &[u8] = match e.fd() {
        Some(fd) => &fd.name_raw,
        None => name_from_event(e, true, arena)?,
    };
    if !path::has_double_slash(name) {
        return Some(name);
    }
    let mut single = Text::with_capacity_in(name.len(), arena);
    for &byte in name {
        if byte != b'/' || single.last() != Some(&b'/') {
            single.push(byte);
        }
    }
    Some(single.into_bump_slice())
}

/// Returns the name for calls that failed, or whose file descriptor is not known.
fn name_from_event<'e>(e: &'e Event<'e>, raw: bool, arena: &'e Bump) -> Option<&'e [u8]> {
    let code = e.code();
    match code.role() {
        _ if code.is_enter() => None,
        Role::Opens => match (code.param_with(ParamRole::ResolvedPath), code.dirfd_param()) {
            (Some(path), _) => Some(e.raw().param(path)?.text().unwrap_or_default()),
            (None, Some(dirfd)) => open_name(e, code.param_with(ParamRole::Path)?, dirfd, raw, arena),
            (None, None) => args::text(e, code.param_with(ParamRole::Path)?, arena),
        },
        Role::Accepts | Role::Connects => args::text(e, code.param_with(ParamRole::Tuple)?, arena),
        _ => Some(b""),
    }
}

fn open_name<'e>(e: &'e Event<'e>, name: usize, dirfd: usize, raw: bool, arena: &'e Bump) -> Option<&'e [u8]> {
    let name = e.raw().param(name)?.text()?;
    if raw {
        return Some(name);
    }
    Some(args::absolute(e, name, e.raw().param(dirfd)?.i64()?, arena))
}

/// Returns the directory of a file, or a directory itself.
pub(super) fn directory<'e>(e: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
    if !e.is_about_fd() {
        return None;
    }
    let name = match e.fd() {
        None => name_from_event(e, false, arena)?,
        Some(fd) => match fd.kind {
            FdKind::File => &fd.name,
            FdKind::Directory => return Some(&fd.name),
            _ => return None,
        },
    };
    match memchr::memrchr(b'/', name) {
        None | Some(0) => Some(b"/"),
        Some(slash) if slash + 1 == name.len() => Some(name),
        Some(slash) => name.get(..slash),
    }
}

/// Returns the last part of a file's path.
pub(super) fn file_name<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let fd = fd(e).filter(|fd| fd.kind == FdKind::File)?;
    match memchr::memrchr(b'/', &fd.name) {
        None => Some(b"/"),
        Some(slash) if slash + 1 == fd.name.len() => Some(&fd.name),
        Some(slash) => fd.name.get(slash + 1..),
    }
}

/// Every ASCII character, to borrow from.
static ASCII: [u8; 128] = {
    let mut all = [0; 128];
    let mut at = 0;
    while at < all.len() {
        all[at] = at as u8;
        at += 1;
    }
    all
};

/// Returns the type as a character; derived from the event if there is no file descriptor.
pub(super) fn type_char<'e>(e: &Event<'_>) -> Option<Value<'e>> {
    if !e.is_about_fd() {
        return None;
    }
    let char = match e.fd() {
        Some(fd) => fd.kind.type_char(),
        None => match EventCode(e.code().0 | 1) {
            EventCode::SOCKET_X => b'4',
            EventCode::PIPE_X | EventCode::PIPE2_X => b'p',
            EventCode::EVENTFD_X | EventCode::EVENTFD2_X => b'e',
            EventCode::SIGNALFD_X | EventCode::SIGNALFD4_X => b's',
            EventCode::TIMERFD_CREATE_X => b't',
            EventCode::INOTIFY_INIT_X | EventCode::INOTIFY_INIT1_X => b'i',
            // Falco does not list these two.
            EventCode::OPEN_X | EventCode::OPEN_BY_HANDLE_AT_X => b'o',
            code => match code.role() {
                Role::Opens => b'f',
                Role::Accepts => b'4',
                _ => b'o',
            },
        },
    };
    ASCII.get(usize::from(char)).map(|char| Value::Bytes(std::slice::from_ref(char)))
}

/// Returns thread and number, concatenated.
pub(super) fn unique_id<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    if !e.is_about_fd() {
        return None;
    }
    let mut text = Text::new_in(arena);
    push_signed(&mut text, e.thread()?.tid);
    push_signed(&mut text, e.fd_num());
    Some(Value::Bytes(text.into_bump_slice()))
}

/// Returns the types of all file descriptors, or of one.
pub(super) fn types<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    if !e.is_about_fd() {
        return None;
    }
    let thread = e.thread()?;
    let mut types = bumpalo::collections::Vec::<Value<'_>>::new_in(arena);
    match field.arg {
        Arg::Index(num) => types.push(e.state().fd(thread, num)?.kind.type_name().unwrap_or("<NA>").into()),
        _ => {
            for fd in e.state().listed_fds(thread) {
                let name = Value::from(fd.kind.type_name().unwrap_or("<NA>"));
                if !types.contains(&name) {
                    types.push(name);
                }
            }
        }
    }
    Some(Value::List(types.into_bump_slice()))
}
