//! The shape of a field's values: what a column of a table has to hold.
//!
//! It is derived from the row of the field, so that a new field is a new column without another edit. The forms of
//! [`FieldRef::value`](super::FieldRef::value) and [`FieldRef::json`](super::FieldRef::json) may vary from event to
//! event; the form of [`FieldRef::typed`](super::FieldRef::typed) is that of the shape.

use bumpalo::Bump;
use scap::schema::{EVENTS, ParamType};

use super::value::Value;
use super::{Arg, ArgRule, FieldRef, evt, print};
use crate::Event;

/// The shape of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The kind of a value, or of the items of its list.
    pub item: Item,
    /// Whether a value is a list.
    pub list: bool,
}

/// The kind of a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Item {
    /// A boolean.
    Bool,
    /// A signed number of at most this number of bits: 8, 16, 32 or 64.
    Signed(u8),
    /// An unsigned number of at most this number of bits: 8, 16, 32 or 64.
    Unsigned(u8),
    /// A floating point number.
    Float,
    /// An instant, in nanoseconds since 1970.
    Time,
    /// Text, which need not be UTF-8.
    Text,
    /// Bytes that need not be text.
    Bytes,
    /// An IPv4 or IPv6 address.
    Address,
}

/// Fields whose number is an instant in nanoseconds since 1970. Their types do not say it: `ABSTIME` is also a part of
/// a time, and a duration.
/// The times of files are not here: a file can have any, and they need all 64 bits.
const INSTANTS: [&str; 5] =
    ["container.start_ts", "evt.rawtime", "proc.pid.ts", "proc.pidns_init_start_ts", "proc.ppid.ts"];

/// Fields for conditions alone: a list of the address that has a name.
const NAMED_ENDS: [&str; 4] = ["fd.cip.name", "fd.lip.name", "fd.rip.name", "fd.sip.name"];

impl FieldRef {
    /// Returns the shape of its values.
    ///
    /// ```
    /// use peregrine_sinsp::fields::{FieldRef, Item, Shape};
    ///
    /// let shape = |name| FieldRef::parse(name).expect("a field").shape();
    /// assert_eq!(shape("evt.time"), Shape { item: Item::Time, list: false });
    /// assert_eq!(shape("fd.sport"), Shape { item: Item::Unsigned(16), list: false });
    /// assert_eq!(shape("proc.aname"), Shape { item: Item::Text, list: true });
    /// assert_eq!(shape("proc.aname[2]"), Shape { item: Item::Text, list: false });
    /// ```
    pub fn shape(&self) -> Shape {
        let named = NAMED_ENDS.contains(&self.def().name);
        let list = named || self.is_list() || self.is_any_ancestor() || self.is_any_end();
        let item = if named { Item::Address } else { self.item() };
        Shape { item, list }
    }

    fn item(&self) -> Item {
        let def = self.def();
        // The JSON form of a time of the day is the instant.
        let written = def.kind == ParamType::CharBuf && def.json.is_some();
        if written || INSTANTS.contains(&def.name) {
            return Item::Time;
        }
        match (&self.arg, def.arg) {
            (Arg::Param(param), ArgRule::RawParam) => self.raw_item(param.info.name),
            _ => item(self.kind, def.kind.min_len()),
        }
    }

    /// Returns the kind of a raw parameter: that of all declarations of its name, else text.
    fn raw_item(&self, name: &str) -> Item {
        let declared = EVENTS.iter().flat_map(|event| event.params).filter(|param| param.name == name);
        // A number has the sign of the first declaration and the width of the widest.
        let items = declared.map(|param| match item(param.ty, 8) {
            Item::Signed(_) | Item::Unsigned(_) => item(self.kind, 8),
            other => other,
        });
        let mut items = items.chain([item(self.kind, 8)]);
        let first = items.next().unwrap_or(Item::Text);
        if items.all(|item| item == first) { first } else { Item::Text }
    }

