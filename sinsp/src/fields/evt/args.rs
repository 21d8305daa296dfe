//! The parameters of an event, as text and as values.
//!
//! Text is written by [`scap::render`]; this module resolves the values that need the state. It writes to a buffer of
//! each thread, and the result is copied to the event's arena, so that nothing is allocated once the buffers have
//! grown.

use std::cell::RefCell;

use bumpalo::Bump;
use scap::event::{Param, ParamValue};
use scap::render::{self, AT_FDCWD, Buffers, Resolve};
use scap::schema::{Category, EventCode, Format, ParamInfo, ParamType};

use super::zone;
use crate::Event;
use crate::fields::{Arg, FieldRef, Value, print};
use crate::state::{FdKind, L4Proto, path};

/// Resolves values of parameters by the state.
struct Machine<'a> {
    event: &'a Event<'a>,
    buffers: Buffers,
}

impl Resolve for Machine<'_> {
    fn has_thread(&self) -> bool {
        self.event.thread().is_some()
    }

    fn fd(&self, num: i64, out: &mut Vec<u8>) -> bool {
        let Some(fd) = self.event.thread().and_then(|thread| self.event.state().fd(thread, num)) else { return false };
        out.extend_from_slice(&[b'<', fd.kind.type_char()]);
        if matches!(fd.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_) | FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_)) {
            match fd.l4() {
                L4Proto::Tcp => out.push(b't'),
                L4Proto::Udp => out.push(b'u'),
                L4Proto::Icmp => out.push(b'i'),
                L4Proto::Raw => out.push(b'r'),
                L4Proto::Unknown | L4Proto::NotApplicable => {}
            }
        }
        out.push(b'>');
        out.extend_from_slice(&fd.name);
        true
    }

    fn fd_typechar(&self, num: i64) -> Option<u8> {
        let fd = self.event.state().fd(self.event.thread()?, num)?;
        Some(fd.kind.type_char())
    }

    fn process(&self, pid: i64, out: &mut Vec<u8>) -> bool {
        let Some(thread) = self.event.state().thread(pid) else { return false };
        out.extend_from_slice(&thread.comm);
        true
    }

    fn user(&self, uid: u32, out: &mut Vec<u8>) -> bool {
        let user = self.event.thread().and_then(|thread| self.event.state().user_of(thread, uid));
        match user {
            Some(user) if !user.name.is_empty() => out.extend_from_slice(&user.name),
            // As for `user.name`: 0 is root in a container without known users.
            None if uid == 0 && self.event.thread().is_some() => out.extend_from_slice(b"root"),
            _ => return false,
        }
        true
    }

    fn group(&self, gid: u32, out: &mut Vec<u8>) -> bool {
        let group = self.event.thread().and_then(|thread| self.event.state().group_of(thread, gid));
        match group {
            Some(group) if !group.name.is_empty() => out.extend_from_slice(&group.name),
            None if gid == 0 && self.event.thread().is_some() => out.extend_from_slice(b"root"),
            _ => return false,
        }
        true
    }

    fn path(&self, path: &[u8], dirfd: Option<i64>, out: &mut Vec<u8>) -> bool {
        let Some(thread) = self.event.thread() else { return false };
        PATHS.with_borrow_mut(|(base, joined)| {
            base.clear();
            match dirfd {
                None => base.extend_from_slice(self.event.state().cwd(thread)),
                Some(num) => {
                    if let Some(fd) = self.event.state().fd(thread, num) {
                        push_dir(&fd.name, base);
                    }
                }
            }
            path::join(base, path, joined);
            out.extend_from_slice(joined);
        });
        true
    }

    fn buffers(&self) -> Buffers {
        self.buffers
    }

    fn utc_offset(&self, seconds: i64) -> i32 {
        zone::utc_offset(seconds)
    }
}

/// Appends a directory, ended by a slash unless it is empty.
fn push_dir(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    if name.last().is_some_and(|last| *last != b'/') {
        out.push(b'/');
    }
}

thread_local! {
    static OUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static PATHS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Returns what `write` appends, in the arena.
pub(super) fn written(arena: &Bump, write: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
    OUT.with_borrow_mut(|out| {
        out.clear();
        write(out);
        &*arena.alloc_slice_copy(out)
    })
}

/// Joins `path` to `dir`, to which a slash is added if needed, and cleans it; in the arena.
pub(crate) fn joined<'e>(dir: &[u8], path: &[u8], arena: &'e Bump) -> &'e [u8] {
    written(arena, |out| {
        PATHS.with_borrow_mut(|(base, _)| {
            base.clear();
            push_dir(dir, base);
            path::join(base, path, out);
        });
    })
}

/// Cleans a path that starts from no directory. Nearly all are borrowed unchanged.
pub(crate) fn cleaned<'e>(path: &'e [u8], arena: &'e Bump) -> &'e [u8] {
    if path::is_absolute_and_clean(path) { path } else { joined(b"", path, arena) }
}

