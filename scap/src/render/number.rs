//! Numbers as text, without `core::fmt` where speed matters.

use std::io::Write as _;

use crate::schema::Format;

/// Appends a number in the format of its row: `bits` in hexadecimal and octal, `signed` in decimal.
pub(super) fn formatted(bits: u64, signed: i64, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Hex => hex(bits, true, out),
        Format::Oct => octal(bits, out),
        Format::PaddedDec => write(format_args!("{signed:09}"), out),
        Format::Na | Format::Dec | Format::Id | Format::Dir => decimal(signed, out),
    }
}

pub(super) fn decimal(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(super) fn unsigned(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(super) fn hex(value: u64, upper: bool, out: &mut Vec<u8>) {
    if upper { write(format_args!("{value:X}"), out) } else { write(format_args!("{value:x}"), out) }
}

pub(super) fn padded_hex(value: u64, width: usize, out: &mut Vec<u8>) {
    write(format_args!("{value:0width$x}"), out);
}

/// Writes octal after a `0`, which zero itself does not get.
fn octal(value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(b'0');
    }
    write(format_args!("{value:o}"), out);
}

/// Writes a fixed number of decimals.
pub(super) fn fixed(value: f64, decimals: usize, out: &mut Vec<u8>) {
    write(format_args!("{value:.decimals$}"), out);
}

/// Appends a floating point number like C's `%g`: six significant digits, no more zeros than needed, in scientific
/// notation if it is very small or very large.
pub fn general(value: f64, out: &mut Vec<u8>) {
    const DIGITS: i32 = 6;
    if !value.is_finite() {
        return write(format_args!("{value}"), out);
    }
    let at = out.len();
    write(format_args!("{value:.*e}", DIGITS as usize - 1), out);
    let Some(mark) = out.get(at..).and_then(|text| text.iter().rposition(|&byte| byte == b'e')) else { return };
    let exponent = out.get(at + mark + 1..).and_then(|text| std::str::from_utf8(text).ok()?.parse::<i32>().ok());
    let exponent = exponent.unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        out.truncate(at);
        write(format_args!("{value:.*}", (DIGITS - 1 - exponent) as usize), out);
        trim_zeros(at, out);
    } else {
        out.truncate(at + mark);
        trim_zeros(at, out);
        let sign = if exponent < 0 { '-' } else { '+' };
        write(format_args!("e{sign}{:02}", exponent.unsigned_abs()), out);
    }
}

/// Cuts zeros, and then the point, from the end of what was written since `at`.
fn trim_zeros(at: usize, out: &mut Vec<u8>) {
    if out.get(at..).is_some_and(|text| text.contains(&b'.')) {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
}

pub(super) fn write(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (0.000001, "1e-06"),
            (0.0001, "0.0001"),
            (123456.0, "123456"),
            (1234567.0, "1.23457e+06"),
            (999999.5, "1e+06"),
            (0.00123456789, "0.00123457"),
            (18446744073.709551, "1.84467e+10"),
            (-2.50, "-2.5"),
        ] {
            let mut out = Vec::new();
            general(value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn formats() {
        for (bits, signed, format, text) in [
            (0o755, 0o755, Format::Oct, "0755"),
            (0, 0, Format::Oct, "0"),
            (0xdead, 0xdead, Format::Hex, "DEAD"),
            (u64::MAX, -1, Format::Dec, "-1"),
            (i64::MIN as u64, i64::MIN, Format::Id, "-9223372036854775808"),
            (12, 12, Format::PaddedDec, "000000012"),
        ] {
            let mut out = Vec::new();
            formatted(bits, signed, format, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
