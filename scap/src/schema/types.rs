//! The types of parameters on the wire, and their printed formats (docs/savefile.md).

use super::{FlagTable, ParamRole};

/// One parameter of an event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ParamInfo {
    /// Its name, as in `evt.arg.name`.
    pub name: &'static str,
    /// Its encoding.
    pub ty: ParamType,
    /// The printed format of its number.
    pub format: Format,
    /// Names for its value, for flags and enumerations.
    pub flags: Option<&'static FlagTable>,
    /// For a relative path: the index of the parameter that holds the directory it starts from.
    pub dirfd: Option<usize>,
    /// For a dynamic parameter: the types that it may have, by the index in its first byte.
    pub dynamic: &'static [Self],
    /// Its role in the call, where the parameters of several calls mean the same.
    pub role: ParamRole,
}

/// The printed format of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Not a number, or printed as its type says.
    Na,
    /// Decimal.
    Dec,
    /// Hexadecimal, upper case, no prefix.
    Hex,
    /// Decimal, padded with zeros to nine places.
    PaddedDec,
    /// An identifier, in decimal.
    Id,
    /// A direction.
    Dir,
    /// Octal.
    Oct,
}

macro_rules! param_types {
    ($($(#[$doc:meta])* $number:literal $name:ident = $text:literal, $min:literal, $variable:literal;)*) => {
        /// The type of a parameter on the wire. The numbers are those of the schema.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each row says in its table what it holds")]
        pub enum ParamType {
            $($(#[$doc])* $name = $number,)*
        }

        impl ParamType {
            /// Every type, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the name that listings print, such as `CHARBUF`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns the minimum number of bytes of a value that is present; its exact size if it is not variable.
            pub const fn min_len(self) -> usize {
                match self { $(Self::$name => $min,)* }
            }

            /// Returns whether values may be longer than [`min_len`](Self::min_len).
            pub const fn is_variable(self) -> bool {
                match self { $(Self::$name => $variable,)* }
            }
        }
    };
}

param_types! {
    1 Int8 = "INT8", 1, false;
    2 Int16 = "INT16", 2, false;
    3 Int32 = "INT32", 4, false;
    4 Int64 = "INT64", 8, false;
    5 UInt8 = "UINT8", 1, false;
    6 UInt16 = "UINT16", 2, false;
    7 UInt32 = "UINT32", 4, false;
    8 UInt64 = "UINT64", 8, false;
    /// Bytes ended by a NUL that the length counts.
    9 CharBuf = "CHARBUF", 0, true;
    /// Any bytes.
    10 ByteBuf = "BYTEBUF", 0, true;
    /// An `i64`: an error number when negative.
    11 Errno = "ERRNO", 8, false;
    12 SockAddr = "SOCKADDR", 0, true;
    13 SockTuple = "SOCKTUPLE", 0, true;
    /// An `i64`: a file descriptor, `AT_FDCWD`, or an error number when negative.
    14 Fd = "FD", 8, false;
    15 Pid = "PID", 8, false;
    16 FdList = "FDLIST", 0, true;
    17 FsPath = "FSPATH", 0, true;
    18 SyscallId = "SYSCALLID", 2, false;
    19 SigType = "SIGTYPE", 1, false;
    20 RelTime = "RELTIME", 8, false;
    21 AbsTime = "ABSTIME", 8, false;
    22 Port = "PORT", 2, false;
    23 L4Proto = "L4PROTO", 1, false;
    24 SockFamily = "SOCKFAMILY", 1, false;
    25 Bool = "BOOL", 4, false;
    26 Ipv4Addr = "IPV4ADDR", 4, false;
    /// A byte that selects one of the types of [`ParamInfo::dynamic`], then its value.
    27 Dyn = "DYN", 0, true;
    28 Flags8 = "FLAGS8", 1, false;
    29 Flags16 = "FLAGS16", 2, false;
    30 Flags32 = "FLAGS32", 4, false;
    31 Uid = "UID", 4, false;
    32 Gid = "GID", 4, false;
    33 Double = "DOUBLE", 8, false;
    34 SigSet = "SIGSET", 4, false;
    35 CharBufArray = "CHARBUFARRAY", 0, true;
    36 PairArray = "CHARBUF_PAIR_ARRAY", 0, true;
    37 Ipv4Net = "IPV4NET", 8, false;
    38 Ipv6Addr = "IPV6ADDR", 16, false;
    39 Ipv6Net = "IPV6NET", 32, false;
    40 IpAddr = "IPADDR", 0, true;
    41 IpNet = "IPNET", 0, true;
    42 Mode = "MODE", 4, false;
    43 FsRelPath = "FSRELPATH", 0, true;
    44 EnumFlags8 = "ENUMFLAGS8", 1, false;
    45 EnumFlags16 = "ENUMFLAGS16", 2, false;
    46 EnumFlags32 = "ENUMFLAGS32", 4, false;
    47 Fd32 = "FD32", 4, false;
    48 Pid32 = "PID32", 4, false;
}
