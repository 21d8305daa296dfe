//! YAML documents as trees of nodes with marks, with the meaning of the YAML reader that Falco uses.
//!
//! Nodes live in one list and refer to each other by index: an alias is a second reference, and neither dropping nor
//! building recurses. Marks are those of Falco's reader: of a block scalar its indicator, of an empty value what follows.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use crate::text::{Mark, Text};

/// A node of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// How a scalar was written.
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
    /// Its value; most stand in the file as they are.
    pub text: Cow<'t, str>,
    /// How it was written.
    pub style: Style,
    /// Where its content begins and ends in the text of the file.
    pub span: (usize, usize),
}

#[derive(Debug)]
enum Kind<'t> {
    Null,
    Scalar(Scalar<'t>),
    Sequence(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
}

#[derive(Debug)]
struct Stored<'t> {
    kind: Kind<'t>,
    start: usize,
    mark: Mark,
}

/// All documents of a file.
#[derive(Debug, Default)]
pub struct Documents<'t> {
    nodes: Vec<Stored<'t>>,
    roots: Vec<NodeId>,
}

/// Why a file is no YAML.
#[derive(Debug, Clone)]
pub struct YamlError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub mark: Mark,
    /// What may help.
    pub hint: Option<String>,
}

/// A node with the documents it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    documents: &'d Documents<'d>,
    id: NodeId,
}

impl<'t> Documents<'t> {
    /// Reads all documents of a file.
    ///
    /// # Errors
    /// If it is no YAML.
    pub fn read(text: &'t Text) -> Result<Self, YamlError> {
        Reader::new(text).read()
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

    /// Where it begins.
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

    /// Its text, where one may be asked: a null is `null`.
    pub fn text(self) -> Option<&'d str> {
        match &self.stored().kind {
            Kind::Scalar(scalar) => Some(&*scalar.text),
            Kind::Null => Some("null"),
            _ => None,
        }
    }

