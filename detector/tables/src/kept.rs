//! Values that outlive their event.

use bumpalo::Bump;
use sinsp::fields::Value;

/// A [`Value`] that owns its bytes.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    Value(Value<'static>),
    Bytes(Box<[u8]>),
    List(Box<[Self]>),
}

impl Kept {
    pub(crate) fn new(value: Value<'_>) -> Self {
        match value {
            Value::Bool(truth) => Self::Value(Value::Bool(truth)),
            Value::I64(number) => Self::Value(Value::I64(number)),
            Value::U64(number) => Self::Value(Value::U64(number)),
            Value::F64(number) => Self::Value(Value::F64(number)),
            Value::Ip(ip) => Self::Value(Value::Ip(ip)),
            Value::Net(ip, bits) => Self::Value(Value::Net(ip, bits)),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::List(values) => Self::List(values.iter().map(|value| Self::new(*value)).collect()),
        }
    }

    /// Borrows it. A list is built in `arena`.
    pub(crate) fn borrow<'e>(&'e self, arena: &'e Bump) -> Value<'e> {
        match self {
            Self::Value(value) => *value,
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::List(items) => Value::List(arena.alloc_slice_fill_iter(items.iter().map(|item| item.borrow(arena)))),
        }
    }
}
