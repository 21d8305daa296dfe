//! From a place in the value of a scalar to its place in the file.
//!
//! A reader folds lines, removes indentation and undoes escapes, so that byte 40 of a condition may be anywhere. Here
//! value and file are compared side by side: letters match letters, and spaces match spaces, however many.

use crate::diag::Spot;

use super::item::Written;
use super::yaml::Style;

/// Returns the part of the file that bytes `from` to `to` of a scalar's value come from.
pub fn locate(file: &str, written: &Written, from: usize, to: usize) -> Spot {
    let (begin, end) = (written.spot.start, written.spot.end.min(file.len()));
    let raw = file.get(begin..end).unwrap_or_default();
    let mut walk = Walk { raw, at: 0, style: written.style };
    if matches!(walk.style, Style::Single | Style::Double) {
        walk.at = 1.min(raw.len());
    }
    let (mut start, mut stop) = (None, None);
    for (offset, letter) in written.text.char_indices() {
        if offset >= to {
            break;
        }
        let (here, behind) = walk.step(letter);
        if offset >= from {
            start = start.or(Some(here));
            stop = Some(behind);
        }
    }
    let start = start.unwrap_or(walk.at);
    let stop = stop.unwrap_or(start).max(start);
    Spot { file: written.file(), start: begin + start, end: begin + stop }
}

struct Walk<'r> {
    raw: &'r str,
    at: usize,
    style: Style,
}

impl Walk<'_> {
    fn peek(&self) -> Option<char> {
        self.raw.get(self.at..)?.chars().next()
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.peek() {
            let continued =
                c == '\\' && self.style == Style::Double && self.raw[self.at + 1..].starts_with(['\n', '\r']);
            if !c.is_whitespace() && !continued {
                break;
            }
            self.at += c.len_utf8();
        }
    }

    /// Returns the place of a letter of the value in the file, and its end.
    fn step(&mut self, letter: char) -> (usize, usize) {
        if letter.is_whitespace() {
            if self.style == Style::Double && self.peek() == Some('\\') {
                return self.escape();
            }
            let here = self.at;
            if let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
                self.at += c.len_utf8();
                // A line end matches all spaces up to the next word.
                if matches!(c, '\n' | '\r') {
                    self.skip_blanks();
                }
            }
            return (here, here + 1);
        }
        if self.peek() != Some(letter) {
            let here = self.at;
            self.skip_blanks();
            if self.peek().is_none() {
                self.at = here;
            }
        }
        match (self.style, self.peek()) {
            (Style::Double, Some('\\')) => self.escape(),
            (Style::Single, Some('\'')) => self.take(2),
            (_, Some(c)) => self.take(c.len_utf8()),
            (_, None) => (self.at, self.at),
        }
    }

    fn take(&mut self, bytes: usize) -> (usize, usize) {
        let here = self.at;
        self.at = (here + bytes).min(self.raw.len());
        (here, self.at)
    }

    fn escape(&mut self) -> (usize, usize) {
        let bytes = match self.raw.as_bytes().get(self.at + 1) {
            Some(b'x') => 4,
            Some(b'u') => 6,
            Some(b'U') => 10,
            Some(_) => 1 + self.raw[self.at + 1..].chars().next().map_or(1, char::len_utf8),
            None => 1,
        };
        self.take(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::Documents;
    use super::*;
    use crate::diag::FileId;
    use crate::text::Text;

    fn check(file: &str, word: &str) {
        let text = Text::new(file.as_bytes());
        let documents = Documents::read(&text).unwrap();
        let root = documents.roots().next().unwrap();
        let node = root.at("a").unwrap();
        let scalar = node.scalar().unwrap();
        let spot = Spot { file: FileId(0), start: scalar.span.0, end: scalar.span.1 };
        let written = Written { text: scalar.text.to_string(), spot, style: scalar.style };
        let from = scalar.text.find(word).unwrap_or_else(|| panic!("no {word} in {:?}", scalar.text));
        let found = locate(file, &written, from, from + word.len());
        assert_eq!(&file[found.start..found.end], word, "{file:?}");
    }

    #[test]
    fn words_are_found_in_every_style() {
        check("a: evt.type = open and wrong\n", "wrong");
        check("a: evt.type = open and\n   then wrong\n", "wrong");
        check("a: >\n   evt.type = open\n   and wrong\n\n   or x\n", "wrong");
        check("a: >-\n   x\n\n     more indented wrong\n   y\n", "wrong");
        check("a: |\n   evt.type = open\n   and wrong\n", "wrong");
        check("a: |+\n   evt.type = open\n\n   and wrong\n", "wrong");
        check("a: 'it''s wrong'\n", "wrong");
        check("a: \"tab\\t \\x41 \\u0041 quote\\\" wrong\"\n", "wrong");
        check("a: \"folded\n   line \\\n   wrong\"\n", "wrong");
        check("a: # why\n   ü wrong\n", "wrong");
    }
}
