//! Values of fields: borrowed from the event or the state, or built in the event's arena; copied like a number.

use std::net::IpAddr;

use bumpalo::Bump;
use peregrine_text::json::Delete;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'e> {
    /// A boolean.
    Bool(bool),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A floating point number.
    F64(f64),
    /// Text or bytes, without a NUL at its end.
    Bytes(&'e [u8]),
    /// An address.
    Ip(IpAddr),
    /// A network: an address and the bits of its mask.
    Net(IpAddr, u8),
    /// Several values of one kind.
    List(&'e [Self]),
}

impl<'e> Value<'e> {
    /// Returns the text or bytes, if it is of that kind.
    pub fn bytes(self) -> Option<&'e [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Appends the value as JSON. Bytes that are not UTF-8 become U+FFFD; networks, which JSON cannot express, become
    /// text.
    pub fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::I64(number) => push_signed(out, number),
            Self::U64(number) => push_unsigned(out, number),
            Self::F64(number) if number.is_finite() => push_display(out, &format_args!("{number:?}")),
            Self::F64(_) => out.extend_from_slice(b"null"),
            Self::Bytes(bytes) => write_json_text(bytes, out),
            Self::Ip(ip) => push_display(out, &format_args!("\"{}\"", IpText(ip))),
            Self::Net(ip, bits) => push_display(out, &format_args!("\"{}/{bits}\"", IpText(ip))),
            Self::List(values) => {
                out.push(b'[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    value.write_json(out);
                }
                out.push(b']');
            }
        }
    }
}

macro_rules! from {
    ($($from:ty, $name:ident => $to:expr;)*) => {$(
        impl From<$from> for Value<'_> {
            #[inline]
            fn from($name: $from) -> Self {
                $to
            }
        }
    )*};
}

from! {
    bool, truth => Self::Bool(truth);
    i64, number => Self::I64(number);
    i32, number => Self::I64(number.into());
    u64, number => Self::U64(number);
    u32, number => Self::U64(number.into());
    u16, number => Self::U64(number.into());
    f64, number => Self::F64(number);
    IpAddr, ip => Self::Ip(ip);
}

impl<'e> From<&'e [u8]> for Value<'e> {
    #[inline]
    fn from(bytes: &'e [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'e> From<&'e str> for Value<'e> {
    #[inline]
    fn from(text: &'e str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

/// Appends `bytes` as a JSON string with quotes.
pub fn write_json_text(bytes: &[u8], out: &mut Vec<u8>) {
    peregrine_text::json::string(bytes, Delete::Escaped, out);
}

/// An address as the C library prints it: like Rust's, but `::a.b.c.d` keeps its dots.
pub(crate) struct IpText(pub(crate) IpAddr);

impl std::fmt::Display for IpText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let IpAddr::V6(ip) = self.0
            && let [0, 0, 0, 0, 0, 0, high, _] = ip.segments()
            && high != 0
        {
            let [.., a, b, c, d] = ip.octets();
            return write!(f, "::{a}.{b}.{c}.{d}");
        }
        write!(f, "{}", self.0)
    }
}

/// A destination of text that is built piece by piece: a vector on the heap or in an event's arena.
pub(crate) trait Sink {
    fn push_bytes(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn push_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Text that grows in an arena.
pub(crate) type Text<'e> = bumpalo::collections::Vec<'e, u8>;

impl Sink for Text<'_> {
    fn push_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice_copy(bytes);
    }
}

struct Writer<'a, S>(&'a mut S);

impl<S: Sink> std::fmt::Write for Writer<'_, S> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.push_bytes(text.as_bytes());
        Ok(())
    }
}

/// Appends the output of `display`. Writing to memory cannot fail.
pub(crate) fn push_display(out: &mut impl Sink, display: &impl std::fmt::Display) {
    let _ = std::fmt::Write::write_fmt(&mut Writer(out), format_args!("{display}"));
}

/// Appends a decimal number.
pub(crate) fn push_unsigned(out: &mut impl Sink, number: u64) {
    out.push_bytes(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a decimal number, with a minus sign when negative.
pub(crate) fn push_signed(out: &mut impl Sink, number: i64) {
    out.push_bytes(itoa::Buffer::new().format(number).as_bytes());
}

/// Joins the pieces, with `between` between them, in the arena. Nothing is copied if there is only one piece.
pub(crate) fn join<'e>(pieces: impl IntoIterator<Item = &'e [u8]>, between: u8, arena: &'e Bump) -> &'e [u8] {
    let mut pieces = pieces.into_iter();
    let Some(first) = pieces.next() else { return b"" };
    let Some(second) = pieces.next() else { return first };
    let mut text = Text::with_capacity_in(first.len() + second.len() + 64, arena);
    text.extend_from_slice_copy(first);
    text.push(between);
    text.extend_from_slice_copy(second);
    for piece in pieces {
        text.push(between);
        text.extend_from_slice_copy(piece);
    }
    text.into_bump_slice()
}

/// Returns the parts, one after the other, in the arena.
pub(crate) fn concat<'e>(parts: &[&[u8]], arena: &'e Bump) -> &'e [u8] {
    let mut text = Text::with_capacity_in(parts.iter().map(|part| part.len()).sum(), arena);
    for part in parts {
        text.extend_from_slice_copy(part);
    }
    text.into_bump_slice()
}
