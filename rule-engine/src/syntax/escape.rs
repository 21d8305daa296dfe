//! Escapes in quoted constants, both ways.

use super::error::{EscapeError, SyntaxErrorKind};
use crate::text::to_bytes;

/// Returns the bytes of a constant as it is written, quoted or bare.
///
/// # Errors
/// If it is quoted and an escape is not one of the language.
pub(super) fn constant(written: &str) -> Result<Vec<u8>, SyntaxErrorKind> {
    let bytes = to_bytes(written);
    if written.starts_with(['"', '\'']) {
        unescape(&bytes).map_err(SyntaxErrorKind::Escape)
    } else {
        Ok(bytes.into_owned())
    }
}

/// Returns the text between the quotes, unescaped. `quoted` includes its quotes.
///
/// # Errors
/// If an escape is not one of the language.
pub(super) fn unescape(quoted: &[u8]) -> Result<Vec<u8>, EscapeError> {
    let quote = quoted[0];
    let body = &quoted[1..quoted.len() - 1];
    if memchr::memchr(b'\\', body).is_none() {
        return Ok(body.to_vec());
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        // A quote never closes behind a backslash, so there is always a byte here.
        let [kind, tail @ ..] = rest else { break };
        rest = tail;
        match kind {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            // A backslash before a space is literal: some published rules were written so.
            b' ' | b'\\' => out.push(b'\\'),
            b'/' => out.push(b'/'),
            b'"' if quote == b'"' => out.push(b'"'),
            b'"' => return Err(EscapeError::OtherQuote('"')),
            b'\'' if quote == b'\'' => out.push(b'\''),
            b'\'' => return Err(EscapeError::OtherQuote('\'')),
            b'x' => {
                let [high, low, tail @ ..] = rest else {
                    return Err(EscapeError::TruncatedHex);
                };
                let (Some(h), Some(l)) = (hex_digit(*high), hex_digit(*low)) else {
                    let shown = String::from_utf8_lossy(&[*high, *low]).into_owned();
                    return Err(EscapeError::Hex(shown));
                };
                out.push(h << 4 | l);
                rest = tail;
            }
            other => {
                let shown = String::from_utf8_lossy(&[*other]).into_owned();
                return Err(EscapeError::Unsupported(shown));
            }
        }
    }
    Ok(out)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// Writes a constant: as it is, or quoted where a byte requires it.
pub(super) fn escape(value: &[u8], out: &mut Vec<u8>) {
    let special = |b: &u8| matches!(b, 0x08 | 0x0C | b'\n' | b'\r' | b'\t' | b' ' | b'=' | b'\\' | b'"' | b'\'' | 0);
    if value.iter().any(special) {
        quote(value, out);
    } else {
        out.extend_from_slice(value);
    }
}

/// Writes a constant between quotes.
pub(super) fn quote(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value {
        match byte {
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

/// Writes a constant between quotes so that it always reads back: a string that ends in an escaped backslash would not
/// close, and a NUL leaves it open.
pub(super) fn quote_exactly(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\x5c"),
            0 => out.extend_from_slice(b"\\x00"),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}
