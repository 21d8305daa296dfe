//! One value as text and back, by the type of its parameter.
//!
//! [`write_value`] writes the readable form only if [`read_value`] turns it into the very same bytes; otherwise, as for
//! values of a length that their type cannot have, it writes the bytes themselves. Text is therefore always exact.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::scan::{Bounded, Read, Scan, write_quoted, write_time};
use crate::event::{AF_INET, AF_INET6, AF_UNIX, ParamValue, SockAddr, SockTuple, Strings};
use crate::render::{AT_FDCWD, flag_names, value_names};
use crate::schema::{
    FlagTable, Format, ParamInfo, ParamType as T, SyscallCode, errno_name, errno_number, flags, signal_name,
    signal_number,
};

/// Writes one value.
pub(super) fn write_value(info: &'static ParamInfo, raw: &[u8], out: &mut String) {
    let before = out.len();
    if raw.is_empty() {
        out.push('-');
        return;
    }
    if let Some(value) = ParamValue::decode(info, raw) {
        write_typed(info, raw, value, out);
        let mut back = Vec::with_capacity(raw.len());
        let written = out.get(before..).unwrap_or("");
        let mut scan = Scan::new(written, 0);
        if read_value(&mut scan, info, &mut back).is_ok() && scan.rest().is_empty() && back == raw {
            return;
        }
        out.truncate(before);
    }
    write_bytes(raw, out);
}

/// Writes `b"…"`.
pub(super) fn write_bytes(raw: &[u8], out: &mut String) {
    out.push('b');
    write_quoted(raw, out);
}

/// Writes a list of texts, each ended by a NUL, as a list if they look like texts, else as bytes.
pub(super) fn write_strings(raw: &[u8], out: &mut String) {
    let readable = raw.last() == Some(&0)
        && std::str::from_utf8(raw).is_ok_and(|text| !text.contains(|c: char| c.is_control() && c != '\0'));
    if !readable {
        return write_bytes(raw, out);
    }
    for (index, text) in Strings::new(raw).enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        write_quoted(text, out);
    }
    out.push(']');
}

fn write_typed(info: &'static ParamInfo, raw: &[u8], value: ParamValue<'_>, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value {
        ParamValue::Int(int) => write_number(int.unsigned_abs(), int < 0, info.format, out),
        ParamValue::UInt(int) => write_number(int, false, info.format, out),
        ParamValue::Mode(bits) => write_number(bits.into(), false, Format::Oct, out),
        ParamValue::Double(double) => write!(out, "{double:?}"),
        ParamValue::Bool(yes) => write!(out, "{yes}"),
        ParamValue::Text(text) | ParamValue::Path(text) => return write_quoted(text, out),
        ParamValue::Bytes(_) | ParamValue::List(_) => return write_strings(raw, out),
        ParamValue::Errno(code) => return write_result(code, out),
        ParamValue::Fd(AT_FDCWD) => write!(out, "AT_FDCWD"),
        ParamValue::Fd(fd) if fd < -1 => return write_result(fd, out),
        ParamValue::Fd(number) | ParamValue::Pid(number) => write!(out, "{number}"),
        ParamValue::Uid(id) | ParamValue::Gid(id) => write!(out, "{}", id.map_or(-1, i64::from)),
        ParamValue::Syscall(code) => match code.info() {
            Some(info) => write!(out, "{}", info.name),
            None => write!(out, "{}", code.0),
        },
        ParamValue::Signal(signal) => match signal_name(signal) {
            Some(name) => write!(out, "{name}"),
            None => write!(out, "{signal}"),
        },
        ParamValue::SignalSet(set) => write!(out, "{set:#x}"),
        ParamValue::RelTime(Some(ns)) => write!(out, "{ns}"),
        ParamValue::RelTime(None) => write!(out, "none"),
        ParamValue::AbsTime(ns) => return write_time(ns, out),
        ParamValue::Port(port) => write!(out, "{port}"),
        ParamValue::L4Proto(byte) | ParamValue::SockFamily(byte) => write!(out, "{byte}"),
        ParamValue::Ip(ip) => write!(out, "{ip}"),
        ParamValue::Net(ip, mask) => write!(out, "{ip}/{mask}"),
        ParamValue::SockAddr(SockAddr::Inet(end)) => write!(out, "{end}"),
        ParamValue::SockAddr(SockAddr::Unix(path)) => {
            out.push_str("unix:");
            return write_quoted(path, out);
        }
        ParamValue::SockTuple(tuple) => return write_tuple(&tuple, out),
        ParamValue::SockAddr(SockAddr::Other(_)) => Ok(()),
        ParamValue::FdList(list) => {
            out.push('[');
            for (index, (fd, bits)) in list.iter().enumerate() {
                let _ = write!(out, "{}{fd}:", if index > 0 { "," } else { "" });
                write_flags(&flags::POLL_FLAGS, (bits as u16).into(), out);
            }
            out.push(']');
            Ok(())
        }
        ParamValue::Flags(bits) => return write_named(info.flags, bits, write_flags, out),
        ParamValue::Enum(number) => return write_named(info.flags, number, write_enum, out),
        ParamValue::Dyn(inner) => {
            let _ = write!(out, "{}:", raw.first().unwrap_or(&0));
            return write_value(inner.info(), inner.raw(), out);
        }
    };
}