    /// The elements, if it is a sequence.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let ids: &[NodeId] = match &self.stored().kind {
            Kind::Sequence(ids) => ids,
            _ => &[],
        };
        ids.iter().map(move |id| Self { documents: self.documents, id: *id })
    }

    /// Keys and values, if it is a map.
    pub fn entries(self) -> impl Iterator<Item = (Self, Self)> {
        let ids: &[(NodeId, NodeId)] = match &self.stored().kind {
            Kind::Map(ids) => ids,
            _ => &[],
        };
        let node = move |id: &NodeId| Self { documents: self.documents, id: *id };
        ids.iter().map(move |(key, value)| (node(key), node(value)))
    }

    /// The value of the first entry of that key.
    pub fn at(self, key: &str) -> Option<Self> {
        let Kind::Map(entries) = &self.stored().kind else { return None };
        let is_it = |id: NodeId| match &self.documents.nodes[id.0 as usize].kind {
            Kind::Scalar(scalar) => scalar.text.len() == key.len() && scalar.text == key,
            Kind::Null => key == "null",
            _ => false,
        };
        entries.iter().find(|(id, _)| is_it(*id)).map(|(_, value)| Self { documents: self.documents, id: *value })
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

    /// The number that a scalar is: decimal, `0x` hexadecimal or `0` octal, blanks around it allowed.
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

/// A collection that is being read.
enum Open {
    Sequence(NodeId, Vec<NodeId>),
    Map(NodeId, Vec<(NodeId, NodeId)>, Option<NodeId>),
}

struct Reader<'t> {
    text: &'t Text,
    out: Documents<'t>,
    open: Vec<Open>,
    anchors: Vec<(usize, NodeId)>,
    /// Where the last token ended.
    end: usize,
    /// An empty value whose mark is that of what follows.
    waiting: Option<NodeId>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t Text) -> Self {
        Self { text, out: Documents::default(), open: Vec::new(), anchors: Vec::new(), end: 0, waiting: None }
    }

    fn read(mut self) -> Result<Documents<'t>, YamlError> {
        let options = granit_parser::options! { emit_comments: false };
        for event in Parser::new_from_str_with_options(self.text.as_str(), options) {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => return Err(self.error(&error)),
            }
        }
        Ok(self.out)
    }

    fn event(&mut self, event: Event<'t>, span: Span) -> Result<(), YamlError> {
        let (start, end) = span.byte_range().map_or((0, 0), |range| (range.start, range.end));
        if let Some(empty) = self.waiting.take() {
            self.out.nodes[empty.0 as usize].mark = self.text.mark(start);
        }
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Alias(anchor) => {
                // An alias inside its own anchor would be a loop: it is nothing here.
                let target = self.anchors.iter().rev().find(|(id, _)| *id == anchor).map(|(_, node)| *node);
                let inside = |node: &NodeId| {
                    self.open.iter().any(|open| matches!(open, Open::Sequence(id, _) | Open::Map(id, ..) if id == node))
                };
                let node = match target.filter(|node| !inside(node)) {
                    Some(node) => node,
                    None => self.store(Kind::Null, start),
                };
                self.place(node);
            }
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                if plain && start == end {
                    let node = self.store(Kind::Null, start);
                    self.anchor(anchor, node);
                    self.place(node);
                    self.waiting = Some(node);
                    return Ok(());
                }
                let kind = if plain && matches!(&*value, "~" | "null" | "Null" | "NULL" | "") {
                    Kind::Null
                } else {
                    let style = match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted => Style::Single,
                        ScalarStyle::DoubleQuoted => Style::Double,
                        _ => Style::Block,
                    };
                    Kind::Scalar(Scalar { text: value, style, span: (start, end) })
                };
                let block = matches!(&kind, Kind::Scalar(Scalar { style: Style::Block, .. }));
                let at = if block {
                    self.seek(start, &['|', '>', '&', '!'])
                } else if anchor != 0 || tag.is_some() {
                    self.seek(start, &['&', '!'])
                } else {
                    start
                };
                let node = self.store(kind, at);
                self.anchor(anchor, node);
                self.place(node);
                self.end = end;
            }
            Event::SequenceStart(style, anchor, tag) => {
                let at = match style {
                    // As a value it may stand no deeper than its key: then the reader's mark is behind the dash.
                    StructureStyle::Block if matches!(self.open.last(), Some(Open::Map(..))) => {
                        self.seek(start, &['-', '&', '!'])
                    }
                    StructureStyle::Block => start,
                    StructureStyle::Flow if anchor != 0 || tag.is_some() => self.seek(start, &['&', '!']),
                    StructureStyle::Flow => start,
                };
                let node = self.store(Kind::Null, at);
                self.anchor(anchor, node);
                self.place(node);
                self.open.push(Open::Sequence(node, Vec::new()));
                // The dash of a block sequence is a token of its own.
                self.end = if style == StructureStyle::Block { (at + 1).min(end.max(at + 1)) } else { end };
            }
            Event::MappingStart(style, anchor, tag) => {
                let at = if anchor != 0 || tag.is_some() { self.seek(start, &['&', '!']) } else { start };
                let node = self.store(Kind::Null, at);
                self.anchor(anchor, node);
                self.place(node);
                self.open.push(Open::Map(node, Vec::new(), None));
                if style == StructureStyle::Flow {
                    self.end = end;
                }
            }
            Event::SequenceEnd | Event::MappingEnd => {
                match self.open.pop() {
                    Some(Open::Sequence(node, ids)) => self.out.nodes[node.0 as usize].kind = Kind::Sequence(ids),
                    Some(Open::Map(node, ids, _)) => self.out.nodes[node.0 as usize].kind = Kind::Map(ids),
                    None => {}
                }
                self.end = self.end.max(if end > start { end } else { self.end });
            }
            _ => {}
        }
        Ok(())
    }

    fn store(&mut self, kind: Kind<'t>, at: usize) -> NodeId {
        let id = NodeId(u32::try_from(self.out.nodes.len()).unwrap_or(u32::MAX));
        let near = self.out.nodes.last().map_or(0, |last| last.mark.line);
        self.out.nodes.push(Stored { kind, start: at, mark: self.text.mark_behind(at, near) });
        id
    }

    fn anchor(&mut self, anchor: usize, node: NodeId) {
        if anchor != 0 {
            self.anchors.push((anchor, node));
        }
    }

    /// Gives a node to the collection that is open.
    fn place(&mut self, node: NodeId) {
        match self.open.last_mut() {
            Some(Open::Sequence(_, ids)) => ids.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some(k) => entries.push((k, node)),
                None => *key = Some(node),
            },
            None => self.out.roots.push(node),
        }
    }

    /// The first of some indicators between the last token and `limit`, comments left out; else `limit`.
    fn seek(&self, limit: usize, indicators: &[char]) -> usize {
        let text = self.text.as_str();
        let from = self.end.min(limit);
        let mut comment = false;
        let mut blank = true;
        for (at, c) in text[from..limit.min(text.len())].char_indices() {
            match c {
                '\n' => comment = false,
                '#' if blank => comment = true,
                _ if !comment && indicators.contains(&c) => return from + at,
                _ => {}
            }
            blank = c.is_whitespace();
        }
        limit
    }

    fn error(&self, error: &ScanError) -> YamlError {
        let at = error.marker().byte_offset().unwrap_or_default();
        let text = self.text.as_str();
        let flow = |open: char| match open {
            '{' => "end of map flow not found",
            _ => "end of sequence flow not found",
        };
        let (at, words) = match error.kind() {
            ErrorKind::UnknownAnchor => (at, "the referenced anchor is not defined"),
            ErrorKind::UnexpectedCharacter { .. } => (at, "unknown token"),
            ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected => (at, "illegal map value"),
            ErrorKind::MappingKeyNotAllowed => (at, "illegal map key"),
            ErrorKind::TabInPlainScalar
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart => {
                let tab = text[at..].find('\t').map_or(at, |tab| at + tab);
                (tab, "illegal tab when looking for indentation")
            }
            ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => (at, flow('[')),
            ErrorKind::UnexpectedEofFlowMapping | ErrorKind::ExpectedFlowMappingSeparator => (at, flow('{')),
            ErrorKind::UnclosedFlowCollection { open } | ErrorKind::MismatchedFlowCollectionEnd { open, .. } => {
                (text.len(), flow(*open))
            }
            ErrorKind::InvalidColonPlacement => (at, flow('[')),
            // The quote swallows the rest, so that what is missing is missed at the end.
            ErrorKind::UnclosedQuotedScalar => {
                (text.len(), if self.in_flow() { flow('[') } else { "illegal EOF in scalar" })
            }
            ErrorKind::DocumentIndicatorInQuotedScalar => (at, "illegal document indicator in scalar"),
            ErrorKind::UnexpectedEofBlockSequence | ErrorKind::ExpectedBlockSequenceEntry => {
                (at, "end of sequence not found")
            }
            ErrorKind::UnexpectedEofBlockMapping | ErrorKind::ExpectedBlockMappingKey => (at, "end of map not found"),
            ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
                (at, "illegal block entry")
            }
            ErrorKind::MisplacedFlowCollectionEnd => (at, "illegal flow end"),
            ErrorKind::ZeroBlockScalarIndent => (at, "cannot set zero indentation for a block scalar"),
            ErrorKind::InvalidBlockScalarHeader => (at, "unexpected character in block scalar"),
            ErrorKind::MissingAnchorOrAliasName => (at, "anchor not found after &"),
            ErrorKind::DuplicateVersionDirective => (at, "repeated YAML directive"),
            ErrorKind::DuplicateTagDirective => (at, "repeated TAG directive"),
            ErrorKind::UnclosedVerbatimTag => (at, "end of verbatim tag not found"),
            ErrorKind::UnknownQuotedScalarEscape => (at, "unknown escape character: "),
            _ => return YamlError { message: error.info(), mark: self.text.mark(at), hint: None },
        };
        let hint = match words {
            "unknown token" => "begin the text with a quote: `%`, `@` and `` ` `` may not begin a plain one",
            "illegal map value" => "a `: ` in a plain text begins a map: put the text in quotes",
            "illegal tab when looking for indentation" => "indent with spaces, not with tabs",
            "end of sequence flow not found" => "a `[` or a quote is not closed",
            "end of map flow not found" => "a `{` or a quote is not closed",
            "illegal EOF in scalar" => "a quote is not closed",
            "end of map not found" | "end of sequence not found" => "check the indentation of this line",
            _ => "",
        };
        let hint = if hint.is_empty() { None } else { Some(hint.to_owned()) };
        YamlError { message: words.to_owned(), mark: self.text.mark(at), hint }
    }

    fn in_flow(&self) -> bool {
        let Some(Open::Sequence(node, _) | Open::Map(node, ..)) = self.open.last() else { return false };
        let offset = self.out.nodes[node.0 as usize].start;
        self.text.as_str().as_bytes().get(offset).is_some_and(|byte| matches!(byte, b'[' | b'{'))
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
