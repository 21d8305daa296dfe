//! The printing of buffers: one default form, and five others by choice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::number;

/// The printed form of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Buffers {
    /// Printable ASCII as it is, every other byte as a dot.
    #[default]
    Dots,
    /// Rows of 16 bytes in hexadecimal, each after its offset.
    Hex,
    /// Like [`Hex`](Self::Hex), with the printable characters beside each row.
    HexAscii,
    /// Printable ASCII and line ends only, on a new line.
    Printable,
    /// Like [`Printable`](Self::Printable), without the first line end.
    PrintableCompact,
    /// Base64.
    Base64,
}

/// Appends `raw` in the given form; nothing if it is empty.
pub fn buffer(raw: &[u8], form: Buffers, out: &mut Vec<u8>) {
    if raw.is_empty() {
        return;
    }
    match form {
        Buffers::Dots => out.extend(raw.iter().map(dot)),
        Buffers::Hex => hex(raw, false, out),
        Buffers::HexAscii => hex(raw, true, out),
        Buffers::Printable => {
            out.push(b'\n');
            printable(raw, out);
        }
        Buffers::PrintableCompact => printable(raw, out),
        Buffers::Base64 => base64(raw, out),
    }
}

fn dot(byte: &u8) -> u8 {
    if is_printable(*byte) { *byte } else { b'.' }
}

fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Normalizes line ends to `\n`; `\r\n` is one, `\r` alone is one, and one at the very start is left out.
fn printable(raw: &[u8], out: &mut Vec<u8>) {
    let mut before = b'\r';
    for &byte in raw {
        match byte {
            b'\r' => out.push(b'\n'),
            b'\n' if before != b'\r' => out.push(b'\n'),
            _ if is_printable(byte) => out.push(byte),
            _ => {}
        }
        before = byte;
    }
}

/// Writes rows of eight pairs of bytes.
fn hex(raw: &[u8], ascii: bool, out: &mut Vec<u8>) {
    const PAIRS: usize = 8;
    for (row, bytes) in raw.chunks(2 * PAIRS).enumerate() {
        out.extend_from_slice(b"\n\t0x");
        number::padded_hex((row * 2 * PAIRS) as u64, 4, out);
        out.push(b':');
        for pair in bytes.chunks(2) {
            out.push(b' ');
            for &byte in pair {
                number::padded_hex(byte.into(), 2, out);
            }
        }
        if ascii {
            for _ in bytes.len().div_ceil(2)..PAIRS {
                out.extend_from_slice(b"     ");
            }
            out.extend_from_slice(b"  ");
            out.extend(bytes.iter().map(dot));
        }
    }
    out.push(b'\n');
}

fn base64(raw: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + base64::encoded_len(raw.len(), true).unwrap_or(0), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    // The room is what the text takes.
    let len = STANDARD.encode_slice(raw, room).unwrap_or(0);
    out.truncate(start + len);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(raw: &[u8], form: Buffers) -> String {
        let mut out = Vec::new();
        buffer(raw, form, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn unprintable_bytes_are_dots() {
        assert_eq!(print(b"a b\n\0\x7f\xc3~", Buffers::Dots), "a b....~");
    }

    #[test]
    fn rows_of_hexadecimal() {
        let raw: Vec<u8> = (0x61..0x61 + 19).collect();
        assert_eq!(
            print(&raw, Buffers::Hex),
            "\n\t0x0000: 6162 6364 6566 6768 696a 6b6c 6d6e 6f70\n\t0x0010: 7172 73\n"
        );
        assert_eq!(print(b"ab\n", Buffers::HexAscii), "\n\t0x0000: 6162 0a                                ab.\n");
    }

    #[test]
    fn line_ends() {
        assert_eq!(print(b"\na\r\nb\rc\0d\ne", Buffers::PrintableCompact), "a\nb\ncd\ne");
        assert_eq!(print(b"x", Buffers::Printable), "\nx");
    }

    #[test]
    fn base64_with_its_padding() {
        for (raw, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob\u{ff}", "Zm9vYsO/")] {
            assert_eq!(print(raw.as_bytes(), Buffers::Base64), text);
        }
    }
}
