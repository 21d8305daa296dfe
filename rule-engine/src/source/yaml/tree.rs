//! Tokens to the nodes of documents, and errors with what may help.

use rustc_hash::FxHashMap;

use super::scan::Scanner;
use super::token::{Kind as Is, Refused, Result, Token, refuse};
use super::{Documents, Kind, NodeId, Stored, YamlError};
use crate::text::{Mark, Text};

/// Maximum depth of nodes: as deep as Falco's reader follows them.
const DEPTH: usize = 500;

/// Number of nodes that a document may have more than are written, because aliases repeat nodes with others in them.
const REPEATED: usize = 1 << 20;

/// Reads all documents of a text.
pub(super) fn read(text: &Text) -> std::result::Result<Documents<'_>, YamlError> {
    let mut tree = Tree {
        scanner: Scanner::new(text),
        out: Documents::default(),
        pending: Vec::new(),
        anchors: FxHashMap::default(),
        open: Vec::new(),
        depth: 0,
        sizes: Vec::new(),
        behind: 0,
    };
    match tree.documents() {
        Ok(()) => Ok(tree.out),
        Err(refused) => Err(tree.error(*refused)),
    }
}

/// Parent of a node.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    FlowSequence,
    Other,
}

struct Tree<'t> {
    scanner: Scanner<'t>,
    out: Documents<'t>,
    /// The children of collections that are being read, the innermost last.
    pending: Vec<NodeId>,
    anchors: FxHashMap<&'t str, NodeId>,
    /// The collections that are being read.
    open: Vec<NodeId>,
    depth: usize,
    /// Size of each node in nodes, aliases counted as the nodes that they repeat.
    sizes: Vec<u32>,
    /// Position of the last sign of a key or value: at the colon, or behind the dash.
    behind: usize,
}

impl<'t> Tree<'t> {
    fn documents(&mut self) -> Result<()> {
        loop {
            self.directives()?;
            if self.scanner.peek()?.is_none() {
                return Ok(());
            }
            let before = self.scanner.taken();
            self.anchors.clear();
            self.take_if(|kind| matches!(kind, Is::DocumentStart))?;
            let root = self.node(Around::Other)?;
            if self.sizes[root.0 as usize] as usize > REPEATED + self.sizes.len() {
                return refuse("aliases make the document too large", self.scanner.here());
            }
            self.out.roots.push(root);
            while self.take_if(|kind| matches!(kind, Is::DocumentEnd))?.is_some() {}
            if let Some(token) = self.scanner.peek()?
                && let (mark, true) = (token.mark, self.scanner.taken() == before)
            {
                // Nothing can be made of it, here or as another document.
                return refuse("unknown token", mark);
            }
        }
    }

