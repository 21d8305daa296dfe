//! A text to tokens, one at a time, with the decisions of the reader that Falco uses.
//!
//! That reader is more lenient than YAML 1.2 in places (a comment may touch what it follows, control characters are
//! characters, a tag may have any handle), and stricter in few. Rules files rely on it, so its decisions are ours:
//! which texts may be keys, where collections end, and which error comes first. The last is why tokens are read no
//! further than it takes to know whether the first is a key.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::scalar;
use super::token::{self, Kind, Result, Status, Token};
use crate::text::{Mark, Text};

/// Bytes from its `:` at which a key without a `?` may begin, at most.
const KEY_LENGTH: usize = 1024;

/// A collection in lines, by the column of its keys or dashes.
struct Indent {
    /// The column, from 1; 0 is what surrounds all.
    column: usize,
    sequence: bool,
    status: Status,
}

/// A text that is a key if a `:` follows.
struct Candidate {
    mark: Mark,
    /// Number of flow collections around it.
    flows: usize,
    /// The tokens that count if it is one: the key, and the beginning of a map with the place of its indent.
    key: usize,
    map: Option<(usize, usize)>,
}

/// Reads tokens.
pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    file: &'t Text,
    pub(super) at: usize,
    pub(super) line: usize,
    pub(super) line_start: usize,
    queue: VecDeque<Token<'t>>,
    /// Number of tokens that have left the queue.
    taken: usize,
    candidates: Vec<Candidate>,
    indents: Vec<Indent>,
    /// The flow collections around: whether each is a map.
    flows: Vec<bool>,
    /// Whether a key without `?`, or a dash, may be here.
    key_may_follow: bool,
    /// Whether what was before is quoted or between brackets: then a `:` needs no space behind it.
    after_json: bool,
    done: bool,
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

pub(super) fn is_space(byte: u8) -> bool {
    is_blank(byte) || is_break(byte)
}

impl<'t> Scanner<'t> {
    pub(super) fn new(file: &'t Text) -> Self {
        let text = file.as_str();
        Self {
            text,
            bytes: text.as_bytes(),
            file,
            at: 0,
            line: 0,
            line_start: 0,
            queue: VecDeque::with_capacity(16),
            taken: 0,
            candidates: Vec::new(),
            indents: vec![Indent { column: 0, sequence: false, status: Status::Valid }],
            flows: Vec::new(),
            key_may_follow: true,
            after_json: false,
            done: false,
        }
    }

