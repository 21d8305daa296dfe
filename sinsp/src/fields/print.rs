//! A value as text, by the kind and the print format of its field.
//!
//! The digits are those of C's `printf` in Falco: hexadecimal in capitals and octal without a prefix, negative numbers
//! in the width of their kind, times padded to nine places where the format says so, fractions with one digit.

use bumpalo::Bump;
use scap::schema::{Format, ParamType};

use super::value::{IpText, Sink, Text, Value, push_display, push_signed, push_unsigned};

/// Returns the text of `value`.
pub(crate) fn text<'e>(value: Value<'e>, kind: ParamType, format: Format, arena: &'e Bump) -> &'e [u8] {
    match value {
        Value::Bytes(bytes) => until_nul(bytes),
        Value::Bool(true) => b"true",
        Value::Bool(false) => b"false",
        _ => {
            let mut out = Text::new_in(arena);
            push(&mut out, value, kind, format);
            out.into_bump_slice()
        }
    }
}

/// Returns the value as it is written in JSON: numbers as numbers, except those printed in hexadecimal or octal, and
/// addresses, which are text.
pub(crate) fn json<'e>(value: Value<'e>, kind: ParamType, format: Format, arena: &'e Bump) -> Value<'e> {
    match value {
        Value::I64(_) | Value::U64(_) if matches!(format, Format::Hex | Format::Oct) => {
            Value::Bytes(text(value, kind, format, arena))
        }
        Value::Ip(_) | Value::Net(..) => Value::Bytes(text(value, kind, format, arena)),
        Value::Bytes(bytes) => Value::Bytes(until_nul(bytes)),
        Value::List(values) => {
            Value::List(arena.alloc_slice_fill_iter(values.iter().map(|value| json(*value, kind, format, arena))))
        }
        other => other,
    }
}

fn push(out: &mut impl Sink, value: Value<'_>, kind: ParamType, format: Format) {
    match value {
        Value::Bool(truth) => out.push_bytes(if truth { b"true" } else { b"false" }),
        Value::I64(number) => match format {
            Format::Hex => push_display(out, &format_args!("{:X}", narrow(number, kind))),
            Format::Oct => push_display(out, &format_args!("{:o}", narrow(number, kind))),
            Format::PaddedDec => push_display(out, &format_args!("{number:09}")),
            _ => push_signed(out, number),
        },
        Value::U64(number) => match format {
            Format::Hex => push_display(out, &format_args!("{number:X}")),
            Format::Oct => push_display(out, &format_args!("{number:o}")),
            Format::PaddedDec => push_display(out, &format_args!("{number:09}")),
            _ => push_unsigned(out, number),
        },
        Value::F64(number) => push_display(out, &format_args!("{number:.1}")),
        Value::Bytes(bytes) => out.push_bytes(until_nul(bytes)),
        Value::Ip(ip) => push_display(out, &IpText(ip)),
        Value::Net(..) => out.push_bytes(b"<IPNET>"),
        Value::List(values) => {
            out.push_bytes(b"(");
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push_bytes(b",");
                }
                push(out, *value, kind, format);
            }
            out.push_bytes(b")");
        }
    }
}

/// Returns the bytes before the first NUL, as for readers of C strings.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    match memchr::memchr(0, bytes) {
        Some(end) => bytes.get(..end).unwrap_or(bytes),
        None => bytes,
    }
}

/// Returns the bits of a signed number in the width of its kind.
fn narrow(number: i64, kind: ParamType) -> u64 {
    let bits = match kind.min_len() {
        1 => 0xff,
        2 => 0xffff,
        4 => 0xffff_ffff,
        _ => u64::MAX,
    };
    number as u64 & bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value<'_>, kind: ParamType, format: Format, expect: &str) {
        let arena = Bump::new();
        assert_eq!(String::from_utf8_lossy(text(value, kind, format, &arena)), expect);
    }

    #[test]
    fn numbers_print_by_format() {
        check(Value::U64(0x1001), ParamType::Flags32, Format::Hex, "1001");
        check(Value::I64(-1), ParamType::Int32, Format::Hex, "FFFFFFFF");
        check(Value::I64(-1), ParamType::Int8, Format::Oct, "377");
        check(Value::U64(0o644), ParamType::UInt32, Format::Oct, "644");
        check(Value::U64(19_741_824), ParamType::RelTime, Format::PaddedDec, "019741824");
        check(Value::U64(1_019_741_824), ParamType::RelTime, Format::PaddedDec, "1019741824");
        check(Value::I64(i64::MIN), ParamType::Int64, Format::Dec, "-9223372036854775808");
        check(Value::F64(0.06), ParamType::Double, Format::Na, "0.1");
        check(Value::F64(0.03), ParamType::Double, Format::Na, "0.0");
    }

    #[test]
    fn addresses_print_as_the_c_library_does() {
        let ip = |text: &str| Value::Ip(text.parse().expect("an address"));
        check(ip("10.0.0.1"), ParamType::IpAddr, Format::Na, "10.0.0.1");
        check(ip("2001:db8::1"), ParamType::IpAddr, Format::Na, "2001:db8::1");
        check(ip("::ffff:1.2.3.4"), ParamType::IpAddr, Format::Na, "::ffff:1.2.3.4");
        check(ip("::1.2.3.4"), ParamType::IpAddr, Format::Na, "::1.2.3.4");
        check(ip("::1"), ParamType::IpAddr, Format::Na, "::1");
        check(Value::Net("10.0.0.0".parse().expect("an address"), 8), ParamType::IpNet, Format::Na, "<IPNET>");
    }

    #[test]
    fn lists_have_parentheses() {
        let list = [Value::from("file"), Value::from("pipe")];
        check(Value::List(&list), ParamType::CharBuf, Format::Na, "(file,pipe)");
        check(Value::List(&[]), ParamType::CharBuf, Format::Na, "()");
    }

    #[test]
    fn json_keeps_numbers_and_quotes_hexadecimal() {
        let arena = Bump::new();
        let written = |value, kind, format| {
            let mut out = Vec::new();
            json(value, kind, format, &arena).write_json(&mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(written(Value::U64(7), ParamType::UInt64, Format::Dec), "7");
        assert_eq!(written(Value::U64(65024), ParamType::Int32, Format::Hex), "\"FE00\"");
        assert_eq!(
            written(Value::from(&b"a\"\n\xffb\x01"[..]), ParamType::CharBuf, Format::Na),
            "\"a\\\"\\n\u{fffd}b\\u0001\""
        );
        assert_eq!(written(Value::from("cut\0off"), ParamType::CharBuf, Format::Na), "\"cut\"");
        assert_eq!(written(Value::F64(0.25), ParamType::Double, Format::Na), "0.25");
    }
}
