//! Times and numbers as alerts print them.

use std::io::Write;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::{Print, Value};

/// Returns the parts of a day: year, month, day.
fn date(days: i64) -> (i64, u32, u32) {
    // Days are counted from 1 March of year 0, so that the day that some years lack is the last.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `2026-11-22T00:19:35.570013103` and a suffix, in UTC.
pub fn iso8601(nanoseconds: u64, suffix: &str, out: &mut Vec<u8>) {
    let seconds = (nanoseconds / 1_000_000_000) as i64;
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}{suffix}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        nanoseconds % 1_000_000_000
    );
}

/// Appends `00:19:35.570013103`, in UTC.
pub fn clock(nanoseconds: u64, out: &mut Vec<u8>) {
    let of_day = nanoseconds / 1_000_000_000 % 86_400;
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}.{:09}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        nanoseconds % 1_000_000_000
    );
}

/// Formats a number as its field prints it; `None` if it prints nothing.
pub(crate) fn number_text<'e>(value: Value<'_>, print: Print, arena: &'e Bump) -> Option<&'e [u8]> {
    use std::fmt::Write;
    let mut out = bumpalo::collections::String::with_capacity_in(24, arena);
    let written = match (value, print) {
        (_, Print::None) => return None,
        (Value::F64(number), _) => write!(out, "{number:.1}"),
        (Value::I64(number), Print::Dec) => out.write_str(itoa::Buffer::new().format(number)),
        (Value::I64(number), Print::PaddedDec) => write!(out, "{number:09}"),
        (Value::I64(number), Print::Hex) => write!(out, "{number:X}"),
        (Value::I64(number), Print::Oct) => write!(out, "{number:o}"),
        (Value::U64(number), Print::Dec) => out.write_str(itoa::Buffer::new().format(number)),
        (Value::U64(number), Print::PaddedDec) => write!(out, "{number:09}"),
        (Value::U64(number), Print::Hex) => write!(out, "{number:X}"),
        (Value::U64(number), Print::Oct) => write!(out, "{number:o}"),
        _ => return None,
    };
    written.ok().map(|()| out.into_bump_str().as_bytes())
}

/// The longest text of a list, in bytes, as in Falco.
const LONGEST_LIST: usize = 1023;

/// Returns a value as `%field` prints it: `None` for a number that is not printed.
pub fn value_text<'e>(value: Value<'e>, print: Print, arena: &'e Bump) -> Option<&'e [u8]> {
    match value {
        Value::Bytes(text) => Some(text),
        Value::Bool(truth) => Some(if truth { b"true" } else { b"false" }),
        Value::Ip(ip) => Some(arena.alloc_str(&ip.to_string()).as_bytes()),
        Value::List(items) => {
            let mut out = BumpVec::new_in(arena);
            out.push(b'(');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(value_text(*item, print, arena).unwrap_or_default());
            }
            out.push(b')');
            out.truncate(LONGEST_LIST);
            Some(out.into_bump_slice())
        }
        number => number_text(number, print, arena),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_that_are_easily_missed() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (951_868_799, "2000-02-29T23:59:59.000000007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000007Z"),
            (1_795_306_775, "2026-11-22T00:19:35.000000007Z"),
        ] {
            let mut out = Vec::new();
            super::iso8601(seconds * 1_000_000_000 + 7, "Z", &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
