//! The scanner of one line: a position in the text, and readers of words, numbers and quoted text.

use std::fmt::Write as _;

use super::TextError;

/// A position in one line.
#[derive(Debug, Clone)]
pub(super) struct Scan<'a> {
    line: &'a str,
    number: usize,
    at: usize,
}

pub(super) type Read<T> = Result<T, TextError>;

impl<'a> Scan<'a> {
    pub(super) fn new(line: &'a str, number: usize) -> Self {
        Self { line, number, at: 0 }
    }

    /// Returns the rest of the line.
    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Returns the error `message` at this position.
    pub(super) fn error<T>(&self, message: impl Into<String>) -> Read<T> {
        let column = self.line.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        Err(TextError { line: self.number, column, message: message.into() })
    }

    /// Skips spaces and a comment; returns whether anything is left.
    pub(super) fn more(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        if self.peek() == Some('#') {
            self.at = self.line.len();
        }
        self.at < self.line.len()
    }

    /// Consumes `token` if it is next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn expect(&mut self, token: &str) -> Read<()> {
        if self.take(token) { Ok(()) } else { self.error(format!("expected `{token}`")) }
    }

    /// Consumes the characters for which `keep` returns true.
    pub(super) fn run(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    /// Consumes a name: letters, digits and underscores; may be empty.
    pub(super) fn word(&mut self) -> &'a str {
        self.run(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Consumes `word=` if that is next.
    pub(super) fn key(&mut self) -> Option<&'a str> {
        let before = self.at;
        let word = self.word();
        if !word.is_empty() && self.take("=") {
            return Some(word);
        }
        self.at = before;
        None
    }

    /// Reads a whole number: decimal, `0x` hexadecimal, or octal after a `0`; within `low..=high`.
    pub(super) fn int(&mut self, low: i128, high: i128) -> Read<i128> {
        let start = self.clone();
        let negative = self.take("-");
        let digits = self.word();
        let value = if let Some(hex) = digits.strip_prefix("0x") {
            i128::from_str_radix(hex, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            i128::from_str_radix(digits, 8)
        } else {
            digits.parse()
        };
        let Ok(value) = value else {
            *self = start;
            return self.error("expected a number");
        };
        let value = if negative { -value } else { value };
        if !(low..=high).contains(&value) {
            *self = start;
            return self.error(format!("{value} is not within {low} to {high}"));
        }
        Ok(value)
    }

    /// Reads a whole number of the type that the caller needs.
    pub(super) fn number<T: TryFrom<i128> + Bounded>(&mut self) -> Read<T> {
        let start = self.clone();
        let value = self.int(T::LOW, T::HIGH)?;
        T::try_from(value).or_else(|_| start.error("the number is out of range"))
    }

    /// Reads a quoted text and appends its bytes to `out`.
    pub(super) fn quoted(&mut self, out: &mut Vec<u8>) -> Read<()> {
        self.expect("\"")?;
        loop {
            let plain = self.run(|c| c != '"' && c != '\\');
            out.extend_from_slice(plain.as_bytes());
            if self.take("\"") {
                return Ok(());
            }
            let start = self.clone();
            if !self.take("\\") {
                return self.error("the quote is not closed");
            }
            let escape = self.peek();
            self.at += escape.map_or(0, char::len_utf8);
            match escape {
                Some('n') => out.push(b'\n'),
                Some('t') => out.push(b'\t'),
                Some('r') => out.push(b'\r'),
                Some('0') => out.push(0),
                Some(c @ ('"' | '\\')) => out.push(c as u8),
                Some('x') => {
                    let digits = self.rest().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    let Some(byte) = digits else { return start.error("expected two hexadecimal digits") };
                    self.at += 2;
                    out.push(byte);
                }
                _ => return start.error("expected one of \\n \\t \\r \\0 \\\" \\\\ \\xNN"),
            }
        }
    }

    /// Reads `seconds.nanoseconds`, in nanoseconds.
    pub(super) fn time(&mut self) -> Read<u64> {
        let start = self.clone();
        let seconds = self.run(|c| c.is_ascii_digit());
        let fraction = if self.take(".") { self.run(|c| c.is_ascii_digit()) } else { "" };
        let nanoseconds = format!("{fraction:0<9}");
        let whole = (seconds.parse::<u64>().ok().filter(|_| nanoseconds.len() == 9))
            .and_then(|seconds| seconds.checked_mul(1_000_000_000))
            .and_then(|seconds| seconds.checked_add(nanoseconds.parse().ok()?));
        match whole {
            Some(time) => Ok(time),
            None => start.error("expected a time: seconds, a point, at most nine digits"),
        }
    }
}

/// The least and the greatest number of a type.
pub(super) trait Bounded {
    const LOW: i128;
    const HIGH: i128;
}

macro_rules! bounded {
    ($($ty:ty)*) => {$(
        impl Bounded for $ty {
            const LOW: i128 = <$ty>::MIN as i128;
            const HIGH: i128 = <$ty>::MAX as i128;
        }
    )*};
}

bounded! { u8 u16 u32 u64 i16 i64 }

/// Writes `"…"`.
pub(super) fn write_quoted(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\0' => out.push_str("\\0"),
                c if c.is_control() => write_escaped(c.encode_utf8(&mut [0; 4]).as_bytes(), out),
                c => out.push(c),
            }
        }
        write_escaped(chunk.invalid(), out);
    }
    out.push('"');
}

fn write_escaped(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// Writes `seconds.nanoseconds`.
pub(super) fn write_time(ns: u64, out: &mut String) {
    let _ = write!(out, "{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
}
