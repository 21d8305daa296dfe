//! The kept values of an event: some values with their text, as bytes.
//!
//! A partial match outlives its events, so values that an alert may print are copied, in the form in which they are
//! printed. Most values are texts and print unchanged: these are stored once.

use bumpalo::Bump;

use super::key::{push_missing, push_part, push_varint, read_part, read_varint, take};
use crate::event::Value;

/// The limit of a kept text of one field, in bytes; a longer one is cut.
pub const LONGEST: usize = 4096;

const NO_TEXT: u8 = 0;
const TEXT_IS_VALUE: u8 = 1;
const TEXT: u8 = 2;

/// One value that was kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Captured<'b> {
    /// Its printed form; `None` prints `<NA>`.
    pub text: Option<&'b [u8]>,
    /// Its value.
    pub value: Option<Value<'b>>,
}

/// Appends one value.
pub fn push(out: &mut Vec<u8>, text: Option<&[u8]>, value: Option<Value<'_>>) {
    let cut = |bytes: &[u8]| -> usize { bytes.len().min(LONGEST) };
    let value = match value {
        Some(Value::Bytes(bytes)) => Some(Value::Bytes(&bytes[..cut(bytes)])),
        other => other,
    };
    let text = text.map(|text| &text[..cut(text)]);
    match (text, value) {
        (None, _) => out.push(NO_TEXT),
        (Some(text), Some(Value::Bytes(bytes))) if text == bytes => out.push(TEXT_IS_VALUE),
        (Some(text), _) => {
            out.push(TEXT);
            push_varint(out, text.len() as u64);
            out.extend_from_slice(text);
        }
    }
    match value {
        Some(value) => push_part(out, value),
        None => push_missing(out),
    }
}

/// Returns the values that [`push`] appended.
pub fn read<'b>(bytes: &'b [u8], arena: &'b Bump) -> impl Iterator<Item = Captured<'b>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let tag = take(&mut rest, 1)?[0];
        let text = match tag {
            TEXT => {
                let count = read_varint(&mut rest)?;
                Some(take(&mut rest, usize::try_from(count).ok()?)?)
            }
            NO_TEXT | TEXT_IS_VALUE => None,
            _ => return None,
        };
        let value = read_part(&mut rest, arena)?;
        let text = match (tag, value) {
            (TEXT_IS_VALUE, Some(Value::Bytes(bytes))) => Some(bytes),
            _ => text,
        };
        Some(Captured { text, value })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_values_are_read_back() {
        let arena = Bump::new();
        let mut bytes = Vec::new();
        push(&mut bytes, Some(b"bash"), Some(Value::Bytes(b"bash")));
        push(&mut bytes, None, None);
        push(&mut bytes, Some(b"0x7"), Some(Value::U64(7)));
        push(&mut bytes, Some(b"gone"), None);
        push(&mut bytes, Some(b""), Some(Value::Bytes(b"")));
        let read: Vec<Captured<'_>> = read(&bytes, &arena).collect();
        assert_eq!(
            read,
            [
                Captured { text: Some(b"bash"), value: Some(Value::Bytes(b"bash")) },
                Captured { text: None, value: None },
                Captured { text: Some(b"0x7"), value: Some(Value::U64(7)) },
                Captured { text: Some(b"gone"), value: None },
                Captured { text: Some(b""), value: Some(Value::Bytes(b"")) },
            ]
        );
    }

    #[test]
    fn long_texts_are_cut() {
        let arena = Bump::new();
        let long = vec![b'x'; 3 * LONGEST];
        let mut bytes = Vec::new();
        push(&mut bytes, Some(&long), Some(Value::Bytes(&long)));
        assert!(bytes.len() < LONGEST + 16);
        let kept = read(&bytes, &arena).next().expect("one value");
        assert_eq!(kept.text.map(<[u8]>::len), Some(LONGEST));
    }
}
