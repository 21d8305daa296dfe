//! The types of dynamic parameters: the first byte of the value is an index into one of these tables.

use super::{Format, ParamInfo, ParamRole, ParamType};

const fn one(name: &'static str, ty: ParamType, format: Format) -> ParamInfo {
    ParamInfo { name, ty, format, flags: None, dirfd: None, dynamic: &[], role: ParamRole::None }
}

/// The value of a socket option.
pub const SOCKOPT: &[ParamInfo] = &[
    one("", ParamType::ByteBuf, Format::Na),
    one("errno", ParamType::Errno, Format::Dec),
    one("", ParamType::UInt32, Format::Dec),
    one("", ParamType::UInt64, Format::Dec),
    one("", ParamType::RelTime, Format::Dec),
];
/// An argument of `ptrace`.
pub const PTRACE: &[ParamInfo] =
    &[one("", ParamType::UInt64, Format::Hex), one("signal", ParamType::SigType, Format::Dec)];
/// The result of `bpf`.
pub const BPF: &[ParamInfo] = &[one("fd", ParamType::Fd, Format::Dec), one("res", ParamType::Errno, Format::Dec)];
/// An argument of `keyctl`.
pub const KEYCTL: &[ParamInfo] = &[one("", ParamType::Int64, Format::Dec), one("", ParamType::CharBuf, Format::Na)];
