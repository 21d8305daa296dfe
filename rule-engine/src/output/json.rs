//! JSON as Falco writes it: no spaces, keys in alphabetical order, invalid UTF-8 replaced.

use std::io::Write;

use peregrine_text::json::Delete;

use crate::event::Value;

/// Appends the characters of a JSON string, without the quotes.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    peregrine_text::json::escape(text, Delete::Plain, out);
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
    fn values() {
        let mut out = Vec::new();
        let items = [Value::U64(1), Value::F64(0.5), Value::F64(2.0), Value::Bool(true), Value::List(&[])];
        value(Some(Value::List(&items)), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "[1,0.5,2.0,true,null]");
    }
}
