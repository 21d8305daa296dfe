//! JSON as Falco writes it: no spaces, keys in alphabetical order, invalid UTF-8 replaced.

use std::io::Write;

use peregrine_text::json::Delete;

use crate::event::Value;

/// Appends the characters of a JSON string, without the quotes.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    peregrine_text::json::escape(text, Delete::Plain, out);
}

/// Replaces, in a line of text from `start` on, the characters that a terminal would act on, or that make text look like
/// other text, by their code: DEL, the controls U+0080 to U+009F, separators of lines and paragraphs, and marks of
/// direction. JSON keeps them, as Falco does: its readers are programs.
pub(crate) fn hide_controls(start: usize, out: &mut Vec<u8>) {
    // The first bytes of those characters; nearly every line has none.
    if !out[start..].iter().any(|byte| matches!(byte, 0x7f | 0xc2 | 0xd8 | 0xe2)) {
        return;
    }
    let line = out.split_off(start);
    for c in String::from_utf8_lossy(&line).chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Appends a JSON string.
pub(crate) fn string(text: &[u8], out: &mut Vec<u8>) {
    peregrine_text::json::string(text, Delete::Plain, out);
}

/// Appends a value.
pub(crate) fn value(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(Value::Bool(truth)) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        Some(Value::I64(number)) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Some(Value::U64(number)) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Some(Value::F64(number)) if number.is_finite() => {
            let _ = write!(out, "{number:?}");
        }
        Some(Value::F64(_)) => out.extend_from_slice(b"null"),
        Some(Value::Bytes(text)) => string(text, out),
        Some(Value::Ip(ip)) => {
            let _ = write!(out, "\"{ip}\"");
        }
        Some(Value::List([])) => out.extend_from_slice(b"null"),
        Some(Value::List(items)) => {
            for (place, item) in items.iter().enumerate() {
                out.push(if place == 0 { b'[' } else { b',' });
                self::value(Some(*item), out);
            }
            out.push(b']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        let mut out = Vec::new();
        string(b"a\"\\\n\x01\x7f\xc3\xa9\xff.", &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "\"a\\\"\\\\\\n\\u0001\u{7f}é\u{fffd}.\"");
    }

    #[test]
    fn a_line_of_text_has_no_controls() {
        for (text, expected) in [
            ("plain é – \u{20ac} text", "plain é – \u{20ac} text"),
            ("a\u{7f}b\u{9b}2Jc", "a\\u007fb\\u009b2Jc"),
            ("x\u{2028}y\u{2029}z\u{85}", "x\\u2028y\\u2029z\\u0085"),
            ("gpj.\u{202e}exe\u{2066}\u{2069}\u{200f}\u{61c}", "gpj.\\u202eexe\\u2066\\u2069\\u200f\\u061c"),
        ] {
            let mut out = b"\x7f".to_vec();
            out.extend_from_slice(text.as_bytes());
            hide_controls(1, &mut out);
            assert_eq!(String::from_utf8_lossy(&out[1..]), expected);
            assert_eq!(out[0], 0x7f, "what was before stays");
        }
    }

    #[test]
    fn values() {
        let mut out = Vec::new();
        let items = [Value::U64(1), Value::F64(0.5), Value::F64(2.0), Value::Bool(true), Value::List(&[])];
        value(Some(Value::List(&items)), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "[1,0.5,2.0,true,null]");
    }
}
