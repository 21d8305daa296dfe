//! JSON strings of bytes: what is not UTF-8 is replaced.

/// The form of the character U+007F (DEL), which JSON permits in strings: writers of JSON differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delete {
    /// As it is, like Falco's alerts.
    Plain,
    /// As `\u007f`, like the fields of Falco's dumps.
    Escaped,
}

/// Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
pub fn string(text: &[u8], delete: Delete, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, delete, out);
    out.push(b'"');
}

/// Appends the characters of a JSON string, without the quotes. Bytes that are not UTF-8 become U+FFFD.
pub fn escape(text: &[u8], delete: Delete, out: &mut Vec<u8>) {
    // The first byte that is not plain by its value alone.
    let end = match delete {
        Delete::Plain => 0x80,
        Delete::Escaped => 0x7f,
    };
    let mut rest = text;
    loop {
        let (plain, odd) = rest.split_at(plain_len(rest, end));
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

/// Returns the number of bytes at the start that are ASCII and written unchanged: nearly always all.
#[inline]
fn plain_len(bytes: &[u8], end: u8) -> usize {
    /// The number of bytes that are compared at once.
    const LANES: usize = 16;
    let odd = |byte: u8| !(0x20..end).contains(&byte) | (byte == b'"') | (byte == b'\\');
    let (chunks, _) = bytes.as_chunks::<LANES>();
    let plain =
        chunks.iter().take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | odd(*byte))).count() * LANES;
    plain + bytes[plain..].iter().take_while(|byte| !odd(**byte)).count()
}

/// Appends an ASCII character that must be escaped.
fn escape_ascii(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        _ => {
            let digit = |four: u8| DIGITS[usize::from(four & 15)];
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_wherever_it_must_be() {
        let odd: [(&[u8], &str); 9] = [
            (b"\"", "\\\""),
            (b"\\", "\\\\"),
            (b"\n", "\\n"),
            (b"\x08", "\\b"),
            (b"\x01", "\\u0001"),
            (b"\x1f", "\\u001f"),
            (b"\x7f", "\\u007f"),
            ("\u{e9}".as_bytes(), "\u{e9}"),
            (b"\xe9", "\u{fffd}"),
        ];
        for len in 0..40 {
            for at in 0..=len {
                for (raw, written) in odd {
                    for delete in [Delete::Escaped, Delete::Plain] {
                        let written = if raw == b"\x7f" && delete == Delete::Plain { "\u{7f}" } else { written };
                        let text = [&vec![b'a'; at][..], raw, raw, &vec![b'b'; len - at]].concat();
                        let mut out = Vec::new();
                        string(&text, delete, &mut out);
                        let expect = format!("\"{}{written}{written}{}\"", "a".repeat(at), "b".repeat(len - at));
                        assert_eq!(String::from_utf8_lossy(&out), expect);
                    }
                }
            }
        }
    }

    #[test]
    fn a_parser_reads_back_what_was_written() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        for delete in [Delete::Escaped, Delete::Plain] {
            let mut out = Vec::new();
            string(text.as_bytes(), delete, &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }
}
