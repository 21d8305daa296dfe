//! Values of fields: borrowed, copied like a number.

use std::net::IpAddr;

/// The type of a field: what its constants look like, which operators it has, how it is compared. The names are those
/// that messages print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the parameter types of the schema")]
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

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'e> {
    /// A truth.
    Bool(bool),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// Text or bytes, without a NUL at its end.
    Bytes(&'e [u8]),
    /// An address.
    Ip(IpAddr),
    /// A network: address and bits of the mask.
    Net(IpAddr, u8),
    /// Several values of one kind.
    List(&'e [Value<'e>]),
}
