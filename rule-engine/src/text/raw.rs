//! Text that may hold bytes that are not UTF-8.
//!
//! Rule files come from anywhere, and a constant may be any bytes; the grammar and the YAML reader need `str`. A byte
//! that is not UTF-8 is represented by one of the last characters of the last private plane (U+10FF80 to U+10FFFF, for
//! the bytes 0x80 to 0xFF). A text that really contains such a character is treated as if its four bytes were not
//! UTF-8, so that the conversion can always be reversed exactly.

use std::borrow::Cow;

/// The character for byte 0.
const BASE: u32 = 0x10_FF00;

/// Returns the byte of a character.
pub(super) const fn byte_of(character: char) -> Option<u8> {
    let code = character as u32;
    if code >= BASE + 0x80 { Some((code - BASE) as u8) } else { None }
}

/// Converts bytes to text. Borrows where the bytes are plain UTF-8.
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

/// Returns the character for a byte of 0x80 and above.
fn stand_in(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Returns the bytes of a text.
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

/// Returns whether the text contains stand-ins.
pub(super) fn holds_raw(text: &str) -> bool {
    text.as_bytes().contains(&0xF4) && text.chars().any(|c| byte_of(c).is_some())
}

/// Returns a text for people: bytes that are not UTF-8 become U+FFFD.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !holds_raw(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&to_bytes(text)).into_owned())
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
}
