//! Typed values of parameters and fields.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::view::Bytes;

/// The type of a value. Numbers are never reused.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `as.boolean`.
    Bool = 1,
    /// `as.int64`.
    Int64 = 2,
    /// `as.uint64`.
    Uint64 = 3,
    /// `as.float64`.
    Float64 = 4,
    /// `as.bytes`: text or any bytes, not NUL-terminated.
    Bytes = 5,
    /// `as.address`: an IP address, with `prefix_len` its full length.
    Address = 6,
    /// `as.address`: an IP network.
    Network = 7,
    /// `as.list`: values of one type.
    List = 8,
}

/// An IP address, or a network.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// The address in network byte order; an IPv4 address fills the first four bytes.
    pub octets: [u8; 16],
    /// 4 or 6.
    pub version: u8,
    /// The number of bits of the mask: 0 to 32 or 128.
    pub prefix_len: u8,
}

/// A list of values, valid as long as the value that holds it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// The first value; never NULL, even where `len` is 0.
    pub items: *const Value,
    /// The number of values.
    pub len: usize,
}

/// The member that `kind` of the value names.
#[repr(C)]
#[derive(Clone, Copy)]
pub union ValueData {
    /// For `PEREGRINE_VALUE_KIND_BOOL`.
    pub boolean: bool,
    /// For `PEREGRINE_VALUE_KIND_INT64`.
    pub int64: i64,
    /// For `PEREGRINE_VALUE_KIND_UINT64`.
    pub uint64: u64,
    /// For `PEREGRINE_VALUE_KIND_FLOAT64`.
    pub float64: f64,
    /// For `PEREGRINE_VALUE_KIND_BYTES`.
    pub bytes: Bytes,
    /// For `PEREGRINE_VALUE_KIND_ADDRESS` and `_NETWORK`.
    pub address: Address,
    /// For `PEREGRINE_VALUE_KIND_LIST`.
    pub list: List,
}

/// A typed value. What it points at is borrowed for as long as the call that returned it says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Value {
    /// The type of the value, which selects the member of `as`.
    pub kind: ValueKind,
    /// The value.
    pub r#as: ValueData,
}

impl std::fmt::Debug for ValueData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValueData")
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Value").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn address(ip: IpAddr, bits: Option<u8>) -> Address {
    let mut octets = [0; 16];
    let (version, full) = match ip {
        IpAddr::V4(ip) => {
            octets[..4].copy_from_slice(&ip.octets());
            (4, 32)
        }
        IpAddr::V6(ip) => {
            octets = ip.octets();
            (6, 128)
        }
    };
    Address { octets, version, prefix_len: bits.unwrap_or(full) }
}

impl List {
    pub(crate) fn of(items: &[Value]) -> Self {
        Self { items: items.as_ptr(), len: items.len() }
    }
}