    /// Returns the value in the form of its [`shape`](Self::shape): `Bool`, `I64`, `U64`, `F64`, `Bytes`, `Ip`, or a
    /// list of these; a time is `U64`.
    pub fn typed<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        let shape = self.shape();
        self.typed_as(shape, event, arena)
    }

    /// Returns [`typed`](Self::typed) for a shape that the caller has kept.
    #[inline]
    pub fn typed_as<'e>(&'e self, shape: Shape, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        match shape {
            Shape { item: Item::Text, list: false } => self.text(event, arena).map(Value::Bytes),
            Shape { item: Item::Time, .. } if self.def().json.is_some() => self.json(event, arena),
            Shape { item: Item::Text, list: true } => match self.value(event, arena)? {
                Value::List(values) => {
                    Some(Value::List(arena.alloc_slice_fill_iter(values.iter().map(|value| match value {
                        Value::Bytes(bytes) => Value::Bytes(print::until_nul(bytes)),
                        other => *other,
                    }))))
                }
                other => Some(other),
            },
            _ => self.value(event, arena),
        }
    }
}

/// Returns the kind of a type that has `bytes` bytes.
fn item(kind: ParamType, bytes: usize) -> Item {
    let bits = match bytes {
        1 => 8,
        2 => 16,
        4 => 32,
        _ => 64,
    };
    match kind {
        ParamType::Bool => Item::Bool,
        ParamType::Double => Item::Float,
        ParamType::ByteBuf => Item::Bytes,
        ParamType::IpAddr | ParamType::IpNet | ParamType::Ipv4Addr | ParamType::Ipv6Addr => Item::Address,
        _ => match evt::args::is_signed(kind) {
            Some(true) => Item::Signed(bits),
            Some(false) => Item::Unsigned(bits),
            None => Item::Text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::CLASSES;

    #[test]
    fn names_with_a_shape_of_their_own_are_fields() {
        for name in INSTANTS.iter().chain(&NAMED_ENDS) {
            assert_eq!(FieldRef::parse(name).map(|field| field.def().name), Ok(*name));
        }
    }

    #[test]
    fn shapes_follow_from_the_rows() {
        let shape = |name: &str| FieldRef::parse(name).map(|field| field.shape()).expect(name);
        let one = |item| Shape { item, list: false };
        let many = |item| Shape { item, list: true };
        for (name, expect) in [
            ("evt.datetime", one(Item::Time)),
            ("evt.rawtime", one(Item::Time)),
            ("evt.rawtime.s", one(Item::Unsigned(64))),
            ("evt.cpu", one(Item::Signed(16))),
            ("evt.failed", one(Item::Bool)),
            ("evt.buffer", one(Item::Bytes)),
            ("evt.arg.flags", one(Item::Text)),
            ("evt.rawarg.flags", one(Item::Unsigned(64))),
            ("evt.rawarg.res", one(Item::Signed(64))),
            ("evt.rawarg.name", one(Item::Text)),
            ("evt.rawarg.msgcontrol", one(Item::Bytes)),
            // Bytes in most events; numbers or text in those of ptrace.
            ("evt.rawarg.data", one(Item::Text)),
            ("user.uid", one(Item::Unsigned(32))),
            ("proc.fdusage", one(Item::Float)),
            ("proc.apid", many(Item::Signed(64))),
            ("proc.apid[1]", one(Item::Signed(64))),
            ("fd.ip", many(Item::Address)),
            ("fd.sip", one(Item::Address)),
            ("fd.sip.name", many(Item::Address)),
            ("fd.port", many(Item::Unsigned(16))),
            ("fd.types", many(Item::Text)),
        ] {
            assert_eq!(shape(name), expect, "{name}");
        }
    }

    #[test]
    fn every_field_has_one() {
        let all = CLASSES.iter().flat_map(|class| class.fields);
        let mut items: Vec<Item> = all.filter_map(|def| Some(FieldRef::parse(def.name).ok()?.shape().item)).collect();
        assert!(items.len() > 200, "{}", items.len());
        items.dedup();
        for item in [Item::Bool, Item::Float, Item::Time, Item::Text, Item::Bytes, Item::Address] {
            assert!(items.contains(&item), "{item:?}");
        }
    }
}