/// Returns a path that starts from the directory `dirfd`, made absolute as far as the directory is known.
pub(crate) fn absolute<'e>(e: &'e Event<'e>, path: &'e [u8], dirfd: i64, arena: &'e Bump) -> &'e [u8] {
    let Some(thread) = e.thread().filter(|_| !path.starts_with(b"/")) else { return cleaned(path, arena) };
    if dirfd == AT_FDCWD {
        return joined(e.state().cwd(thread), path, arena);
    }
    match e.state().fd(thread, dirfd) {
        Some(fd) => joined(&fd.name, path, arena),
        None => joined_to(UNKNOWN, path, arena),
    }
}

/// The text for an unknown directory. No slash follows it.
pub(crate) const UNKNOWN: &[u8] = b"<UNKNOWN>";

/// Joins a path like [`joined`], with `dir` unchanged.
pub(crate) fn joined_to<'e>(dir: &[u8], path: &[u8], arena: &'e Bump) -> &'e [u8] {
    written(arena, |out| path::join(dir, path, out))
}

/// Returns one parameter as text, resolved if possible.
pub(crate) fn text<'e>(e: &'e Event<'e>, index: usize, arena: &'e Bump) -> Option<&'e [u8]> {
    text_with(e, index, Buffers::Dots, arena)
}

fn text_with<'e>(e: &'e Event<'e>, index: usize, buffers: Buffers, arena: &'e Bump) -> Option<&'e [u8]> {
    let raw = e.raw();
    let param = raw.param(index)?;
    // Most parameters in rules are words and absolute paths: those are borrowed unchanged.
    match param.value() {
        Some(ParamValue::Path(text)) if text.starts_with(b"/") && memchr::memchr(0, text).is_none() => Some(text),
        Some(ParamValue::Text(text)) if memchr::memchr(0, text).is_none() => Some(text),
        value => Some(only_name(&param, value).unwrap_or_else(|| {
            written(arena, |out| render::arg(&param, Some(&raw), &Machine { event: e, buffers }, out))
        })),
    }
}

/// Returns the name of a number that has a single one.
fn only_name(param: &Param<'_>, value: Option<ParamValue<'_>>) -> Option<&'static [u8]> {
    let Some(ParamValue::Enum(number)) = value else { return None };
    let mut names = render::value_names(param.info().flags?, number);
    names.next().filter(|_| names.next().is_none()).map(str::as_bytes)
}

/// Returns the index of the parameter that the field names.
fn index(e: &Event<'_>, field: &FieldRef) -> Option<usize> {
    let index = match &field.arg {
        Arg::Param(param) => param.of(e.code())?,
        Arg::Index(index) => usize::try_from(*index).ok()?,
        _ => return None,
    };
    (index < e.raw().nparams()).then_some(index)
}

/// Returns the value of `evt.arg` for conditions.
pub(super) fn arg<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    text(e, index(e, field)?, arena).map(Value::Bytes)
}

/// Returns the text of `evt.arg` for outputs: buffers print in the configured form.
pub(super) fn arg_text<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<&'e [u8]> {
    text_with(e, index(e, field)?, field.style.buffers, arena)
}

/// Returns all parameters for `evt.args`.
pub(super) fn args<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let state = Machine { event: e, buffers: field.style.buffers };
    Some(Value::Bytes(written(arena, |out| render::args(&e.raw(), &state, out))))
}

/// Returns the value of `evt.rawarg`, with the type of the event's own declaration.
pub(super) fn rawarg<'e>(e: &'e Event<'e>, field: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let (value, _) = raw_value(e, index(e, field)?)?;
    // Constants were parsed by the first declaration of the name; a number takes its sign from there.
    Some(match (value, is_signed(field.kind)) {
        (Value::I64(number), Some(false)) => Value::U64(number as u64),
        (Value::U64(number), Some(true)) => Value::I64(number as i64),
        (value, _) => value,
    })
}

/// Returns the text of `evt.rawarg` for outputs.
pub(super) fn rawarg_text<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<&'e [u8]> {
    let index = index(e, field)?;
    let Some((value, info)) = raw_value(e, index) else { return empty_number(e, index).map(|_| &b"0"[..]) };
    Some(match value {
        Value::Bytes(raw) if info.ty == ParamType::ByteBuf => {
            written(arena, |out| render::buffer(raw, field.style.buffers, out))
        }
        value => print::text(value, info.ty, info.format, arena),
    })
}

/// Returns the JSON value of `evt.rawarg`. Falco does not have JSON for results and modes, and stops there; they are
/// null here.
pub(super) fn rawarg_json<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    use ParamType as T;
    let index = index(e, field)?;
    let Some((value, info)) = raw_value(e, index) else {
        let format = empty_number(e, index)?.format;
        return matches!(format, Format::Hex | Format::Oct).then_some(Value::Bytes(b"0"));
    };
    match value {
        Value::Bytes(_) if info.ty == T::ByteBuf => rawarg_text(e, field, arena).map(Value::Bytes),
        _ if matches!(info.ty, T::Errno | T::Mode | T::SyscallId | T::SigType | T::SigSet) => None,
        Value::I64(_) if info.format == Format::Na && matches!(info.ty, T::Int64 | T::Pid | T::Fd) => {
            Some(Value::Bytes(print::text(value, info.ty, info.format, arena)))
        }
        Value::I64(_) | Value::U64(_) if info.format == Format::Na => None,
        value => Some(print::json(value, info.ty, info.format, arena)),
    }
}

