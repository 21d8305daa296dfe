//! The printing of parameters, byte for byte as Falco prints them, so that rules that compare text keep their meaning.
//!
//! A value has a *plain* form, which needs only the event (`-2`, `4097`, `10.0.0.1:80->10.0.0.2:4242`), and may have a
//! *resolved* one, which says more (`ENOENT`, `O_RDONLY|O_CLOEXEC`, `<f>/etc/passwd`). `evt.arg.name` is the resolved
//! form if there is one ([`arg`]); `evt.args` shows both ([`args`]). What needs the state of the host (file
//! descriptors, processes, users, directories) is looked up through a [`Resolve`]; [`NoState`] resolves nothing.
//!
//! ```
//! use peregrine_scap::{EventCode, Param, render::{self, NoState}, schema::param::close_x};
//!
//! let info = EventCode::CLOSE_X.info().expect("in the table");
//! let value = (-9_i64).to_le_bytes();
//! let res = Param::new(&info.params[close_x::res], &value);
//! let mut out = Vec::new();
//! render::plain(&res, &NoState, &mut out);
//! assert_eq!(out, b"-9");
//! out.clear();
//! assert!(render::resolved(&res, None, &NoState, &mut out));
//! assert_eq!(out, b"EBADF");
//! ```
//!
//! Everything is appended to the caller's buffer; once that has grown, nothing is allocated. The few types that Falco
//! does not print at all (`(n.a.)`: addresses, ports, 32-bit file descriptors of iterator events) are printed in their
//! natural form here.

mod bytes;
mod flags;
mod number;
mod socket;
mod time;

pub use bytes::{Buffers, buffer};
pub use flags::{flag_names, mode_names, value_names};
pub use number::general;
pub use socket::{address, endpoint, sock_addr, sock_tuple};
pub use time::{Civil, date_time};

use crate::event::{AF_INET, AF_INET6, AF_UNIX, ParamValue};
use crate::schema::{EventCode, FlagTable, Format, ParamType, SYSCALLS, errno_name, signal_name};
use crate::{Event, Param};

/// `AT_FDCWD` as drivers number it: relative to the working directory.
pub const AT_FDCWD: i64 = -100;

/// Resolves values by the state of the host. Each method appends to `out` and returns whether it could resolve the
/// value; the defaults resolve nothing.
pub trait Resolve {
    /// Returns whether the event's thread is known. Without it file descriptors are not resolved, not even error
    /// numbers.
    fn has_thread(&self) -> bool {
        true
    }

    /// Resolves a file descriptor of the event's thread, with its type: `<f>/etc/passwd`,
    /// `<4t>10.0.0.1:80->10.0.0.2:4242`.
    fn fd(&self, fd: i64, out: &mut Vec<u8>) -> bool {
        let _ = (fd, out);
        false
    }

    /// Returns the letter of a file descriptor's type, as poll lists print it.
    fn fd_typechar(&self, fd: i64) -> Option<u8> {
        let _ = fd;
        None
    }

    /// Resolves the name of a process.
    fn process(&self, pid: i64, out: &mut Vec<u8>) -> bool {
        let _ = (pid, out);
        false
    }

    /// Resolves the name of a user.
    fn user(&self, uid: u32, out: &mut Vec<u8>) -> bool {
        let _ = (uid, out);
        false
    }

    /// Resolves the name of a group.
    fn group(&self, gid: u32, out: &mut Vec<u8>) -> bool {
        let _ = (gid, out);
        false
    }

    /// Makes a relative path absolute: from the directory of `dirfd`, or from the working directory.
    fn path(&self, path: &[u8], dirfd: Option<i64>, out: &mut Vec<u8>) -> bool {
        let _ = (path, dirfd, out);
        false
    }

    /// Returns the printed form of buffers.
    fn buffers(&self) -> Buffers {
        Buffers::Dots
    }

    /// Returns the offset of local time from UTC in seconds, at the given second since 1970.
    fn utc_offset(&self, seconds: i64) -> i32 {
        let _ = seconds;
        0
    }
}

/// A [`Resolve`] without state.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoState;

impl Resolve for NoState {}

/// Appends the value of `evt.args`: `name=value(resolved)` for each parameter, separated by spaces; nothing for a call
/// without its own event.
pub fn args(event: &Event<'_>, state: &impl Resolve, out: &mut Vec<u8>) {
    if event.code() == EventCode::GENERIC_X {
        return;
    }
    for (index, param) in event.params().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(param.info().name.as_bytes());
        out.push(b'=');
        plain(&param, state, out);
        let before = out.len();
        out.push(b'(');
        if resolved(&param, Some(event), state, out) {
            out.push(b')');
        } else {
            out.truncate(before);
        }
    }
}