fn write_number(magnitude: u64, negative: bool, format: Format, out: &mut String) -> std::fmt::Result {
    match format {
        _ if negative => write!(out, "-{magnitude}"),
        Format::Hex if magnitude > 9 => write!(out, "{magnitude:#x}"),
        Format::Oct if magnitude > 0 => write!(out, "0{magnitude:o}"),
        _ => write!(out, "{magnitude}"),
    }
}

fn write_result(code: i64, out: &mut String) {
    let _ = match u32::try_from(code.unsigned_abs()).ok().filter(|_| code < 0).and_then(errno_name) {
        Some(name) => write!(out, "-{name}"),
        None => write!(out, "{code}"),
    };
}

/// Writes both ends of a socket.
pub(super) fn write_tuple(tuple: &SockTuple<'_>, out: &mut String) {
    match tuple {
        SockTuple::Inet { source, destination } => {
            let _ = write!(out, "{source}->{destination}");
        }
        SockTuple::Unix { source, destination, path } => {
            let _ = write!(out, "unix:{source:#x}->{destination:#x}:");
            write_quoted(path, out);
        }
        SockTuple::Other(_) => {}
    }
}

fn write_named(
    table: Option<&'static FlagTable>,
    bits: u32,
    names: fn(&FlagTable, u32, &mut String),
    out: &mut String,
) {
    match table {
        Some(table) => names(table, bits, out),
        None => {
            let _ = write!(out, "{bits}");
        }
    }
}

/// Writes flags by name, then as a number the bits that have none.
pub(super) fn write_flags(table: &FlagTable, bits: u32, out: &mut String) {
    let mut rest = bits;
    let before = out.len();
    for name in flag_names(table, bits).filter(|_| bits != 0) {
        rest &= !lookup(table, name).unwrap_or(0);
        let _ = write!(out, "{name}|");
    }
    if rest != 0 || out.len() == before {
        let _ = if rest > 9 { write!(out, "{rest:#x}") } else { write!(out, "{rest}") };
    } else {
        out.pop();
    }
}

fn write_enum(table: &FlagTable, value: u32, out: &mut String) {
    let _ = match value_names(table, value).next() {
        Some(name) => write!(out, "{name}"),
        None => write!(out, "{value}"),
    };
}

