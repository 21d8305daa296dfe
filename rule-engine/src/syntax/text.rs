//! Text that may hold bytes that are not UTF-8.
//!
//! Rule files come from anywhere, and a constant may be any bytes; the grammar and the YAML reader want `str`. A byte
//! that is no UTF-8 travels as one of the last characters of the last private plane (U+10FF80 to U+10FFFF, for the bytes
//! 0x80 to 0xFF). A text that really holds such a character is treated as if its four bytes were no UTF-8, so that the
//! way back is always exact.

use std::borrow::Cow;

use super::ast::Position;

/// The character that stands for byte 0.
const BASE: u32 = 0x10_FF00;

/// The byte that a character stands for.
const fn byte_of(character: char) -> Option<u8> {
    let code = character as u32;
    if code >= BASE + 0x80 { Some((code - BASE) as u8) } else { None }
}

/// Bytes as text. Borrows where the bytes are plain UTF-8.
pub fn from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0xF4) || !text.chars().any(|c| byte_of(c).is_some()) => Cow::Borrowed(text),
        _ => {
            let mut out = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                for character in chunk.valid().chars() {
                    if byte_of(character).is_some() {
                        let mut buffer = [0; 4];
                        out.extend(character.encode_utf8(&mut buffer).bytes().map(stand_in));
                    } else {
                        out.push(character);
                    }
                }
                out.extend(chunk.invalid().iter().copied().map(stand_in));
            }
            Cow::Owned(out)
        }
    }
}

/// The character that stands for a byte of 0x80 and above.
fn stand_in(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The bytes of a text.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !holds_raw(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// Whether the text holds stand-ins.
fn holds_raw(text: &str) -> bool {
    text.as_bytes().contains(&0xF4) && text.chars().any(|c| byte_of(c).is_some())
}

/// A text for people: bytes that are no UTF-8 become U+FFFD.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !holds_raw(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&to_bytes(text)).into_owned())
}

/// Finds positions in a text: lines begin behind each CR and each LF, columns count bytes. Most questions are about the
/// line of the question before or one behind it.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Where the line of the last question begins and ends, and how many are before it.
    line: std::ops::Range<usize>,
    before: usize,
    raw: bool,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lines = Self { text, line: 0..0, before: 0, raw: holds_raw(text) };
        lines.line.end = lines.end_of(0);
        lines
    }

    /// Where the line that begins at `start` ends: behind its CR or LF, or beyond the end of the text.
    fn end_of(&self, start: usize) -> usize {
        let rest = &self.text.as_bytes()[start..];
        memchr::memchr2(b'\n', b'\r', rest).map_or(usize::MAX, |at| start + at + 1)
    }

    /// The position of an offset into the text.
    pub(super) fn position(&mut self, offset: usize) -> Position {
        if offset < self.line.start {
            (self.line, self.before) = (0..self.end_of(0), 0);
        }
        while offset >= self.line.end {
            let start = self.line.end;
            (self.line, self.before) = (start..self.end_of(start), self.before + 1);
        }
        let start = self.line.start;
        Position { index: self.bytes(0, offset), line: self.before + 1, column: self.bytes(start, offset) + 1 }
    }

    /// How many bytes stand between two offsets, a stand-in counting as one.
    fn bytes(&self, from: usize, to: usize) -> usize {
        if !self.raw {
            return to - from;
        }
        self.text[from..to].chars().map(|c| if byte_of(c).is_some() { 1 } else { c.len_utf8() }).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        for bytes in [&b"plain"[..], b"caf\xe9", b"\xff\xfe\x00", "é\u{10FFFF}x".as_bytes(), b"\xf4\x8f\xbf", b""] {
            let text = from_bytes(bytes);
            assert_eq!(&*to_bytes(&text), bytes, "{text:?}");
        }
    }

    #[test]
    fn cr_and_lf_each_begin_a_line() {
        let mut lines = Lines::new("a\r\nb");
        assert_eq!(lines.position(3), Position { index: 3, line: 3, column: 1 });
        assert_eq!(lines.position(1), Position { index: 1, line: 1, column: 2 });
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_one_column() {
        let text = from_bytes(b"\xe9b");
        let mut lines = Lines::new(&text);
        assert_eq!(lines.position(text.len() - 1), Position { index: 1, line: 1, column: 2 });
    }
}