/// Appends the value of `evt.arg` for one parameter: its resolved form if it has one, else its plain form.
pub fn arg(param: &Param<'_>, event: Option<&Event<'_>>, state: &impl Resolve, out: &mut Vec<u8>) {
    if !resolved(param, event, state, out) {
        plain(param, state, out);
    }
}

/// Appends the plain form. The state is used only for the letters in a poll list and for the form of buffers.
pub fn plain(param: &Param<'_>, state: &impl Resolve, out: &mut Vec<u8>) {
    let raw = param.raw();
    let Some(value) = param.value() else {
        out.extend_from_slice(missing(param.info().ty, raw));
        return;
    };
    plain_value(value, param.info().ty, param.info().format, state, out);
}

fn plain_value(value: ParamValue<'_>, ty: ParamType, format: Format, state: &impl Resolve, out: &mut Vec<u8>) {
    match value {
        // Narrow numbers are printed as C's `int`: 32 bits in hexadecimal, a sign in decimal.
        ParamValue::Int(int) if ty == ParamType::Int64 => number::formatted(int as u64, int, format, out),
        ParamValue::Int(int) => number::formatted((int as u32).into(), int, format, out),
        ParamValue::UInt(int) if ty == ParamType::UInt64 => number::formatted(int, int as i64, format, out),
        ParamValue::UInt(int) => number::formatted(int, (int as i32).into(), format, out),
        ParamValue::Double(double) => number::fixed(double, 1, out),
        ParamValue::Bool(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
        ParamValue::Text(text) | ParamValue::Path(text) => out.extend_from_slice(until_nul(text)),
        ParamValue::Bytes(raw) => buffer(raw, state.buffers(), out),
        ParamValue::List(strings) => {
            for (index, text) in strings.enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                out.extend_from_slice(text);
            }
        }
        ParamValue::Errno(int) | ParamValue::Fd(int) | ParamValue::Pid(int) => number::decimal(int, out),
        ParamValue::Uid(id) | ParamValue::Gid(id) => number::decimal(id.map_or(-1, |id| i64::from(id as i32)), out),
        ParamValue::Syscall(code) if code.info().is_none() => out.extend_from_slice(b"<unknown syscall>"),
        ParamValue::Syscall(code) => number::decimal(code.0.into(), out),
        ParamValue::Signal(signal) => number::decimal(signal.into(), out),
        ParamValue::SignalSet(set) => {
            let names = (0..32_u8).filter(|bit| set & (1 << bit) != 0).filter_map(|bit| signal_name(bit + 1));
            joined(names, b' ', out);
        }
        ParamValue::RelTime(Some(ns)) => number::unsigned(ns, out),
        ParamValue::RelTime(None) => out.extend_from_slice(b"none"),
        ParamValue::AbsTime(ns) => date_time(ns, state.utc_offset((ns / 1_000_000_000) as i64), out),
        ParamValue::Port(port) => number::decimal(port.into(), out),
        ParamValue::L4Proto(byte) | ParamValue::SockFamily(byte) => number::decimal(byte.into(), out),
        ParamValue::Ip(ip) => address(&ip, out),
        ParamValue::Net(ip, mask) => {
            address(&ip, out);
            out.push(b'/');
            address(&mask, out);
        }
        ParamValue::SockAddr(addr) => sock_addr(&addr, out),
        ParamValue::SockTuple(tuple) => sock_tuple(&tuple, out),
        ParamValue::FdList(list) => {
            for (index, (fd, flags)) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                number::unsigned(fd as u64, out);
                out.extend_from_slice(&[b':', state.fd_typechar(fd).unwrap_or(b'?')]);
                number::hex(i64::from(flags) as u64 & u64::from(u32::MAX), false, out);
            }
        }
        ParamValue::Flags(bits) | ParamValue::Enum(bits) => number::unsigned(bits.into(), out),
        ParamValue::Mode(bits) => number::formatted(bits.into(), (bits as i32).into(), format, out),
        ParamValue::Dyn(inner) => match inner.value() {
            // Its number is printed in the format of the dynamic parameter's own row.
            Some(value) => plain_value(value, inner.info().ty, format, state, out),
            None => out.extend_from_slice(missing(inner.info().ty, inner.raw())),
        },
    }
}

