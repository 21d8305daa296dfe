//! Places: of a byte in a file, of a word in a condition, of a part of a file that a message points at.

use super::raw::{byte_of, holds_raw};

/// A place in a file, counted from 0. Columns and offsets count bytes of the text as UTF-8, without its byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Bytes before it.
    pub offset: usize,
    /// Lines before it.
    pub line: usize,
    /// Bytes before it in its line.
    pub column: usize,
}

/// A place in a condition: byte offset from 0, line and column from 1 (LANGUAGE.md section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub index: usize,
    /// The line, from 1; each CR and each LF begins one.
    pub line: usize,
    /// The byte in that line, from 1.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self { index: 0, line: 1, column: 1 };
}

/// A file by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub usize);

/// A part of a file: the target of a message for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// The file.
    pub file: FileId,
    /// Its beginning, as an offset into the file's text.
    pub start: usize,
    /// Its end.
    pub end: usize,
}

/// Finds positions in a text: lines begin behind each CR and each LF, columns count bytes. Most look-ups are about the
/// line of the one before or one behind it.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// The beginning and end of the line of the last look-up, and the number of lines before it.
    line: std::ops::Range<usize>,
    before: usize,
    raw: bool,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut lines = Self { text, line: 0..0, before: 0, raw: holds_raw(text) };
        lines.line.end = lines.end_of(0);
        lines
    }

    /// Returns the end of the line that begins at `start`: behind its CR or LF, or beyond the end of the text.
    fn end_of(&self, start: usize) -> usize {
        let rest = &self.text.as_bytes()[start..];
        memchr::memchr2(b'\n', b'\r', rest).map_or(usize::MAX, |at| start + at + 1)
    }

    /// Returns the position of an offset into the text.
    pub(crate) fn position(&mut self, offset: usize) -> Position {
        if offset < self.line.start {
            (self.line, self.before) = (0..self.end_of(0), 0);
        }
        while offset >= self.line.end {
            let start = self.line.end;
            (self.line, self.before) = (start..self.end_of(start), self.before + 1);
        }
        let start = self.line.start;
        Position { index: self.bytes(0, offset), line: self.before + 1, column: self.bytes(start, offset) + 1 }
    }

    /// Returns the number of bytes between two offsets, a stand-in counting as one.
    fn bytes(&self, from: usize, to: usize) -> usize {
        if !self.raw {
            return to - from;
        }
        self.text[from..to].chars().map(|c| if byte_of(c).is_some() { 1 } else { c.len_utf8() }).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::from_bytes;

    #[test]
    fn cr_and_lf_each_begin_a_line() {
        let mut lines = Lines::new("a\r\nb");
        assert_eq!(lines.position(3), Position { index: 3, line: 3, column: 1 });
        assert_eq!(lines.position(1), Position { index: 1, line: 1, column: 2 });
    }

    #[test]
    fn an_invalid_utf8_byte_is_one_column() {
        let text = from_bytes(b"\xe9b");
        let mut lines = Lines::new(&text);
        assert_eq!(lines.position(text.len() - 1), Position { index: 1, line: 1, column: 2 });
    }
}