impl Value {
    pub(crate) fn bool(value: bool) -> Self {
        Self { kind: ValueKind::Bool, r#as: ValueData { boolean: value } }
    }

    pub(crate) fn int(value: i64) -> Self {
        Self { kind: ValueKind::Int64, r#as: ValueData { int64: value } }
    }

    pub(crate) fn uint(value: u64) -> Self {
        Self { kind: ValueKind::Uint64, r#as: ValueData { uint64: value } }
    }

    pub(crate) fn float(value: f64) -> Self {
        Self { kind: ValueKind::Float64, r#as: ValueData { float64: value } }
    }

    pub(crate) fn bytes(value: &[u8]) -> Self {
        Self { kind: ValueKind::Bytes, r#as: ValueData { bytes: value.into() } }
    }

    pub(crate) fn ip(ip: IpAddr) -> Self {
        Self { kind: ValueKind::Address, r#as: ValueData { address: address(ip, None) } }
    }

    pub(crate) fn network(ip: IpAddr, bits: u8) -> Self {
        Self { kind: ValueKind::Network, r#as: ValueData { address: address(ip, Some(bits)) } }
    }

    pub(crate) fn list(items: &[Self]) -> Self {
        Self { kind: ValueKind::List, r#as: ValueData { list: List::of(items) } }
    }

    /// Copies what the value of a field borrows into the arena, for a field that does not outlive the call.
    pub(crate) fn of_field_copied(value: sinsp::fields::Value<'_>, arena: &Bump) -> Self {
        use sinsp::fields::Value as V;
        match value {
            V::Bytes(v) => Self::bytes(arena.alloc_slice_copy(v)),
            V::List(values) => {
                let mut items = bumpalo::collections::Vec::new_in(arena);
                items.extend(values.iter().map(|v| Self::of_field_copied(*v, arena)));
                Self::list(items.into_bump_slice())
            }
            plain => Self::of_field(plain, arena),
        }
    }

    /// Converts a value of a field.
    pub(crate) fn of_field(value: sinsp::fields::Value<'_>, arena: &Bump) -> Self {
        use sinsp::fields::Value as V;
        match value {
            V::Bool(v) => Self::bool(v),
            V::I64(v) => Self::int(v),
            V::U64(v) => Self::uint(v),
            V::F64(v) => Self::float(v),
            V::Bytes(v) => Self::bytes(v),
            V::Ip(v) => Self::ip(v),
            V::Net(v, bits) => Self::network(v, bits),
            V::List(values) => {
                let mut items = bumpalo::collections::Vec::new_in(arena);
                items.extend(values.iter().map(|v| Self::of_field(*v, arena)));
                Self::list(items.into_bump_slice())
            }
        }
    }

    /// Converts a value of an alert.
    pub(crate) fn of_engine(value: rule_engine::event::Value<'_>, arena: &Bump) -> Self {
        use rule_engine::event::Value as V;
        match value {
            V::Bool(v) => Self::bool(v),
            V::I64(v) => Self::int(v),
            V::U64(v) => Self::uint(v),
            V::F64(v) => Self::float(v),
            V::Bytes(v) => Self::bytes(v),
            V::Ip(v) => Self::ip(v),
            V::List(values) => {
                let mut items = bumpalo::collections::Vec::new_in(arena);
                items.extend(values.iter().map(|v| Self::of_engine(*v, arena)));
                Self::list(items.into_bump_slice())
            }
        }
    }

    /// Converts a value of a parameter; its bytes where no other type fits.
    pub(crate) fn of_param(param: &scap::Param<'_>, arena: &Bump) -> Option<Self> {
        use scap::event::ParamValue as P;
        Some(match param.value()? {
            P::Int(v) | P::Errno(v) | P::Fd(v) | P::Pid(v) => Self::int(v),
            P::UInt(v) | P::AbsTime(v) => Self::uint(v),
            P::Double(v) => Self::float(v),
            P::Bool(v) => Self::bool(v),
            P::Text(v) | P::Path(v) | P::Bytes(v) => Self::bytes(v),
            P::List(v) => {
                let mut items = bumpalo::collections::Vec::new_in(arena);
                items.extend(v.map(Self::bytes));
                Self::list(items.into_bump_slice())
            }
            P::Uid(v) | P::Gid(v) => Self::uint(v.unwrap_or(u32::MAX).into()),
            P::Syscall(v) => Self::uint(v.0.into()),
            P::Signal(v) | P::L4Proto(v) | P::SockFamily(v) => Self::uint(v.into()),
            P::SignalSet(v) | P::Flags(v) | P::Enum(v) | P::Mode(v) => Self::uint(v.into()),
            P::RelTime(v) => Self::uint(v.unwrap_or(u64::MAX)),
            P::Port(v) => Self::uint(v.into()),
            P::Ip(v) => Self::ip(v),
            P::Dyn(inner) => return Self::of_param(&inner, arena),
            _ => Self::bytes(param.raw()),
        })
    }
}
