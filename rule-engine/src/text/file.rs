//! Rule files as text: byte order marks, UTF-16 and UTF-32, invalid UTF-8.

use std::sync::Arc;

use super::place::Mark;
use super::raw as text;

/// A rule file to load.
#[derive(Debug)]
pub struct SourceFile {
    /// Its name, as given.
    pub name: Arc<str>,
    /// Its text.
    pub text: Text,
}

/// A rule file as text, and its lines.
#[derive(Debug, Clone)]
pub struct Text {
    /// The text; bytes that are not UTF-8 are stand-ins ([`text`]).
    text: String,
    /// Offsets in `text` of the beginnings of lines.
    lines: Vec<usize>,
    /// Whether there are stand-ins, each of which counts as one byte.
    raw: bool,
}

impl Text {
    /// Reads bytes in the encoding that they begin with.
    pub fn new(bytes: &[u8]) -> Self {
        let mut text = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => text::from_bytes(rest).into_owned(),
            [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
            [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes),
            [0, 0, 0, _, ..] => utf32(bytes, u32::from_be_bytes),
            [_, 0, 0, 0, ..] => utf32(bytes, u32::from_le_bytes),
            [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
            [0, b, ..] if *b != 0 => utf16(bytes, u16::from_be_bytes),
            [b, 0, ..] if *b != 0 => utf16(bytes, u16::from_le_bytes),
            _ => text::from_bytes(bytes).into_owned(),
        };
        // A YAML reader ignores NULs.
        if text.contains('\0') {
            text.retain(|c| c != '\0');
        }
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        let raw = text.as_bytes().contains(&0xF4) && text::to_bytes(&text).len() != text.len();
        Self { text, lines, raw }
    }

    /// Returns whether there are bytes that are not UTF-8: then offsets into the text are not offsets into the file.
    pub(crate) fn is_raw(&self) -> bool {
        self.raw
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the mark of an offset into [`as_str`](Self::as_str).
    pub fn mark(&self, at: usize) -> Mark {
        self.mark_behind(at, 0)
    }

    /// Does the same for offsets in about ascending order: the line is searched from `hint` on, if it is not before.
    pub(crate) fn mark_behind(&self, at: usize, hint: usize) -> Mark {
        let at = at.min(self.text.len());
        let mut line = if self.lines.get(hint).is_some_and(|start| *start <= at) { hint } else { 0 };
        match self.lines[line..].iter().take(8).position(|start| *start > at) {
            Some(behind) => line += behind - 1,
            None => line += self.lines[line..].partition_point(|start| *start <= at) - 1,
        }
        let start = self.lines[line];
        if self.raw {
            let bytes = |from: usize, to: usize| text::to_bytes(&self.text[from..to]).len();
            return Mark { offset: bytes(0, at), line, column: bytes(start, at) };
        }
        Mark { offset: at, line, column: at - start }
    }

    /// Returns the beginning of a line in [`as_str`](Self::as_str).
    pub fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).copied().unwrap_or(self.text.len())
    }

    /// Returns the offset into [`as_str`](Self::as_str) of a mark.
    pub fn offset(&self, mark: Mark) -> usize {
        if !self.raw {
            return mark.offset.min(self.text.len());
        }
        let start = self.line_start(mark.line);
        let mut bytes = 0;
        for (at, letter) in self.text[start..].char_indices() {
            if bytes >= mark.column {
                return start + at;
            }
            bytes += text::to_bytes(&self.text[start + at..start + at + letter.len_utf8()]).len();
        }
        self.text.len()
    }

    /// Returns the text of a line, without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = self.lines.get(line).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// Returns the bytes for people and snippets.
    pub fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        text::to_bytes(&self.text)
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.chunks_exact(4).map(|four| unit([four[0], four[1], four[2], four[3]]));
    units.map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        assert_eq!(Text::new(b"\xEF\xBB\xBFab").as_str(), "ab");
        assert_eq!(Text::new(b"\xFF\xFEa\0b\0").as_str(), "ab");
        assert_eq!(Text::new(b"\xFE\xFF\0a\0b").as_str(), "ab");
        assert_eq!(Text::new(b"a\0b\0").as_str(), "ab");
        assert_eq!(Text::new(b"a\0\0\0b\0\0\0").as_str(), "ab");
        assert_eq!(Text::new(b"x: a\0b").as_str(), "x: ab");
    }

    #[test]
    fn marks_count_bytes() {
        let text = Text::new(b"a\nb\xe9c");
        let at = text.as_str().len() - 1;
        assert_eq!(text.mark(at), Mark { offset: 4, line: 1, column: 2 });
        assert_eq!(text.line(0), "a");
        let text = Text::new("a\nbc\n\n".repeat(9).as_bytes());
        for at in 0..=text.as_str().len() {
            for hint in 0..40 {
                assert_eq!(text.mark_behind(at, hint), text.mark(at), "{at} from {hint}");
            }
            let before = &text.as_str()[..at];
            let column = at - before.rfind('\n').map_or(0, |end| end + 1);
            assert_eq!(text.mark(at), Mark { offset: at, line: before.matches('\n').count(), column });
        }
    }
}