/// Returns whether numbers of the type have a sign; `None` for other types.
pub(crate) fn is_signed(ty: ParamType) -> Option<bool> {
    use ParamType as T;
    match ty {
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Errno | T::Fd | T::Pid | T::Fd32 | T::Pid32 => Some(true),
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 | T::Port | T::Mode => Some(false),
        T::Flags8 | T::Flags16 | T::Flags32 | T::EnumFlags8 | T::EnumFlags16 | T::EnumFlags32 => Some(false),
        T::Uid | T::Gid | T::RelTime | T::AbsTime | T::SyscallId | T::SigType | T::SigSet | T::L4Proto => Some(false),
        _ => None,
    }
}

/// Returns the value of a parameter; `None` if it is empty, except for text, which then is `<NA>`, and for values that
/// cannot be compared.
fn raw_value<'e>(e: &'e Event<'e>, index: usize) -> Option<(Value<'e>, &'static ParamInfo)> {
    let param = e.raw().param(index)?;
    let info = param.info();
    let Some(value) = param.value() else {
        let text = matches!(info.ty, ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath);
        return (text && param.raw().is_empty()).then_some((Value::Bytes(b"<NA>"), info));
    };
    let value = match value {
        ParamValue::Int(number) | ParamValue::Errno(number) | ParamValue::Fd(number) | ParamValue::Pid(number) => {
            Value::I64(number)
        }
        ParamValue::UInt(number) | ParamValue::AbsTime(number) => Value::U64(number),
        ParamValue::RelTime(time) => Value::U64(time.unwrap_or(u64::MAX)),
        ParamValue::Uid(id) | ParamValue::Gid(id) => Value::U64(id.unwrap_or(u32::MAX).into()),
        ParamValue::Flags(bits) | ParamValue::Enum(bits) | ParamValue::Mode(bits) | ParamValue::SignalSet(bits) => {
            Value::U64(bits.into())
        }
        ParamValue::Syscall(code) => Value::U64(code.0.into()),
        ParamValue::Port(port) => Value::U64(port.into()),
        ParamValue::Signal(byte) | ParamValue::L4Proto(byte) | ParamValue::SockFamily(byte) => Value::U64(byte.into()),
        ParamValue::Double(number) => Value::F64(number),
        ParamValue::Bool(truth) => Value::Bool(truth),
        ParamValue::Text(text) | ParamValue::Path(text) | ParamValue::Bytes(text) => Value::Bytes(text),
        ParamValue::Ip(ip) => Value::Ip(ip),
        _ => return None,
    };
    Some((value, info))
}

/// Returns the row of a missing number: it is printed as 0, though conditions see no value.
fn empty_number(e: &Event<'_>, index: usize) -> Option<&'static ParamInfo> {
    let param = e.raw().param(index)?;
    (param.raw().is_empty() && is_signed(param.info().ty).is_some()).then_some(param.info())
}

/// Returns the unresolved text of a parameter called `name`; `<NA>` if it is empty.
pub(crate) fn raw_text<'e>(e: &'e Event<'e>, name: &str) -> Option<&'e [u8]> {
    let index = e.raw().info()?.param_index(name).filter(|index| *index < e.raw().nparams())?;
    raw_value(e, index)?.0.bytes()
}

/// Returns the index of the parameter called `data`, which was read or written.
fn data(e: &Event<'_>) -> Option<usize> {
    e.raw().info()?.param_index("data").filter(|index| *index < e.raw().nparams())
}

/// Returns the bytes of `evt.buffer` for conditions.
pub(super) fn buffer<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let index = data(e)?;
    match raw_value(e, index) {
        Some((value, _)) => value.bytes().map(Value::Bytes),
        // A read of no bytes also has a buffer.
        None => e.raw().raw(index).filter(|raw| raw.is_empty()).map(Value::Bytes),
    }
}

/// Returns the text of `evt.buffer` for outputs, in the configured form.
pub(super) fn buffer_text<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<&'e [u8]> {
    text_with(e, data(e)?, field.style.buffers, arena)
}

/// Returns the result of a call: the first parameter of its exit event.
pub(crate) fn result(e: &Event<'_>) -> Option<i64> {
    let raw = e.raw();
    let is_call = raw.info().is_some_and(|info| info.category.intersects(Category::SYSCALL));
    if !is_call || !e.code().is_exit() || e.code() == EventCode::GENERIC_X || raw.nparams() == 0 {
        return None;
    }
    Some(match *raw.raw(0)? {
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    })
}
