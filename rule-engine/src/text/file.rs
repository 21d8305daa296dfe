//! Rule files as text: byte order marks, UTF-16 and UTF-32, invalid UTF-8.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

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
    /// The stand-ins, if there are any.
    raw: Option<Box<Raw>>,
}

/// The stand-ins of a text, each of which counts as one byte.
#[derive(Debug, Clone)]
struct Raw {
    /// Their offsets in the text.
    places: Vec<usize>,
    /// The bytes of the file, once they are used.
    bytes: OnceLock<Vec<u8>>,
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
        let is_raw = |at: &usize| text[*at..].chars().next().is_some_and(|c| text::byte_of(c).is_some());
        let places: Vec<usize> = memchr::memchr_iter(0xF4, text.as_bytes()).filter(is_raw).collect();
        let raw = (!places.is_empty()).then(|| Box::new(Raw { places, bytes: OnceLock::new() }));
        Self { text, lines, raw }
    }

    /// Returns whether there are bytes that are not UTF-8: then offsets into the text are not offsets into the file.
    pub(crate) fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Returns the offsets of stand-ins from an offset on.
    fn raw_behind(&self, at: usize) -> &[usize] {
        self.raw.as_ref().map_or(&[], |raw| &raw.places[raw.places.partition_point(|place| *place < at)..])
    }

    /// Returns how many bytes are before an offset: each stand-in takes four in the text.
    fn bytes_before(&self, at: usize) -> usize {
        let all = self.raw.as_ref().map_or(0, |raw| raw.places.len());
        at - 3 * (all - self.raw_behind(at).len())
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
        if self.is_raw() {
            let offset = self.bytes_before(at);
            return Mark { offset, line, column: offset - self.bytes_before(start) };
        }
        Mark { offset: at, line, column: at - start }
    }

    /// Returns the beginning of a line in [`as_str`](Self::as_str).
    pub fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).copied().unwrap_or(self.text.len())
    }

    /// Returns the offset into [`as_str`](Self::as_str) of a mark.
    pub fn offset(&self, mark: Mark) -> usize {
        let start = self.line_start(mark.line);
        if !self.is_raw() {
            return mark.offset.min(self.text.len());
        }
        let behind = self.raw_behind(start);
        // Stand-ins are four bytes apart at least, so that this grows.
        let (mut low, mut high) = (0, behind.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if behind[middle] - 3 * middle < start.saturating_add(mark.column) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.text.ceil_char_boundary(start.saturating_add(mark.column).saturating_add(3 * low).min(self.text.len()))
    }

    /// Returns the text of a line, without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = self.lines.get(line).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// Returns the bytes for people and snippets.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(match &self.raw {
            Some(raw) => raw.bytes.get_or_init(|| text::to_bytes(&self.text).into_owned()),
            None => self.text.as_bytes(),
        })
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

    #[test]
    fn places_in_invalid_utf8_come_back() {
        let text = Text::new(b"\xe9\xe8a\n\xc3\xa9\xff b\xf0\n\xf4\x8f\xbf\xbfz");
        let bytes = text.bytes().into_owned();
        for (at, _) in text.as_str().char_indices().chain([(text.as_str().len(), ' ')]) {
            let mark = text.mark(at);
            assert_eq!(mark.offset, super::text::to_bytes(&text.as_str()[..at]).len());
            assert_eq!(mark.line, bytes[..mark.offset].iter().filter(|byte| **byte == b'\n').count());
            assert_eq!(text.offset(mark), at);
        }
    }
}
