//! Values of fields: borrowed, copied like a number.

use std::net::IpAddr;

/// The type of a field: the form of its constants, its operators, and its comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the parameter types of the schema")]
#[non_exhaustive]
pub enum Kind {
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    CharBuf,
    ByteBuf,
    Errno,
    SockAddr,
    SockTuple,
    Fd,
    Pid,
    FdList,
    FsPath,
    FsRelPath,
    SyscallId,
    SigType,
    RelTime,
    AbsTime,
    Port,
    L4Proto,
    SockFamily,
    Bool,
    Ipv4Addr,
    Ipv6Addr,
    IpAddr,
    IpNet,
    Dyn,
    Flags8,
    Flags16,
    Flags32,
    EnumFlags8,
    EnumFlags16,
    EnumFlags32,
    Mode,
    Uid,
    Gid,
    Double,
    SigSet,
}

impl Kind {
    /// Returns the name that messages print, such as `CHARBUF`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::UInt8 => "UINT8",
            Self::UInt16 => "UINT16",
            Self::UInt32 => "UINT32",
            Self::UInt64 => "UINT64",
            Self::CharBuf => "CHARBUF",
            Self::ByteBuf => "BYTEBUF",
            Self::Errno => "ERRNO",
            Self::SockAddr => "SOCKADDR",
            Self::SockTuple => "SOCKTUPLE",
            Self::Fd => "FD",
            Self::Pid => "PID",
            Self::FdList => "FDLIST",
            Self::FsPath => "FSPATH",
            Self::FsRelPath => "FSRELPATH",
            Self::SyscallId => "SYSCALLID",
            Self::SigType => "SIGTYPE",
            Self::RelTime => "RELTIME",
            Self::AbsTime => "ABSTIME",
            Self::Port => "PORT",
            Self::L4Proto => "L4PROTO",
            Self::SockFamily => "SOCKFAMILY",
            Self::Bool => "BOOL",
            Self::Ipv4Addr => "IPV4ADDR",
            Self::Ipv6Addr => "IPV6ADDR",
            Self::IpAddr => "IPADDR",
            Self::IpNet => "IPNET",
            Self::Dyn => "DYN",
            Self::Flags8 => "FLAGS8",
            Self::Flags16 => "FLAGS16",
            Self::Flags32 => "FLAGS32",
            Self::EnumFlags8 => "ENUMFLAGS8",
            Self::EnumFlags16 => "ENUMFLAGS16",
            Self::EnumFlags32 => "ENUMFLAGS32",
            Self::Mode => "MODE",
            Self::Uid => "UID",
            Self::Gid => "GID",
            Self::Double => "DOUBLE",
            Self::SigSet => "SIGSET",
        }
    }

    /// Returns the kind with the given name.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Kind; 42] = [
            Kind::Int8,
            Kind::Int16,
            Kind::Int32,
            Kind::Int64,
            Kind::UInt8,
            Kind::UInt16,
            Kind::UInt32,
            Kind::UInt64,
            Kind::CharBuf,
            Kind::ByteBuf,
            Kind::Errno,
            Kind::SockAddr,
            Kind::SockTuple,
            Kind::Fd,
            Kind::Pid,
            Kind::FdList,
            Kind::FsPath,
            Kind::FsRelPath,
            Kind::SyscallId,
            Kind::SigType,
            Kind::RelTime,
            Kind::AbsTime,
            Kind::Port,
            Kind::L4Proto,
            Kind::SockFamily,
            Kind::Bool,
            Kind::Ipv4Addr,
            Kind::Ipv6Addr,
            Kind::IpAddr,
            Kind::IpNet,
            Kind::Dyn,
            Kind::Flags8,
            Kind::Flags16,
            Kind::Flags32,
            Kind::EnumFlags8,
            Kind::EnumFlags16,
            Kind::EnumFlags32,
            Kind::Mode,
            Kind::Uid,
            Kind::Gid,
            Kind::Double,
            Kind::SigSet,
        ];
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns whether values are text that ends at its first NUL.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::CharBuf | Self::FsPath | Self::FsRelPath)
    }

    /// Returns how the numbers of this kind are stored: bits, and whether they have a sign. `None` if it is not a whole
    /// number.
    pub const fn number(self) -> Option<(u32, bool)> {
        Some(match self {
            Self::Int8 => (8, true),
            Self::Int16 => (16, true),
            Self::Int32 => (32, true),
            Self::Int64 | Self::Fd | Self::Errno | Self::Pid => (64, true),
            Self::UInt8 | Self::Flags8 | Self::EnumFlags8 | Self::SigType | Self::L4Proto => (8, false),
            Self::UInt16 | Self::Flags16 | Self::EnumFlags16 | Self::Port | Self::SyscallId => (16, false),
            Self::UInt32 | Self::Flags32 | Self::EnumFlags32 | Self::Mode | Self::Uid | Self::Gid => (32, false),
            Self::UInt64 | Self::RelTime | Self::AbsTime => (64, false),
            _ => return None,
        })
    }
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'e> {
    /// A boolean.
    Bool(bool),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// Text or bytes, without a NUL at its end.
    Bytes(&'e [u8]),
    /// An address. Fields whose [`Kind`] is a network have such values too: the constants are the networks.
    Ip(IpAddr),
    /// Several values of one kind.
    List(&'e [Self]),
}