/// Appends the resolved form and returns whether there is one. A relative path is resolved against the directory that
/// another parameter of `event` names; without the event, against the working directory.
pub fn resolved(param: &Param<'_>, event: Option<&Event<'_>>, state: &impl Resolve, out: &mut Vec<u8>) -> bool {
    let table = param.info().flags;
    let before = out.len();
    match param.value() {
        Some(ParamValue::Path(path)) => {
            let path = until_nul(path);
            if path.is_empty() || path.starts_with(b"/") || path == b"<NA>" || !state.has_thread() {
                return false;
            }
            state.path(path, event.and_then(|event| directory(param, event)), out);
        }
        Some(ParamValue::Dyn(inner)) => {
            if let Some(value) = inner.value() {
                resolved_value(value, table, state, out);
            }
        }
        Some(value) => resolved_value(value, table, state, out),
        None => {}
    }
    out.len() > before
}

fn resolved_value(value: ParamValue<'_>, table: Option<&FlagTable>, state: &impl Resolve, out: &mut Vec<u8>) {
    match value {
        ParamValue::Errno(code) => errno(code, out),
        ParamValue::Fd(_) if !state.has_thread() => {}
        ParamValue::Fd(AT_FDCWD) => out.extend_from_slice(b"AT_FDCWD"),
        ParamValue::Fd(fd) if fd < 0 => errno(fd, out),
        ParamValue::Fd(fd) => {
            state.fd(fd, out);
        }
        ParamValue::Pid(pid) => {
            state.process(pid, out);
        }
        ParamValue::Uid(None) | ParamValue::Gid(None) => out.extend_from_slice(b"<NONE>"),
        ParamValue::Uid(Some(uid)) if state.user(uid, out) => {}
        ParamValue::Uid(Some(_)) => out.extend_from_slice(b"<NA>"),
        ParamValue::Gid(Some(gid)) if state.group(gid, out) => {}
        ParamValue::Gid(Some(_)) => out.extend_from_slice(b"<NA>"),
        ParamValue::Syscall(code) => {
            if let Some(info) = SYSCALLS.get(usize::from(code.0)) {
                out.extend_from_slice(info.name.as_bytes());
            }
        }
        ParamValue::Signal(signal) => {
            if let Some(name) = signal_name(signal) {
                out.extend_from_slice(name.as_bytes());
            }
        }
        ParamValue::RelTime(Some(ns)) => {
            general(ns as f64 / 1e9, out);
            out.push(b's');
        }
        ParamValue::Flags(bits) => {
            if let Some(table) = table {
                joined(flag_names(table, bits), b'|', out);
            }
        }
        ParamValue::Enum(value) => {
            if let Some(table) = table {
                joined(value_names(table, value), b'|', out);
            }
        }
        ParamValue::Mode(bits) => {
            if let Some(table) = table {
                joined(mode_names(table, bits), b'|', out);
            }
        }
        _ => {}
    }
}

/// Returns the text printed for a value that is missing or cannot be decoded.
fn missing(ty: ParamType, raw: &[u8]) -> &'static [u8] {
    use ParamType as T;
    match (ty, raw.first()) {
        (T::SockAddr | T::SockTuple, Some(&AF_UNIX)) => b"INVALID PATH",
        (T::SockAddr | T::SockTuple, Some(&AF_INET)) => b"INVALID IPv4",
        (T::SockAddr | T::SockTuple, Some(&AF_INET6)) => b"INVALID IPv6",
        (T::Dyn, Some(_)) => b"INVALID DYNAMIC PARAMETER",
        (T::ByteBuf | T::SockTuple | T::FdList | T::CharBufArray | T::PairArray | T::Dyn, _) => b"NULL",
        _ => b"<NA>",
    }
}

/// Returns the directory that a relative path starts from, if it is a file descriptor.
fn directory(param: &Param<'_>, event: &Event<'_>) -> Option<i64> {
    match event.param(param.info().dirfd?)?.value()? {
        ParamValue::Fd(fd) if fd != AT_FDCWD => Some(fd),
        _ => None,
    }
}

fn errno(code: i64, out: &mut Vec<u8>) {
    if code < 0
        && let Some(name) = errno_name((code as i32).unsigned_abs())
    {
        out.extend_from_slice(name.as_bytes());
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}

fn joined(names: impl Iterator<Item = &'static str>, separator: u8, out: &mut Vec<u8>) {
    for (index, name) in names.enumerate() {
        if index > 0 {
            out.push(separator);
        }
        out.extend_from_slice(name.as_bytes());
    }
}

#[cfg(test)]
mod tests;