/// Reads one value and appends its bytes to `out`.
pub(super) fn read_value(scan: &mut Scan<'_>, info: &'static ParamInfo, out: &mut Vec<u8>) -> Read<()> {
    if read_common(scan, out)? {
        return Ok(());
    }
    match info.ty {
        T::Int8 => push_number(scan, i8::MIN.into(), u8::MAX.into(), 1, out),
        T::Int16 => push_number(scan, i16::MIN.into(), u16::MAX.into(), 2, out),
        T::Int32 => push_number(scan, i32::MIN.into(), u32::MAX.into(), 4, out),
        T::Int64 => push_number(scan, i64::MIN.into(), u64::MAX.into(), 8, out),
        T::UInt8 | T::L4Proto | T::SockFamily => push_number(scan, 0, u8::MAX.into(), 1, out),
        T::UInt16 | T::Port => push_number(scan, 0, u16::MAX.into(), 2, out),
        T::UInt32 | T::Mode | T::SigSet => push_number(scan, 0, u32::MAX.into(), 4, out),
        T::UInt64 => push_number(scan, 0, u64::MAX.into(), 8, out),
        T::Uid | T::Gid => push_number(scan, -1, u32::MAX.into(), 4, out),
        T::Pid => push_number(scan, i64::LOW, i64::HIGH, 8, out),
        T::Pid32 => push_number(scan, i32::MIN.into(), i32::MAX.into(), 4, out),
        T::Bool => {
            let number = if scan.take("true") {
                1
            } else if scan.take("false") {
                0
            } else {
                scan.number()?
            };
            push(u32::to_le_bytes(number), out)
        }
        T::Double => {
            let start = scan.clone();
            let word = scan.run(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
            match word.parse::<f64>() {
                Ok(double) => push(double.to_le_bytes(), out),
                Err(_) => start.error("expected a floating point number"),
            }
        }
        T::CharBuf | T::FsPath | T::FsRelPath => {
            scan.quoted(out)?;
            push([0], out)
        }
        T::ByteBuf | T::CharBufArray | T::PairArray => scan.error("expected b\"…\", [\"…\",…] or -"),
        T::Errno => push(read_result(scan)?.to_le_bytes(), out),
        T::Fd => push(read_fd(scan)?.to_le_bytes(), out),
        T::Fd32 => {
            let start = scan.clone();
            match i32::try_from(read_fd(scan)?) {
                Ok(fd) => push(fd.to_le_bytes(), out),
                Err(_) => start.error("the file descriptor does not fit in 32 bits"),
            }
        }
        T::SyscallId => {
            let code = named(scan, |word| SyscallCode::from_name(word).map(|code| code.0), "a system call")?;
            push(code.to_le_bytes(), out)
        }
        T::SigType => push(named(scan, signal_number, "a signal")?.to_le_bytes(), out),
        T::RelTime => {
            let ns = if scan.take("none") { u64::MAX } else { scan.number()? };
            push(ns.to_le_bytes(), out)
        }
        T::AbsTime => push(scan.time()?.to_le_bytes(), out),
        T::Ipv4Addr | T::Ipv6Addr | T::IpAddr => push_ip(read_ip(scan)?, out),
        T::Ipv4Net | T::Ipv6Net | T::IpNet => {
            push_ip(read_ip(scan)?, out)?;
            scan.expect("/")?;
            push_ip(read_ip(scan)?, out)
        }
        T::SockAddr => read_sock_addr(scan, out),
        T::SockTuple => read_sock_tuple(scan, out),
        T::FdList => read_fd_list(scan, out),
        T::Flags8 | T::EnumFlags8 => push_flags(scan, info.flags, u8::MAX.into(), 1, out),
        T::Flags16 | T::EnumFlags16 => push_flags(scan, info.flags, u16::MAX.into(), 2, out),
        T::Flags32 | T::EnumFlags32 => push_flags(scan, info.flags, u32::MAX, 4, out),
        T::Dyn => {
            let start = scan.clone();
            let index: u8 = scan.number()?;
            scan.expect(":")?;
            let Some(inner) = info.dynamic.get(usize::from(index)) else {
                return start.error(format!("the parameter has no type of index {index}"));
            };
            out.push(index);
            read_value(scan, inner, out)
        }
    }
}

/// Reads the forms that every type has, and returns whether there was one.
fn read_common(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<bool> {
    if scan.rest().starts_with("b\"") {
        read_bytes(scan, out)?;
        return Ok(true);
    }
    if scan.rest().starts_with("[\"") {
        read_strings(scan, out)?;
        return Ok(true);
    }
    let mut ahead = scan.clone();
    if ahead.take("-") && ahead.peek().is_none_or(char::is_whitespace) {
        *scan = ahead;
        return Ok(true);
    }
    Ok(false)
}

/// Reads `b"…"`.
pub(super) fn read_bytes(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    scan.expect("b")?;
    scan.quoted(out)
}

/// Reads `["…","…"]`; each text is ended by a NUL.
pub(super) fn read_strings(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    scan.expect("[")?;
    if scan.take("]") {
        return Ok(());
    }
    loop {
        scan.quoted(out)?;
        out.push(0);
        if scan.take("]") {
            return Ok(());
        }
        scan.expect(",")?;
    }
}

fn push<const N: usize>(bytes: [u8; N], out: &mut Vec<u8>) -> Read<()> {
    out.extend_from_slice(&bytes);
    Ok(())
}

fn push_number(scan: &mut Scan<'_>, low: i128, high: i128, width: usize, out: &mut Vec<u8>) -> Read<()> {
    let value = scan.int(low, high)?;
    out.extend(value.to_le_bytes().iter().take(width));
    Ok(())
}

fn push_flags(scan: &mut Scan<'_>, table: Option<&FlagTable>, max: u32, width: usize, out: &mut Vec<u8>) -> Read<()> {
    let start = scan.clone();
    let bits = read_flags(scan, table)?;
    if bits > max {
        return start.error(format!("the value does not fit in {} bits", 8 * width));
    }
    out.extend(bits.to_le_bytes().iter().take(width));
    Ok(())
}

/// Reads names and numbers joined by `|`.
pub(super) fn read_flags(scan: &mut Scan<'_>, table: Option<&FlagTable>) -> Read<u32> {
    let mut bits = 0;
    loop {
        if scan.peek().is_some_and(|c| c.is_ascii_digit()) {
            bits |= scan.number::<u32>()?;
        } else {
            let start = scan.clone();
            let name = scan.word();
            let Some(value) = table.and_then(|table| lookup(table, name)) else {
                let hint = table.map_or(String::new(), |table| format!(" of {}", table.name));
                return start.error(format!("expected a number or a name{hint}"));
            };
            bits |= value;
        }
        if !scan.take("|") {
            return Ok(bits);
        }
    }
}

fn lookup(table: &FlagTable, name: &str) -> Option<u32> {
    table.entries.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// Reads a number, or a word that `find` resolves.
fn named<N>(scan: &mut Scan<'_>, find: impl Fn(&str) -> Option<N>, what: &str) -> Read<N>
where
    N: TryFrom<i128> + Bounded,
{
    if scan.peek().is_some_and(|c| c.is_ascii_digit()) {
        return scan.number();
    }
    let start = scan.clone();
    match find(scan.word()) {
        Some(number) => Ok(number),
        None => start.error(format!("expected the name or number of {what}")),
    }
}

fn read_result(scan: &mut Scan<'_>) -> Read<i64> {
    let start = scan.clone();
    let negative = scan.take("-");
    if scan.peek().is_some_and(|c| c.is_ascii_digit()) {
        *scan = start;
        return scan.number();
    }
    match errno_number(scan.word()).filter(|_| negative) {
        Some(number) => Ok(-i64::from(number)),
        None => start.error("expected a number or an error such as -ENOENT"),
    }
}

fn read_fd(scan: &mut Scan<'_>) -> Read<i64> {
    if scan.take("AT_FDCWD") { Ok(AT_FDCWD) } else { read_result(scan) }
}

/// Reads an address, without brackets.
pub(super) fn read_ip(scan: &mut Scan<'_>) -> Read<IpAddr> {
    let start = scan.clone();
    let word = scan.run(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':'));
    word.parse().or_else(|_| start.error("expected an IP address"))
}

fn push_ip(ip: IpAddr, out: &mut Vec<u8>) -> Read<()> {
    match ip {
        IpAddr::V4(v4) => push(v4.octets(), out),
        IpAddr::V6(v6) => push(v6.octets(), out),
    }
}

/// Reads `address:port`, IPv6 in brackets.
pub(super) fn read_end(scan: &mut Scan<'_>) -> Read<SocketAddr> {
    let start = scan.clone();
    let word = scan.run(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']'));
    word.parse().or_else(|_| start.error("expected address:port, IPv6 as [address]:port"))
}

fn push_end(end: SocketAddr, out: &mut Vec<u8>) -> Read<()> {
    push_ip(end.ip(), out)?;
    push(end.port().to_le_bytes(), out)
}

fn family(end: &SocketAddr) -> u8 {
    if end.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn read_sock_addr(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    if scan.take("unix:") {
        out.push(AF_UNIX);
        scan.quoted(out)?;
        return push([0], out);
    }
    let end = read_end(scan)?;
    out.push(family(&end));
    push_end(end, out)
}

/// The two ends of `->`.
#[derive(Debug)]
pub(super) enum Tuple {
    Inet(SocketAddr, SocketAddr),
    Unix(u64, u64, Vec<u8>),
}

/// Reads both ends of a socket.
pub(super) fn read_tuple(scan: &mut Scan<'_>) -> Read<Tuple> {
    if scan.take("unix:") {
        let source = scan.number()?;
        scan.expect("->")?;
        let destination = scan.number()?;
        scan.expect(":")?;
        let mut path = Vec::new();
        scan.quoted(&mut path)?;
        return Ok(Tuple::Unix(source, destination, path));
    }
    let start = scan.clone();
    let source = read_end(scan)?;
    scan.expect("->")?;
    let destination = read_end(scan)?;
    if source.is_ipv4() != destination.is_ipv4() {
        return start.error("both ends must be of one family");
    }
    Ok(Tuple::Inet(source, destination))
}

fn read_sock_tuple(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    match read_tuple(scan)? {
        Tuple::Inet(source, destination) => {
            out.push(family(&source));
            push_end(source, out)?;
            push_end(destination, out)
        }
        Tuple::Unix(source, destination, path) => {
            out.push(AF_UNIX);
            push(source.to_le_bytes(), out)?;
            push(destination.to_le_bytes(), out)?;
            out.extend_from_slice(&path);
            push([0], out)
        }
    }
}

fn read_fd_list(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    let start = scan.clone();
    scan.expect("[")?;
    let at = out.len();
    out.extend_from_slice(&[0, 0]);
    let mut count = 0_u16;
    while !scan.take("]") {
        if count > 0 {
            scan.expect(",")?;
        }
        let fd: i64 = scan.number()?;
        scan.expect(":")?;
        out.extend_from_slice(&fd.to_le_bytes());
        push_flags(scan, Some(&flags::POLL_FLAGS), u16::MAX.into(), 2, out)?;
        let Some(next) = count.checked_add(1) else { return start.error("too many file descriptors") };
        count = next;
    }
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&count.to_le_bytes());
    }
    Ok(())
}
