//! Byte strings that are shared, not copied.
//!
//! Names, paths and arguments belong to many threads and file descriptors at once: a fork has all of its parent's. A
//! [`Text`] is 24 bytes, holds up to 22 bytes in place and shares longer ones, so that cloning one never allocates.

use std::net::IpAddr;
use std::sync::Arc;

const INLINE: usize = 22;

/// An immutable byte string that is cheap to clone. Text of the kernel need not be UTF-8.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline(u8, [u8; INLINE]),
    Shared(Arc<[u8]>),
}

impl Text {
    /// The empty string.
    pub const EMPTY: Self = Self(Repr::Inline(0, [0; INLINE]));

    /// Returns a copy of `bytes`.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() <= INLINE {
            let mut inline = [0; INLINE];
            inline[..bytes.len()].copy_from_slice(bytes);
            Self(Repr::Inline(bytes.len() as u8, inline))
        } else {
            Self(Repr::Shared(bytes.into()))
        }
    }

    /// Returns the bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// Replaces the content if it differs; returns whether it did. Nothing is allocated if it does not.
    #[inline]
    pub fn set(&mut self, bytes: &[u8]) -> bool {
        let changed = self.as_bytes() != bytes;
        if changed {
            *self = Self::new(bytes);
        }
        changed
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl std::ops::Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq<[u8]> for Text {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A short line of text that is built in place; what does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 128], len: 0 }
    }
}

impl Line {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len();
        }
    }

    /// Appends a number in decimal.
    pub(crate) fn number(&mut self, number: u32) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Appends an address as C libraries print it.
    pub(crate) fn address(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    if index > 0 {
                        self.push(b".");
                    }
                    self.number(octet.into());
                }
            }
            IpAddr::V6(_) => {
                let mut text = Vec::new();
                scap::render::address(&ip, &mut text);
                self.push(&text);
            }
        }
    }

    /// Appends `address:port`.
    pub(crate) fn endpoint(&mut self, (ip, port): (IpAddr, u16)) {
        self.address(ip);
        self.push(b":");
        self.number(port.into());
    }
}

/// Returns the strings of a NUL-separated list such as the arguments of a process. A NUL at the very end does not start
/// another string; an empty list has none.
pub fn strings(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let list = list.strip_suffix(b"\0").unwrap_or(list);
    let empty = list.is_empty();
    list.split(|byte| *byte == 0).filter(move |_| !empty)
}

/// Returns the longest prefix of such a list that fits into `limit` bytes, in whole strings if any fits.
pub(crate) fn cut_list(list: &[u8], limit: usize) -> &[u8] {
    match list.get(..limit) {
        None => list,
        Some(_) if list.len() == limit => list,
        Some(head) => head.iter().rposition(|byte| *byte == 0).map_or(head, |end| &head[..=end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_short_and_long_bytes() {
        for len in [0, 1, INLINE, INLINE + 1, 4096] {
            let bytes = vec![b'x'; len];
            assert_eq!(Text::new(&bytes).as_bytes(), bytes);
        }
        assert_eq!(size_of::<Text>(), 24);
    }

    #[test]
    fn lists_are_cut_at_nuls() {
        assert_eq!(cut_list(b"a\0b\0", 4), b"a\0b\0");
        assert_eq!(cut_list(b"a\0b\0", 3), b"a\0");
        assert_eq!(cut_list(b"long", 3), b"lon");
        assert_eq!(cut_list(b"a\0b\0", 0), b"");
    }

    #[test]
    fn lists_split_at_nuls() {
        let split = |list| strings(list).collect::<Vec<_>>();
        assert_eq!(split(b""), [] as [&[u8]; 0]);
        assert_eq!(split(b"a\0b\0"), [b"a", b"b"]);
        assert_eq!(split(b"a\0\0b"), [&b"a"[..], b"", b"b"]);
    }
}
