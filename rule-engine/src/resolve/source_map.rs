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

    /// Replaces bytes `from` to `to` by the items of a list whose name is at `name`.
    pub fn splice(&mut self, from: usize, to: usize, with: &str, name: usize, list: &Rc<str>) {
        let mut here = self.origin(name);
        if let Some(origin) = &mut here {
            origin.list.get_or_insert_with(|| Rc::clone(list));
        }
        let behind = self.origin(to);
        let first = self.pieces.partition_point(|piece| piece.start < from);
        let next = self.pieces.partition_point(|piece| piece.start <= to);
        let shift = |start: usize| start - to + from + with.len();
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        pieces.extend_from_slice(&self.pieces[..first]);
        pieces.push(Piece { start: from, origin: here });
        pieces.push(Piece { start: from + with.len(), origin: behind });
        pieces.extend(self.pieces[next..].iter().map(|p| Piece { start: shift(p.start), origin: p.origin.clone() }));
        self.pieces = pieces;
        self.text.replace_range(from..to, with);
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
        mapped.splice(7, 12, "x, y, z", 7, &Rc::from("names"));
        assert_eq!(mapped.as_str(), "(a in (x, y, z) and b)");
        let origin = |at| mapped.origin(at).map(|o| (o.offset, o.list.is_some()));
        assert_eq!(origin(0), None);
        assert_eq!(origin(1), Some((0, false)));
        assert_eq!(origin(8), Some((6, true)));
        assert_eq!(origin(14), Some((11, false)));
        assert_eq!(origin(20), Some((17, false)));
    }
}