    /// The next token, not taken; `None` at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<&Token<'t>>> {
        if self.queue.front().is_none_or(|token| token.status != Status::Valid) {
            self.fill()?;
        }
        Ok(self.queue.front())
    }

    /// Reads up to the first token that counts.
    #[inline(never)]
    fn fill(&mut self) -> Result<()> {
        loop {
            match self.queue.front().map(|token| token.status) {
                Some(Status::Valid) => return Ok(()),
                Some(Status::Invalid) => {
                    self.queue.pop_front();
                    self.taken += 1;
                }
                // A key at the very end of a text, where no line end says that it is none, is one.
                _ if self.done => return Ok(()),
                _ => self.scan()?,
            }
        }
    }

    /// Takes the token that [`peek`](Self::peek) showed.
    pub(super) fn take(&mut self) -> Option<Token<'t>> {
        let token = self.queue.pop_front()?;
        self.taken += 1;
        Some(token)
    }

    /// Number of tokens that were taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The byte at an offset; behind the end it is a line end, which ends whatever is read.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn column(&self) -> usize {
        self.at - self.line_start
    }

    pub(super) fn in_flow(&self) -> bool {
        !self.flows.is_empty()
    }

    /// The column in which a text inside the innermost collection begins at least.
    pub(super) fn inner_column(&self) -> usize {
        self.indents.last().map_or(0, |indent| indent.column)
    }

    /// Takes a line end, of which CR LF is one.
    pub(super) fn take_break(&mut self) {
        self.at += if self.bytes[self.at..].starts_with(b"\r\n") { 2 } else { 1 };
        if self.bytes[self.at - 1] == b'\n' {
            self.line += 1;
            self.line_start = self.at;
        }
    }

    /// Returns whether `---` or `...` is alone at the beginning of this line.
    pub(super) fn is_document_mark(&self) -> bool {
        self.at == self.line_start
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && is_space(self.byte(self.at + 3))
    }

    /// The error of what is at an offset in this line.
    #[cold]
    pub(super) fn refuse<T>(&self, words: impl Into<Cow<'static, str>>, at: usize) -> Result<T> {
        token::refuse(words, Mark { offset: at, line: self.line, column: at - self.line_start })
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { offset: self.at, line: self.line, column: self.column() }
    }

    pub(super) fn push(&mut self, kind: Kind<'t>, mark: Mark) {
        self.queue.push_back(Token { kind, status: Status::Valid, mark });
    }

    /// A token of `bytes` bytes, here.
    fn push_taken(&mut self, kind: Kind<'t>, bytes: usize) {
        let mark = self.mark();
        self.push(kind, mark);
        self.at += bytes;
    }

    fn set(&mut self, token: usize, status: Status) {
        if let Some(token) = token.checked_sub(self.taken).and_then(|at| self.queue.get_mut(at)) {
            token.status = status;
        }
    }

    /// Spaces, comments and line ends.
    fn skip(&mut self) {
        loop {
            while let Some(byte) = self.bytes.get(self.at) {
                match byte {
                    b' ' => {}
                    b'\t' if self.in_flow() => {}
                    // A tab does not indent: what follows it cannot be a key of a map in lines.
                    b'\t' => self.key_may_follow = false,
                    _ => break,
                }
                self.at += 1;
            }
            if self.bytes.get(self.at) == Some(&b'#') {
                let rest = &self.bytes[self.at..];
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            }
            if self.is_end() {
                return;
            }
            if !is_break(self.bytes[self.at]) {
                return;
            }
            self.take_break();
            self.give_up_candidate();
            if !self.in_flow() {
                self.key_may_follow = true;
            }
        }
    }

    fn scan(&mut self) -> Result<()> {
        self.skip();
        self.close_to_here();
        if self.is_end() {
            self.line_start = self.at;
            self.close_all();
            self.key_may_follow = false;
            self.done = true;
            return Ok(());
        }
        let byte = self.bytes[self.at];
        let spaced = is_space(self.byte(self.at + 1));
        if self.at == self.line_start {
            if byte == b'%' {
                return self.directive();
            }
            if self.is_document_mark() {
                self.close_all();
                let kind = if byte == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd };
                self.push_taken(kind, 3);
                self.after_text(false, false);
                return Ok(());
            }
        }
        match byte {
            b'[' | b'{' => self.flow_start(byte == b'{'),
            b']' | b'}' => self.flow_end(byte == b'}'),
            b',' => {
                self.end_of_pair();
                self.after_text(true, false);
                self.push_taken(Kind::FlowEntry, 1);
                Ok(())
            }
            b'-' if spaced => self.entry(),
            b'?' if spaced && self.at + 1 < self.bytes.len() => self.key(),
            b':' if self.is_value() => self.value(),
            b'*' | b'&' => self.name(),
            b'!' => self.tag(),
            b'|' | b'>' if !self.in_flow() => {
                let mark = self.mark();
                let scalar = scalar::block(self)?;
                self.push(Kind::Scalar(scalar), mark);
                self.after_text(true, false);
                Ok(())
            }
            b'"' | b'\'' => {
                self.candidate();
                let mark = self.mark();
                let scalar = scalar::quoted(self)?;
                self.push(Kind::Scalar(scalar), mark);
                self.after_text(false, true);
                Ok(())
            }
            _ if self.is_plain(byte) => {
                // Its indentation is that of what is around, not of the map whose key it may be.
                let indent = if self.in_flow() { 0 } else { self.inner_column() };
                self.candidate();
                let mark = self.mark();
                let (scalar, at_line_start) = scalar::plain(self, indent)?;
                self.push(Kind::Scalar(scalar), mark);
                self.after_text(at_line_start, false);
                Ok(())
            }
            _ => self.refuse("unknown token", self.at),
        }
    }

    pub(super) fn after_text(&mut self, key_may_follow: bool, after_json: bool) {
        (self.key_may_follow, self.after_json) = (key_may_follow, after_json);
    }

    /// Whether the `:` here is behind a key.
    fn is_value(&self) -> bool {
        let next = self.byte(self.at + 1);
        is_space(next) || self.in_flow() && (self.after_json || matches!(next, b',' | b']' | b'}'))
    }

    /// Whether a plain scalar may begin with this.
    fn is_plain(&self, byte: u8) -> bool {
        let next = self.byte(self.at + 1);
        match byte {
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
            | b'`' => false,
            b'?' => !self.in_flow() && !is_space(next),
            b'-' | b':' if self.in_flow() => !is_blank(next) && self.at + 1 < self.bytes.len(),
            b'-' | b':' => !is_space(next),
            _ => true,
        }
    }

    // ---- collections in lines

    /// Begins a collection, if it is deeper than the one around. Returns its token and the place of its indent.
    fn open(&mut self, sequence: bool, status: Status) -> Option<(usize, usize)> {
        if self.in_flow() {
            return None;
        }
        let column = self.column() + 1;
        let around = self.indents.last()?;
        if column < around.column || column == around.column && (around.sequence || !sequence) {
            return None;
        }
        let mark = self.mark();
        let kind = if sequence { Kind::SequenceStart } else { Kind::MapStart };
        self.indents.push(Indent { column, sequence, status });
        self.queue.push_back(Token { kind, status, mark });
        Some((self.taken + self.queue.len() - 1, self.indents.len() - 1))
    }

    /// Ends the collections that are deeper than this column.
    fn close_to_here(&mut self) {
        if self.in_flow() {
            return;
        }
        let column = self.column() + 1;
        let is_entry = self.bytes.get(self.at) == Some(&b'-') && is_space(self.byte(self.at + 1));
        while let Some(indent) = self.indents.last().filter(|_| self.indents.len() > 1) {
            if indent.column < column || indent.column == column && (!indent.sequence || is_entry) {
                break;
            }
            self.close();
        }
        while self.indents.last().is_some_and(|indent| indent.status == Status::Invalid) {
            self.close();
        }
    }

    /// Ends all collections in lines: with the document.
    pub(super) fn close_all(&mut self) {
        while !self.in_flow() && self.indents.len() > 1 {
            self.close();
        }
        self.candidates.clear();
    }

    fn close(&mut self) {
        let Some(indent) = self.indents.pop() else { return };
        if indent.status != Status::Valid {
            self.give_up_candidate();
            return;
        }
        let mark = self.mark();
        self.push(if indent.sequence { Kind::SequenceEnd } else { Kind::MapEnd }, mark);
    }

    // ---- keys

    /// Marks the start of a possible key.
    pub(super) fn candidate(&mut self) {
        let flows = self.flows.len();
        if !self.key_may_follow || self.candidates.last().is_some_and(|last| last.flows == flows) {
            return;
        }
        let map = self.open(false, Status::Open);
        let mark = self.mark();
        self.queue.push_back(Token { kind: Kind::Key, status: Status::Open, mark });
        let key = self.taken + self.queue.len() - 1;
        self.candidates.push(Candidate { mark, flows, key, map });
    }

    fn settle(&mut self, candidate: &Candidate, status: Status) {
        self.set(candidate.key, status);
        if let Some((token, indent)) = candidate.map {
            self.set(token, status);
            if let Some(indent) = self.indents.get_mut(indent) {
                indent.status = status;
            }
        }
    }

    /// The last candidate of the collection around, taken off.
    fn last_candidate(&mut self) -> Option<Candidate> {
        let flows = self.flows.len();
        self.candidates.pop_if(|last| last.flows == flows)
    }

    fn give_up_candidate(&mut self) {
        if let Some(candidate) = self.last_candidate() {
            self.settle(&candidate, Status::Invalid);
        }
    }

    /// Whether what was before this place is a key.
    fn was_key(&mut self) -> bool {
        let Some(candidate) = self.last_candidate() else { return false };
        let near = candidate.mark.line == self.line && self.at - candidate.mark.offset <= KEY_LENGTH;
        self.settle(&candidate, if near { Status::Valid } else { Status::Invalid });
        near
    }

    fn key(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.key_may_follow {
                return self.refuse("illegal map key", self.at);
            }
            self.open(false, Status::Valid);
        }
        self.key_may_follow = !self.in_flow();
        self.push_taken(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<()> {
        self.after_json = false;
        if self.was_key() {
            self.key_may_follow = false;
        } else {
            if !self.in_flow() {
                if !self.key_may_follow {
                    return self.refuse("illegal map value", self.at);
                }
                self.open(false, Status::Valid);
            }
            self.key_may_follow = !self.in_flow();
        }
        self.push_taken(Kind::Value, 1);
        Ok(())
    }

    fn entry(&mut self) -> Result<()> {
        if self.in_flow() || !self.key_may_follow {
            return self.refuse("illegal block entry", self.at);
        }
        self.open(true, Status::Valid);
        self.after_text(true, false);
        self.push_taken(Kind::Entry, 1);
        Ok(())
    }

    // ---- collections between brackets

    fn flow_start(&mut self, map: bool) -> Result<()> {
        self.candidate();
        self.after_text(true, false);
        self.flows.push(map);
        self.push_taken(if map { Kind::FlowMapStart } else { Kind::FlowSequenceStart }, 1);
        Ok(())
    }

    /// A text without a `:` between braces is a key without a value.
    fn end_of_pair(&mut self) {
        let Some(map) = self.flows.last() else { return };
        if !map {
            self.give_up_candidate();
        } else if self.was_key() {
            let mark = self.mark();
            self.push(Kind::Value, mark);
        }
    }

    fn flow_end(&mut self, map: bool) -> Result<()> {
        if !self.in_flow() {
            return self.refuse("illegal flow end", self.at);
        }
        self.end_of_pair();
        self.after_text(false, true);
        if self.flows.pop() != Some(map) {
            return self.refuse("illegal flow end", self.at);
        }
        self.push_taken(if map { Kind::FlowMapEnd } else { Kind::FlowSequenceEnd }, 1);
        Ok(())
    }

    /// Position of the reader.
    pub(super) fn here(&self) -> Mark {
        self.mark()
    }

    /// Returns a mark, with bytes that are not UTF-8 counted as one.
    pub(super) fn exact(&self, mark: Mark) -> Mark {
        if !self.file.is_raw() {
            return mark;
        }
        self.file.mark_behind(mark.offset, mark.line)
    }
}
