//! The typed value of a parameter: one variant per meaning, not per width.
//!
//! The 48 types of the wire format map to these: `INT8` to `INT64` are all [`ParamValue::Int`], a 32-bit file
//! descriptor is a [`ParamValue::Fd`]. Values borrow from the event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{FdList, Param, SockAddr, SockTuple};
use crate::schema::{ParamInfo, ParamType, SyscallCode};

/// The value of a parameter; see [`Param::value`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ParamValue<'a> {
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    UInt(u64),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Text, without its NUL.
    Text(&'a [u8]),
    /// A path, without its NUL; a relative one starts at the working directory or at the directory that
    /// [`ParamInfo::dirfd`] points at.
    Path(&'a [u8]),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Texts, each ended by a NUL; [`Strings`] iterates over them.
    List(Strings<'a>),
    /// The result of a call: an error number when negative.
    Errno(i64),
    /// A file descriptor, `AT_FDCWD`, or an error number when negative.
    Fd(i64),
    /// A thread or process.
    Pid(i64),
    /// A user; `None` for the "no user" value.
    Uid(Option<u32>),
    /// A group; `None` for the "no group" value.
    Gid(Option<u32>),
    /// A system call by its number in the schema.
    Syscall(SyscallCode),
    /// A signal.
    Signal(u8),
    /// A set of the first 32 signals, signal 1 in the lowest bit.
    SignalSet(u32),
    /// A duration in nanoseconds; `None` for "no limit".
    RelTime(Option<u64>),
    /// Nanoseconds since 1970.
    AbsTime(u64),
    /// A port.
    Port(u16),
    /// A protocol over IP, as the fd list numbers it.
    L4Proto(u8),
    /// An address family.
    SockFamily(u8),
    /// An address.
    Ip(IpAddr),
    /// An address and a mask.
    Net(IpAddr, IpAddr),
    /// One end of a socket.
    SockAddr(SockAddr<'a>),
    /// Both ends of a socket.
    SockTuple(SockTuple<'a>),
    /// File descriptors with poll flags.
    FdList(FdList<'a>),
    /// Bits with names.
    Flags(u32),
    /// A number with a name.
    Enum(u32),
    /// Permission bits.
    Mode(u32),
    /// A value whose type is stored with it: the parameter that it resolves to.
    Dyn(Param<'a>),
}

impl<'a> ParamValue<'a> {
    /// Decodes `raw` as described by `info`; `None` if it is empty or of a length that its type cannot have.
    pub fn decode(info: &'static ParamInfo, raw: &'a [u8]) -> Option<Self> {
        use ParamType as T;
        Some(match info.ty {
            T::Int8 => Self::Int(i8::from_le_bytes(exact(raw)?).into()),
            T::Int16 => Self::Int(i16::from_le_bytes(exact(raw)?).into()),
            T::Int32 => Self::Int(i32::from_le_bytes(exact(raw)?).into()),
            T::Int64 => Self::Int(i64::from_le_bytes(exact(raw)?)),
            T::UInt8 => Self::UInt(u8::from_le_bytes(exact(raw)?).into()),
            T::UInt16 => Self::UInt(u16::from_le_bytes(exact(raw)?).into()),
            T::UInt32 => Self::UInt(u32::from_le_bytes(exact(raw)?).into()),
            T::UInt64 => Self::UInt(u64::from_le_bytes(exact(raw)?)),
            T::CharBuf => Self::Text(text(raw)?),
            T::FsPath | T::FsRelPath => Self::Path(text(raw)?),
            T::ByteBuf | T::PairArray => Self::Bytes(present(raw)?),
            T::CharBufArray => Self::List(Strings::new(present(raw)?)),
            T::Errno => Self::Errno(i64::from_le_bytes(exact(raw)?)),
            T::Fd => Self::Fd(i64::from_le_bytes(exact(raw)?)),
            T::Fd32 => Self::Fd(i32::from_le_bytes(exact(raw)?).into()),
            T::Pid => Self::Pid(i64::from_le_bytes(exact(raw)?)),
            T::Pid32 => Self::Pid(i32::from_le_bytes(exact(raw)?).into()),
            T::Uid => Self::Uid(Some(u32::from_le_bytes(exact(raw)?)).filter(|&uid| uid != u32::MAX)),
            T::Gid => Self::Gid(Some(u32::from_le_bytes(exact(raw)?)).filter(|&gid| gid != u32::MAX)),
            T::SyscallId => Self::Syscall(SyscallCode(u16::from_le_bytes(exact(raw)?))),
            T::SigType => Self::Signal(u8::from_le_bytes(exact(raw)?)),
            T::SigSet => Self::SignalSet(u32::from_le_bytes(exact(raw)?)),
            T::RelTime => Self::RelTime(Some(u64::from_le_bytes(exact(raw)?)).filter(|&ns| ns != u64::MAX)),
            T::AbsTime => Self::AbsTime(u64::from_le_bytes(exact(raw)?)),
            T::Port => Self::Port(u16::from_le_bytes(exact(raw)?)),
            T::L4Proto => Self::L4Proto(u8::from_le_bytes(exact(raw)?)),
            T::SockFamily => Self::SockFamily(u8::from_le_bytes(exact(raw)?)),
            T::Bool => Self::Bool(u32::from_le_bytes(exact(raw)?) != 0),
            T::Double => Self::Double(f64::from_le_bytes(exact(raw)?)),
            T::Ipv4Addr => Self::Ip(exact::<4>(raw)?.into()),
            T::Ipv6Addr => Self::Ip(exact::<16>(raw)?.into()),
            T::IpAddr => Self::Ip(ip(raw)?),
            T::Ipv4Net | T::Ipv6Net | T::IpNet => {
                let (address, mask) = raw.split_at_checked(raw.len() / 2)?;
                Self::Net(ip(address)?, ip(mask)?)
            }
            T::SockAddr => Self::SockAddr(SockAddr::parse(raw)?),
            T::SockTuple => Self::SockTuple(SockTuple::parse(raw)?),
            T::FdList => Self::FdList(FdList::parse(raw)?),
            T::Flags8 => Self::Flags(u8::from_le_bytes(exact(raw)?).into()),
            T::Flags16 => Self::Flags(u16::from_le_bytes(exact(raw)?).into()),
            T::Flags32 => Self::Flags(u32::from_le_bytes(exact(raw)?)),
            T::EnumFlags8 => Self::Enum(u8::from_le_bytes(exact(raw)?).into()),
            T::EnumFlags16 => Self::Enum(u16::from_le_bytes(exact(raw)?).into()),
            T::EnumFlags32 => Self::Enum(u32::from_le_bytes(exact(raw)?)),
            T::Mode => Self::Mode(u32::from_le_bytes(exact(raw)?)),
            T::Dyn => Self::Dyn(chosen(info, raw)?),
        })
    }
}

/// A list of texts, each ended by a NUL: arguments, environment, cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strings<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Strings<'a> {
    /// Returns the texts in `raw`; the last one may lack its NUL.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { rest: if raw.is_empty() { None } else { Some(raw.strip_suffix(&[0]).unwrap_or(raw)) } }
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match rest.iter().position(|&byte| byte == 0).and_then(|at| rest.split_at_checked(at)) {
            Some((text, tail)) => {
                self.rest = tail.get(1..);
                Some(text)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

/// Returns the text without its NUL; `None` if it is empty or the text that old drivers wrote for an unreadable
/// pointer.
pub(super) fn text(raw: &[u8]) -> Option<&[u8]> {
    match raw.split_last()? {
        (0, b"(NULL)") => None,
        (0, text) => Some(text),
        _ => Some(raw),
    }
}

/// Returns the parameter that a dynamic one resolves to.
fn chosen<'a>(info: &'static ParamInfo, raw: &'a [u8]) -> Option<Param<'a>> {
    let (&index, rest) = raw.split_first()?;
    Some(Param::new(info.dynamic.get(usize::from(index))?, rest))
}

fn exact<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    raw.try_into().ok()
}

fn present(raw: &[u8]) -> Option<&[u8]> {
    if raw.is_empty() { None } else { Some(raw) }
}

fn ip(raw: &[u8]) -> Option<IpAddr> {
    match raw.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(exact::<4>(raw)?))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(exact::<16>(raw)?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{EVENTS, EventCode, dynamic};

    #[test]
    fn strings_walk() {
        assert_eq!(Strings::new(b"").count(), 0);
        assert_eq!(Strings::new(b"\0").collect::<Vec<_>>(), [b""]);
        assert_eq!(Strings::new(b"a\0\0bc\0").collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert_eq!(Strings::new(b"a\0b").collect::<Vec<_>>(), [&b"a"[..], b"b"]);
    }

    #[test]
    fn the_first_byte_of_a_dynamic_parameter_selects_its_type() {
        let info = &EventCode::SETSOCKOPT_X.info().expect("in the table").params[4];
        let decoded = ParamValue::decode(info, &[2, 4, 0, 0, 0]);
        let Some(ParamValue::Dyn(inner)) = decoded else { panic!("{decoded:?}") };
        assert_eq!(inner.info().ty, dynamic::SOCKOPT[2].ty);
        assert!(matches!(inner.value(), Some(ParamValue::UInt(4))));
        assert!(ParamValue::decode(info, &[9, 4, 0, 0, 0]).is_none(), "no such index");
    }

    #[test]
    fn every_type_refuses_a_length_it_cannot_have() {
        for info in EVENTS.iter().flat_map(|event| event.params) {
            assert!(ParamValue::decode(info, &[]).is_none(), "{info:?}");
            if !info.ty.is_variable() {
                let raw = vec![0; info.ty.min_len() + 1];
                assert!(ParamValue::decode(info, &raw).is_none(), "{info:?}");
                assert!(ParamValue::decode(info, &raw[1..]).is_some(), "{info:?}");
            }
        }
    }
}
