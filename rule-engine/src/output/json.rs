//! JSON as Falco writes it: no spaces, keys in alphabetical order, invalid UTF-8 replaced.

use std::io::Write;

use crate::event::Value;

/// Appends the characters of a JSON string, without the quotes.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (plain, odd) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        rest = match odd {
            [] => return,
            [byte @ ..0x80, after @ ..] => {
                escape_ascii(*byte, out);
                after
            }
            _ => {
                let (run, after) = odd.split_at(odd.iter().take_while(|byte| **byte >= 0x80).count());
                for chunk in run.utf8_chunks() {
                    out.extend_from_slice(chunk.valid().as_bytes());
                    if !chunk.invalid().is_empty() {
                        out.extend_from_slice("\u{fffd}".as_bytes());
                    }
                }
                after
            }
        };
    }
}

/// Returns how many bytes at the start are written as they are and are ASCII: nearly always all.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    /// The number of bytes that are compared together.
    const LANES: usize = 16;
    let odd = |byte: u8| !(0x20..0x80).contains(&byte) | (byte == b'"') | (byte == b'\\');
    let (chunks, _) = bytes.as_chunks::<LANES>();
    let plain =
        chunks.iter().take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | odd(*byte))).count() * LANES;
    plain + bytes[plain..].iter().take_while(|byte| !odd(**byte)).count()
}

/// Appends an ASCII character that must be escaped in a JSON string.
fn escape_ascii(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        _ => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a JSON string.
pub(crate) fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Appends a value.
pub(crate) fn value(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(Value::Bool(truth)) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        Some(Value::I64(number)) => {
            let _ = write!(out, "{number}");
        }
        Some(Value::U64(number)) => {
            let _ = write!(out, "{number}");
        }
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
    fn values() {
        let mut out = Vec::new();
        let items = [Value::U64(1), Value::F64(0.5), Value::F64(2.0), Value::Bool(true), Value::List(&[])];
        value(Some(Value::List(&items)), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "[1,0.5,2.0,true,null]");
    }
}
