//! YAML documents as trees of nodes with marks, with the meaning of the YAML reader that Falco uses.
//!
//! ```text
//! text --scan (scalar, properties)--> tokens --tree--> nodes
//! ```
//!
//! Nodes live in one list and refer to each other by index: an alias is a second reference, and dropping does not
//! recurse. Marks are those of Falco's reader: of a block scalar its indicator, of an empty value what follows. A
//! library for YAML would not do: Falco's reader decides what a rules file says, and no other agrees with it on which
//! texts are values, which are errors, and where those are.

mod properties;
mod scalar;
mod scan;
mod token;
mod tree;

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{Mark, Text};

/// A node of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// Style of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// Between `'`.
    Single,
    /// Between `"`.
    Double,
    /// Behind `|` or `>`.
    Block,
}

/// A scalar.
#[derive(Debug, Clone)]
pub struct Scalar<'t> {
    /// Its value; most are in the file as they are.
    pub text: Cow<'t, str>,
    /// Its style.
    pub style: Style,
    /// Start and end of its content in the text of the file.
    pub span: (usize, usize),
}

#[derive(Debug)]
enum Kind<'t> {
    Null,
    Scalar(Scalar<'t>),
    /// Its elements, as a part of the list of children.
    Sequence(Range<u32>),
    /// Its keys and values by turns, the same.
    Map(Range<u32>),
}

#[derive(Debug)]
struct Stored<'t> {
    kind: Kind<'t>,
    /// A number that distinguishes most texts that are keys; 0 where there is no text.
    fingerprint: u32,
    /// Start of its words in the text.
    start: usize,
    mark: Mark,
}

/// All documents of a file.
#[derive(Debug, Default)]
pub struct Documents<'t> {
    nodes: Vec<Stored<'t>>,
    children: Vec<NodeId>,
    roots: Vec<NodeId>,
}

/// The reason why a file is not YAML.
#[derive(Debug, Clone)]
pub struct YamlError {
    /// Description of the error.
    pub message: String,
    /// Place of the error.
    pub mark: Mark,
    /// Hint.
    pub hint: Option<String>,
}

/// A node with the documents it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    documents: &'d Documents<'d>,
    id: NodeId,
}

/// The length, the first and the last byte of a text.
fn fingerprint(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (first, last) = (bytes.first().map_or(0, |byte| *byte), bytes.last().map_or(0, |byte| *byte));
    1 << 24 | u32::from(last) << 16 | u32::from(first) << 8 | bytes.len() as u32 & 0xFF
}

impl<'t> Documents<'t> {
    /// Reads all documents of a file.
    ///
    /// # Errors
    /// If it is not YAML.
    pub fn read(text: &'t Text) -> Result<Self, YamlError> {
        tree::read(text)
    }

    /// The roots.
    pub fn roots(&self) -> impl Iterator<Item = Node<'_>> {
        self.roots.iter().map(|id| Node { documents: self, id: *id })
    }
}

impl<'d> Node<'d> {
    fn stored(self) -> &'d Stored<'d> {
        &self.documents.nodes[self.id.0 as usize]
    }

    /// The number of the node: an alias has that of its anchor.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// Start of it.
    pub fn mark(self) -> Mark {
        self.stored().mark
    }

    /// Its words in the text of the file: of a scalar all of them, of others the first byte.
    pub fn span(self) -> (usize, usize) {
        match &self.stored().kind {
            Kind::Scalar(scalar) => scalar.span,
            _ => (self.stored().start, self.stored().start + 1),
        }
    }

    /// Whether it is empty or a plain `null` or `~`.
    pub fn is_null(self) -> bool {
        matches!(self.stored().kind, Kind::Null)
    }

    /// Whether it is a sequence.
    pub fn is_sequence(self) -> bool {
        matches!(self.stored().kind, Kind::Sequence(_))
    }

    /// Whether it is a map.
    pub fn is_map(self) -> bool {
        matches!(self.stored().kind, Kind::Map(_))
    }

    /// The scalar that it is.
    pub fn scalar(self) -> Option<&'d Scalar<'d>> {
        match &self.stored().kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Returns its text, where it may have one: a null is `null`.
    pub fn text(self) -> Option<&'d str> {
        match &self.stored().kind {
            Kind::Scalar(scalar) => Some(&*scalar.text),
            Kind::Null => Some("null"),
            _ => None,
        }
    }

