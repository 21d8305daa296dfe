//! A text with the origin of its parts.
//!
//! A condition is joined from several scalars (definition, appends, exceptions) and then lists are inserted into it.
//! Each part remembers its scalar and offset, so that an error in the whole can be shown in the file.

use std::rc::Rc;

use crate::source::item::Written;

/// A text with the origin of its parts.
#[derive(Debug, Clone, Default)]
pub struct MappedText {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    /// Its beginning in the text.
    start: usize,
    /// Its origin.
    origin: Option<Origin>,
}

/// The origin of a part.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The scalar.
    pub written: Rc<Written>,
    /// The offset in its value.
    pub offset: usize,
    /// The list that was inserted here: all of it has the origin of its name.
    pub list: Option<Rc<str>>,
}

impl MappedText {
    /// Creates a text from a file.
    pub fn new(written: &Written) -> Self {
        let mut out = Self::default();
        out.push(written);
        out
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds text without an origin: spaces and parentheses.
    pub fn push_str(&mut self, text: &str) {
        self.pieces.push(Piece { start: self.text.len(), origin: None });
        self.text.push_str(text);
    }

    /// Adds a scalar.
    pub fn push(&mut self, written: &Written) {
        let origin = Origin { written: Rc::new(written.clone()), offset: 0, list: None };
        self.pieces.push(Piece { start: self.text.len(), origin: Some(origin) });
        self.text.push_str(&written.text);
    }

    /// Adds another text.
    pub fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.pieces.extend(other.pieces.iter().map(|p| Piece { start: p.start + start, origin: p.origin.clone() }));
        self.text.push_str(&other.text);
    }

    /// Returns the origin of a byte of the text.
    pub fn origin(&self, at: usize) -> Option<Origin> {
        let piece = &self.pieces[self.pieces.partition_point(|piece| piece.start <= at).checked_sub(1)?];
        let mut origin = piece.origin.clone()?;
        if origin.list.is_none() {
            origin.offset += at - piece.start;
        }
        Some(origin)
    }
}

/// Rewrites a text from its beginning to its end.
pub(super) struct Rewrite<'t> {
    old: &'t MappedText,
    new: MappedText,
    /// Amount of the old text, and of its pieces, that is behind.
    taken: usize,
    pieces: usize,
}

impl<'t> Rewrite<'t> {
    pub(super) fn new(old: &'t MappedText) -> Self {
        Self { old, new: MappedText::default(), taken: 0, pieces: 0 }
    }

    /// The new text so far.
    pub(super) fn as_str(&self) -> &str {
        &self.new.text
    }

    /// Amount of the old text that is behind.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes the old text up to `to` as it is.
    pub(super) fn copy_to(&mut self, to: usize) {
        let (taken, end) = (self.taken, self.new.text.len());
        while let Some(piece) = self.old.pieces.get(self.pieces).filter(|piece| piece.start < to) {
            self.new.pieces.push(Piece { start: piece.start - taken + end, origin: piece.origin.clone() });
            self.pieces += 1;
        }
        self.new.text.push_str(&self.old.text[self.taken..to]);
        self.taken = to;
    }

    /// Writes the items of a list, whose name is at `name` in the old text, in the place of what is behind `start` in
    /// the new one and up to `to` in the old one.
    pub(super) fn replace(&mut self, start: usize, to: usize, with: [&str; 3], name: usize, list: &Rc<str>) {
        let mut here = self.old.origin(name);
        if let Some(origin) = &mut here {
            origin.list.get_or_insert_with(|| Rc::clone(list));
        }
        let new = &mut self.new;
        new.text.truncate(start);
        while new.pieces.pop_if(|piece| piece.start >= start).is_some() {}
        new.pieces.push(Piece { start, origin: here });
        with.iter().for_each(|part| new.text.push_str(part));
        new.pieces.push(Piece { start: new.text.len(), origin: self.old.origin(to) });
        self.taken = to;
        while self.old.pieces.get(self.pieces).is_some_and(|piece| piece.start <= to) {
            self.pieces += 1;
        }
    }

    /// The new text, with what is left of the old one.
    pub(super) fn finish(mut self) -> MappedText {
        self.copy_to(self.old.text.len());
        let end = self.new.text.len();
        let behind = self.old.pieces[self.pieces..].iter();
        self.new.pieces.extend(behind.map(|piece| Piece { start: end, origin: piece.origin.clone() }));
        self.new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{FileId, Spot};
    use crate::source::Style;

    #[test]
    fn parts_remember_where_they_come_from() {
        let written = Written {
            text: "a in (names) and b".to_owned(),
            spot: Spot { file: FileId(0), start: 0, end: 18 },
            style: Style::Plain,
        };
        let mut mapped = MappedText::default();
        mapped.push_str("(");
        mapped.push(&written);
        mapped.push_str(")");
        let mut rewrite = Rewrite::new(&mapped);
        rewrite.copy_to(7);
        rewrite.replace(7, 12, ["", "x, y, z", ""], 7, &Rc::from("names"));
        let mapped = rewrite.finish();
        assert_eq!(mapped.as_str(), "(a in (x, y, z) and b)");
        let origin = |at| mapped.origin(at).map(|o| (o.offset, o.list.is_some()));
        assert_eq!(origin(0), None);
        assert_eq!(origin(1), Some((0, false)));
        assert_eq!(origin(8), Some((6, true)));
        assert_eq!(origin(14), Some((11, false)));
        assert_eq!(origin(20), Some((17, false)));
    }
}