    fn directives(&mut self) -> Result<()> {
        let (mut version, mut handles) = (false, Vec::new());
        while let Some(Token { kind: Is::Directive(name, arguments), mark, .. }) =
            self.take_if(|kind| matches!(kind, Is::Directive(..)))?
        {
            match (name, arguments.as_slice()) {
                ("YAML", _) if version => return refuse("repeated YAML directive", mark),
                ("YAML", [number]) => {
                    version = true;
                    let Some((major, minor)) = number.split_once('.') else {
                        return refuse(format!("bad YAML version: {number}"), mark);
                    };
                    let (Ok(major), Ok(_)) = (major.parse::<u32>(), minor.parse::<u32>()) else {
                        return refuse(format!("bad YAML version: {number}"), mark);
                    };
                    if major > 1 {
                        return refuse("YAML major version too large", mark);
                    }
                }
                ("YAML", _) => return refuse("YAML directives must have exactly one argument", mark),
                ("TAG", [handle, _]) if handles.contains(handle) => {
                    return refuse("repeated TAG directive", mark);
                }
                ("TAG", [handle, _]) => handles.push(*handle),
                ("TAG", _) => return refuse("TAG directives must have exactly two arguments", mark),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_if(&mut self, wanted: impl Fn(&Is<'t>) -> bool) -> Result<Option<Token<'t>>> {
        Ok(match self.scanner.peek()? {
            Some(token) if wanted(&token.kind) => self.scanner.take(),
            _ => None,
        })
    }

    /// The mark of the next token, or of the end.
    fn next_mark(&mut self) -> Result<Mark> {
        let mark = self.scanner.peek()?.map(|token| token.mark);
        Ok(mark.unwrap_or_else(|| self.scanner.here()))
    }

    fn store(&mut self, kind: Kind<'t>, mark: Mark) -> NodeId {
        let id = NodeId(u32::try_from(self.out.nodes.len()).unwrap_or(u32::MAX));
        let fingerprint = match &kind {
            Kind::Null => super::fingerprint("null"),
            Kind::Scalar(scalar) => super::fingerprint(&scalar.text),
            Kind::Sequence(_) | Kind::Map(_) => 0,
        };
        self.out.nodes.push(Stored { kind, fingerprint, start: mark.offset, mark: self.scanner.exact(mark) });
        self.sizes.push(1);
        id
    }

    /// Nothing: its words would be behind what is before it, its mark is that of what follows.
    fn null(&mut self, mark: Mark) -> NodeId {
        let node = self.store(Kind::Null, mark);
        self.out.nodes[node.0 as usize].start = self.behind.min(mark.offset);
        node
    }

    /// Takes an indicator of one byte, if it is next.
    fn indicator(&mut self, wanted: fn(&Is<'t>) -> bool) -> Result<bool> {
        let token = self.take_if(wanted)?;
        if let Some(token) = &token {
            self.behind = token.mark.offset;
        }
        Ok(token.is_some())
    }

    fn node(&mut self, around: Around) -> Result<NodeId> {
        self.depth += 1;
        if self.depth > DEPTH {
            return refuse("bad file", self.scanner.here());
        }
        let node = self.node_within(around);
        self.depth -= 1;
        node
    }

    fn node_within(&mut self, around: Around) -> Result<NodeId> {
        let mark = self.next_mark()?;
        // What is before the node itself.
        let (mut tag, mut anchor) = (false, None);
        while let Some(token) = self.scanner.peek()? {
            match &token.kind {
                // A value without a key is that of an empty one.
                Is::Value if !tag && anchor.is_none() => return self.pairless(mark),
                Is::Alias(name) if !tag && anchor.is_none() => {
                    let name = *name;
                    let Some(node) = self.anchors.get(name).copied() else {
                        return refuse("the referenced anchor is not defined", mark);
                    };
                    self.scanner.take();
                    // An alias inside its own anchor would be a loop: it is nothing here.
                    return Ok(if self.open.contains(&node) { self.null(mark) } else { node });
                }
                Is::Tag if tag => return refuse("cannot assign multiple tags to the same node", token.mark),
                Is::Tag => tag = true,
                Is::Anchor(_) if anchor.is_some() => {
                    return refuse("cannot assign multiple anchors to the same node", token.mark);
                }
                Is::Anchor(name) => anchor = Some(*name),
                _ => break,
            }
            self.scanner.take();
        }
        let scalar = self.take_if(|kind| matches!(kind, Is::Scalar(_)))?;
        if let Some(Token { kind: Is::Scalar(scalar), .. }) = scalar {
            let plain = scalar.style == super::Style::Plain && !tag;
            let null = plain && matches!(&*scalar.text, "~" | "null" | "Null" | "NULL" | "");
            let node = self.store(if null { Kind::Null } else { Kind::Scalar(scalar) }, mark);
            self.anchor(anchor, node);
            return Ok(node);
        }
        let (sequence, read): (bool, fn(&mut Self) -> Result<()>) = match self.scanner.peek()?.map(|token| &token.kind)
        {
            Some(Is::SequenceStart) => (true, Self::sequence),
            Some(Is::FlowSequenceStart) => (true, Self::flow_sequence),
            Some(Is::MapStart) => (false, Self::map),
            Some(Is::FlowMapStart) => (false, Self::flow_map),
            Some(Is::Key) if around == Around::FlowSequence => (false, Self::pair),
            token => {
                let span = (mark.offset, mark.offset);
                let empty = super::Scalar { text: "".into(), style: super::Style::Plain, span };
                let is_scalar = tag && token.is_some();
                let node = if is_scalar { self.store(Kind::Scalar(empty), mark) } else { self.null(mark) };
                self.anchor(anchor, node);
                return Ok(node);
            }
        };
        self.collection(mark, anchor, sequence, read)
    }

    fn anchor(&mut self, name: Option<&'t str>, node: NodeId) {
        if let Some(name) = name {
            self.anchors.insert(name, node);
        }
    }

    fn collection(
        &mut self,
        mark: Mark,
        anchor: Option<&'t str>,
        sequence: bool,
        read: fn(&mut Self) -> Result<()>,
    ) -> Result<NodeId> {
        let node = self.store(Kind::Null, mark);
        self.anchor(anchor, node);
        self.open.push(node);
        let from = self.pending.len();
        read(self)?;
        let start = self.out.children.len() as u32;
        let size = |id: &NodeId| self.sizes[id.0 as usize];
        self.sizes[node.0 as usize] = self.pending[from..].iter().map(size).fold(1, u32::saturating_add);
        self.out.children.extend(self.pending.drain(from..));
        let range = start..self.out.children.len() as u32;
        let stored = &mut self.out.nodes[node.0 as usize];
        (stored.kind, stored.fingerprint) = (if sequence { Kind::Sequence(range) } else { Kind::Map(range) }, 0);
        self.open.pop();
        Ok(node)
    }

    /// A map of one pair that has no key.
    fn pairless(&mut self, mark: Mark) -> Result<NodeId> {
        self.collection(mark, None, false, |tree| {
            let mark = tree.next_mark()?;
            let key = tree.null(mark);
            tree.pending.push(key);
            tree.scanner.take();
            let value = tree.node(Around::Other)?;
            tree.pending.push(value);
            Ok(())
        })
    }

    /// A map of one pair between the brackets of a sequence.
    fn pair(&mut self) -> Result<()> {
        let mark = self.next_mark()?;
        self.scanner.take();
        let key = self.node(Around::Other)?;
        self.pending.push(key);
        let value =
            if self.indicator(|kind| matches!(kind, Is::Value))? { self.node(Around::Other)? } else { self.null(mark) };
        self.pending.push(value);
        Ok(())
    }

    fn sequence(&mut self) -> Result<()> {
        const UNEXPECTED: &str = "end of sequence not found";
        self.scanner.take();
        loop {
            let mark = self.next_mark()?;
            match self.scanner.take().map(|token| token.kind) {
                Some(Is::Entry) => self.behind = mark.offset + 1,
                Some(Is::SequenceEnd) => return Ok(()),
                _ => return refuse(UNEXPECTED, mark),
            }
            let node = match self.scanner.peek()? {
                Some(Token { kind: Is::Entry | Is::SequenceEnd, mark, .. }) => {
                    let mark = *mark;
                    self.null(mark)
                }
                _ => self.node(Around::Other)?,
            };
            self.pending.push(node);
        }
    }

    fn map(&mut self) -> Result<()> {
        const UNEXPECTED: &str = "end of map not found";
        self.scanner.take();
        loop {
            let mark = self.next_mark()?;
            match self.scanner.peek()?.map(|token| &token.kind) {
                Some(Is::Key | Is::Value) => {}
                Some(Is::MapEnd) => {
                    self.scanner.take();
                    return Ok(());
                }
                _ => return refuse(UNEXPECTED, mark),
            }
            self.entry(mark)?;
        }
    }

    /// A key and a value, each perhaps empty.
    fn entry(&mut self, mark: Mark) -> Result<()> {
        let key =
            if self.indicator(|kind| matches!(kind, Is::Key))? { self.node(Around::Other)? } else { self.null(mark) };
        self.pending.push(key);
        let value =
            if self.indicator(|kind| matches!(kind, Is::Value))? { self.node(Around::Other)? } else { self.null(mark) };
        self.pending.push(value);
        Ok(())
    }

    fn flow_sequence(&mut self) -> Result<()> {
        const UNEXPECTED: &str = "end of sequence flow not found";
        self.scanner.take();
        loop {
            if self.scanner.peek()?.is_none() {
                return refuse(UNEXPECTED, self.scanner.here());
            }
            if self.take_if(|kind| matches!(kind, Is::FlowSequenceEnd))?.is_some() {
                return Ok(());
            }
            let node = self.node(Around::FlowSequence)?;
            self.pending.push(node);
            self.separator(|kind| matches!(kind, Is::FlowSequenceEnd), UNEXPECTED)?;
        }
    }

    fn flow_map(&mut self) -> Result<()> {
        const UNEXPECTED: &str = "end of map flow not found";
        self.scanner.take();
        loop {
            if self.scanner.peek()?.is_none() {
                return refuse(UNEXPECTED, self.scanner.here());
            }
            let mark = self.next_mark()?;
            if self.take_if(|kind| matches!(kind, Is::FlowMapEnd))?.is_some() {
                return Ok(());
            }
            self.entry(mark)?;
            self.separator(|kind| matches!(kind, Is::FlowMapEnd), UNEXPECTED)?;
        }
    }

    /// Consumes a comma, or peeks at the end token without consuming it.
    fn separator(&mut self, end: fn(&Is<'t>) -> bool, unexpected: &'static str) -> Result<()> {
        match self.scanner.peek()? {
            Some(token) if end(&token.kind) => {}
            Some(Token { kind: Is::FlowEntry, .. }) => _ = self.scanner.take(),
            Some(token) => return refuse(unexpected, token.mark),
            None => return refuse(unexpected, self.scanner.here()),
        }
        Ok(())
    }

    fn error(&self, refused: Refused) -> YamlError {
        let hint = match &*refused.words {
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
        YamlError { message: refused.words.into_owned(), mark: self.scanner.exact(refused.mark), hint }
    }
}