    fn children(self, range: &Range<u32>) -> &'d [NodeId] {
        &self.documents.children[range.start as usize..range.end as usize]
    }

    /// The elements, if it is a sequence.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let ids = match &self.stored().kind {
            Kind::Sequence(range) => self.children(range),
            _ => &[],
        };
        ids.iter().map(move |id| Self { documents: self.documents, id: *id })
    }

    /// Keys and values, if it is a map.
    pub fn entries(self) -> impl Iterator<Item = (Self, Self)> {
        let ids = match &self.stored().kind {
            Kind::Map(range) => self.children(range),
            _ => &[],
        };
        let node = move |id: NodeId| Self { documents: self.documents, id };
        ids.chunks_exact(2).map(move |pair| (node(pair[0]), node(pair[1])))
    }

    /// The value of the first entry of that key.
    pub fn at(self, key: &str) -> Option<Self> {
        let Kind::Map(range) = &self.stored().kind else { return None };
        let print = fingerprint(key);
        let node = |id: NodeId| Self { documents: self.documents, id };
        let is_it = |known: Self| known.stored().fingerprint == print && known.text() == Some(key);
        self.children(range).chunks_exact(2).find(|pair| is_it(node(pair[0]))).map(|pair| node(pair[1]))
    }

    /// The truth that a scalar is.
    pub fn as_bool(self) -> Option<bool> {
        const WORDS: [(&str, bool); 8] = [
            ("y", true),
            ("yes", true),
            ("true", true),
            ("on", true),
            ("n", false),
            ("no", false),
            ("false", false),
            ("off", false),
        ];
        let text = &*self.scalar()?.text;
        let mut chars = text.chars();
        let (first, rest) = (chars.next()?, chars.as_str());
        let lower = |s: &str| s.chars().all(|c| c.is_ascii_lowercase());
        let upper = |s: &str| s.chars().all(|c| c.is_ascii_uppercase());
        if !(lower(text) || upper(text) || first.is_ascii_uppercase() && lower(rest)) {
            return None;
        }
        WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, truth)| *truth)
    }

    /// Returns the number that a scalar is: decimal, `0x` hexadecimal or `0` octal, with spaces around it.
    pub fn as_u32(self) -> Option<u32> {
        let text = self.scalar()?.text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let digits = text.strip_prefix('+').unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            return if hex.starts_with('+') { None } else { u32::from_str_radix(hex, 16).ok() };
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return u32::from_str_radix(digits, 8).ok();
        }
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::new(text.as_bytes())
    }

    #[test]
    fn marks_are_those_of_falcos_reader() {
        let text = text(
            "- rule: x\n  condition: >\n    a and\n    b\n  items:\n  - a\n  - \"b c\"\n  tags:\n  out: &x !!str foo\n  e: [a]\n",
        );
        let documents = Documents::read(&text).unwrap();
        let item = documents.roots().next().unwrap().elements().next().unwrap();
        let mark = |key: &str| (item.at(key).unwrap().mark().line, item.at(key).unwrap().mark().column);
        assert_eq!((item.mark().line, item.mark().column), (0, 2));
        assert_eq!(mark("condition"), (1, 13));
        assert_eq!(mark("items"), (5, 2));
        assert_eq!(mark("tags"), (8, 2));
        assert_eq!(mark("out"), (8, 7));
        assert_eq!(mark("e"), (9, 5));
        assert!(item.at("tags").unwrap().is_null());
    }

    #[test]
    fn truths_and_numbers() {
        let text = text("[yes, No, ON, tRue, 1, 0x10, 026, '26 ', -3, 0.26, 4294967296, null]");
        let documents = Documents::read(&text).unwrap();
        let nodes: Vec<_> = documents.roots().next().unwrap().elements().collect();
        let truths: Vec<_> = nodes.iter().map(|n| n.as_bool()).collect();
        assert_eq!(truths[..5], [Some(true), Some(false), Some(true), None, None]);
        let numbers: Vec<_> = nodes[4..].iter().map(|n| n.as_u32()).collect();
        assert_eq!(numbers, [Some(1), Some(16), Some(22), Some(26), None, None, None, None]);
        assert!(nodes[11].is_null());
    }

    #[test]
    fn aliases_that_loop_are_nothing() {
        let text = text("- &a [x, *a]\n- *a\n");
        let documents = Documents::read(&text).unwrap();
        let outer: Vec<_> = documents.roots().next().unwrap().elements().collect();
        let inner: Vec<_> = outer[1].elements().collect();
        assert_eq!(inner[0].text(), Some("x"));
        assert!(inner[1].is_null());
    }
}
